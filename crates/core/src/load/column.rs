//! Columns under construction. A column may be shorter than its table: missing entries at its end are nulls, filled
//! in only when a later value comes, so that a row costs what it holds and not what the table has. Of values only those
//! that are there are kept. A row is undone by cutting every column back.

use std::collections::HashMap;

use super::key::Key;
use super::presence::Presence;
use crate::parquet::Texts;
use crate::schema::{DataType, Field, dotted};

/// The values of one field, null or not.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) data_type: DataType,
    pub(super) declared: bool,
    pub(super) present: Presence,
    pub(super) values: Values,
}

/// The values of a column by their type.
#[derive(Clone)]
pub(super) enum Values {
    Unknown,
    Boolean(Vec<bool>),
    /// Whether they are to lie within ±2⁵³.
    Int(bool, Vec<i64>),
    Decimal(u8, Vec<i128>),
    Double(Vec<f64>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Text(Texts),
    Json(Texts),
    Struct(Fields),
    List(List),
}

/// Items one after the other, and where each list ends.
#[derive(Clone)]
pub(super) struct List {
    pub(super) ends: Vec<u32>,
    pub(super) items: Box<Column>,
}

/// The columns of a record, at any depth.
#[derive(Clone)]
pub(super) struct Fields {
    pub(super) children: Vec<Child>,
    pub(super) index: HashMap<String, usize>,
    /// Dotted name of the record's own field; empty at the top.
    pub(super) path: String,
    /// The child that came first in the last record.
    pub(super) first: usize,
}

/// A field within a record.
#[derive(Clone)]
pub(super) struct Child {
    pub(super) path: String,
    pub(super) key: Key,
    /// The children that came after this one, the last time and before.
    pub(super) after: [usize; 2],
    /// Whether it is the record's own time.
    pub(super) event: bool,
    pub(super) column: Column,
}

impl Fields {
    /// Empty columns of these fields. `event` is the dotted name of the event time.
    pub(super) fn new(fields: &[Field], path: &str, event: Option<&str>) -> Fields {
        let child = |(place, field): (usize, &Field)| {
            let path = dotted(path, &field.name);
            let column = Column::new(&field.data_type, field.declared, &path, event);
            let after = [place + 1, place + 2];
            Child { key: Key::new(&field.name), after, event: event == Some(&path), path, column }
        };
        let index = fields.iter().enumerate().map(|(i, field)| (field.name.clone(), i)).collect();
        let children = fields.iter().enumerate().map(child).collect();
        Fields { children, index, path: path.to_owned(), first: 0 }
    }

    /// Forgets all rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        for child in &mut self.children {
            child.column.truncate(len);
        }
    }
}

impl Column {
    fn new(data_type: &DataType, declared: bool, path: &str, event: Option<&str>) -> Column {
        let values = match data_type {
            DataType::Unknown => Values::Unknown,
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::Int53 => Values::Int(true, Vec::new()),
            DataType::Int64 => Values::Int(false, Vec::new()),
            DataType::Decimal(scale) => Values::Decimal(*scale, Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Timestamp => Values::Timestamp(Vec::new()),
            DataType::String => Values::Text(Texts::default()),
            DataType::Json => Values::Json(Texts::default()),
            DataType::Struct(fields) => Values::Struct(Fields::new(fields, path, event)),
            // A list holds no event time, so none is looked for in it.
            DataType::List(item) => Values::List(List {
                ends: Vec::new(),
                items: Box::new(Column::new(item, declared, path, None)),
            }),
        };
        Column { data_type: data_type.clone(), declared, present: Presence::default(), values }
    }

    /// Forgets all entries from `len` on.
    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        if self.present.len() > len {
            self.present.truncate(len);
            self.values.truncate(self.present.count());
        }
    }
}

impl Values {
    fn truncate(&mut self, len: usize) {
        match self {
            Values::Unknown => {}
            Values::Boolean(values) => values.truncate(len),
            Values::Int(_, values) | Values::Timestamp(values) => values.truncate(len),
            Values::Decimal(_, values) => values.truncate(len),
            Values::Double(values) => values.truncate(len),
            Values::Date(values) => values.truncate(len),
            Values::Text(texts) | Values::Json(texts) => texts.truncate(len),
            Values::Struct(fields) => fields.truncate(len),
            Values::List(list) => {
                let end = list.start(len);
                list.ends.truncate(len);
                list.items.truncate(end);
            }
        }
    }
}

impl List {
    /// Where the items of the list begin that stands at this place.
    #[inline]
    pub(super) fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends.get(at - 1).map_or(0, |end| *end as usize) }
    }

    /// Where the items of the last list end.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }
}
