//! What is written where: results to stdout, everything said about them to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::LogForm;

/// Where a command writes to, and how much it may say.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    /// Whether nothing but errors and asked-for results may be written.
    pub(crate) quiet: bool,
    /// The log's form, which is also that of errors.
    pub(crate) log: LogForm,
    /// Whether somebody watches stderr: progress bars and colour are for them alone.
    pub(crate) watched: bool,
}

impl Shell {
    /// Looks at the terminal once.
    pub(crate) fn new(quiet: bool, log: LogForm) -> Shell {
        Shell { quiet, log, watched: io::stderr().is_terminal() && log == LogForm::Text }
    }

    /// Writes a line of the result to stdout.
    pub(crate) fn line(&self, text: impl Display) {
        write_or_leave(io::stdout().lock(), format_args!("{text}\n"));
    }

    /// Writes text as it stands to stdout.
    pub(crate) fn text(&self, text: &str) {
        write_or_leave(io::stdout().lock(), format_args!("{text}"));
    }

    /// Writes the result, as the one JSON document on stdout.
    pub(crate) fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("our own documents are JSON");
        self.line(text);
    }

    /// Says something about what goes on, on stderr, unless `--quiet`.
    pub(crate) fn say(&self, text: impl Display) {
        if !self.quiet {
            write_or_leave(io::stderr().lock(), format_args!("{text}\n"));
        }
    }

    /// Says on stderr what failed, `--quiet` or not.
    pub(crate) fn complain(&self, text: impl Display) {
        write_or_leave(io::stderr().lock(), format_args!("{text}\n"));
    }

    /// Whether stderr may hold colour.
    pub(crate) fn colour(&self) -> bool {
        self.watched && colour_allowed()
    }
}

/// Writes; a reader that has left (`tidegate … | head`) ends the program in silence, as it does for other tools.
fn write_or_leave(mut out: impl Write, text: std::fmt::Arguments<'_>) {
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        let code = if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { 74 };
        std::process::exit(code);
    }
}

/// Whether colour is wanted at all: <https://no-color.org>.
#[allow(clippy::disallowed_methods, reason = "the shell is where the environment is read")]
pub(crate) fn colour_allowed() -> bool {
    std::env::var("NO_COLOR").map_or(true, |value| value.is_empty())
        && std::env::var("TERM").map_or(true, |term| term != "dumb")
}
