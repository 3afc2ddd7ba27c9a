//! A Parquet file as lines of JSON: one row a line, every value as exact as it stands there. Times without a zone count
//! as UTC; what JSON has no word for (NaN, infinity) is null; bytes are base64.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::DecodeError;
use super::packed::{malformed, too_much};
use crate::json::write_string;

/// Rows that are read at a time: few, as a few bytes of a file may stand for long texts.
const ROWS: usize = 128;

/// Writes the rows of a file, at most so many bytes.
pub(super) fn lines(body: &[u8], most: u64, out: &mut String) -> Result<(), DecodeError> {
    // The library takes some damage in a file for a mistake of the program and panics. What was written until then is
    // thrown away with the page.
    let read = catch_unwind(AssertUnwindSafe(|| rows(body, most, out)));
    read.unwrap_or_else(|_| Err(malformed("this is no Parquet file that can be read: it is damaged")))
}

fn rows(body: &[u8], most: u64, out: &mut String) -> Result<(), DecodeError> {
    let wrong = |error: &dyn std::fmt::Display| {
        malformed(format!("this is no Parquet file that can be read: {error}"))
    };
    // What other programs note about their own types is left out: the types are those of the format.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::copy_from_slice(body), options);
    let builder = builder.map_err(|error| wrong(&error))?;
    let groups = builder.metadata().row_groups().iter().flat_map(|group| group.columns());
    let declared = groups.map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX));
    if declared.fold(0u64, u64::saturating_add) > most {
        return Err(too_much(most));
    }
    for batch in builder.with_batch_size(ROWS).build().map_err(|error| wrong(&error))? {
        let rows = StructArray::from(batch.map_err(|error| wrong(&error))?);
        for row in 0..rows.len() {
            object(&rows, row, out)?;
            out.push('\n');
        }
        if out.len() as u64 > most.saturating_mul(8) {
            return Err(too_much(most));
        }
    }
    Ok(())
}

fn object(rows: &StructArray, row: usize, out: &mut String) -> Result<(), DecodeError> {
    out.push('{');
    for (index, (field, column)) in rows.fields().iter().zip(rows.columns()).enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        text(field.name(), out);
        out.push(':');
        value(column, row, out)?;
    }
    out.push('}');
    Ok(())
}

fn text(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// Writes one value.
fn value(column: &ArrayRef, row: usize, out: &mut String) -> Result<(), DecodeError> {
    if column.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    macro_rules! number {
        ($type:ty) => {{
            // Writing to a String does not fail.
            let _ = write!(out, "{}", column.as_primitive::<$type>().value(row));
        }};
    }
    match column.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Boolean => out.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => float(column.as_primitive::<Float16Type>().value(row).to_f32(), out),
        DataType::Float32 => float(column.as_primitive::<Float32Type>().value(row), out),
        DataType::Float64 => double(column.as_primitive::<Float64Type>().value(row), out),
        DataType::Decimal128(..) => {
            out.push_str(&column.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(..) => {
            out.push_str(&column.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Utf8 => text(column.as_string::<i32>().value(row), out),
        DataType::LargeUtf8 => text(column.as_string::<i64>().value(row), out),
        DataType::Binary => text(&STANDARD.encode(column.as_binary::<i32>().value(row)), out),
        DataType::LargeBinary => text(&STANDARD.encode(column.as_binary::<i64>().value(row)), out),
        DataType::FixedSizeBinary(_) => text(&STANDARD.encode(column.as_fixed_size_binary().value(row)), out),
        DataType::Struct(_) => object(column.as_struct(), row, out)?,
        DataType::List(_) => list(&column.as_list::<i32>().value(row), out)?,
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(row), out)?,
        DataType::FixedSizeList(..) => list(&column.as_fixed_size_list().value(row), out)?,
        DataType::Map(..) => map(&column.as_map().value(row), out)?,
        _ => return time(column, row, out),
    }
    Ok(())
}

fn list(items: &ArrayRef, out: &mut String) -> Result<(), DecodeError> {
    out.push('[');
    for row in 0..items.len() {
        out.push_str(if row == 0 { "" } else { "," });
        value(items, row, out)?;
    }
    out.push(']');
    Ok(())
}

/// A map as an object; a key that is no text is written as one.
fn map(entries: &StructArray, out: &mut String) -> Result<(), DecodeError> {
    let [keys, values] = entries.columns() else { return Err(malformed("a map has no keys and values")) };
    out.push('{');
    for row in 0..entries.len() {
        out.push_str(if row == 0 { "" } else { "," });
        let mut key = String::new();
        value(keys, row, &mut key)?;
        if key.starts_with('"') {
            out.push_str(&key)
        } else {
            text(&key, out)
        }
        out.push(':');
        value(values, row, out)?;
    }
    out.push('}');
    Ok(())
}

/// The shortest spelling that stands for the same number of its width.
fn float(value: f32, out: &mut String) {
    out.push_str(&serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned()));
}

fn double(value: f64, out: &mut String) {
    out.push_str(&serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned()));
}

/// Writes a date, a time of day or a point in time. One outside of the calendar stays the number that it is, which fits
/// no column of times and so goes to quarantine.
fn time(column: &ArrayRef, row: usize, out: &mut String) -> Result<(), DecodeError> {
    let (number, shown) = match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            (i64::from(days), date(i64::from(days)))
        }
        DataType::Time32(TimeUnit::Second) => {
            of_day(column.as_primitive::<Time32SecondType>().value(row).into(), 1_000_000_000)
        }
        DataType::Time32(_) => {
            of_day(column.as_primitive::<Time32MillisecondType>().value(row).into(), 1_000_000)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            of_day(column.as_primitive::<Time64MicrosecondType>().value(row), 1_000)
        }
        DataType::Time64(_) => of_day(column.as_primitive::<Time64NanosecondType>().value(row), 1),
        DataType::Timestamp(TimeUnit::Second, _) => {
            stamp(column.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            stamp(column.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            stamp(column.as_primitive::<TimestampMicrosecondType>().value(row), 1_000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            stamp(column.as_primitive::<TimestampNanosecondType>().value(row), 1)
        }
        other => return Err(malformed(format!("a column has the type {other}, which is not read"))),
    };
    match shown {
        Some(shown) => text(&shown, out),
        None => out.push_str(&number.to_string()),
    }
    Ok(())
}

fn date(days: i64) -> Option<String> {
    let since = jiff::Span::new().try_days(days).ok()?;
    Some(Date::constant(1970, 1, 1).checked_add(since).ok()?.to_string())
}

/// A time of day in units of so many nanoseconds.
fn of_day(number: i64, unit: i64) -> (i64, Option<String>) {
    let nanos = number.checked_mul(unit).filter(|nanos| *nanos >= 0);
    let since = nanos.and_then(|nanos| jiff::Span::new().try_nanoseconds(nanos).ok());
    (number, since.and_then(|since| Time::midnight().checked_add(since).ok()).map(|time| time.to_string()))
}

/// A point in time in units of so many nanoseconds.
fn stamp(number: i64, unit: i128) -> (i64, Option<String>) {
    let time = Timestamp::from_nanosecond(i128::from(number) * unit);
    (number, time.ok().map(|time| time.to_string()))
}

#[cfg(test)]
mod tests;
