//! The config of a connector: checked against the manifest's `spec`, defaults filled in, secrets taken out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_core::pipeline::{Secret, Secrets};

use crate::error::{AirbyteError, Reason};

/// A checked config. Secrets in it are references (`${config:credentials.api_key}`); their values stand beside it.
#[derive(Clone, Default, PartialEq)]
pub struct Config {
    values: Value,
    secrets: BTreeMap<String, String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("values", &self.values).finish_non_exhaustive()
    }
}

impl Config {
    /// Checks what was given against a connection specification. All that is missing or wrong at once. `known` are values
    /// that `${…}` stands for; they are put in where the specification says of no secret.
    pub fn check(
        specification: Option<&Value>,
        given: Value,
        known: &BTreeMap<String, String>,
    ) -> Result<Config, AirbyteError> {
        let known = Secrets::new(known.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut check = Check { known, ..Check::default() };
        let values = match given {
            Value::Null => Value::Object(Map::new()),
            given => given,
        };
        let Value::Object(_) = &values else {
            return Err(AirbyteError::Config(vec![Reason::at(
                "config",
                "it is no table of keys and values",
            )]));
        };
        let specification = specification.unwrap_or(&Value::Null);
        let values = check.hidden("", specification, values);
        let values = check.value("", specification, values);
        match check.reasons.is_empty() {
            true => Ok(Config { values, secrets: check.secrets }),
            false => Err(AirbyteError::Config(check.reasons)),
        }
    }

    /// A config such as the specification wants, from defaults, examples and forms: what is required or has a default, or
    /// `all` that it can hold.
    pub fn sample(specification: Option<&Value>, all: bool) -> Config {
        let specification = specification.unwrap_or(&Value::Null);
        let mut check = Check::default();
        let given = match sample("", specification, all) {
            Value::Object(table) => Value::Object(table),
            _ => Value::Object(Map::new()),
        };
        let values = check.value("", specification, given);
        Config { values, secrets: check.secrets }
    }

    /// The config, secrets as references.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// Value of each secret by its reference, without `${` and `}`.
    pub fn secrets(&self) -> &BTreeMap<String, String> {
        &self.secrets
    }
}

#[derive(Default)]
struct Check {
    known: Secrets,
    reasons: Vec<Reason>,
    secrets: BTreeMap<String, String>,
}

impl Check {
    /// The value with everything taken out that is a secret in any of the alternatives: in one that is misspelt or was
    /// not chosen it is no less of one.
    fn hidden(&mut self, path: &str, schema: &Value, value: Value) -> Value {
        if schema.get("airbyte_secret") == Some(&Value::Bool(true)) {
            return self.secret(path, value);
        }
        let value = match value {
            Value::Array(items) => {
                let schema = schema.get("items").unwrap_or(&Value::Null);
                let items = items.into_iter().enumerate();
                items.map(|(at, item)| self.hidden(&below(path, &at.to_string()), schema, item)).collect()
            }
            Value::Object(mut table) => {
                for (name, property) in properties(schema) {
                    if let Some(value) = table.get_mut(name) {
                        *value = self.hidden(&below(path, name), property, value.take());
                    }
                }
                Value::Object(table)
            }
            plain => plain,
        };
        alternatives(schema).fold(value, |value, schema| self.hidden(path, schema, value))
    }

    fn value(&mut self, path: &str, schema: &Value, value: Value) -> Value {
        if schema.get("airbyte_secret") == Some(&Value::Bool(true)) {
            return self.secret(path, value);
        }
        match value {
            Value::Object(table) => Value::Object(self.table(path, schema, table)),
            Value::Array(items) => {
                let schema = schema.get("items").unwrap_or(&Value::Null);
                let items = items.into_iter().enumerate();
                items.map(|(at, item)| self.value(&below(path, &at.to_string()), schema, item)).collect()
            }
            Value::String(text) => {
                let secret = Secret(text);
                let value = Value::String(self.known.reveal(&secret).unwrap_or(secret.0));
                self.plain(path, schema, &value);
                value
            }
            plain => {
                self.plain(path, schema, &plain);
                plain
            }
        }
    }

    fn table(&mut self, path: &str, schema: &Value, mut table: Map<String, Value>) -> Map<String, Value> {
        let schemas = shapes(schema, &table);
        if schemas.len() == 1 {
            self.misfit(path, schema, &table);
        }
        for schema in &schemas {
            for (name, property) in properties(schema) {
                let constant = property.get("const").or_else(|| property.get("default"));
                if !table.contains_key(name) {
                    table.extend(constant.map(|value| (name.clone(), value.clone())));
                }
                if let Some(value) = table.remove(name) {
                    let value = self.value(&below(path, name), property, value);
                    table.insert(name.clone(), value);
                }
            }
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                let Some(name) = name.as_str().filter(|name| !table.contains_key(*name)) else { continue };
                let property =
                    properties(schema).find(|(known, _)| *known == name).map(|(_, property)| property);
                let what = property.and_then(|property| property.get("title")).and_then(Value::as_str);
                let what = what.map(|title| format!(" ({title})")).unwrap_or_default();
                self.reasons
                    .push(Reason::at(&format!("config.{}", below(path, name)), format!("is required{what}")));
            }
        }
        table
    }

