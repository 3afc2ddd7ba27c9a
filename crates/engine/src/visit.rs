//! What a poll reports, whether or not it staged anything.

use tidegate_core::cadence::Shown;
use tidegate_core::jiff::Timestamp;
use tidegate_core::paginate::End;

use crate::Error;
use crate::stage::Head;

/// One poll of a stream, as seen by the schedule, the status and the log.
#[derive(Debug)]
pub struct Visit {
    /// Name of the stream.
    pub stream: String,
    /// When the poll began.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Elements that answered 304.
    pub not_modified: u64,
    /// Bytes of all answers, after decompression.
    pub bytes: u64,
    /// Times that the answers with something new tell.
    pub shown: Shown,
    /// Elements that could not be fetched, with the reason. Their old state stays, so nothing of them is lost.
    pub failures: Vec<(String, Error)>,
    /// What came through and still looks wrong, such as an answer that has no place for records.
    pub remarks: Vec<String>,
    /// Why each walk of pages ended, in the order in which they did.
    pub ends: Vec<End>,
    /// What the next poll goes on from.
    pub head: Head,
}

/// What came of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing new; nothing was staged.
    Unchanged,
    /// A batch was staged.
    Staged {
        /// Its key.
        key: String,
        /// Its number.
        seq: u64,
        /// Pages in it.
        pages: u64,
        /// Records in it that are new.
        records: u64,
        /// Bytes of its pages.
        bytes: u64,
    },
}

impl Visit {
    /// Key of the batch that was staged, if one was.
    pub(crate) fn staged(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Staged { key, .. } => Some(key),
            Outcome::Unchanged => None,
        }
    }

    /// Before which time there is no use in asking again, where the API said so.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.failures.iter().filter_map(|(_, error)| error.retry_at()).max()
    }
}
