//! What went wrong, shown to a person, and the exit code that a script reads.

use std::io::Write as _;
use std::path::PathBuf;

use tidegate_core::error::Kind;
use tidegate_core::pipeline::Mistake;

use crate::args::LogForm;
use crate::output::Shell;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The pipeline file holds mistakes.
    File {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// What is wrong with it, in order of place.
        mistakes: Vec<Mistake>,
    },
    /// An engine verb failed.
    Engine(tidegate_engine::Error),
    /// Anything else.
    Other {
        /// What the reader does next.
        kind: Kind,
        /// What is wrong, in one sentence.
        message: String,
    },
}

impl From<tidegate_engine::Error> for Failure {
    fn from(error: tidegate_engine::Error) -> Failure {
        Failure::Engine(error)
    }
}

impl Failure {
    /// A setting or an argument is wrong.
    pub(crate) fn config(message: impl Into<String>) -> Failure {
        Failure::Other { kind: Kind::Config, message: message.into() }
    }

    /// The API's answer is not usable.
    pub(crate) fn source(message: impl Into<String>) -> Failure {
        Failure::Other { kind: Kind::Source, message: message.into() }
    }

    /// Our bug.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure::Other { kind: Kind::Internal, message: message.into() }
    }

    /// What the reader does next.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Failure::File { .. } => Kind::Config,
            Failure::Engine(error) => error.kind(),
            Failure::Other { kind, .. } => *kind,
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }

    /// Writes it to stderr, in the form of the log.
    pub(crate) fn show(&self, shell: &Shell) {
        match (self, shell.log) {
            (_, LogForm::Json) => tracing::error!(kind = self.kind().word(), "{}", self.text()),
            (Failure::File { path, text, mistakes }, LogForm::Text) => {
                last_words(&crate::diagnostics::render(path, text, mistakes, shell));
            }
            (_, LogForm::Text) => {
                let error = if shell.colour() { "\x1b[31;1merror\x1b[0m" } else { "error" };
                last_words(&format!("{error}: {}\n  help: {}\n", self.text(), self.kind().advice()));
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Failure::File { path, mistakes, .. } => {
                let all: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
                format!("{}: {}", path.display(), all.join("; "))
            }
            Failure::Engine(error) => error.to_string(),
            Failure::Other { message, .. } => message.clone(),
        }
    }
}

/// Writes to stderr; where nobody reads that any more, the exit code says it alone.
fn last_words(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// A panic is our bug: it says so, asks for a report, and ends the process with the exit code of [`Kind::Internal`].
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let code = Kind::Internal.exit_code();
        last_words(&format!(
            "tidegate {} met a bug of its own: {panic}\n  \
               Nothing staged is lost; `tidegate load --missing` finishes what was begun.\n  \
               Please report it, with the lines above, at {}/issues\n",
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_REPOSITORY")
        ));
        std::process::exit(i32::from(code));
    }));
}
