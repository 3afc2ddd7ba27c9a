//! Records in another shape: tables taken apart, fields under other names.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::fields::Fields;
use crate::expr::ExprError;
use crate::pipeline::{Flatten, Keys, Unnest};

/// Most bytes of all names of a record that is taken apart: each repeats the names around it.
const NAMES: usize = 16 << 20;

/// The record with the fields of a table within it, unless one of them is there already.
pub(super) fn unnested(record: Fields, unnest: &Unnest) -> Fields {
    let path: Vec<&str> = unnest.path.split('.').collect();
    let Some(inner) = record.table(&path) else { return record };
    let named = |(name, value)| (format!("{}{name}{}", unnest.prefix, unnest.suffix), value);
    let inner: Fields = inner.into_iter().map(named).collect();
    if unnest.alone && inner.names().next().is_some() {
        return inner;
    }
    let own: HashSet<&str> = record.names().collect();
    if inner.names().any(|name| own.contains(name)) {
        return record;
    }
    let mut record = record;
    if unnest.remove {
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        record.take(&path);
    }
    record.into_iter().chain(inner).collect()
}

/// The plain values within a record. The last is taken first, as the Airbyte CDK does it: that decides which of two
/// values has a name for itself, and that whatever is taken after the items of a list is named with what is around it.
pub(super) fn flattened(record: Fields, flatten: Flatten) -> Result<Fields, ExprError> {
    let mut found: IndexMap<String, Box<RawValue>> = IndexMap::new();
    let mut names = 0;
    let mut in_full = false;
    let mut open: Vec<(String, Inner)> = vec![("_".to_owned(), Inner::Table(record))];
    while let Some((around, value)) = open.pop() {
        let first = open.len();
        match value {
            Inner::Table(fields) => {
                for (name, value) in fields {
                    let full = in_full || found.contains_key(&name);
                    let name = if full { format!("{around}.{name}") } else { name };
                    open.push((name, Inner::of(value, flatten)));
                }
            }
            Inner::List(items) => {
                in_full |= !items.is_empty();
                let named = |(at, item)| (format!("{around}.{at}"), Inner::of(item, flatten));
                open.extend(items.into_iter().enumerate().map(named));
            }
            Inner::Plain(value) => drop(found.insert(around, value)),
        }
        names += open[first..].iter().map(|(name, _)| name.len()).sum::<usize>();
        if names > NAMES {
            return Err(failed(
                "flatten",
                "the names of what is within the record are too long together".to_owned(),
            ));
        }
    }
    Ok(found.into_iter().collect())
}

/// A value on its way apart.
enum Inner {
    Table(Fields),
    List(Vec<Box<RawValue>>),
    Plain(Box<RawValue>),
}

impl Inner {
    fn of(value: Box<RawValue>, flatten: Flatten) -> Inner {
        if let Some(fields) = Fields::within(&value) {
            return Inner::Table(fields.into_iter().collect());
        }
        match flatten {
            Flatten::All if value.get().starts_with('[') => {
                serde_json::from_str(value.get()).map_or(Inner::Plain(value), Inner::List)
            }
            _ => Inner::Plain(value),
        }
    }
}

/// The record with its names spelled in another way.
pub(super) fn spelled(record: Fields, keys: Keys) -> Result<Fields, ExprError> {
    match keys {
        Keys::Lower => renamed(record, false, &|name| Ok(name.to_lowercase())),
        Keys::SnakeCase => renamed(record, true, &snake_case),
    }
}

/// The record with other names; of tables within it too, where it is `deep`. Of two fields that come by one name the last
/// stays.
pub(super) fn renamed(
    record: Fields,
    deep: bool,
    rename: &impl Fn(&str) -> Result<String, ExprError>,
) -> Result<Fields, ExprError> {
    let field = |(name, value): (String, Box<RawValue>)| {
        let inner = if deep { Fields::within(&value) } else { None };
        let value = match inner {
            Some(inner) => super::fields::boxed(renamed(inner, deep, rename)?.write()),
            None => value,
        };
        Ok((rename(&name)?, value))
    };
    record.into_iter().map(field).collect()
}

/// A name in words of lower case with `_` between: capitals begin a word, digits are one, and so is what is neither,
/// which leaves a `_` at either end alone.
fn snake_case(name: &str) -> Result<String, ExprError> {
    if !name.is_ascii() {
        let message =
            format!("the name `{name}` has a letter beyond ASCII; rename it first, or leave `keys` out");
        return Err(failed("keys", message));
    }
    let mut words = words(name.as_bytes());
    if let [_, inner @ .., _] = &mut words[..] {
        let kept: Vec<String> = inner.iter().filter(|word| !word.is_empty()).cloned().collect();
        let end = words.len() - 1;
        words.splice(1..end, kept);
    }
    if words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        words.insert(0, String::new());
    }
    Ok(words.join("_"))
}

/// The words of a name in lower case; one that is neither letters nor digits is empty.
fn words(name: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < name.len() {
        let run = |from: usize, of: fn(&u8) -> bool| name[from..].iter().take_while(|byte| of(byte)).count();
        let capitals = run(at, u8::is_ascii_uppercase);
        let length = match name[at] {
            byte if byte.is_ascii_alphabetic() => capitals + run(at + capitals, u8::is_ascii_lowercase),
            byte if byte.is_ascii_digit() => run(at, u8::is_ascii_digit),
            _ => run(at, |byte| !byte.is_ascii_alphanumeric()),
        };
        let word = &name[at..at + length];
        let is_word = word[0].is_ascii_alphanumeric();
        let word = if is_word { String::from_utf8_lossy(word).to_ascii_lowercase() } else { String::new() };
        words.push(word);
        at += length;
    }
    words
}

fn failed(expression: &str, message: String) -> ExprError {
    ExprError::Failed { expression: expression.to_owned(), message }
}
