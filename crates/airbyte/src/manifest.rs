//! The manifest as its engine sees it: references resolved, parameters handed down.

use serde_json::{Map, Value};

use crate::error::AirbyteError;
use crate::{parameters, refs};

/// A manifest, read and resolved. Nothing in it is judged yet.
#[derive(Clone, Debug)]
pub struct Manifest {
    root: Map<String, Value>,
}

/// The parts of a manifest that are looked at; `definitions` and `schemas` only where references lead there.
const PARTS: [&str; 6] = ["type", "streams", "dynamic_streams", "spec", "check", "api_budget"];

impl Manifest {
    /// Reads a manifest's text. Fails on what is no YAML, on references to nothing and on circles.
    pub fn read(text: &str) -> Result<Manifest, AirbyteError> {
        // Of two keys of one name the later one counts, as it does in Python.
        let options =
            serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins };
        let root: Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| unreadable(error.to_string().lines().next().unwrap_or_default().to_owned()))?;
        let Value::Object(table) = &root else {
            return Err(unreadable("it is no table of keys and values".to_owned()));
        };
        if !table.contains_key("streams") && !table.contains_key("dynamic_streams") {
            return Err(unreadable("it has no `streams`: is it a manifest?".to_owned()));
        }
        let mut refs = refs::Refs::new(&root);
        let mut parts = Map::new();
        for (key, value) in table.iter().filter(|(key, _)| PARTS.contains(&key.as_str())) {
            parts.insert(
                key.clone(),
                refs.resolve(value).map_err(|error| unreadable(format!("{key}: {error}")))?,
            );
        }
        parts.insert("type".to_owned(), "DeclarativeSource".into());
        let Value::Object(mut root) = parameters::propagate("", &parts, &Map::new()) else {
            return Err(unreadable("it is no table of keys and values".to_owned()));
        };
        named(&mut root);
        Ok(Manifest { root })
    }

    /// A top-level part.
    pub(crate) fn part(&self, key: &str) -> Option<&Value> {
        self.root.get(key).filter(|value| !value.is_null())
    }

    /// The streams, as written.
    pub fn streams(&self) -> &[Value] {
        self.part("streams").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// JSON Schema of the config, where the manifest has one.
    pub fn connection_specification(&self) -> Option<&Value> {
        self.part("spec")?.get("connection_specification")
    }
}

/// Gives streams that are named by their place alone a name of their own.
fn named(root: &mut Map<String, Value>) {
    let Some(Value::Array(streams)) = root.get_mut("streams") else { return };
    for (index, stream) in streams.iter_mut().enumerate() {
        if let Value::Object(stream) = stream
            && stream.get("type").is_some_and(|kind| kind == "DeclarativeStream")
            && !stream.get("name").is_some_and(parameters::is_set)
        {
            stream.insert("name".to_owned(), format!("stream_{index}").into());
        }
    }
}

fn unreadable(reason: String) -> AirbyteError {
    AirbyteError::Unreadable(reason)
}
