//! What an expression may name.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use minijinja::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::moment::Moment;
use super::{ExprError, json};

/// The name that the functions find the time under. No identifier of the language.
pub(super) const NOW: &str = " now";

/// How expressions are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Values keep their types.
    #[default]
    Native,
    /// As the Airbyte CDK does: rendered in Python's spelling, then read as a Python literal. For imported manifests.
    Cdk,
}

impl Dialect {
    /// Whether it is tidegate's own.
    pub fn is_native(&self) -> bool {
        *self == Dialect::Native
    }
}

/// The values that an expression or a template may name, and the time.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    values: BTreeMap<&'a str, &'a Json>,
    now: Timestamp,
}

impl<'a> Scope<'a> {
    /// A scope with nothing but the time.
    pub fn new(now: Timestamp) -> Scope<'a> {
        Scope { values: BTreeMap::new(), now }
    }

    /// The same with one more value; a later one of the same name counts.
    pub fn with(mut self, name: &'a str, value: &'a Json) -> Scope<'a> {
        self.values.insert(name, value);
        self
    }

    /// The same with all values of a table.
    pub fn with_all(mut self, values: &'a serde_json::Map<String, Json>) -> Scope<'a> {
        self.values.extend(values.iter().map(|(name, value)| (name.as_str(), value)));
        self
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.values.get(name).copied()
    }

    /// The names there are.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.values.keys().copied()
    }

    /// What an expression that names these needs.
    pub(super) fn values(&self, names: &BTreeSet<String>) -> Result<Value, ExprError> {
        let mut values = BTreeMap::from([(NOW, Value::from_object(Moment::of(self.now)))]);
        for name in names {
            let Some(value) = self.get(name) else {
                let known: Vec<&str> = self.names().collect();
                let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                return Err(ExprError::Unknown { name: name.clone(), known });
            };
            values.insert(name, json::to_value(value));
        }
        Ok(values.into())
    }
}
