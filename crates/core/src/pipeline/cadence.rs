//! When to look: the `cadence` of a stream as written in the file.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// When to look. Short form: an interval (`"7m"`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// A fixed interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// A cron expression (UTC), five fields, or six with seconds first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "cron"))]
    pub cron: Option<String>,
    /// Never sooner than this after the last poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Span>,
    /// Never later than this after the last poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
}

impl FromStr for Cadence {
    type Err = String;

    fn from_str(text: &str) -> Result<Cadence, String> {
        let every = text.parse().map_err(|reason| format!("{reason}; or a table with `every` or `cron`"))?;
        Ok(Cadence { every: Some(every), ..Cadence::default() })
    }
}
