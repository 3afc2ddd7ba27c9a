//! A Parquet file as lines of JSON: one row a line, every value as exact as it stands there. Times without a zone count
//! as UTC; what JSON has no word for (NaN, infinity) is null; bytes are base64.
//!
//! Rows are put together from the columns here, as the library's own ways to a row lose digits or are as large as all the
//! rest of it.

mod column;
mod footer;
mod shape;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};

use self::column::Column;
use self::shape::{Form, Node};
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
    read.unwrap_or_else(|_| Err(unreadable("it is damaged")))
}

fn unreadable(reason: impl std::fmt::Display) -> DecodeError {
    malformed(format!("this is no Parquet file that can be read: {reason}"))
}

impl From<ParquetError> for DecodeError {
    fn from(error: ParquetError) -> Self {
        unreadable(error)
    }
}

fn rows(body: &[u8], most: u64, out: &mut String) -> Result<(), DecodeError> {
    footer::check(body)?;
    let file = Arc::new(Bytes::copy_from_slice(body));
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&*file)?;
    let sum = |of: fn(&ColumnChunkMetaData) -> i64| {
        let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
        chunks.map(|chunk| u64::try_from(of(chunk)).unwrap_or(u64::MAX)).fold(0, u64::saturating_add)
    };
    let longest = most.saturating_mul(8);
    // No value takes fewer than two bytes of JSON.
    if sum(|chunk| chunk.uncompressed_size()) > most || sum(|chunk| chunk.num_values()) > longest / 2 {
        return Err(too_much(most));
    }
    let nodes = shape::nodes(metadata.file_metadata().schema())?;
    for group in metadata.row_groups() {
        group_rows(&file, group, &nodes, out, |out| match out.len() as u64 > longest {
            true => Err(too_much(most)),
            false => Ok(()),
        })?;
    }
    Ok(())
}

/// Writes the rows of a group, and checks what is written after each of them.
fn group_rows(
    file: &Arc<Bytes>,
    group: &RowGroupMetaData,
    nodes: &[Node],
    out: &mut String,
    check: impl Fn(&str) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut left = usize::try_from(group.num_rows()).map_err(unreadable)?;
    let columns = group.columns().iter().map(|chunk| Column::new(file, chunk, left));
    let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
    while left > 0 {
        let rows = left.min(ROWS);
        columns.iter_mut().try_for_each(|column| column.fill(rows))?;
        for _ in 0..rows {
            object(nodes, &mut columns, out)?;
            out.push('\n');
            check(out)?;
        }
        columns.iter().try_for_each(Column::ended)?;
        left -= rows;
    }
    Ok(())
}

fn object(fields: &[Node], columns: &mut [Column], out: &mut String) -> Result<(), DecodeError> {
    out.push('{');
    for (index, field) in fields.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        text(&field.name, out);
        out.push(':');
        node(field, columns, out)?;
    }
    out.push('}');
    Ok(())
}

fn text(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut bytes);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

/// Writes what stands next in the columns of a node.
fn node(node: &Node, columns: &mut [Column], out: &mut String) -> Result<(), DecodeError> {
    let defined = columns[node.columns.start].defined()?;
    if defined < node.defined {
        out.push_str("null");
        return skip(node, columns);
    }
    match &node.form {
        Form::Value(kind) => {
            let value = columns[node.columns.start].advance()?;
            return value.ok_or_else(|| unreadable("a value is missing"))?.write(*kind, out);
        }
        Form::Struct(fields) => return object(fields, columns, out),
        Form::List { .. } | Form::Map { .. } if defined == node.defined => {
            out.push_str(if matches!(node.form, Form::List { .. }) { "[]" } else { "{}" });
            return skip(node, columns);
        }
        Form::List { item, level } => {
            out.push('[');
            each(node, *level, columns, out, |columns, out| self::node(item, columns, out))?;
            out.push(']');
        }
        Form::Map { entry, level } => {
            let [key, value] = &**entry;
            out.push('{');
            each(node, *level, columns, out, |columns, out| {
                self::key(key, columns, out)?;
                self::node(value, columns, out)
            })?;
            out.push('}');
        }
    }
    Ok(())
}

/// Passes over a place in each column of a node that has nothing there.
fn skip(node: &Node, columns: &mut [Column]) -> Result<(), DecodeError> {
    columns[node.columns.clone()].iter_mut().try_for_each(|column| column.advance().map(drop))
}

/// Writes the items of a list or map, of which there is one at least.
fn each(
    node: &Node,
    level: i16,
    columns: &mut [Column],
    out: &mut String,
    mut item: impl FnMut(&mut [Column], &mut String) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    item(columns, out)?;
    while columns[node.columns.start].repeated() >= level {
        out.push(',');
        item(columns, out)?;
    }
    Ok(())
}

/// Writes the key of an entry; one that is no text is written as one.
fn key(key: &Node, columns: &mut [Column], out: &mut String) -> Result<(), DecodeError> {
    let mut written = String::new();
    node(key, columns, &mut written)?;
    match written.starts_with('"') {
        true => out.push_str(&written),
        false => text(&written, out),
    }
    out.push(':');
    Ok(())
}

#[cfg(test)]
mod tests;
