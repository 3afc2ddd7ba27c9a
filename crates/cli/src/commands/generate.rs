//! `tidegate generate`: what is made from the types and the arguments themselves.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Shell;

/// Generate the editor schema of the pipeline file
#[derive(Debug, Args)]
pub(crate) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The JSON Schema of the pipeline file, for editors
    Schema,
}

impl Generate {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match self.what {
            What::Schema => shell.json(&tidegate_core::pipeline::json_schema()),
        }
        Ok(())
    }
}
