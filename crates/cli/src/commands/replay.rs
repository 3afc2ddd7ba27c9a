//! `tidegate replay`: tables made anew from the raw log, without asking the API.

use clap::Args;
use tidegate_core::jiff::Timestamp;
use tidegate_core::jiff::civil::DateTime;
use tidegate_core::jiff::tz::TimeZone;
use tidegate_engine::{Selection, replay, retype};

use super::outcome::{self, Failed};
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on;
use crate::world::{self, Purpose};

/// Make loads anew from staging under the file's current settings, without asking the API
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    file: FileArgs,
    /// Only this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only what was polled at or after this time (2026-11-23, 2026-11-23T09:00Z)
    #[arg(long, value_name = "TIME", value_parser = point)]
    from: Option<Timestamp>,
    /// Only what was polled before this time
    #[arg(long, value_name = "TIME", value_parser = point)]
    to: Option<Timestamp>,
    /// Write what was done as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// A point in time; without an offset in UTC.
fn point(text: &str) -> Result<Timestamp, String> {
    let local = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let point = text.parse().ok().or_else(|| local().map(|zoned| zoned.timestamp()));
    point.ok_or_else(|| "write a date or a time, such as 2026-11-23 or 2026-11-23T09:00Z".to_owned())
}

impl Replay {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        outcome::streams_of(&file.pipeline, self.table.as_deref())?;
        let env = world::open(&file, Purpose::Load)?;
        let selection = Selection { table: self.table.clone(), from: self.from, to: self.to };
        let (loads, failed) = block_on(async {
            let mut done = replay(&env, &file.pipeline, &selection).await?;
            for table in &done.widened {
                done.loads.extend(retype(&env, table).await?.loads);
            }
            let failed: Vec<Failed> =
                done.failures.iter().map(|(load, error)| Failed::new(load, error)).collect();
            Ok((done.loads, failed))
        })?;
        outcome::show("replayed", &loads, &failed, self.json, shell)
    }
}
