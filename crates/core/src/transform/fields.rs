//! The fields of an object, in order, their values as they are spelled.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::write_string;

/// The fields of an object.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Box<RawValue>)>);

impl IntoIterator for Fields {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Of several fields of one name, the last value at the place of the first.
impl FromIterator<(String, Box<RawValue>)> for Fields {
    fn from_iter<T: IntoIterator<Item = (String, Box<RawValue>)>>(fields: T) -> Fields {
        Fields(fields.into_iter().collect::<IndexMap<_, _>>().into_iter().collect())
    }
}

impl Fields {
    /// Those of a JSON text; `None` where it is no object.
    pub(super) fn read(text: &str) -> Result<Option<Fields>, serde_json::Error> {
        if !text.trim_start().starts_with('{') {
            return Ok(None);
        }
        serde_json::from_str(text).map(Some)
    }

    /// Those of a value within a record, if it is a readable object.
    pub(super) fn within(value: &RawValue) -> Option<Fields> {
        Fields::read(value.get()).ok().flatten()
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The table at a path, through tables alone.
    pub(super) fn table(&self, path: &[&str]) -> Option<Fields> {
        let (name, rest) = path.split_first()?;
        let (_, value) = self.0.iter().rev().find(|(other, _)| other == name)?;
        let inner = Fields::within(value)?;
        if rest.is_empty() { Some(inner) } else { inner.table(rest) }
    }

    pub(super) fn write(&self) -> String {
        let mut out = vec![b'{'];
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_string(name, &mut out);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
        // Names and values were texts before.
        String::from_utf8(out).unwrap_or_default()
    }

    /// Sets the value at a path; tables are made on the way, in the place of what is no table.
    pub(super) fn set(&mut self, path: &[String], value: Box<RawValue>) {
        let Some((name, rest)) = path.split_first() else { return };
        let old = self.0.iter_mut().rev().find(|(other, _)| other == name);
        let value = if rest.is_empty() {
            value
        } else {
            let inner = old.as_ref().and_then(|(_, value)| Fields::within(value));
            let mut inner = inner.unwrap_or(Fields(Vec::new()));
            inner.set(rest, value);
            boxed(inner.write())
        };
        match old {
            Some((_, place)) => *place = value,
            None => self.0.push((name.clone(), value)),
        }
    }

    /// Leaves out what a path leads to, in which `*` is every field or item and `**` any number of steps; whether it led
    /// to anything.
    pub(super) fn remove(&mut self, path: &[String]) -> bool {
        let Some((name, rest)) = path.split_first() else { return false };
        if name != "*" && name != "**" && rest.is_empty() {
            return self.take(path).is_some();
        }
        if rest.is_empty() {
            return !std::mem::take(&mut self.0).is_empty();
        }
        // Of any number of steps none is one, too.
        let mut found = name == "**" && self.remove(rest);
        let inner = if name == "**" { path } else { rest };
        for (other, value) in &mut self.0 {
            if (name == "*" || name == "**" || other == name)
                && let Some(less) = without(value, inner)
            {
                *value = less;
                found = true;
            }
        }
        found
    }

    /// Takes the value at a path out.
    pub(super) fn take(&mut self, path: &[String]) -> Option<Box<RawValue>> {
        let (name, rest) = path.split_first()?;
        if rest.is_empty() {
            let mut taken = None;
            self.0.retain(|(other, value)| {
                let is_it = other == name;
                if is_it {
                    taken = Some(value.clone());
                }
                !is_it
            });
            return taken;
        }
        let (_, place) = self.0.iter_mut().rev().find(|(other, _)| other == name)?;
        let mut inner = Fields::within(place)?;
        let taken = inner.take(rest)?;
        *place = boxed(inner.write());
        Some(taken)
    }
}

/// A table or a list without what a path leads to; `None` where that is nothing.
fn without(value: &RawValue, path: &[String]) -> Option<Box<RawValue>> {
    if let Some(mut fields) = Fields::within(value) {
        return fields.remove(path).then(|| boxed(fields.write()));
    }
    let mut items: Vec<Box<RawValue>> = serde_json::from_str(value.get()).ok()?;
    let (name, rest) = path.split_first()?;
    let is_it = |index: usize| name == "*" || name.parse() == Ok(index);
    let mut found = false;
    if rest.is_empty() {
        let before = items.len();
        let mut index = 0..;
        items.retain(|_| !index.next().is_some_and(is_it));
        found = items.len() < before;
    } else {
        let inner = if name == "**" { path } else { rest };
        for (index, item) in items.iter_mut().enumerate() {
            if (name == "**" || is_it(index))
                && let Some(less) = without(item, inner)
            {
                *item = less;
                found = true;
            }
        }
    }
    found.then(|| serde_json::to_string(&items).map_or_else(|_| RawValue::NULL.to_owned(), boxed))
}

pub(super) fn boxed(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = map.next_entry()? {
            fields.push(entry);
        }
        Ok(Fields(fields))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}
