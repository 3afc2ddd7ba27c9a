//! `tidegate demo`: the main job on real data, in half a minute, without the internet.
//!
//! A recorded year of weather is served as an API on loopback, with time compressed (`record.rs`, `api.rs`); a real
//! pipeline file is written (`pipeline.rs`) and run by the same verbs as any other; at the end the lake is read back
//! and held against what the API has told (`measure.rs`, `summary.rs`).

mod api;
mod measure;
mod pipeline;
mod progress;
mod record;
mod summary;

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
