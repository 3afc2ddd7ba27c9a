//! `tidegate cadence`: what was learned of each stream's changes.

use clap::{Args, Subcommand};
use tidegate_engine::status;

use super::cadence_simulate::Simulate;
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on;
use crate::world::{self, Purpose};

/// Show what was learned of each stream's changes, or try a policy out on a trace
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cadence {
    #[command(subcommand)]
    trial: Option<Trial>,
    #[command(flatten)]
    learned: Learned,
}

#[derive(Debug, Subcommand)]
enum Trial {
    Simulate(Simulate),
}

/// What was learned of a pipeline's streams.
#[derive(Debug, Args)]
struct Learned {
    #[command(flatten)]
    file: FileArgs,
    /// Write it as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Cadence {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match &self.trial {
            Some(Trial::Simulate(simulate)) => simulate.run(shell),
            None => self.learned.run(shell),
        }
    }
}

impl Learned {
    fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let env = world::open(&file, Purpose::Look)?;
        let state = block_on(async { Ok(status(&env, &file.pipeline).await?) })?;
        if self.json {
            shell.json(&state.streams);
            return Ok(());
        }
        for stream in &state.streams {
            let due = stream.polls.next_due.map_or("now".to_owned(), |due| due.to_string());
            shell.line(format_args!("{}: next {due}", stream.stream));
        }
        Ok(())
    }
}
