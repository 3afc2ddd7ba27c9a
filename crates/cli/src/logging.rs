//! The log: to stderr, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::args::{Global, LogForm};
use crate::output;

/// Starts the log. Without `-v` commands say themselves what goes wrong, and the log holds only errors; libraries speak from `-vv` on.
pub(crate) fn start(global: &Global) {
    let (ours, theirs) = match (global.quiet, global.verbose) {
        (true, _) => (LevelFilter::ERROR, LevelFilter::OFF),
        (_, 0) if global.log == LogForm::Json => (LevelFilter::INFO, LevelFilter::WARN),
        (_, 0) => (LevelFilter::ERROR, LevelFilter::ERROR),
        (_, 1) => (LevelFilter::INFO, LevelFilter::WARN),
        (_, 2) => (LevelFilter::DEBUG, LevelFilter::INFO),
        (_, _) => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let filter = Targets::new().with_target("tidegate", ours).with_default(theirs);
    let layer = match global.log {
        LogForm::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        LogForm::Text => fmt::layer()
            .with_ansi(std::io::stderr().is_terminal() && output::colour_allowed())
            .with_target(global.verbose > 1)
            .with_writer(std::io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
}
