//! Advice about a stream: one small document. Losing it costs a poll, never a record.

use serde::{Deserialize, Serialize};
use tidegate_core::cadence::{self, Stamps, State, Trust};
use tidegate_core::change;
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;

use crate::{Env, Error, Outcome, Visit, documents};

/// What is remembered of the polls of a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// When the last poll began.
    pub last_poll: Option<Timestamp>,
    /// When the last poll that found something new began.
    pub last_change: Option<Timestamp>,
    /// When the next poll is due.
    pub next_due: Option<Timestamp>,
    /// Polls that found something new.
    pub changed: u64,
    /// Polls that found nothing new.
    pub unchanged: u64,
    /// Polls that failed.
    pub failed: u64,
    /// Failed polls since the last one that came through.
    pub failures_in_a_row: u32,
    /// The last failure, until a poll comes through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Number of the last batch that was seen.
    pub head: u64,
    /// What was learned of its changes, and what forbids the next poll.
    pub learned: State,
    /// Which of its times are times of changes.
    pub trust: Trust,
    /// What a poll usually takes and brings.
    pub usual: Usual,
    /// The last polls, oldest first.
    pub looks: Vec<Look>,
}

/// Why a poll or a load failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What the reader does next.
    pub kind: Kind,
    /// The message.
    pub message: String,
}

/// What a poll usually takes and brings, recent ones counting most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usual {
    /// Requests of a poll; 0 where there was none.
    pub requests: f32,
    /// Pages of a poll that found something new; 0 where there was none.
    pub pages: f32,
    /// Bytes of these pages.
    pub bytes: f32,
}

impl Usual {
    /// Takes in a poll that was answered.
    pub(crate) fn note(&mut self, visit: &Visit) {
        let blend = |known: &mut f32, new: u64| {
            *known = if *known > 0.0 { *known + 0.1 * (new as f32 - *known) } else { new as f32 };
        };
        blend(&mut self.requests, visit.requests);
        if let Outcome::Staged { pages, bytes, .. } = visit.outcome {
            blend(&mut self.pages, pages);
            blend(&mut self.bytes, bytes);
        }
    }
}

/// One poll, as a picture needs it: when, in milliseconds since 1970, and what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look(pub i64, pub Found);

/// What a poll found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Something new.
    Hit,
    /// Nothing new.
    Miss,
    /// No answer.
    Fail,
}

/// Polls that are remembered for the picture.
const LOOKS: usize = 128;

impl StreamState {
    /// Advice on a stream that was never polled. Its name decides where the learner probes.
    pub fn new(stream: &str) -> StreamState {
        let digest = change::sha256(stream.as_bytes());
        let seed = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
        StreamState { learned: State::new(seed.into()), ..StreamState::default() }
    }

    /// The last polls as the picture takes them, oldest first.
    pub fn history(&self) -> Vec<cadence::Visit> {
        let visit = |look: &Look| {
            let outcome = match look.1 {
                Found::Hit => cadence::Outcome::Changed(Stamps::Hidden),
                Found::Miss => cadence::Outcome::Unchanged,
                Found::Fail => cadence::Outcome::Failed,
            };
            Some(cadence::Visit::new(Timestamp::from_millisecond(look.0).ok()?, outcome))
        };
        self.looks.iter().filter_map(visit).collect()
    }

    /// Keeps a poll for the picture.
    pub(crate) fn remember(&mut self, visit: &cadence::Visit) {
        let found = match visit.outcome {
            cadence::Outcome::Changed(_) => Found::Hit,
            cadence::Outcome::Unchanged => Found::Miss,
            cadence::Outcome::Failed => Found::Fail,
        };
        let too_many = (self.looks.len() + 1).saturating_sub(LOOKS);
        self.looks.drain(..too_many);
        self.looks.push(Look(visit.at.as_millisecond(), found));
    }

    /// Reads the advice on a stream; what cannot be read is as good as lost.
    pub(crate) async fn read(env: &Env, stream: &str) -> Result<StreamState, Error> {
        match documents::read(env, env.staging.as_ref(), &keys::state(stream)).await {
            Ok(found) => Ok(found.unwrap_or_else(|| StreamState::new(stream))),
            Err(Error::Damaged { key, reason }) => {
                tracing::warn!(key, reason, "advice cannot be read; starting without it");
                Ok(StreamState::new(stream))
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn write(&self, env: &Env, stream: &str) -> Result<(), Error> {
        documents::overwrite(env, env.staging.as_ref(), &keys::state(stream), self).await
    }
}
