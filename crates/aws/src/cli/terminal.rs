//! What is written where: results to stdout, everything said about them to stderr; and questions.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// Where a command writes to, and how much it may say.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    quiet: bool,
}

impl Terminal {
    pub(super) fn new(quiet: bool) -> Terminal {
        Terminal { quiet }
    }

    /// Writes a line of the result to stdout.
    pub(super) fn line(&self, text: impl Display) {
        write_or_leave(io::stdout().lock(), format_args!("{text}\n"));
    }

    /// Writes text as it stands to stdout.
    pub(super) fn text(&self, text: &str) {
        write_or_leave(io::stdout().lock(), format_args!("{text}"));
    }

    /// Writes the result, as the one JSON document on stdout.
    pub(super) fn json(&self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).expect("our own documents are JSON"));
    }

    /// Says something about what goes on, on stderr, unless `--quiet`.
    pub(super) fn say(&self, text: impl Display) {
        if !self.quiet {
            write_or_leave(io::stderr().lock(), format_args!("{text}\n"));
        }
    }

    /// Says what went wrong, on stderr.
    pub(super) fn fail(&self, failure: &Failure) {
        write_or_leave(
            io::stderr().lock(),
            format_args!("error: {}\n  help: {}\n", failure.message, failure.kind.advice()),
        );
    }

    /// Asks for a yes. Without a terminal nobody can say it, so that is a failure that names `--yes`.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        let answer = self.answer(&format!("{question} [y/N] "), "--yes")?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a word to be typed; `option` is how it is said without a terminal.
    pub(super) fn answer(&self, question: &str, option: &str) -> Result<String, Failure> {
        if !io::stdin().is_terminal() {
            return Err(Failure::config(format!(
                "this asks before it goes on, and there is no terminal to ask at; say it with {option}"
            )));
        }
        write_or_leave(io::stderr().lock(), format_args!("{question}"));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Failure::config(format!("cannot read the answer: {error}")))?;
        Ok(answer.trim().to_owned())
    }
}

/// A table without lines.
pub(super) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

/// Writes; a reader that has left (`… | head`) ends the program in silence, as it does for other tools.
fn write_or_leave(mut out: impl Write, text: std::fmt::Arguments<'_>) {
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        std::process::exit(if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { 74 });
    }
}
