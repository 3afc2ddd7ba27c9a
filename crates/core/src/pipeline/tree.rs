//! The text as a tree in which every key and every value knows its place.

use std::ops::Range;
use std::rc::Rc;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Mistake;

/// Where something was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// In the text.
    File(Range<usize>),
    /// On the command line, by this key.
    Override(Rc<str>),
}

impl Place {
    /// A mistake at this place.
    pub(super) fn mistake(&self, message: impl Into<String>, help: Option<String>) -> Mistake {
        let message = message.into();
        match self {
            Place::File(span) => Mistake { span: span.clone(), message, help },
            Place::Override(key) => Mistake { span: 0..0, message: format!("--set {key}: {message}"), help },
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(Vec<Entry>),
    List(Vec<Node>),
    /// Text, a number or a boolean; dates and times are their text.
    Leaf(Json),
}

/// One key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Parses the text; every mistake in its syntax otherwise.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let place = |span| Place::File(span);
        return Ok(Node { place: Place::File(0..0), value: table_of(table.get_ref(), &place) });
    }
    Err(errors.iter().map(|error| syntax_mistake(text, error)).collect())
}

fn syntax_mistake(text: &str, error: &toml::de::Error) -> Mistake {
    let span = error.span().unwrap_or(0..0);
    let end = span.end.max(span.start + 1).min(text.len());
    let start = span.start.min(end.saturating_sub(1));
    let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    Mistake { span: start..end, message: format!("not TOML: {}", error.message()), help: None }
}

fn table_of(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        place: place(key.span()),
        node: node_of(value, place),
    };
    Value::Table(table.iter().map(entry).collect())
}

fn node_of(value: &Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Place) -> Node {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table_of(table, place),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node_of(item, place)).collect()),
        DeValue::String(text) => Value::Leaf(Json::from(text.as_ref())),
        DeValue::Boolean(flag) => Value::Leaf(Json::from(*flag)),
        DeValue::Integer(number) => Value::Leaf(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Json::from(number.to_string()), Json::from),
        ),
        DeValue::Float(number) => Value::Leaf(
            (number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64))
                .map_or_else(|| Json::from(number.as_str()), Json::from),
        ),
        DeValue::Datetime(time) => Value::Leaf(Json::from(time.to_string())),
    };
    Node { place: place(value.span()), value: inner }
}

/// The value of an override: TOML where it is TOML, else text.
pub(super) fn override_value(key: &str, text: &str) -> Node {
    let key: Rc<str> = key.into();
    let place = |_| Place::Override(Rc::clone(&key));
    match DeValue::parse(text) {
        Ok(value) => node_of(&value, &place),
        Err(_) => Node { place: place(0..0), value: Value::Leaf(Json::from(text)) },
    }
}

impl Node {
    /// The value under a key, or under an index written as text.
    pub(super) fn get(&self, step: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == step).map(|entry| &entry.node),
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            Value::Leaf(_) => None,
        }
    }

    /// The place of the value at the end of the steps, or of the last one that is there.
    pub(super) fn place_of(&self, steps: &[&str]) -> &Place {
        match steps.split_first().and_then(|(first, rest)| Some((self.get(first)?, rest))) {
            Some((node, rest)) => node.place_of(rest),
            None => &self.place,
        }
    }

    /// The tree as JSON, places left out.
    pub(super) fn to_json(&self) -> Json {
        match &self.value {
            Value::Table(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Leaf(leaf) => leaf.clone(),
        }
    }

    /// What it is, in a word with its article.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Table(_) => "a table",
            Value::List(_) => "a list",
            Value::Leaf(Json::String(_)) => "a text",
            Value::Leaf(Json::Bool(_)) => "true or false",
            Value::Leaf(number) if number.is_f64() => "a number",
            Value::Leaf(_) => "an integer",
        }
    }
}
