//! What the verbs tell whoever watches.

use tidegate_core::jiff::Timestamp;

use crate::load::LoadReport;
use crate::{Error, StreamState, Visit};

/// Something that happened in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stream was polled.
    Polled {
        /// What came of it.
        visit: &'a Visit,
        /// When it is due again.
        next: Timestamp,
        /// What is learned of its changes, in one line.
        learned: &'a str,
    },
    /// A load ended, or turned out to have ended before.
    Loaded(&'a LoadReport),
    /// A poll, a load or a recovery failed; the run goes on.
    Failed {
        /// The stream, batch or load.
        subject: &'a str,
        /// Why.
        error: &'a Error,
        /// When it is tried again, where that is known.
        next: Option<Timestamp>,
    },
    /// A stream waits for its next poll.
    Sleeping {
        /// The stream.
        stream: &'a str,
        /// Until when.
        until: Timestamp,
        /// What is remembered of its polls.
        state: &'a StreamState,
    },
}
