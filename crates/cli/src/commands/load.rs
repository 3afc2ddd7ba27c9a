//! `tidegate load`: staged batches into the lake, without asking the API.

use std::collections::BTreeSet;

use clap::Args;
use tidegate_core::pipeline::Span;
use tidegate_engine::{End, Env, LoadReport, Missing, load_windows, recover, retype};

use super::outcome::{self, Failed};
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on;
use crate::world::{self, Purpose};

/// Load what is staged and not in the lake yet, without asking the API
#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    file: FileArgs,
    /// Load the batches of each closed window together, so that a partition gets one file a window (such as 1h)
    #[arg(long, value_name = "SPAN")]
    window: Option<Span>,
    /// Finish what a crash left; this is the default where no --window is given
    #[arg(long)]
    missing: bool,
    /// Only streams that feed this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Write what was done as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Load {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let streams = outcome::streams_of(&file.pipeline, self.table.as_deref())?;
        let env = world::open(&file, Purpose::Load)?;
        let (loads, failed) = block_on(self.load(&env, &streams))?;
        outcome::show("loaded", &loads, &failed, self.json, shell)
    }

    async fn load(&self, env: &Env, streams: &[String]) -> Result<(Vec<LoadReport>, Vec<Failed>), Failure> {
        let (mut loads, mut failed) = (Vec::new(), Vec::new());
        if self.missing || self.window.is_none() {
            let missing = if self.window.is_some() { Missing::Leave } else { Missing::Load };
            let recovery = recover(env, streams, missing).await?;
            loads.extend(recovery.loads);
            failed.extend(recovery.failures.iter().map(|(subject, error)| Failed::new(subject, error)));
        }
        if let Some(window) = self.window {
            let done = load_windows(env, streams, window.0).await?;
            let ended = |report: &LoadReport| report.end == End::Loaded && report.batches > 0;
            loads.extend(done.loads.into_iter().filter(ended));
            failed.extend(done.failures.iter().map(|(subject, error)| Failed::new(subject, error)));
        }
        let widened: BTreeSet<String> =
            loads.iter().filter(|load| load.widened).map(|load| load.table.clone()).collect();
        for table in widened {
            loads.extend(retype(env, &table).await?.loads);
        }
        Ok((loads, failed))
    }
}
