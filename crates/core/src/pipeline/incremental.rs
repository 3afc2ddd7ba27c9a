//! Ask only for what is newer than the last poll, in the words of dlt's rest_api.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// Ask only for what is newer than the last poll: `{incremental.start_value}` and `{incremental.end_value}` in params,
/// path or body, or `start_param` and `end_param`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incremental {
    /// Field name or dotted path of the cursor within a record.
    #[schemars(extend("format" = "field"))]
    pub cursor_path: String,
    /// Cursor of the first poll; an expression over `config` and the time is evaluated in each poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_value: Option<serde_json::Value>,
    /// Records from this cursor on are not wanted. With `step` the windows end here; else at the time of the poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_value: Option<serde_json::Value>,
    /// Query parameter that takes the start value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_param: Option<String>,
    /// Query parameter that takes the end value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_param: Option<String>,
    /// How far before the cursor to ask again, for records that appear late (times only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Span>,
    /// Longest time that one request may ask for: the time since the cursor is asked for in windows (times only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Span>,
    /// Smallest difference of two cursors, where the API counts the end value in: a window ends this much before the
    /// next one starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Span>,
    /// How start and end value are written in requests: a strftime format, `%s` for seconds or `%ms` for milliseconds
    /// since 1970. As the cursor itself is written where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// strptime formats of a cursor that is a text neither in ISO 8601 nor in RFC 2822: `cursor_formats = ["%d/%m/%Y"]`.
    /// The first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cursor_formats: Vec<String>,
    /// Whether records before the start value and from the end value on are left out here: for an API that gives all
    /// whatever it is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_side: bool,
}
