//! The demo as it goes: a bar on a terminal, a line every few seconds in a pipe.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_core::jiff::Timestamp;

use crate::output::Shell;

/// Between two lines in a pipe.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where the demo stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) polls: u64,
    pub(super) not_modified: u64,
    pub(super) changes: u64,
    pub(super) rows: u64,
}

/// The display.
pub(super) struct Progress<'a> {
    shell: &'a Shell,
    bar: ProgressBar,
    said: Duration,
}

impl<'a> Progress<'a> {
    /// Begins a run of the given length.
    pub(super) fn begin(shell: &'a Shell, length: Duration) -> Progress<'a> {
        let target = if shell.watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(millis(length)), target);
        let template = "  {prefix}  {wide_bar:.cyan}  {msg}";
        bar.set_style(
            ProgressStyle::with_template(template).expect("our own template").progress_chars("━╸─"),
        );
        Progress { shell, bar, said: Duration::ZERO }
    }

    /// Shows where it stands `elapsed` after the start, when it is `now` in the record.
    pub(super) fn show(&mut self, elapsed: Duration, now: Timestamp, counts: Counts) {
        let Counts { polls, not_modified, changes, rows } = counts;
        let time = now.strftime("%Y-%m-%d %H:%M");
        self.bar.set_prefix(time.to_string());
        self.bar
            .set_message(format!("{polls} polls · {not_modified} × 304 · {changes} changes · {rows} rows"));
        self.bar.set_position(millis(elapsed));
        if !self.shell.watched && elapsed >= self.said + LINE_EVERY {
            self.said = elapsed;
            let line =
                format!("{time}  {polls} polls, {not_modified} answers 304, {changes} changes, {rows} rows");
            self.shell.say(line);
        }
    }

    /// Takes the display away.
    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
