//! Values straight from the page's text into columns. What does not fit is noted and left null; the good rows never
//! pay for it.

use super::column::{Child, Column, Fields, List, Values};
use super::misfit::{Cause, Event, Misfit, Notes, hollow};
use crate::json::{self, JsonError, Kind, Number, Reader, Short};
use crate::parquet::Texts;
use crate::schema::{DataType, INT53, decimal, dotted, double};
use crate::time::{self, Times, micros};

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
        let (mut last, mut expected) = (None, [self.first, usize::MAX]);
        loop {
            let place = match self.expect(&expected, last.is_none(), hidden, reader) {
                Some(place) => place,
                None => match self.next(last, hidden, reader, notes)? {
                    Next::Child(place) => place,
                    Next::Other => {
                        // Only its being there counts: the entry before the next one is not the first.
                        last.get_or_insert(usize::MAX);
                        continue;
                    }
                    Next::End => return Ok(()),
                },
            };
            let child = &mut self.children[place];
            child.read(row, reader, notes)?;
            expected = child.after;
            last = Some(place);
        }
    }

    /// Passes over the key if it is one of those that came here before.
    #[inline]
    fn expect(
        &self,
        expected: &[usize; 2],
        first: bool,
        hidden: &[(String, String)],
        reader: &mut Reader<'_>,
    ) -> Option<usize> {
        if !hidden.is_empty() {
            return None;
        }
        expected.iter().copied().find(|place| {
            let child = self.children.get(*place);
            child.is_some_and(|child| reader.take_key(first, |bytes| child.key.matches(bytes)))
        })
    }

    /// Reads any key; one that the table does not have is passed over with its value.
    #[inline(never)]
    fn next(
        &mut self,
        last: Option<usize>,
        hidden: &[(String, String)],
        reader: &mut Reader<'_>,
        notes: &mut Notes,
    ) -> Result<Next, JsonError> {
        let Some(key) = reader.next_key(last.is_none())? else { return Ok(Next::End) };
        if !hidden.is_empty() && hidden.iter().any(|(name, _)| *name == key.value()) {
            reader.skip()?;
            return Ok(Next::Other);
        }
        let Some(place) = self.find(&key) else {
            self.stranger(&key.value(), reader, notes)?;
            return Ok(Next::Other);
        };
        match last {
            None => self.first = place,
            Some(last) => {
                if let Some(child) = self.children.get_mut(last) {
                    child.after = [place, child.after[0]];
                }
            }
        }
        Ok(Next::Child(place))
    }

    fn find(&self, key: &json::Text<'_>) -> Option<usize> {
        match key.plain() {
            Some(plain) => self.index.get(plain).copied(),
            None => self.index.get(key.value().as_ref()).copied(),
        }
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

    fn stranger(&self, name: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        let value = reader.skip()?;
        if notes.add || !hollow(value) {
            notes.misfits.push(Misfit::new(Cause::NewField, dotted(&self.path, name), value));
        }
        Ok(())
    }
}

/// What a key led to.
enum Next {
    /// The child at this place, whose value comes next.
    Child(usize),
    /// Something that is passed over.
    Other,
    /// The object is over.
    End,
}

impl Child {
    /// Reads a value as entry `row`. A key that comes twice: the last value stays.
    #[inline]
    fn read(&mut self, row: usize, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        self.column.truncate(row);
        if self.event && self.read_event(row, reader, notes)? {
            return Ok(());
        }
        self.column.present.pad(row);
        if self.column.quick(reader) {
            return Ok(());
        }
        if reader.peek()? == Kind::Null {
            return reader.null();
        }
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
        notes.event = Event::read(&mut ahead, &notes.times)?;
        let Values::Timestamp(values) = &mut self.column.values else { return Ok(false) };
        if let Event::At(time) = notes.event {
            self.column.present.pad(row);
            values.push(time);
            self.column.present.push();
        }
        *reader = ahead;
        Ok(true)
    }
}

