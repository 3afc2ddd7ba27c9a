//! How the cadence was learned: polls made and delays of what they found, part by part of the run.

use std::fmt::Write as _;

use serde::Serialize;
use tidegate_core::cadence::span;
use tidegate_core::jiff::Timestamp;

use super::race::Tally;
use super::summary::Figures;

/// Parts that a run is told in.
const PARTS: usize = 4;

/// A part of the run. Times are the record's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Part {
    from: Timestamp,
    polls: usize,
    /// Observations that came out and were found.
    changes: usize,
    polls_per_change: Option<f64>,
    /// Mean seconds from an observation's coming out to the answer that told it.
    delay: Option<f64>,
}

/// The run from `began` on, in parts of equal length.
pub(super) fn parts(began: Timestamp, tally: &Tally) -> Vec<Part> {
    let length = tally.until.duration_since(began) / PARTS as i32;
    let part = |number: usize| {
        let from = began + length * number as i32;
        let within = |at: &Timestamp| *at >= from && (number + 1 == PARTS || *at < from + length);
        let delays: Vec<f64> =
            tally.served.firsts.iter().filter(|(at, _)| within(at)).map(|(_, delay)| *delay).collect();
        let polls = tally.polls.iter().filter(|at| within(at)).count();
        let changes = delays.len();
        let mean = |sum: f64| (changes > 0).then(|| sum / changes as f64);
        Part { from, polls, changes, polls_per_change: mean(polls as f64), delay: mean(delays.iter().sum()) }
    };
    (0..PARTS).map(part).collect()
}

/// The table of the parts, and the line that the learner says of itself.
pub(super) fn table(figures: &Figures) -> String {
    let mut out = String::from(
        "When to poll was learned on the way:\n  from           polls  observations  polls for each  mean delay\n",
    );
    for part in &figures.learning {
        let per_change = part.polls_per_change.map_or_else(|| "-".to_owned(), |polls| format!("{polls:.1}"));
        let delay = part.delay.map_or_else(|| "-".to_owned(), span);
        let from = part.from.strftime("%-d %b %H:%M").to_string();
        let _ = writeln!(out, "  {from:<13}{:>7}{:>14}{per_change:>16}{delay:>12}", part.polls, part.changes);
    }
    let _ = writeln!(out, "  {}", figures.cadence);
    out
}
