//! `tidegate run`: poll each stream when it is due and load what changed, until told to stop.

mod progress;

use clap::Args;
use tidegate_core::error::Kind;
use tidegate_core::jiff::SignedDuration;
use tidegate_core::pipeline::Span;
use tidegate_engine::{Clock, LoadMode, RunOptions, Summary, SystemClock, run};

use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on_task;
use crate::world::{self, Purpose};
use crate::{signals, words};
use progress::Progress;

/// Poll each stream when it is due and load what changed, until Ctrl-C
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    file: FileArgs,
    /// Poll each stream once, now, and end
    #[arg(long, conflicts_with = "duration")]
    once: bool,
    /// End after this time (such as 10m)
    #[arg(long = "for", value_name = "SPAN", id = "duration")]
    duration: Option<Span>,
    /// Load the batches of each closed window together, so that a partition gets one file a window (such as 1h)
    #[arg(long, value_name = "SPAN")]
    window: Option<Span>,
    /// Write what was done as JSON to stdout at the end
    #[arg(long)]
    json: bool,
}

impl Run {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let env = world::open(&file, Purpose::Ask)?;
        let options = RunOptions {
            once: self.once,
            until: self
                .duration
                .and_then(|span| SystemClock.now().checked_add(SignedDuration::try_from(span.0).ok()?).ok()),
            load: self.window.map_or(LoadMode::Event, |window| LoadMode::Window(window.0)),
        };
        let progress = Progress::start(shell, self.once);
        let said = shell.clone();
        let summary = block_on_task(async move {
            let stop = signals::stop(&said)?;
            let summary = run(&env, &file.pipeline, options, stop, &|event| progress.note(&event)).await;
            progress.end();
            Ok(summary?)
        })?;
        if self.json {
            shell.json(&summary);
        } else if !shell.quiet {
            shell.line(line(&summary));
        }
        self.judge(&summary)
    }

    /// A run that did nothing but fail has failed, and so has a round of `--once` in which anything did.
    fn judge(&self, summary: &Summary) -> Result<(), Failure> {
        if summary.failures == 0 || (!self.once && summary.polls > 0) {
            return Ok(());
        }
        let kind = summary.worst.unwrap_or(Kind::Transient);
        Err(Failure::Other {
            kind,
            message: format!("{}, see above", words::count(summary.failures, "failure")),
        })
    }
}

fn line(summary: &Summary) -> String {
    let mut parts = vec![
        words::count(summary.polls, "poll"),
        format!("{} changed", summary.changed),
        format!("{}, {} answered 304", words::count(summary.requests, "request"), summary.not_modified),
        format!("{} in {}", words::count(summary.rows, "row"), words::count(summary.files, "file")),
        words::bytes(summary.bytes),
    ];
    if summary.quarantined > 0 {
        parts.push(format!("{} in quarantine", summary.quarantined));
    }
    if summary.failures > 0 {
        parts.push(words::count(summary.failures, "failure"));
    }
    parts.join(", ")
}
