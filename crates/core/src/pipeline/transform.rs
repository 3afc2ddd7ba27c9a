//! What is done to records before they become rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Source, Stream};
use crate::expr::Dialect;

/// One step of what is done to each record; steps are taken in order, what one step holds in the order of this table.
/// Expressions name `record`, the columns of `fields`, and `config` as far as it holds no secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// An expression: records that it does not hold of are left out. `filter = "{{ record.kind == 'city' }}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "expression"))]
    pub filter: Option<String>,
    /// Fields to set, by name or dotted path, to a value or what an expression gives:
    /// `add = { full_name = "{{ record.first }} {{ record.last }}" }`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub add: Map<String, Value>,
    /// Fields to move: `rename = { "meta.id" = "id" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Fields to leave out, by name or dotted path, in which `*` is every field or item and `**` any number of steps:
    /// `remove = ["lines.*.links"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// The steps of a stream with all that they need: what a loader knows of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransformSpec {
    /// The steps.
    pub steps: Vec<Transform>,
    /// Values of `source.config` that hold no secrets.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// How expressions are evaluated.
    #[serde(default, skip_serializing_if = "Dialect::is_native")]
    pub expressions: Dialect,
}

impl TransformSpec {
    /// That of a stream, if it has steps.
    pub fn of(stream: &Stream, source: &Source) -> Option<TransformSpec> {
        if stream.transform.is_empty() {
            return None;
        }
        let config = source.public_config();
        Some(TransformSpec { steps: stream.transform.clone(), config, expressions: source.expressions })
    }
}
