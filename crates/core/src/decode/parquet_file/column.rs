//! A column of a row group, read a few rows at a time.

use std::sync::Arc;

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::value::{Value, nanoseconds};
use super::{DecodeError, unreadable};

/// The rows that were read, and where the next ones are.
pub(super) struct Column {
    reader: ColumnReader,
    /// The definition level of a value.
    full: i16,
    levels: Levels,
    /// The place that is next.
    at: usize,
    values: std::vec::IntoIter<Value>,
}

/// The levels of each place of a column: a value, or that one of the groups around it is null or empty.
#[derive(Default)]
struct Levels {
    definition: Vec<i16>,
    repetition: Vec<i16>,
    places: usize,
}

impl Column {
    pub(super) fn new(
        file: &Arc<Bytes>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<Self, ParquetError> {
        let pages = SerializedPageReader::new(file.clone(), chunk, rows, None)?;
        let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
        let full = chunk.column_descr().max_def_level();
        Ok(Self { reader, full, levels: Levels::default(), at: 0, values: Vec::new().into_iter() })
    }

    /// Reads so many rows, in place of those before.
    pub(super) fn fill(&mut self, rows: usize) -> Result<(), DecodeError> {
        let levels = &mut self.levels;
        let values = match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => read(reader, rows, levels, Value::Bool),
            ColumnReader::Int32ColumnReader(reader) => read(reader, rows, levels, Value::Int),
            ColumnReader::Int64ColumnReader(reader) => read(reader, rows, levels, Value::Long),
            ColumnReader::Int96ColumnReader(reader) => {
                read(reader, rows, levels, |value| Value::Nanoseconds(nanoseconds(&value)))
            }
            ColumnReader::FloatColumnReader(reader) => read(reader, rows, levels, Value::Float),
            ColumnReader::DoubleColumnReader(reader) => read(reader, rows, levels, Value::Double),
            ColumnReader::ByteArrayColumnReader(reader) => read(reader, rows, levels, Value::Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                read(reader, rows, levels, |value| Value::Bytes(ByteArray::from(value)))
            }
        };
        (self.values, self.at) = (values?.into_iter(), 0);
        Ok(())
    }

    /// The definition level of the next place.
    pub(super) fn defined(&self) -> Result<i16, DecodeError> {
        match self.at < self.levels.places {
            true => Ok(self.levels.definition.get(self.at).copied().unwrap_or(0)),
            false => Err(disagree()),
        }
    }

    /// The repetition level of the next place: zero where a row begins, or none is left.
    pub(super) fn repeated(&self) -> i16 {
        self.levels.repetition.get(self.at).copied().unwrap_or(0)
    }

    /// Passes over the next place; the value that stands there.
    pub(super) fn advance(&mut self) -> Result<Option<Value>, DecodeError> {
        let full = self.defined()? == self.full;
        self.at += 1;
        Ok(if full { self.values.next() } else { None })
    }

    /// That nothing is left of the rows that were read.
    pub(super) fn ended(&self) -> Result<(), DecodeError> {
        if self.at == self.levels.places { Ok(()) } else { Err(disagree()) }
    }
}

fn disagree() -> DecodeError {
    unreadable("its columns do not have the same rows")
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Levels,
    value: fn(T::T) -> Value,
) -> Result<Vec<Value>, DecodeError> {
    let Levels { definition, repetition, places } = levels;
    definition.clear();
    repetition.clear();
    let mut values = Vec::new();
    let (read, _, all) = reader.read_records(rows, Some(definition), Some(repetition), &mut values)?;
    *places = all;
    if read == rows { Ok(values.into_iter().map(value).collect()) } else { Err(disagree()) }
}
