//! What the user may say about when a stream is polled: the `cadence` of the pipeline file.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::Span;

/// When to look. Short form: `"learn"`, or a fixed interval (`"7m"`). Without `every` and `cron` the rhythm is learned
/// from what polls find.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Cadence")]
pub struct CadenceSpec {
    /// A fixed interval; nothing is learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// A cron expression (UTC), five fields, or six with seconds first; nothing is learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "cron"))]
    pub cron: Option<String>,
    /// Never sooner than this after the last poll; `1m` where the cadence is learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Span>,
    /// Never later than this after the last poll, unless a limit asks for it; `1d` where the cadence is learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// Never be without a look for longer than this; a limit of the server, `min` and `calls_per_day` still hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_staleness: Option<Span>,
    /// Requests allowed in any 24 hours for this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub calls_per_day: Option<u32>,
    /// What one poll is worth: how often a source without rhythm is polled per change. More is fresher.
    pub polls_per_change: f64,
}

/// What a poll is worth where nothing is said.
const WORTH: f64 = 2.0;
/// Bounds of the learned cadence where nothing is said.
const MIN: Span = Span::from_secs(60);
const MAX: Span = Span::from_secs(86_400);

impl Default for CadenceSpec {
    fn default() -> Self {
        Self {
            every: None,
            cron: None,
            min: None,
            max: None,
            max_staleness: None,
            calls_per_day: None,
            polls_per_change: WORTH,
        }
    }
}

impl FromStr for CadenceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "learn" {
            return Ok(Self::default());
        }
        let every: Span = text.parse().map_err(|reason| {
            format!("{reason}; or \"learn\", or a table with `min`, `max`, `every`, `cron` …")
        })?;
        Ok(Self { every: Some(every), ..Self::default() })
    }
}

impl CadenceSpec {
    /// Whether the rhythm is learned, not given.
    pub fn learns(&self) -> bool {
        self.every.is_none() && self.cron.is_none()
    }

    /// Least seconds between two polls, at least one millisecond.
    pub(crate) fn min_seconds(&self) -> f64 {
        let unsaid = if self.learns() { self.max.map_or(MIN, |max| max.min(MIN)) } else { Span::default() };
        self.min.unwrap_or(unsaid).0.as_secs_f64().max(0.001)
    }

    /// Most seconds between two polls, never below `min`.
    pub(crate) fn max_seconds(&self) -> f64 {
        self.max.unwrap_or(MAX).0.as_secs_f64().max(self.min_seconds())
    }

    /// Seconds after which data counts as stale.
    pub(crate) fn stale_seconds(&self) -> Option<f64> {
        self.max_staleness.map(|span| span.0.as_secs_f64())
    }

    /// The worth of a poll, kept within reason.
    pub(crate) fn worth(&self) -> f64 {
        if self.polls_per_change.is_finite() { self.polls_per_change.clamp(0.05, 100.0) } else { WORTH }
    }
}
