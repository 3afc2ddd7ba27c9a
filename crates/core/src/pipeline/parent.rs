//! A stream that is asked once for each record of another one.

use std::convert::Infallible;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stream whose records this one is asked for, one by one: `{parent.id}` in path, params, body and fields is a field
/// of the record. The records are those that the parent has staged; it is not asked again for them. Short form: the
/// stream's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Name of the parent stream, in this file.
    #[schemars(extend("format" = "name"))]
    pub stream: String,
    /// Field name or dotted path of what tells the parent's records apart.
    #[serde(default = "id")]
    #[schemars(extend("format" = "field"))]
    pub key: String,
    /// Name that the key's value has in templates, besides: with `partition_field = "post"` it is `{post}`, and what the
    /// parent itself was asked for is `{parent_slice.…}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_field: Option<String>,
    /// Whether all records of an incremental parent are asked for in each poll, and not the new ones alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Whether records without the key are passed over; else they are an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_missing: bool,
}

fn id() -> String {
    "id".to_owned()
}

impl FromStr for Parent {
    type Err = Infallible;

    fn from_str(stream: &str) -> Result<Parent, Infallible> {
        Ok(Parent {
            stream: stream.to_owned(),
            key: id(),
            partition_field: None,
            all: false,
            skip_missing: false,
        })
    }
}
