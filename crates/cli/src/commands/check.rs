//! `tidegate check`: is the pipeline file right?

use std::path::PathBuf;

use clap::Args;
use tidegate_core::pipeline::Pipeline;

use super::case;
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;

/// Check a pipeline file and show every mistake with its place
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    file: FileArgs,
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
    /// Run a folder of recorded responses and compare the rows with the expected ones
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    case: Option<PathBuf>,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        if let Some(dir) = &self.case {
            return case::run(dir, shell);
        }
        let pipeline = self.file.read()?.pipeline;
        if self.json {
            shell.json(&serde_json::json!({ "ok": true, "pipeline": pipeline }));
        } else {
            summary(&pipeline, shell);
        }
        Ok(())
    }
}

fn summary(pipeline: &Pipeline, shell: &Shell) {
    shell.line(format_args!("ok: {} with {} streams", pipeline.name, pipeline.streams.len()));
}
