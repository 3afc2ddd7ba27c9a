//! The manifest as its engine sees it: references resolved, parameters handed down.

use serde_json::{Map, Value};

use crate::error::{AirbyteError, Reason};
use crate::{parameters, refs};

/// A manifest, read and resolved. Nothing in it is judged yet.
#[derive(Clone, Debug)]
pub struct Manifest {
    root: Map<String, Value>,
}

/// The parts of a manifest that are looked at; `definitions` and `schemas` only where references lead there.
const PARTS: [&str; 6] = ["type", "streams", "dynamic_streams", "spec", "check", "api_budget"];

impl Manifest {
    /// Reads a manifest's text. Fails on what is no YAML, on references to nothing, on circles and on references to
    /// secrets, which are the config's alone.
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
        let mut reasons = Vec::new();
        parts.iter().for_each(|(key, value)| without_secrets(key, value, &mut reasons));
        if !reasons.is_empty() {
            return Err(AirbyteError::Refused(reasons));
        }
        parts.insert("type".to_owned(), "DeclarativeSource".into());
        let Value::Object(mut root) = parameters::propagate("", parts, &Map::new()).map_err(unreadable)?
        else {
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

/// Notes every text that holds `${`. A manifest is written by others: a secret of this machine that it names would go
/// wherever it says.
fn without_secrets(path: &str, value: &Value, reasons: &mut Vec<Reason>) {
    let mut look = |text: &str| {
        if text.contains("${") {
            let message = "holds `${`: a manifest may not refer to secrets; its config may";
            reasons.push(Reason::at(path, message));
        }
    };
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, item)| without_secrets(&format!("{path}[{at}]"), item, reasons));
        }
        Value::Object(table) => {
            table.keys().for_each(|key| look(key));
            table.iter().for_each(|(key, item)| without_secrets(&format!("{path}.{key}"), item, reasons));
        }
        _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_refers_to_no_secret_of_this_machine() {
        let manifest = |token: &str, more: &str| {
            format!(
                "definitions: {{ key: '${{HOME}}' }}\n\
                 streams:\n- retriever: {{ requester: {{ authenticator: {{ api_token: '{token}' }} }} }}\n\
                 spec: {{ connection_specification: {{ properties: {{ key: {{ default: '{more}' }} }} }} }}\n"
            )
        };
        assert!(Manifest::read(&manifest("{{ config.key }}", "a$b{c}")).is_ok());
        for (token, more, path) in [
            ("${file:/etc/passwd}", "", "streams[0].retriever.requester.authenticator.api_token"),
            ("#/definitions/key", "", "streams[0].retriever.requester.authenticator.api_token"),
            ("", "x${AWS_SECRET_ACCESS_KEY}", "spec.connection_specification.properties.key.default"),
        ] {
            let Err(AirbyteError::Refused(reasons)) = Manifest::read(&manifest(token, more)) else {
                panic!("{token}{more} is taken");
            };
            assert_eq!(reasons.iter().map(|reason| reason.path.as_str()).collect::<Vec<_>>(), [path]);
        }
        assert!(Manifest::read("streams: [{ '${HOME}': 1 }]").is_err());
    }
}
