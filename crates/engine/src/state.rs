//! Advice about a stream: one small document. Losing it costs a poll, never a record.

use serde::{Deserialize, Serialize};
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;

use crate::{Env, Error, documents};

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

impl StreamState {
    /// Reads the advice on a stream; what cannot be read is as good as lost.
    pub(crate) async fn read(env: &Env, stream: &str) -> Result<StreamState, Error> {
        match documents::read(env, env.staging.as_ref(), &keys::state(stream)).await {
            Ok(found) => Ok(found.unwrap_or_default()),
            Err(Error::Damaged { key, reason }) => {
                tracing::warn!(key, reason, "advice cannot be read; starting without it");
                Ok(StreamState::default())
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn write(&self, env: &Env, stream: &str) -> Result<(), Error> {
        documents::overwrite(env, env.staging.as_ref(), &keys::state(stream), self).await
    }
}
