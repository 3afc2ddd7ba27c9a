//! What an expression may name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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

/// What all expressions of a source may name. Holds revealed secrets, so it is never printed.
#[derive(Clone)]
pub struct Base {
    /// `source.config`.
    pub config: Json,
    /// How expressions are evaluated.
    pub dialect: Dialect,
    /// The time.
    pub now: Timestamp,
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base").field("dialect", &self.dialect).field("now", &self.now).finish_non_exhaustive()
    }
}

impl Base {
    /// Nothing but a time.
    pub fn new(now: Timestamp) -> Base {
        Base { config: Json::Object(serde_json::Map::new()), dialect: Dialect::Native, now }
    }

    /// The scope that has this and nothing else.
    pub fn scope(&self) -> Scope<'_> {
        Scope { values: BTreeMap::from([("config", &self.config)]), dialect: self.dialect, now: self.now }
    }
}

/// The values that an expression or a template may name, the time and the dialect.
#[derive(Clone)]
pub struct Scope<'a> {
    values: BTreeMap<&'a str, &'a Json>,
    dialect: Dialect,
    now: Timestamp,
}

impl<'a> Scope<'a> {
    /// A scope of tidegate's own dialect with nothing but the time.
    pub fn new(now: Timestamp) -> Scope<'a> {
        Scope { values: BTreeMap::new(), dialect: Dialect::Native, now }
    }

    /// The same at another time.
    pub fn at(self, now: Timestamp) -> Scope<'a> {
        Scope { now, ..self }
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

    /// How expressions are evaluated.
    pub fn dialect(&self) -> Dialect {
        self.dialect
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
