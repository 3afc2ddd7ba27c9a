//! The dicts of a configuration, and what is said about them.

use serde_json::Value;

use super::literal::Literal;
use crate::import::{Note, Refusal};

/// What came up while reading.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) notes: Vec<Note>,
    pub(super) refusals: Vec<Refusal>,
}

impl Reading {
    pub(super) fn note(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.notes.push(Note { path: path.into(), message: message.into() });
    }

    pub(super) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.refusals.push(Refusal { path: path.into(), message: message.into() });
    }

    /// Refuses a value that needs Python, with what to write instead.
    pub(super) fn code(&mut self, path: &str, value: &Literal, instead: &str) {
        match value {
            Literal::Code(code) => {
                self.refuse(path, format!("`{}` is Python, which is not run; {instead}", cut(code)))
            }
            other => self.refuse(path, format!("{} has no counterpart; {instead}", what(other))),
        }
    }

    /// The value as JSON; refuses code in it.
    pub(super) fn json(&mut self, path: &str, value: &Literal) -> Value {
        value.json(path).unwrap_or_else(|(path, code)| {
            self.code(&path, &Literal::Code(code), "write the value itself");
            Value::Null
        })
    }
}

fn cut(code: &str) -> String {
    if code.chars().count() <= 60 { code.to_owned() } else { code.chars().take(59).chain(['…']).collect() }
}

fn what(value: &Literal) -> &'static str {
    match value {
        Literal::Null => "nothing",
        Literal::Bool(_) => "a truth value",
        Literal::Number(_) => "a number",
        Literal::Text(_) => "a text",
        Literal::List(_) => "a list",
        Literal::Dict(_) => "a dict",
        Literal::Code(_) => "code",
    }
}

/// A dict and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Dict<'a> {
    pub(super) path: String,
    fields: &'a [(String, Literal)],
}

impl<'a> Dict<'a> {
    pub(super) fn of(path: &str, value: &'a Literal) -> Option<Dict<'a>> {
        match value {
            Literal::Dict(fields) => Some(Dict { path: path.to_owned(), fields }),
            _ => None,
        }
    }

    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, &'a Literal)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key, `None` where there is none.
    pub(super) fn get(&self, key: &str) -> Option<&'a Literal> {
        self.fields().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// The value of a key that says something: neither absent nor `None`.
    pub(super) fn given(&self, key: &str) -> Option<&'a Literal> {
        self.get(key).filter(|value| **value != Literal::Null)
    }

    pub(super) fn text(&self, key: &str, reading: &mut Reading) -> Option<String> {
        match self.given(key)? {
            Literal::Text(text) => Some(text.clone()),
            other => {
                reading.code(&self.at(key), other, "write a text");
                None
            }
        }
    }

    pub(super) fn number(&self, key: &str, reading: &mut Reading) -> Option<u64> {
        let value = self.given(key)?;
        let number = match value {
            Literal::Number(number) => number.as_u64(),
            Literal::Text(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            reading.code(&self.at(key), value, "write a whole number");
        }
        number
    }

    pub(super) fn truth(&self, key: &str, reading: &mut Reading) -> Option<bool> {
        match self.given(key)? {
            Literal::Bool(truth) => Some(*truth),
            other => {
                reading.code(&self.at(key), other, "write True or False");
                None
            }
        }
    }

    pub(super) fn dict(&self, key: &str, reading: &mut Reading) -> Option<Dict<'a>> {
        let value = self.given(key)?;
        let dict = Dict::of(&self.at(key), value);
        if dict.is_none() {
            reading.code(&self.at(key), value, "write a dict");
        }
        dict
    }

    pub(super) fn list(&self, key: &str, reading: &mut Reading) -> &'a [Literal] {
        match self.given(key) {
            None => &[],
            Some(Literal::List(items)) => items,
            Some(other) => {
                reading.code(&self.at(key), other, "write a list");
                &[]
            }
        }
    }

    /// Texts, of which there may be one alone.
    pub(super) fn texts(&self, key: &str, reading: &mut Reading) -> Vec<String> {
        match self.given(key) {
            None => Vec::new(),
            Some(Literal::Text(text)) => vec![text.clone()],
            Some(Literal::List(items)) if items.iter().all(|item| matches!(item, Literal::Text(_))) => items
                .iter()
                .filter_map(|item| if let Literal::Text(text) = item { Some(text.clone()) } else { None })
                .collect(),
            Some(other) => {
                reading.code(&self.at(key), other, "write a text or a list of texts");
                Vec::new()
            }
        }
    }

    /// Notes the keys that are not known.
    pub(super) fn only(&self, known: &[&str], reading: &mut Reading) {
        for (key, _) in self.fields().filter(|(key, _)| !known.contains(key)) {
            reading.note(self.at(key), "not known here, left out");
        }
    }
}

/// A name as tidegate has them: lower-case letters, digits and `_`.
pub(super) fn name(text: &str) -> String {
    let plain = text.to_lowercase().replace(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit(), "_");
    let plain = plain.trim_matches('_');
    if plain.is_empty() { "records".to_owned() } else { plain.to_owned() }
}

/// A JSONPath of dlt (`data.items`, `$.data`, `my-key`) as RFC 9535 writes it.
pub(super) fn json_path(path: &str) -> String {
    let path = path.trim();
    if path == "$" || path.is_empty() {
        return "$".to_owned();
    }
    let rest = path.strip_prefix('$').unwrap_or(path);
    let mut out = "$".to_owned();
    for step in steps(rest.strip_prefix('.').filter(|rest| !rest.starts_with('.')).unwrap_or(rest)) {
        let plain = step.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !step.starts_with(|c: char| c.is_numeric());
        match step.as_str() {
            // `a..b`
            "" => out.push('.'),
            "*" => out.push_str(".*"),
            index if index.starts_with('[') => out.push_str(index),
            name if plain => out.push_str(&format!(".{name}")),
            name => out.push_str(&format!("['{}']", name.trim_matches(['\'', '"']).replace('\'', "\\'"))),
        }
    }
    out
}

/// The names and `[…]` of a path; a name in quotes may hold a dot. An empty step stands for `..`.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut quote = None;
    for c in path.chars() {
        let last = steps.last_mut().expect("never empty");
        match (quote, c) {
            (None, '.') => steps.push(String::new()),
            (None, '[') if last.is_empty() => last.push(c),
            (None, '[') => steps.push(c.to_string()),
            (None, ']') => {
                last.push(c);
                continue;
            }
            (open, c) => {
                if "'\"".contains(c) {
                    quote = if open == Some(c) { None } else { open.or(Some(c)) };
                }
                last.push(c);
            }
        }
    }
    if path.starts_with("..") {
        steps.remove(0);
    }
    steps
}

/// A path in a record: `$.a.b` is `a.b`.
pub(super) fn field_path(path: &str) -> String {
    path.trim().trim_start_matches('$').trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_those_of_the_standard() {
        for (dlt, ours) in [
            ("data", "$.data"),
            ("$", "$"),
            ("$.data.items[*]", "$.data.items[*]"),
            ("results[0].x-y", "$.results[0]['x-y']"),
            ("[*].a", "$[*].a"),
            ("$..items", "$..items"),
            ("'@odata.nextLink'", "$['@odata.nextLink']"),
            ("*.b", "$.*.b"),
        ] {
            assert_eq!(json_path(dlt), ours, "{dlt}");
        }
        assert_eq!((field_path("$.a.b").as_str(), name("My Posts!").as_str()), ("a.b", "my_posts"));
    }
}
