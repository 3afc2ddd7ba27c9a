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
    /// An expression: a field of `add` is set only where it holds. It may name `value`, what is to be set:
    /// `add_when = "{{ value is not none }}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "expression"))]
    pub add_when: Option<String>,
    /// Fields to move: `rename = { "meta.id" = "id" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Fields to leave out, by name or dotted path, in which `*` is every field or item and `**` any number of steps:
    /// `remove = ["lines.*.links"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// A table within the record whose fields become its own: `unnest = { path = "attributes", remove = true }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unnest: Option<Unnest>,
    /// Takes tables apart, or tables and lists: each plain value becomes a field by its own name, or with the names
    /// around it (`lines.0.price`) where that is taken or a list came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flatten: Option<Flatten>,
    /// How names of fields are spelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// Texts that are replaced in names of fields, those of tables within the record, too: `replace_in_keys = { " " = "_" }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replace_in_keys: BTreeMap<String, String>,
}

/// A table within a record whose fields become fields of the record; nothing is done where one of them is there already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unnest {
    /// Name or dotted path of the table.
    #[schemars(extend("format" = "field"))]
    pub path: String,
    /// Whether the table goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
    /// Whether its fields take the place of the whole record, if it has any.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// What is put in front of each name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// What is put behind each name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
}

/// What is taken apart until only plain values are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flatten {
    /// Tables; lists stay as they are.
    Tables,
    /// Tables and lists, whose items are named by their place: `tags.0`.
    All,
}

/// How names of fields are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// In lower case; those of the record itself.
    Lower,
    /// `userID` as `user_id`; those of tables within the record, too. A record with a name beyond ASCII goes to quarantine.
    SnakeCase,
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
