//! `tidegate cadence`: what was learned of each stream's changes.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tidegate_core::cadence::plot;
use tidegate_engine::{Learned as StreamLearned, learned};

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
    /// Draw the last polls and the learned rhythm; of several streams each into its own file, out.<stream>.svg
    #[arg(long, value_name = "out.svg")]
    plot: Option<PathBuf>,
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
        let streams = block_on(async { Ok(learned(&env, &file.pipeline).await?) })?;
        if let Some(out) = &self.plot {
            draw(out, &streams, shell)?;
        }
        if self.json {
            let streams: Vec<Value> = streams.iter().map(described).collect();
            shell.json(&streams);
            return Ok(());
        }
        for stream in &streams {
            shell.line(format_args!("{}: {}", stream.stream, stream.line));
        }
        Ok(())
    }
}

/// All that is known of a stream's changes.
fn described(stream: &StreamLearned) -> Value {
    let polls = &stream.polls;
    let learned = &polls.learned;
    json!({
        "stream": stream.stream,
        "line": stream.line,
        "next": stream.due,
        "polls": polls.changed + polls.unchanged + polls.failed,
        "changed": polls.changed,
        "failed": polls.failed,
        "mean_gap_seconds": learned.mean_gap(),
        "level": learned.level,
        "learned": learned,
    })
}

fn draw(out: &Path, streams: &[StreamLearned], shell: &Shell) -> Result<(), Failure> {
    for one in streams {
        let path = match streams {
            [_] => out.to_owned(),
            _ => out.with_extension(format!("{}.svg", one.stream)),
        };
        let title = format!("{}: {}", one.stream, one.line);
        std::fs::write(&path, plot(&title, &one.polls.history(), &one.polls.learned))
            .map_err(|error| Failure::config(format!("cannot write {}: {error}", path.display())))?;
        shell.say(format_args!("wrote {}", path.display()));
    }
    Ok(())
}
