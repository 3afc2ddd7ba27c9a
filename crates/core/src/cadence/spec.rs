//! What the user may say about a stream's cadence.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The user's limits. Durations are written with a unit (`"15m"`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CadenceSpec {
    /// Never poll again sooner than this. Default 60 s.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub min: SignedDuration,
    /// Never wait longer than this by choice. Default 24 h.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::required")]
    #[schemars(with = "String")]
    pub max: SignedDuration,
    /// Data may not be older than this without our having looked; advances a poll, but never past a server's limit.
    #[serde(serialize_with = "jiff::fmt::serde::duration::friendly::compact::optional")]
    #[schemars(with = "Option<String>")]
    pub max_staleness: Option<SignedDuration>,
    /// Requests allowed in any 24 hours.
    pub calls_per_day: Option<u32>,
    /// What one poll is worth: how often a source without rhythm is polled per change.
    pub polls_per_change: f64,
}

impl Default for CadenceSpec {
    fn default() -> Self {
        Self {
            min: SignedDuration::from_secs(60),
            max: SignedDuration::from_hours(24),
            max_staleness: None,
            calls_per_day: None,
            polls_per_change: 2.0,
        }
    }
}

impl CadenceSpec {
    /// Seconds, at least one millisecond.
    pub(crate) fn min_seconds(&self) -> f64 {
        self.min.as_secs_f64().max(0.001)
    }

    /// Seconds, never below `min`.
    pub(crate) fn max_seconds(&self) -> f64 {
        self.max.as_secs_f64().max(self.min_seconds())
    }

    /// The worth of a poll, kept within reason.
    pub(crate) fn worth(&self) -> f64 {
        if self.polls_per_change.is_finite() { self.polls_per_change.clamp(0.05, 100.0) } else { 2.0 }
    }
}
