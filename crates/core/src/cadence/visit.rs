//! What one poll of a stream tells the learner.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hints::Hints;

/// One poll and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// When the answer was received, on our clock.
    pub at: Timestamp,
    /// What it brought.
    pub outcome: Outcome,
    /// What the server said about itself.
    #[serde(default)]
    pub hints: Hints,
    /// Requests made, pages and retries included.
    #[serde(default = "one")]
    pub calls: u32,
}

fn one() -> u32 {
    1
}

impl Visit {
    /// A visit of one request without hints.
    pub fn new(at: Timestamp, outcome: Outcome) -> Self {
        Self { at, outcome, hints: Hints::default(), calls: 1 }
    }
}

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// New data.
    Changed(Stamps),
    /// The server answered, with nothing new (304 included).
    Unchanged,
    /// No answer, or an error. Says nothing about the data: never "unchanged".
    Failed,
}

/// When the new data changed, as far as the poll reveals it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamps {
    /// Level 0: only that it changed (ETag, 304, fingerprint).
    Hidden,
    /// Level 1: the newest change (Last-Modified, an `updated` field, the newest `event_time`).
    Newest(Timestamp),
    /// Level 2: all new records.
    All(Vec<Timestamp>),
}

impl Stamps {
    /// The level of knowledge: 0, 1 or 2.
    pub fn level(&self) -> u8 {
        match self {
            Self::Hidden => 0,
            Self::Newest(_) => 1,
            Self::All(_) => 2,
        }
    }

    /// Seconds since 1970, ascending.
    pub(crate) fn moments(&self) -> Vec<f64> {
        let seconds = |stamp: &Timestamp| stamp.as_millisecond() as f64 / 1000.0;
        let mut moments = match self {
            Self::Hidden => Vec::new(),
            Self::Newest(stamp) => vec![seconds(stamp)],
            Self::All(stamps) => stamps.iter().map(seconds).collect(),
        };
        moments.sort_by(f64::total_cmp);
        moments
    }
}
