//! What an answer means: rules on top of what HTTP says itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::units::Span;
use crate::expr::Written;

/// What to do with answers that all given conditions hold for. The first rule that fits decides, a stream's before the
/// source's; then HTTP does: 2xx is data, 408, 425, 429 and 5xx are tried again, a 401 gets a new token once, anything else
/// fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Status codes; any where absent.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "codes")]
    pub status_code: Vec<u16>,
    /// Text that the body holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// JSONPath that selects something other than null, false, 0 and empty text in the body: `$.error`,
    /// `$[?@ == 'failed']`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub path: Option<String>,
    /// Headers that the answer has, with a text that the value holds (an empty text for any value).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// An expression over `response` (the body) and `headers` that holds: `when = "{{ response.code == 17 }}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "expression"))]
    pub when: Option<Written>,
    /// What to do.
    pub action: Action,
    /// What to tell the reader besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long to wait before trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take it for data, whatever its status.
    Success,
    /// An error, not tried again.
    #[default]
    Fail,
    /// Try again after a wait.
    Retry,
    /// Try again after a wait in which no stream of the source asks.
    RateLimited,
    /// A page without records.
    Ignore,
    /// Get a new token and try again, once; then it is an error. An error at once where `source.auth` has no token.
    RefreshToken,
    /// Begin with the first page again; an incremental stream from the highest cursor that came.
    ResetPagination,
}

/// How long to wait before trying again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Backoff {
    /// The same wait each time.
    Constant {
        /// How long.
        wait: Span,
    },
    /// A random wait below a limit that doubles each time.
    Exponential {
        /// The first limit.
        #[serde(default = "second")]
        base: Span,
        /// The highest limit.
        #[serde(default = "minute")]
        cap: Span,
    },
    /// What a header of the answer says: a number of seconds, a time in seconds since 1970, or an HTTP date. Zero, the
    /// past and nonsense count as if it were not there.
    Header {
        /// Name of the header.
        name: String,
    },
}

fn second() -> Span {
    Span::from_secs(1)
}

fn minute() -> Span {
    Span::from_secs(60)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Codes {
        One(u16),
        Many(Vec<u16>),
    }
    Ok(match Codes::deserialize(deserializer)? {
        Codes::One(code) => vec![code],
        Codes::Many(codes) => codes,
    })
}

fn codes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let code = serde_json::json!({ "type": "integer", "minimum": 100, "maximum": 599 });
    schemars::json_schema!({ "anyOf": [code, { "type": "array", "items": code }] })
}
