//! `tidegate demo`: the main job on real data, in a minute, without the internet.

use clap::Args;

use crate::failure::Failure;
use crate::output::Shell;

/// Show the main job on recorded real data, served on this machine
#[derive(Debug, Args)]
pub(crate) struct Demo {}

impl Demo {
    /// Runs the demo.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let _ = shell;
        Err(Failure::config("the demo cannot be run yet"))
    }
}
