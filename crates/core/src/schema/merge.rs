//! A record's type taken into a table's schema: new fields and widenings.

use std::collections::{BTreeMap, HashMap};

use super::names::Names;
use super::widen::{Widened, widen};
use super::{DataType, DeclaredType, Field, TableSchema};

/// What a record may change in a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// Whether fields may be added.
    pub(crate) add: bool,
    /// Whether types may widen.
    pub(crate) widen: bool,
    /// Types that the pipeline file declares, by dotted name; the fields of a list's items go by the list's name.
    pub(crate) declared: &'a BTreeMap<String, DeclaredType>,
    /// Dotted name of the event time.
    pub(crate) event: Option<&'a str>,
    /// Leaf columns that may be added.
    pub(crate) room: usize,
}

/// What a record did to a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// Nothing.
    Same,
    /// The schema is wider now.
    Wider,
    /// It would have had more columns than allowed, so nothing was changed.
    TooMany,
}

impl TableSchema {
    /// Number of columns, those within structs counted one by one.
    pub fn columns(&self) -> usize {
        leaves_of(&self.fields)
    }

    /// Takes in a record of these fields.
    pub(crate) fn merge(&mut self, record: &[Field], rules: &Rules<'_>) -> Merged {
        let more = if rules.add { added(&self.fields, record, "", rules) } else { 0 };
        if more > rules.room {
            return Merged::TooMany;
        }
        if merge_fields(&mut self.fields, record, "", rules) { Merged::Wider } else { Merged::Same }
    }

    /// Gives fields that exist already the types that the file declares now; whether any changed.
    pub(crate) fn declare(&mut self, declared: &BTreeMap<String, DeclaredType>) -> bool {
        !declared.is_empty() && declare(&mut self.fields, "", declared)
    }
}

fn declare(fields: &mut [Field], prefix: &str, declared: &BTreeMap<String, DeclaredType>) -> bool {
    let mut changed = false;
    for field in fields {
        let path = dotted(prefix, &field.name);
        if let Some(wanted) = declared.get(&path) {
            changed |= field.data_type != wanted.data_type();
            field.data_type = wanted.data_type();
            field.declared = true;
        } else if let DataType::Struct(inner) = innermost(&mut field.data_type) {
            changed |= declare(inner, &path, declared);
        }
    }
    changed
}

fn innermost(data_type: &mut DataType) -> &mut DataType {
    match data_type {
        DataType::List(item) => innermost(item),
        other => other,
    }
}

/// The dotted name of a field.
pub(crate) fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn leaves_of(fields: &[Field]) -> usize {
    fields.iter().map(|field| leaves(&field.data_type)).sum()
}

fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => leaves_of(fields),
        DataType::List(item) => leaves(item),
        _ => 1,
    }
}

/// Number of leaf columns that `new` would add to `known`.
fn added(known: &[Field], new: &[Field], prefix: &str, rules: &Rules<'_>) -> usize {
    let places = Places::of(known, new.len());
    let one = |field: &Field| {
        let path = dotted(prefix, &field.name);
        match places.find(known, &field.name) {
            Some(place) if known[place].declared => 0,
            Some(place) => added_to(&known[place].data_type, &field.data_type, &path, rules),
            None if rules.declared.contains_key(&path) => 1,
            None => 1 + added_to(&DataType::Unknown, &field.data_type, &path, rules),
        }
    };
    new.iter().map(one).sum()
}

fn added_to(known: &DataType, new: &DataType, path: &str, rules: &Rules<'_>) -> usize {
    match (known, new) {
        (DataType::Unknown, _) if rules.declared.contains_key(path) => 0,
        (DataType::Unknown, DataType::Struct(new)) => added(&[], new, path, rules).saturating_sub(1),
        (DataType::Unknown, DataType::List(new)) => added_to(known, new, path, rules),
        (DataType::Struct(known), DataType::Struct(new)) => added(known, new, path, rules),
        (DataType::List(known), DataType::List(new)) => added_to(known, new, path, rules),
        _ => 0,
    }
}

/// Where fields stand, by name. For few look-ups a walk is cheaper than an index.
struct Places<'a>(Option<HashMap<&'a str, usize>>);

impl Places<'_> {
    fn of(fields: &[Field], lookups: usize) -> Places<'_> {
        let index = || fields.iter().enumerate().map(|(place, field)| (field.name.as_str(), place)).collect();
        Places((lookups > 8).then(index))
    }

    fn find(&self, fields: &[Field], name: &str) -> Option<usize> {
        match &self.0 {
            Some(index) => index.get(name).copied(),
            None => fields.iter().position(|field| field.name == name),
        }
    }
}

fn merge_fields(known: &mut Vec<Field>, new: &[Field], prefix: &str, rules: &Rules<'_>) -> bool {
    let places = Places::of(known, new.len());
    let found: Vec<Option<usize>> = new.iter().map(|field| places.find(known, &field.name)).collect();
    let mut changed = false;
    let mut names: Option<Names> = None;
    for (field, place) in new.iter().zip(found) {
        let path = dotted(prefix, &field.name);
        match place {
            Some(place) => changed |= merge_field(&mut known[place], &field.data_type, &path, rules),
            None if rules.add => {
                let names = names.get_or_insert_with(|| Names::of(known, prefix.is_empty()));
                let mut added = Field::new(&field.name, DataType::Unknown);
                added.column = names.column(&field.name);
                merge_field(&mut added, &field.data_type, &path, rules);
                known.push(added);
                changed = true;
            }
            None => {}
        }
    }
    changed
}

fn merge_field(known: &mut Field, new: &DataType, path: &str, rules: &Rules<'_>) -> bool {
    if known.declared {
        return false;
    }
    if let Some(declared) = rules.declared.get(path).filter(|_| known.data_type == DataType::Unknown) {
        known.data_type = declared.data_type();
        known.declared = true;
        return true;
    }
    if rules.event == Some(path) && known.data_type == DataType::Unknown && rules.add {
        known.data_type = DataType::Timestamp;
        return true;
    }
    let event = rules.event == Some(path) && known.data_type == DataType::Timestamp;
    !event && merge_type(&mut known.data_type, new, path, rules)
}

fn merge_type(known: &mut DataType, new: &DataType, path: &str, rules: &Rules<'_>) -> bool {
    match (&mut *known, new) {
        (_, DataType::Unknown) => false,
        (DataType::Unknown, _) => {
            if rules.add {
                *known = first(new, path, rules);
            }
            rules.add
        }
        (DataType::Struct(known), DataType::Struct(new)) => merge_fields(known, new, path, rules),
        (DataType::List(known), DataType::List(new)) => merge_type(known, new, path, rules),
        _ if rules.widen => match widen(known, new) {
            Widened::To(wider) if wider != *known => {
                *known = wider;
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// The type of a field whose first value has type `new`.
fn first(new: &DataType, path: &str, rules: &Rules<'_>) -> DataType {
    match new {
        DataType::Struct(new) => {
            let mut fields = Vec::new();
            merge_fields(&mut fields, new, path, rules);
            DataType::Struct(fields)
        }
        DataType::List(item) => DataType::List(Box::new(first(item, path, rules))),
        other => other.clone(),
    }
}
