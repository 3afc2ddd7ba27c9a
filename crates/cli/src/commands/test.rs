//! `tidegate test`: recorded cases, replayed without a network.

use std::path::PathBuf;

use clap::Args;

use super::case::{self, Suite};
use crate::failure::Failure;
use crate::output::Shell;

/// Replay recorded cases without a network and check what comes of them
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Cases, or folders of cases
    #[arg(value_name = "DIR", default_value = "cases")]
    dirs: Vec<PathBuf>,
    /// Write what comes out as what is expected
    #[arg(long)]
    bless: bool,
    /// Keep staging and lake of each case below this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Test {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let suite = Suite { bless: self.bless, keep: self.keep.clone() };
        case::conclude(&suite.run(&self.dirs)?, self.json, shell)
    }
}
