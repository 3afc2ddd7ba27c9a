//! Values straight from the page's text into columns. What does not fit is noted and left null; the good rows never
//! pay for it.

use arrow_buffer::BooleanBufferBuilder;

use super::column::{Child, Column, Fields, List, Text, Values, end};
use super::misfit::{Cause, Event, Misfit, Notes, hollow};
use crate::json::{self, JsonError, Kind, Number, Reader};
use crate::schema::{DataType, INT53, decimal, dotted, double};
use crate::time::{self, Times};

impl Fields {
    /// Reads an object as row `row`. Keys of `hidden` are passed over.
    pub(super) fn read(
        &mut self,
        row: usize,
        reader: &mut Reader<'_>,
        hidden: &[(String, String)],
        notes: &mut Notes,
    ) -> Result<(), JsonError> {
        reader.begin_object()?;
        let (mut first, mut expected) = (true, 0);
        while let Some(key) = reader.next_key(first)? {
            first = false;
            if !hidden.is_empty() && hidden.iter().any(|(name, _)| *name == key.value()) {
                reader.skip()?;
                continue;
            }
            match self.find(&key, expected) {
                Some(place) => {
                    expected = place + 1;
                    self.children[place].read(row, reader, notes)?;
                }
                None => self.stranger(&key.value(), reader, notes)?,
            }
        }
        Ok(())
    }

    /// Reads a value as the field `name` of row `row`.
    pub(super) fn read_field(
        &mut self,
        row: usize,
        name: &str,
        reader: &mut Reader<'_>,
        notes: &mut Notes,
    ) -> Result<(), JsonError> {
        match self.index.get(name) {
            Some(place) => self.children[*place].read(row, reader, notes),
            None => self.stranger(name, reader, notes),
        }
    }

    /// The field of that name; most records hold their fields in the order of the schema, some left out.
    #[inline]
    fn find(&self, key: &json::Text<'_>, expected: usize) -> Option<usize> {
        let Some(plain) = key.plain() else { return self.index.get(key.value().as_ref()).copied() };
        let is = |place: usize| self.children.get(place).is_some_and(|child| child.name == plain);
        if is(expected) {
            Some(expected)
        } else if is(expected + 1) {
            Some(expected + 1)
        } else {
            self.index.get(plain).copied()
        }
    }

    fn stranger(&self, name: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        let value = reader.skip()?;
        if notes.add || !hollow(value) {
            notes.misfits.push(Misfit::new(Cause::NewField, dotted(&self.path, name), value));
        }
        Ok(())
    }
}

impl Child {
    /// Reads a value as entry `row`. A key that comes twice: the last value stays.
    #[inline]
    fn read(&mut self, row: usize, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        self.column.truncate(row);
        if self.event && self.read_event(row, reader, notes)? {
            return Ok(());
        }
        if reader.peek()? == Kind::Null {
            return reader.null();
        }
        self.column.pad(row);
        self.column.read(&self.path, reader, notes)
    }

    /// Reads the event time; whether that is all there is to do, because the column itself is a timestamp.
    fn read_event(
        &mut self,
        row: usize,
        reader: &mut Reader<'_>,
        notes: &mut Notes,
    ) -> Result<bool, JsonError> {
        let mut ahead = reader.clone();
        notes.event = Event::of(ahead.skip()?, &notes.times);
        let Values::Timestamp(_) = self.column.values else { return Ok(false) };
        if let Event::At(time) = notes.event {
            self.column.pad(row);
            if let Values::Timestamp(values) = &mut self.column.values {
                values.push(micros(time));
                self.column.valid.append(true);
            }
        }
        *reader = ahead;
        Ok(true)
    }
}

/// Microseconds since 1970, cut downwards.
pub(super) fn micros(time: jiff::Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond().div_euclid(1000)).unwrap_or(i64::MAX)
}

impl Column {
    /// Appends a value that is not null. One that does not fit is noted; the entry is left out, which makes it null.
    #[inline]
    fn read(&mut self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        let start = reader.clone();
        if self.append(path, reader, notes)? {
            self.valid.append(true);
            return Ok(());
        }
        *reader = start;
        let value = reader.skip()?;
        if !hollow(value) {
            let cause = match &self.data_type {
                DataType::Unknown => Cause::NewField,
                other => Cause::Type(other.clone()),
            };
            notes.misfits.push(Misfit::new(cause, path.to_owned(), value));
        }
        Ok(())
    }

