//! The fan-out: one stream, asked once for each element of its `for_each`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::RequestError;
use crate::pipeline::{Stream, Values};

/// One element of a fan-out; a stream without one has a single element with an empty name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// Its name: what its state is kept under.
    pub name: String,
    /// What templates may name.
    pub values: Values,
}

/// The elements of a stream, in the order of the file; several lists are combined each with each.
pub fn elements(stream: &Stream) -> Result<Vec<Element>, RequestError> {
    let mut elements = vec![Element::default()];
    for (name, list) in &stream.for_each {
        elements = elements
            .iter()
            .flat_map(|element| list.iter().map(move |value| with(element, name, value)))
            .collect();
    }
    let mut names = BTreeSet::new();
    match elements.iter().find(|element| !names.insert(&element.name)) {
        Some(twice) => Err(RequestError::Twice(twice.name.clone())),
        None => Ok(elements),
    }
}

fn with(element: &Element, name: &str, value: &Value) -> Element {
    let mut values = element.values.clone();
    values.insert(name.to_owned(), value.clone());
    let own = label(value);
    let label = if element.name.is_empty() { own } else { format!("{}/{own}", element.name) };
    Element { name: label, values }
}

/// A text or number names itself; a table is named by its `name`, `id` or `key`; anything else by its JSON.
fn label(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(table) => ["name", "id", "key"]
            .iter()
            .find_map(|key| table.get(*key).filter(|v| v.is_string() || v.is_number()))
            .map_or_else(|| value.to_string(), label),
        other => other.to_string(),
    }
}