    /// Says what a value may be that none of the alternatives has.
    fn misfit(&mut self, path: &str, schema: &Value, table: &Map<String, Value>) {
        let mut allowed: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        for (name, value) in alternatives(schema).flat_map(constants) {
            allowed.entry(name).or_default().push(value.to_string());
        }
        for (name, allowed) in allowed {
            let Some(given) = table.get(name).map(Value::to_string) else { continue };
            if !allowed.contains(&given) {
                let at = format!("config.{}", below(path, name));
                self.reasons.push(Reason::at(&at, format!("{given} is none of {}", allowed.join(", "))));
            }
        }
    }

    fn plain(&mut self, path: &str, schema: &Value, value: &Value) {
        let at = format!("config.{path}");
        let known = schema.get("enum").and_then(Value::as_array);
        if let Some(known) = known.filter(|known| !known.contains(value)) {
            let known: Vec<String> = known.iter().map(Value::to_string).collect();
            self.reasons.push(Reason::at(&at, format!("{value} is none of {}", known.join(", "))));
        }
        let Some(kind) = schema.get("type").and_then(Value::as_str) else { return };
        let fits = match (kind, value) {
            (_, Value::String(text)) if text.contains("${") => true,
            ("string", value) => value.is_string(),
            ("integer", value) => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            ("number", value) => value.is_number(),
            ("boolean", value) => value.is_boolean(),
            ("array" | "object", value) => value.is_null(),
            _ => true,
        };
        if !fits && !value.is_null() {
            self.reasons.push(Reason::at(&at, format!("it is to be of the type `{kind}`")));
        }
    }

    /// What the value of a secret becomes. One that is a reference already stays it.
    fn secret(&mut self, path: &str, value: Value) -> Value {
        let text = match value {
            Value::String(text) if text.contains("${") => return Value::String(text),
            Value::String(text) => text,
            Value::Null => return Value::Null,
            other => other.to_string(),
        };
        let reference = format!("config:{path}");
        let shown = format!("${{{reference}}}");
        self.secrets.insert(reference, text);
        Value::String(shown)
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten()
}

/// The properties that can have one value only.
fn constants(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    properties(schema).filter_map(|(name, property)| match (property.get("const"), property.get("enum")) {
        (Some(value), _) => Some((name, value)),
        (None, Some(Value::Array(values))) if values.len() == 1 => Some((name, values.first()?)),
        _ => None,
    })
}

/// The schema itself and the one of its alternatives whose constants the value has.
fn shapes<'a>(schema: &'a Value, table: &Map<String, Value>) -> Vec<&'a Value> {
    let fits = |shape: &&Value| {
        constants(shape).all(|(name, value)| table.get(name).is_none_or(|given| given == value))
            && properties(shape).any(|(name, _)| table.contains_key(name))
    };
    std::iter::once(schema).chain(alternatives(schema).find(fits)).collect()
}