    /// Appends the value to the buffers, if it fits; else the reader may stand anywhere.
    #[inline]
    fn append(&mut self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<bool, JsonError> {
        let kind = reader.peek()?;
        let declared = self.declared;
        let len = self.valid.len();
        match &mut self.values {
            Values::Text(text) if kind == Kind::String && self.data_type == DataType::String => {
                text.push(&reader.string()?.value());
                Ok(true)
            }
            Values::Text(text) => {
                let spelled = matches!(kind, Kind::Number | Kind::Boolean) && declared;
                let fits = spelled || self.data_type == DataType::Json;
                if fits {
                    text.push(reader.skip()?);
                }
                Ok(fits)
            }
            Values::Struct(fields) if kind == Kind::Object => {
                fields.read(len, reader, &[], notes).map(|()| true)
            }
            Values::List(list) if kind == Kind::Array => list.read(path, reader, notes).map(|()| true),
            Values::Unknown | Values::Struct(_) | Values::List(_) => Ok(false),
            Values::Boolean(values) => boolean(values, kind, declared, reader),
            Values::Date(values) => {
                Ok(kind == Kind::String && push(values, time::date(&reader.string()?.value())))
            }
            Values::Timestamp(values) => Ok(push(values, timestamp(kind, declared, reader)?)),
            Values::Int(values) => {
                let narrow = self.data_type == DataType::Int53;
                number(kind, declared, reader, |n| push(values, integer(n, narrow, declared)))
            }
            Values::Double(values) => number(kind, declared, reader, |n| push(values, float(n, declared))),
            Values::Decimal(scale, values) => {
                number(kind, declared, reader, |n| push(values, decimal(n, *scale)))
            }
        }
    }
}

fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let fits = value.is_some();
    values.extend(value);
    fits
}

impl Text {
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }
}

impl List {
    /// Reads an array; an item that does not fit is noted and null.
    fn read(&mut self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        reader.begin_array()?;
        let start = end(&self.offsets);
        // A list that a misfit row had begun leaves no items, since rows are cut back.
        let mut len = start;
        while reader.next_item(len == start)? {
            if reader.peek()? == Kind::Null {
                reader.null()?;
            } else {
                self.items.pad(len);
                self.items.read(path, reader, notes)?;
            }
            len += 1;
        }
        self.items.pad(len);
        self.offsets.push(i32::try_from(len).unwrap_or(i32::MAX));
        Ok(())
    }
}

fn boolean(
    values: &mut BooleanBufferBuilder,
    kind: Kind,
    declared: bool,
    reader: &mut Reader<'_>,
) -> Result<bool, JsonError> {
    let value = match kind {
        Kind::Boolean => Some(reader.boolean()?),
        Kind::String if declared => match reader.string()?.value().trim() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        },
        _ => None,
    };
    if let Some(value) = value {
        values.append(value);
    }
    Ok(value.is_some())
}

/// Reads a number, for a declared column also one in quotes, and hands it to `take`.
#[inline]
fn number(
    kind: Kind,
    declared: bool,
    reader: &mut Reader<'_>,
    take: impl FnOnce(&Number<'_>) -> bool,
) -> Result<bool, JsonError> {
    Ok(match kind {
        Kind::Number => take(&reader.number()?),
        Kind::String if declared => Number::parse(reader.string()?.value().trim()).is_some_and(|n| take(&n)),
        _ => false,
    })
}

#[inline]
fn integer(number: &Number<'_>, narrow: bool, declared: bool) -> Option<i64> {
    let whole = || decimal(number, 0).filter(|_| declared).and_then(|value| i64::try_from(value).ok());
    number.as_i64().filter(|value| !narrow || (-INT53..=INT53).contains(value)).or_else(whole)
}

/// A double that holds the number exactly; the nearest one where the file declares the column a double.
#[inline]
fn float(number: &Number<'_>, declared: bool) -> Option<f64> {
    if declared {
        return Some(number.as_f64()).filter(|value| value.is_finite());
    }
    if number.is_integer() {
        return number.as_i64().filter(|value| (-INT53..=INT53).contains(value)).map(|_| number.as_f64());
    }
    double(number)
}

fn timestamp(kind: Kind, declared: bool, reader: &mut Reader<'_>) -> Result<Option<i64>, JsonError> {
    if declared {
        return Ok(Times::plain().parse(reader.skip()?).map(micros));
    }
    Ok(match kind {
        Kind::String => time::rfc3339(&reader.string()?.value()),
        _ => None,
    })
}