impl Column {
    /// Appends the value that comes next, if it is of the kind that most values are; else nothing is read.
    #[inline]
    fn quick(&mut self, reader: &mut Reader<'_>) -> bool {
        let done = match &mut self.values {
            Values::Double(values) => reader.short_number().is_some_and(|number| {
                values.push(number.as_f64());
                true
            }),
            Values::Int(_, values) => {
                let start = reader.clone();
                let integer = reader.short_number().and_then(Short::as_i64);
                if integer.is_none() {
                    *reader = start;
                }
                push(values, integer)
            }
            Values::Text(texts) => reader.plain_string().is_some_and(|text| texts.push(text)),
            _ => false,
        };
        if done {
            self.present.push();
        }
        done
    }

    /// Appends a value that is not null. One that does not fit is noted; the entry is left out, which makes it null.
    #[inline]
    fn read(&mut self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        let start = reader.clone();
        if self.append(path, reader, notes)? {
            self.present.push();
            return Ok(());
        }
        *reader = start;
        self.misfit(path, reader, notes)
    }

    #[inline(never)]
    fn misfit(&self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
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
        match &mut self.values {
            Values::Text(texts) if kind == Kind::String => texts.read(reader),
            Values::Double(values) => number(kind, declared, reader, |n| push(values, float(n, declared))),
            Values::Int(narrow, values) => {
                number(kind, declared, reader, |n| push(values, integer(n, *narrow, declared)))
            }
            Values::Struct(fields) if kind == Kind::Object => {
                fields.read(self.present.count(), reader, &[], notes).map(|()| true)
            }
            Values::List(list) if kind == Kind::Array => list.read(path, reader, notes).map(|()| true),
            Values::Text(texts) => {
                let spelled = matches!(kind, Kind::Number | Kind::Boolean) && declared;
                Ok(spelled && texts.push(reader.skip()?))
            }
            Values::Json(texts) => Ok(texts.push(reader.skip()?)),
            Values::Unknown | Values::Struct(_) | Values::List(_) => Ok(false),
            Values::Boolean(values) => boolean(values, kind, declared, reader),
            Values::Date(values) => {
                Ok(kind == Kind::String && push(values, time::date(&reader.string()?.value())))
            }
            Values::Timestamp(values) => Ok(push(values, timestamp(kind, declared, reader)?)),
            Values::Decimal(scale, values) => {
                number(kind, declared, reader, |n| push(values, decimal(n, *scale)))
            }
        }
    }
}

#[inline]
fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            values.push(value);
            true
        }
        None => false,
    }
}

impl Texts {
    /// Appends a string.
    #[inline]
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<bool, JsonError> {
        let text = reader.string()?;
        Ok(match text.plain() {
            Some(plain) => self.push(plain),
            None => self.push(&text.value()),
        })
    }

    #[inline]
    fn push(&mut self, text: &str) -> bool {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end();
        true
    }
}

impl List {
    /// Reads an array; an item that does not fit is noted and null.
    #[inline]
    fn read(&mut self, path: &str, reader: &mut Reader<'_>, notes: &mut Notes) -> Result<(), JsonError> {
        reader.begin_array()?;
        let start = self.end();
        // A list that a misfit row had begun leaves no items, since rows are cut back.
        self.items.truncate(start);
        let mut len = start;
        while reader.next_item(len == start)? {
            self.items.present.pad(len);
            if !self.items.quick(reader) {
                match reader.peek()? {
                    Kind::Null => reader.null()?,
                    _ => self.items.read(path, reader, notes)?,
                }
            }
            len += 1;
        }
        self.items.present.pad(len);
        self.ends.push(u32::try_from(len).expect("a chunk of columns holds less than 4 billion items"));
        Ok(())
    }
}

fn boolean(
    values: &mut Vec<bool>,
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
    Ok(push(values, value))
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
