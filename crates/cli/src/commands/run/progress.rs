//! What a run says while it goes: a line for each thing that happened, and on a terminal a last line that lives.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_engine::{Clock, End, Event, Outcome, Summary, SystemClock, Visit};

use crate::args::LogForm;
use crate::commands::outcome;
use crate::output::Shell;
use crate::words;

/// The voice of a run.
pub(super) struct Progress {
    shell: Shell,
    bar: ProgressBar,
    summary: Mutex<Summary>,
    /// Whether no stream is polled again.
    once: bool,
}

impl Progress {
    /// Begins; the living line is for a terminal alone.
    pub(super) fn start(shell: &Shell, once: bool) -> Progress {
        let target = if shell.watched && !shell.quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if shell.watched {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress { shell: shell.clone(), bar, summary: Mutex::default(), once }
    }

    /// Ends the living line.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Takes in what happened.
    pub(super) fn note(&self, event: &Event<'_>) {
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.note(event);
        if self.shell.log == LogForm::Json {
            return log(event);
        }
        if let Some(line) = line(event, self.once) {
            let line = format!("{} {line}", SystemClock.now().strftime("%H:%M:%SZ"));
            self.bar.suspend(|| if fails(event) { self.shell.complain(line) } else { self.shell.say(line) });
        }
        let totals = format!(
            "{}, {} changed, {}",
            words::count(summary.polls, "poll"),
            summary.changed,
            words::count(summary.rows, "row")
        );
        match event {
            Event::Sleeping { stream, until, .. } => {
                self.bar.set_message(format!("{totals}; {stream} next at {}", until.strftime("%H:%M:%SZ")));
            }
            _ => self.bar.set_message(totals),
        }
    }
}

/// Whether something did not come through.
fn fails(event: &Event<'_>) -> bool {
    match event {
        Event::Failed { .. } => true,
        Event::Polled { visit, .. } => !visit.failures.is_empty(),
        Event::Loaded(_) | Event::Sleeping { .. } => false,
    }
}

/// A line for a person; waiting is said by the living line only.
fn line(event: &Event<'_>, once: bool) -> Option<String> {
    match event {
        Event::Polled { visit, learned, .. } => {
            let failures: String = visit
                .failures
                .iter()
                .map(|(element, error)| {
                    format!("\n          {element} failed ({}): {error}", error.kind().word())
                })
                .collect();
            let remarks: String =
                visit.remarks.iter().map(|remark| format!("\n          warning: {remark}")).collect();
            Some(format!("{}: {}; {learned}{failures}{remarks}", visit.stream, polled(visit)))
        }
        Event::Loaded(load) if load.end == End::Loaded => Some(format!("loaded {}", outcome::line(load))),
        Event::Loaded(load) if load.end == End::Rewritten => {
            Some(format!("made anew {}", outcome::line(load)))
        }
        Event::Failed { subject, error, next } => {
            let next = next.filter(|_| !once);
            let next =
                next.map_or_else(String::new, |next| format!("; again at {}", next.strftime("%H:%M:%SZ")));
            Some(format!("{subject} failed ({}): {error}{next}", error.kind().word()))
        }
        Event::Loaded(_) | Event::Sleeping { .. } => None,
    }
}

fn polled(visit: &Visit) -> String {
    match &visit.outcome {
        Outcome::Unchanged if visit.not_modified > 0 => {
            format!("unchanged ({} answered 304)", visit.not_modified)
        }
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Staged { pages, records, bytes, .. } => format!(
            "changed: {} in {}, {}",
            words::count(*records, "record"),
            words::count(*pages, "page"),
            words::bytes(*bytes)
        ),
    }
}

/// A line for a program.
fn log(event: &Event<'_>) {
    match event {
        Event::Polled { visit, next, learned } => {
            let changed = matches!(visit.outcome, Outcome::Staged { .. });
            tracing::info!(stream = visit.stream, changed, requests = visit.requests, bytes = visit.bytes, %next, learned, "polled");
            for (element, error) in &visit.failures {
                tracing::warn!(stream = visit.stream, element, kind = error.kind().word(), "{error}");
            }
            visit.remarks.iter().for_each(|remark| tracing::warn!(stream = visit.stream, "{remark}"));
        }
        Event::Loaded(load) => {
            tracing::info!(load = %load.load, table = load.table, rows = load.rows, files = load.files, "loaded");
        }
        Event::Failed { subject, error, .. } => {
            tracing::warn!(subject, kind = error.kind().word(), "{error}");
        }
        Event::Sleeping { stream, until, .. } => tracing::debug!(stream, %until, "sleeping"),
    }
}
