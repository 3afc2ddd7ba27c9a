//! What does not fit a table, why, and the line of quarantine that keeps it.

use super::chunk::Sheet;
use crate::json::{JsonError, Kind, Number, Reader, compact, write_string};
use crate::schema::{DataType, infer};
use crate::time::{Times, micros};

/// What reading one record brought to light besides its values.
pub(super) struct Notes {
    /// Values that have no place, in order.
    pub(super) misfits: Vec<Misfit>,
    /// The record's own time.
    pub(super) event: Event,
    /// How event times are written.
    pub(super) times: Times,
    /// Whether a field that holds nothing is worth a note, because the table may take it up.
    pub(super) add: bool,
}

impl Notes {
    /// Ready for the next record.
    pub(super) fn clear(&mut self) {
        self.misfits.clear();
        self.event = Event::Missing;
    }
}

/// A record's own time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// No such field.
    Missing,
    /// The point in time, in microseconds since 1970.
    At(i64),
    /// This value (raw) is none.
    Unreadable(String),
}

impl Event {
    pub(super) fn of(value: &str, times: &Times) -> Event {
        times.parse(value).map_or_else(|| Event::Unreadable(value.to_owned()), |time| Event::At(micros(time)))
    }

    /// Reads the value that comes next.
    pub(super) fn read(reader: &mut Reader<'_>, times: &Times) -> Result<Event, JsonError> {
        if reader.peek()? == Kind::String {
            let mut ahead = reader.clone();
            if let Some(time) = ahead.string()?.plain().and_then(|text| times.plain_rfc3339(text)) {
                *reader = ahead;
                return Ok(Event::At(time));
            }
        }
        Ok(Event::of(reader.skip()?, times))
    }
}

/// A value that has no place in the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Misfit {
    pub(super) cause: Cause,
    /// Dotted name of the field; empty for the record as a whole.
    pub(super) field: String,
    /// Raw JSON.
    pub(super) value: String,
}

/// Why a value has no place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    /// The table has no such field.
    NewField,
    /// The field has another type.
    Type(DataType),
    /// The row has no event time, so no partition.
    Event,
    /// The table would get more columns than allowed.
    TooMany(u32),
    /// The table does not exist.
    NoTable,
    /// What is to be done to the record cannot be done.
    Transform(String),
}

impl Misfit {
    pub(super) fn new(cause: Cause, field: String, value: &str) -> Misfit {
        Misfit { cause, field, value: value.to_owned() }
    }

    /// Why, and what to do, in one sentence.
    pub(super) fn reason(&self) -> String {
        match &self.cause {
            Cause::NewField => match unheld(&self.value) {
                true => {
                    "no number type holds all its digits; declare the column as string or double".to_owned()
                }
                false => format!("the table has no field {}", self.field),
            },
            Cause::Type(expected) => {
                format!(
                    "the column holds {}, this is {}{}",
                    words(expected),
                    found(&self.value),
                    self.advice(expected)
                )
            }
            Cause::Event if self.value == "null" => {
                format!("the event time {} is missing, so the row has no partition", self.field)
            }
            Cause::Event => {
                let field = &self.field;
                format!(
                    "the event time {field} is no point in time in the years 1 to 9999; set its unit, format or timezone"
                )
            }
            Cause::TooMany(most) => {
                format!(
                    "the table would have more than {most} columns; raise limits.max_columns or declare a parent field as json"
                )
            }
            Cause::Transform(why) => format!("transform: {why}"),
            Cause::NoTable => "the table does not exist and the contract creates none".to_owned(),
        }
    }

    fn advice(&self, expected: &DataType) -> &'static str {
        let number = Number::parse(&self.value).is_some();
        match expected {
            DataType::Double if number => {
                " that a double does not hold exactly; declare the column as decimal, double or string"
            }
            DataType::Int53 | DataType::Int64 | DataType::Decimal(_) if number => {
                " that the column does not hold with every digit; declare the column as decimal, double or string"
            }
            _ => "",
        }
    }
}

/// Whether a value is a number that no type holds.
fn unheld(value: &str) -> bool {
    Number::parse(value).is_some() && infer(value.as_bytes()) == DataType::Unknown
}

/// Whether a value says nothing: null, an empty list, an empty object.
pub(super) fn hollow(value: &str) -> bool {
    match value.as_bytes() {
        b"null" => true,
        [b'[', inner @ .., b']'] | [b'{', inner @ .., b'}'] => inner.trim_ascii().is_empty(),
        _ => false,
    }
}

fn words(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Unknown => "nothing yet",
        DataType::Boolean => "booleans",
        DataType::Int53 | DataType::Int64 => "64-bit integers",
        DataType::Decimal(0) => "integers of up to 38 digits",
        DataType::Decimal(_) => "decimals (20 digits before the point, 18 after)",
        DataType::Double => "doubles",
        DataType::Date => "dates",
        DataType::Timestamp => "timestamps",
        DataType::String => "text",
        DataType::Json => "JSON",
        DataType::Struct(_) => "objects",
        DataType::List(_) => "lists",
    }
}

fn found(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Lines of quarantine whose row numbers are not final yet.
#[derive(Default)]
pub(super) struct Quarantine {
    bytes: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    row: u64,
    /// Whether the row counts from the start of the chunk, which may not be that of its batch.
    carried: bool,
    /// Where in `bytes` the row number belongs, and where the line ends.
    number: usize,
    end: usize,
}

impl Quarantine {
    /// Adds what does not fit of a record.
    pub(super) fn push(&mut self, sheet: &Sheet, row: u64, carried: bool, record: &str, misfit: &Misfit) {
        let out = &mut self.bytes;
        for (key, text) in [("{\"batch\":", &sheet.name), (",\"page\":", &sheet.key)] {
            out.extend_from_slice(key.as_bytes());
            write_string(text, out);
        }
        out.extend_from_slice(b",\"row\":");
        let number = out.len();
        out.extend_from_slice(b",\"reason\":");
        write_string(&misfit.reason(), out);
        out.extend_from_slice(b",\"field\":");
        write_string(&misfit.field, out);
        out.extend_from_slice(b",\"value\":");
        compact(&misfit.value, out);
        out.extend_from_slice(b",\"record\":");
        compact(record, out);
        out.extend_from_slice(b"}\n");
        self.lines.push(Line { row, carried, number, end: self.bytes.len() });
    }

    /// Appends the lines, the chunk's first record being number `base` of its batch; how many they are.
    pub(super) fn write(&self, base: u64, out: &mut Vec<u8>) -> u64 {
        let mut start = 0;
        for line in &self.lines {
            out.extend_from_slice(&self.bytes[start..line.number]);
            let row = line.row + if line.carried { base } else { 0 };
            out.extend_from_slice(row.to_string().as_bytes());
            out.extend_from_slice(&self.bytes[line.number..line.end]);
            start = line.end;
        }
        self.lines.len() as u64
    }
}