/// A value that fits a schema; of a table all that it can hold, or what it must and what has a default.
fn sample(name: &str, schema: &Value, all: bool) -> Value {
    // Where there is a choice, what may stand there says more than a default does.
    let choice = alternatives(schema).next().is_some();
    let given = ["const", "default"]
        .iter()
        .find_map(|key| schema.get(*key))
        .filter(|value| !choice || !value.is_object())
        .filter(|value| !all || !value.as_array().is_some_and(Vec::is_empty));
    let listed = || ["examples", "enum"].iter().find_map(|key| schema.get(*key)?.as_array()?.first());
    match given.or_else(listed) {
        Some(Value::String(text)) => return dated(text).into(),
        Some(value) => return value.clone(),
        None => {}
    }
    let first = alternatives(schema).next();
    match schema.get("type").and_then(Value::as_str) {
        Some("object") | None if schema.get("properties").is_some() || first.is_some() => {
            let mut table = Map::new();
            for schema in std::iter::once(schema).chain(first) {
                let required = schema.get("required").and_then(Value::as_array);
                let wanted = properties(schema).filter(|(name, property)| {
                    all || required.is_some_and(|names| names.iter().any(|known| *known == ***name))
                        || property.get("const").is_some()
                        || property.get("default").is_some()
                });
                table.extend(wanted.map(|(name, property)| (name.clone(), sample(name, property, all))));
            }
            Value::Object(table)
        }
        Some("object") => json!({}),
        Some("array") => {
            let item =
                schema.get("items").map_or_else(|| text(name, schema), |items| sample(name, items, all));
            Value::Array(vec![item])
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(false),
        _ => text(name, schema),
    }
}

/// An example that is no time but says how one is written, as a time.
fn dated(text: &str) -> String {
    let lower = text.to_lowercase();
    if text.contains("%Y") {
        let filled = text.replace("%Y", "2026").replace("%m", "01").replace("%d", "01");
        return filled.replace("%H", "00").replace("%M", "00").replace("%S", "00").replace("%f", "000000");
    }
    if !lower.contains("yyyy") || !lower.contains("mm") {
        return text.to_owned();
    }
    lower
        .replace("yyyy", "2026")
        .replace("mm", "01")
        .replace("dd", "01")
        .replace("hh", "00")
        .replace("ss", "00")
}

fn text(name: &str, schema: &Value) -> Value {
    let of = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    let (form, pattern) = (of("format"), of("pattern"));
    let time = form == "date-time" || pattern.contains('T') && pattern.contains("{4}-");
    let date = form == "date" || pattern.contains("{4}-");
    let told = format!("{name} {}", of("title")).to_lowercase();
    let described = of("description").to_lowercase();
    Value::from(match (time, date) {
        (true, _) if pattern.contains("\\.") && !pattern.contains(")?") => "2026-01-01T00:00:00.000Z",
        (true, _) => "2026-01-01T00:00:00Z",
        (_, true) => "2026-01-01",
        _ if pattern.contains("{8}") || format!("{told} {described}").contains("yyyymmdd") => "20260101",
        _ if told.contains("date") => "2026-01-01T00:00:00Z",
        _ if ["url", "host", "endpoint"].iter().any(|word| told.contains(word))
            || pattern.contains("http") =>
        {
            "https://api.example.com"
        }
        _ => "sample",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specification() -> Value {
        json!({ "type": "object", "required": ["start", "credentials"], "properties": {
            "start": { "type": "string", "title": "Start", "format": "date" },
            "size": { "type": "integer", "default": 100 },
            "region": { "type": "string", "enum": ["eu", "us"] },
            "credentials": { "type": "object", "oneOf": [
                { "required": ["key"], "properties": { "kind": { "const": "key" }, "key": { "type": "string", "airbyte_secret": true } } },
                { "required": ["user"], "properties": { "kind": { "const": "basic" }, "user": { "type": "string" } } },
            ] },
        } })
    }

    fn check(given: Value) -> Result<Config, AirbyteError> {
        let known = BTreeMap::from([("DAY".to_owned(), "2026-01-02".to_owned())]);
        Config::check(Some(&specification()), given, &known)
    }

    #[test]
    fn defaults_are_filled_in_and_secrets_are_taken_out() {
        let given = json!({ "start": "2026-01-01", "credentials": { "kind": "key", "key": "s3cret" } });
        let config = check(given).expect("a config");
        assert_eq!(config.values()["size"], 100);
        assert_eq!(config.values()["credentials"]["key"], "${config:credentials.key}");
        assert_eq!(config.secrets()["config:credentials.key"], "s3cret");
        assert!(!format!("{config:?}").contains("s3cret"));
        let given = json!({ "start": "${DAY}", "credentials": { "kind": "key", "key": "${KEY}" } });
        let config = check(given).expect("a config");
        assert_eq!(config.values()["credentials"]["key"], "${KEY}");
        assert_eq!(config.values()["start"], "2026-01-02");
        assert!(config.secrets().is_empty());
    }

    #[test]
    fn a_misspelt_alternative_is_told_and_its_secret_is_no_less_of_one() {
        let given = json!({ "start": "2026-01-01", "credentials": { "kind": "kye", "key": "s3cret" } });
        let AirbyteError::Config(reasons) = check(given).expect_err("misspelt") else { panic!("a config") };
        let shown: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["config.credentials.kind: \"kye\" is none of \"key\", \"basic\""]);
        let other = json!({ "kind": "basic", "user": "u", "key": "s3cret" });
        let config = check(json!({ "start": "2026-01-01", "credentials": other })).expect("a config");
        assert_eq!(config.values()["credentials"]["key"], "${config:credentials.key}");
        assert_eq!(config.secrets()["config:credentials.key"], "s3cret");
    }

    #[test]
    fn what_is_missing_or_wrong_is_listed_at_once() {
        let given = json!({ "size": "many", "region": "mars", "credentials": { "kind": "basic" } });
        let error = check(given).expect_err("wrong");
        let AirbyteError::Config(reasons) = error else { panic!("{error}") };
        let shown: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "config.size: it is to be of the type `integer`",
                "config.region: \"mars\" is none of \"eu\", \"us\"",
                "config.credentials.user: is required",
                "config.start: is required (Start)",
            ]
        );
    }

    #[test]
    fn a_sample_passes_its_own_check() {
        let sample = Config::sample(Some(&specification()), false);
        assert_eq!(sample.values()["start"], "2026-01-01");
        assert_eq!(sample.values()["credentials"]["kind"], "key");
        assert!(check(sample.values().clone()).is_ok());
    }
}
