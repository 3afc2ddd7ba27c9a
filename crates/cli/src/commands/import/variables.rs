//! Environment variables in the place of the secrets of a connector's config: what is written down needs no manifest to
//! know their values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidegate_core::pipeline::Secret;

use crate::manifest_file;

/// What a reference to the value of a config begins with.
const CONFIG: &str = "config:";

/// Names of environment variables by the references that they stand for.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// One for each secret in a value: the last word of its place there, numbered where another has it already.
    pub(super) fn of(value: &Value) -> Variables {
        let mut references = Vec::new();
        manifest_file::collect(value, &mut |text| {
            references.extend(Secret(text.to_owned()).references().into_iter().map(str::to_owned));
        });
        let mut names = Variables::default();
        let own: Vec<String> = references.iter().filter(|name| !name.starts_with(CONFIG)).cloned().collect();
        for reference in references.into_iter().filter(|name| name.starts_with(CONFIG)) {
            if names.0.contains_key(&reference) {
                continue;
            }
            let last = reference.rsplit(['.', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let mut word =
                last.replace(|c: char| !c.is_ascii_alphanumeric(), "_").trim_matches('_').to_owned();
            if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
                word = format!("SECRET_{word}");
            }
            let mut name = word.clone();
            let mut number = 1;
            while own.contains(&name) || names.0.values().any(|known| *known == name) {
                number += 1;
                name = format!("{word}_{number}");
            }
            names.0.insert(reference, name);
        }
        names
    }

    /// The value with variables in the place of secrets, and without what is null.
    pub(super) fn put_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.put_in(item)).collect(),
            Value::Object(table) => self.put_into(table).into(),
            plain => plain.clone(),
        }
    }

    /// As [`Variables::put_in`], for a table.
    pub(super) fn put_into(&self, table: &Map<String, Value>) -> Map<String, Value> {
        let kept = table.iter().filter(|(_, value)| !value.is_null());
        kept.map(|(key, value)| (key.clone(), self.put_in(value))).collect()
    }

    fn text(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for reference in Secret(text.to_owned()).references() {
            if let Some(name) = self.0.get(reference) {
                out = out.replace(&format!("${{{reference}}}"), &format!("${{{name}}}"));
            }
        }
        out
    }

    /// What is to be exported: the name of each variable, and what its value is.
    pub(super) fn list(&self) -> Vec<String> {
        let what = |reference: &str| reference.strip_prefix(CONFIG).unwrap_or(reference).to_owned();
        self.0.iter().map(|(reference, name)| format!("{name} ({})", what(reference))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_secret_has_a_variable_of_its_own() {
        let value = json!({
            "a": "${config:old.api_key}", "b": ["Key ${config:new.api_key}", "${config:old.api_key}"],
            "c": "${API_KEY_2}", "d": null, "e": "${config:keys.0}",
        });
        let variables = Variables::of(&value);
        let expected = json!({
            "a": "${API_KEY}", "b": ["Key ${API_KEY_3}", "${API_KEY}"], "c": "${API_KEY_2}", "e": "${SECRET_0}",
        });
        assert_eq!(variables.put_in(&value), expected);
        assert_eq!(
            variables.list(),
            ["SECRET_0 (keys.0)", "API_KEY_3 (new.api_key)", "API_KEY (old.api_key)"]
        );
    }
}
