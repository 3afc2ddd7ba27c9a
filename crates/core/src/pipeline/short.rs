//! Short forms: a field that takes either one word or a table.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::{Contract, EventTime, Parent};
use crate::cadence::CadenceSpec;

struct ShortOrTable<T>(PhantomData<T>);

impl<'de, T> Visitor<'de> for ShortOrTable<T>
where
    T: Deserialize<'de> + FromStr<Err: Display>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a table")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads a `T` from its short form or its table.
pub(super) fn or_table<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: Display>,
{
    deserializer.deserialize_any(ShortOrTable(PhantomData))
}

/// As [`or_table`], for an optional field.
pub(super) fn or_table_some<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: Display>,
{
    or_table(deserializer).map(Some)
}

/// The schema of a contract: one word, or a table.
pub(super) fn contract(generator: &mut SchemaGenerator) -> Schema {
    schema::<Contract>(generator, "contract")
}

/// The schema of a cadence: `learn`, an interval, or a table.
pub(super) fn cadence(generator: &mut SchemaGenerator) -> Schema {
    schema::<CadenceSpec>(generator, "cadence")
}

/// The schema of an event time: a path, or a table.
pub(super) fn event_time(generator: &mut SchemaGenerator) -> Schema {
    schema::<EventTime>(generator, "field")
}

/// The schema of a parent: a stream's name, or a table.
pub(super) fn parent(generator: &mut SchemaGenerator) -> Schema {
    schema::<Parent>(generator, "name")
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator, form: &str) -> Schema {
    let table = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [{ "type": "string", "format": form }, table] })
}
