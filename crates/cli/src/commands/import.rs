//! `tidegate import`: configurations of other tools as pipeline files.

mod airbyte;
mod dlt;
mod variables;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Shell;

/// Take over the configuration of another tool
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    Airbyte(airbyte::Airbyte),
    Dlt(dlt::Dlt),
}

impl Import {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match &self.from {
            From::Airbyte(airbyte) => airbyte.run(shell),
            From::Dlt(dlt) => dlt.run(shell),
        }
    }
}
