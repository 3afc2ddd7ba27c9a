//! Columns under construction. A column may be shorter than its table: missing entries at its end are nulls, filled
//! in only when a later value comes, so that a row costs what it holds and not what the table has. A row is undone by
//! cutting every column back.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType as Arrow};

use crate::schema::{DataType, Field, dotted};

/// The values of one field, null or not.
pub(super) struct Column {
    pub(super) data_type: DataType,
    pub(super) declared: bool,
    pub(super) values: Values,
    pub(super) valid: BooleanBufferBuilder,
}

/// The buffers of a column by the type of its values.
pub(super) enum Values {
    Unknown,
    Boolean(BooleanBufferBuilder),
    Int(Vec<i64>),
    Decimal(u8, Vec<i128>),
    Double(Vec<f64>),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Text(Text),
    Struct(Fields),
    List(List),
}

/// Texts one after the other, and where each ends.
pub(super) struct Text {
    pub(super) offsets: Vec<i32>,
    pub(super) bytes: Vec<u8>,
}

/// Items one after the other, and where each list ends.
pub(super) struct List {
    pub(super) offsets: Vec<i32>,
    pub(super) items: Box<Column>,
}

/// The columns of a record, at any depth.
pub(super) struct Fields {
    pub(super) children: Vec<Child>,
    pub(super) index: HashMap<String, usize>,
    /// Dotted name of the record's own field; empty at the top.
    pub(super) path: String,
}

/// A field within a record.
pub(super) struct Child {
    pub(super) name: String,
    pub(super) path: String,
    /// Whether it is the record's own time.
    pub(super) event: bool,
    pub(super) column: Column,
}

impl Fields {
    /// Empty columns of these fields. `event` is the dotted name of the event time.
    pub(super) fn new(fields: &[Field], path: &str, event: Option<&str>) -> Fields {
        let child = |field: &Field| {
            let path = dotted(path, &field.name);
            let column = Column::new(&field.data_type, field.declared, &path, event);
            Child { name: field.name.clone(), event: event == Some(&path), path, column }
        };
        let index = fields.iter().enumerate().map(|(i, field)| (field.name.clone(), i)).collect();
        Fields { children: fields.iter().map(child).collect(), index, path: path.to_owned() }
    }

    /// Forgets all rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        for child in &mut self.children {
            child.column.truncate(len);
        }
    }

    /// The arrays of the columns that have a type, each `len` long; the columns are empty again.
    pub(super) fn finish(&mut self, len: usize) -> Result<Vec<ArrayRef>, ArrowError> {
        self.children.iter_mut().filter_map(|child| child.column.finish(len).transpose()).collect()
    }
}

