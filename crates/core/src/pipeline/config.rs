//! The values of `source.config`, with and without their secrets.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::source::references;
use super::{Secret, Secrets, Source};
use crate::expr::Base;

impl Source {
    /// What requests may name: `config` with its secrets. The error names the first secret without a value.
    pub fn base(&self, secrets: &Secrets, now: Timestamp) -> Result<Base, String> {
        let reveal = |text: &str| secrets.reveal(&Secret(text.to_owned()));
        let config = Value::Object(self.config.clone());
        Ok(Base { config: each_text(&config, &reveal)?, dialect: self.expressions, now })
    }

    /// What records and columns may name: `config` without the values that hold a secret.
    pub fn public_base(&self, now: Timestamp) -> Base {
        Base { config: Value::Object(self.public_config()), dialect: self.expressions, now }
    }

    /// `config` without the values that hold a secret.
    pub fn public_config(&self) -> Map<String, Value> {
        let public = |(_, value): &(&String, &Value)| !holds_secret(value);
        self.config.iter().filter(public).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Whether `config` holds a secret.
    pub fn has_secret_config(&self) -> bool {
        self.config.values().any(holds_secret)
    }

    /// The texts of `config`, at any depth.
    pub(super) fn config_texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        self.config.values().for_each(|value| collect(value, &mut texts));
        texts
    }
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(table) => table.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

fn holds_secret(value: &Value) -> bool {
    let mut texts = Vec::new();
    collect(value, &mut texts);
    texts.into_iter().any(|text| !references(text).is_empty())
}

/// The value with every text in it changed.
fn each_text(value: &Value, change: &impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(change(text)?),
        Value::Array(items) => items.iter().map(|item| each_text(item, change)).collect::<Result<_, _>>()?,
        Value::Object(table) => {
            let entries = table.iter().map(|(name, value)| Ok((name.clone(), each_text(value, change)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        plain => plain.clone(),
    })
}
