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
    /// Name that the key has in `stream_partition`, in imported manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_field: Option<String>,
}

fn id() -> String {
    "id".to_owned()
}

impl FromStr for Parent {
    type Err = Infallible;

    fn from_str(stream: &str) -> Result<Parent, Infallible> {
        Ok(Parent { stream: stream.to_owned(), key: id(), partition_field: None })
    }
}