impl Column {
    fn new(data_type: &DataType, declared: bool, path: &str, event: Option<&str>) -> Column {
        let values = match data_type {
            DataType::Unknown => Values::Unknown,
            DataType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Int53 | DataType::Int64 => Values::Int(Vec::new()),
            DataType::Decimal(scale) => Values::Decimal(*scale, Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Timestamp => Values::Timestamp(Vec::new()),
            DataType::String | DataType::Json => Values::Text(Text { offsets: vec![0], bytes: Vec::new() }),
            DataType::Struct(fields) => Values::Struct(Fields::new(fields, path, event)),
            DataType::List(item) => Values::List(List {
                offsets: vec![0],
                // A list holds no event time, so none is looked for in it.
                items: Box::new(Column::new(item, declared, path, None)),
            }),
        };
        Column { data_type: data_type.clone(), declared, values, valid: BooleanBufferBuilder::new(0) }
    }

    /// Fills up with nulls to `len` entries.
    #[inline]
    pub(super) fn pad(&mut self, len: usize) {
        if self.valid.len() < len {
            self.pad_slow(len);
        }
    }

    fn pad_slow(&mut self, len: usize) {
        self.valid.append_n(len - self.valid.len(), false);
        match &mut self.values {
            Values::Unknown | Values::Struct(_) => {}
            Values::Boolean(values) => values.append_n(len - values.len(), false),
            Values::Int(values) | Values::Timestamp(values) => values.resize(len, 0),
            Values::Decimal(_, values) => values.resize(len, 0),
            Values::Double(values) => values.resize(len, 0.0),
            Values::Date(values) => values.resize(len, 0),
            Values::Text(Text { offsets, .. }) | Values::List(List { offsets, .. }) => {
                let end = offsets.last().copied().unwrap_or(0);
                offsets.resize(len + 1, end);
            }
        }
    }

    /// Forgets all entries from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        if self.valid.len() <= len {
            return;
        }
        self.valid.truncate(len);
        match &mut self.values {
            Values::Unknown => {}
            Values::Boolean(values) => values.truncate(len),
            Values::Int(values) | Values::Timestamp(values) => values.truncate(len),
            Values::Decimal(_, values) => values.truncate(len),
            Values::Double(values) => values.truncate(len),
            Values::Date(values) => values.truncate(len),
            Values::Text(Text { offsets, bytes }) => {
                offsets.truncate(len + 1);
                bytes.truncate(end(offsets));
            }
            Values::Struct(fields) => fields.truncate(len),
            Values::List(List { offsets, items }) => {
                offsets.truncate(len + 1);
                items.truncate(end(offsets));
            }
        }
    }

    /// The array of all entries, filled up to `len`; `None` while the type is unknown. The column is empty again.
    pub(super) fn finish(&mut self, len: usize) -> Result<Option<ArrayRef>, ArrowError> {
        self.pad(len);
        let nulls = Some(NullBuffer::new(self.valid.finish())).filter(|nulls| nulls.null_count() > 0);
        let Some(arrow) = self.data_type.arrow() else {
            self.values.clear();
            return Ok(None);
        };
        self.values.finish(len, nulls, arrow).map(Some)
    }
}

/// End of the last text or list.
pub(super) fn end(offsets: &[i32]) -> usize {
    offsets.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0)
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])))
}

impl Values {
    fn finish(
        &mut self,
        len: usize,
        nulls: Option<NullBuffer>,
        arrow: Arrow,
    ) -> Result<ArrayRef, ArrowError> {
        use std::mem::take;
        Ok(match self {
            Values::Unknown => return Err(ArrowError::SchemaError("a column without a type".to_owned())),
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int(values) => Arc::new(Int64Array::try_new(take(values).into(), nulls)?),
            Values::Decimal(_, values) => {
                Arc::new(Decimal128Array::try_new(take(values).into(), nulls)?.with_data_type(arrow))
            }
            Values::Double(values) => Arc::new(Float64Array::try_new(take(values).into(), nulls)?),
            Values::Date(values) => Arc::new(Date32Array::try_new(take(values).into(), nulls)?),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::try_new(take(values).into(), nulls)?.with_timezone("UTC"))
            }
            Values::Text(Text { offsets, bytes }) => {
                Arc::new(StringArray::try_new(take_offsets(offsets), take(bytes).into(), nulls)?)
            }
            Values::Struct(fields) => {
                let arrays = fields.finish(len)?;
                let Arrow::Struct(types) = arrow else { return Err(unlike(&arrow)) };
                Arc::new(StructArray::try_new(types, arrays, nulls)?)
            }
            Values::List(List { offsets, items }) => {
                let (length, Arrow::List(item)) = (end(offsets), &arrow) else { return Err(unlike(&arrow)) };
                let values = items.finish(length)?.ok_or_else(|| unlike(&arrow))?;
                Arc::new(ListArray::try_new(Arc::clone(item), take_offsets(offsets), values, nulls)?)
            }
        })
    }

    /// Empties values that no array is made of: lists and structs of unknown things.
    fn clear(&mut self) {
        match self {
            Values::Struct(fields) => fields.truncate(0),
            Values::List(List { offsets, items }) => {
                offsets.truncate(1);
                items.truncate(0);
            }
            _ => {}
        }
    }
}

fn unlike(arrow: &Arrow) -> ArrowError {
    ArrowError::SchemaError(format!("a column is not {arrow}"))
}
