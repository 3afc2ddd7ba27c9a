//! What is written, read back by the library.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;

use super::{Layout, Leaf, Scratch, Writer};
use crate::schema::{DataType, Field, TableSchema};

fn schema(types: &[DataType]) -> TableSchema {
    let field = |(i, data_type): (usize, &DataType)| Field::new(&format!("f{i}"), data_type.clone());
    TableSchema { version: 1, fields: types.iter().enumerate().map(field).collect() }
}

/// A file of one row group.
fn file(schema: &TableSchema, rows: usize, fill: impl FnMut(usize, &mut Leaf)) -> bytes::Bytes {
    let layout = Layout::new(schema, false);
    let mut writer = Writer::new();
    let mut scratch = Scratch::new().expect("a compressor");
    writer.row_group(&layout, rows, &mut scratch, fill).expect("encodes");
    writer.finish(&layout).into()
}

fn metadata(file: &bytes::Bytes) -> Arc<ParquetMetaData> {
    Arc::new(SerializedFileReader::new(file.clone()).expect("parquet").metadata().clone())
}

#[test]
fn a_file_has_the_physical_schema_that_the_library_makes_of_the_same_columns() {
    use DataType::*;
    let inner = Struct(vec![
        Field::new("ä b", List(Box::new(Decimal(18)))),
        Field::new("nothing", Unknown),
        Field { column: Some("C_2".to_owned()), ..Field::new("C", Struct(vec![Field::new("d", Date)])) },
    ]);
    let lists = List(Box::new(List(Box::new(inner.clone()))));
    let schema = schema(&[
        Boolean,
        Int53,
        Int64,
        Decimal(0),
        Double,
        Date,
        Timestamp,
        String,
        Json,
        Unknown,
        List(Box::new(Unknown)),
        inner,
        lists,
    ]);
    let layout = Layout::new(&schema, true);
    let ours = metadata(&Writer::new().finish(&layout).into());
    let theirs =
        ArrowSchemaConverter::new().schema_root("schema").convert(&schema.arrow()).expect("converts");
    assert_eq!(ours.file_metadata().schema_descr().root_schema(), theirs.root_schema());
    assert_eq!(ours.file_metadata().created_by(), Some("tidegate"));
}

#[test]
fn statistics_are_those_of_the_values() {
    let schema = schema(&[DataType::Int64, DataType::Double, DataType::String]);
    let file = file(&schema, 3, |place, leaf| {
        leaf.entries = 3;
        match place {
            0 => leaf.values.integers().extend([5, -7, 5]),
            1 => {
                leaf.definitions.extend([1, 0, 1]);
                leaf.values.doubles().extend([-0.5, 0.0]);
            }
            _ => {
                for text in ["b", "", "é"] {
                    leaf.values.texts().bytes.extend_from_slice(text.as_bytes());
                    leaf.values.texts().end();
                }
            }
        }
    });
    let metadata = metadata(&file);
    let columns = metadata.row_group(0).columns();
    let limits = |place: usize| {
        let statistics = columns[place].statistics().expect("statistics");
        let bytes = |limit: Option<&[u8]>| limit.expect("a limit").to_vec();
        (bytes(statistics.min_bytes_opt()), bytes(statistics.max_bytes_opt()), statistics.null_count_opt())
    };
    assert_eq!(limits(0), ((-7i64).to_le_bytes().to_vec(), 5i64.to_le_bytes().to_vec(), Some(0)));
    assert_eq!(limits(1), ((-0.5f64).to_le_bytes().to_vec(), 0.0f64.to_le_bytes().to_vec(), Some(1)));
    assert_eq!(limits(2), (Vec::new(), "é".as_bytes().to_vec(), Some(0)));
    let sizes: i64 = columns.iter().map(|column| column.compressed_size()).sum();
    assert_eq!(metadata.row_group(0).compressed_size(), sizes);
}

#[test]
fn a_column_that_repeats_itself_gets_a_dictionary_and_one_that_does_not_gets_none() {
    let rows = 300_000;
    let schema = schema(&[DataType::Int64, DataType::Int64, DataType::Decimal(0)]);
    let value = |place: usize, row: usize| match place {
        0 => (row * 7919 % 5000) as i64 * 1_000_003,
        _ => row as i64 * 7919,
    };
    let file = file(&schema, rows, |place, leaf| {
        leaf.entries = rows;
        match place {
            2 => leaf.values.decimals().extend((0..rows).map(|row| -i128::from(value(0, row)))),
            _ => leaf.values.integers().extend((0..rows).map(|row| value(place, row))),
        }
    });
    let group = metadata(&file);
    let coded = |place: usize| group.row_group(0).column(place).dictionary_page_offset().is_some();
    assert!(coded(0) && !coded(1) && coded(2));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
    let mut row = 0;
    for batch in reader.map(|batch| batch.expect("batch")) {
        for at in 0..batch.num_rows() {
            assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(at), value(0, row));
            assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(at), value(1, row));
            let decimal = batch.column(2).as_primitive::<Decimal128Type>().value(at);
            assert_eq!(decimal, -i128::from(value(0, row)));
            row += 1;
        }
    }
    assert_eq!(row, rows);
}

#[test]
fn numbers_that_do_not_repeat_are_written_as_steps_and_texts_as_lengths() {
    let rows = 100_000;
    let number = |row: usize| (row * 7919 % 1_000_003) as i64 * if row.is_multiple_of(2) { 1 } else { -1000 };
    let types = [DataType::Timestamp, DataType::Date, DataType::String, DataType::Int64];
    let file = file(&schema(&types), rows, |place, leaf| {
        leaf.entries = rows;
        match place {
            0 => leaf.values.integers().extend((0..rows).map(number)),
            1 => leaf.values.short_integers().extend((0..rows).map(|row| number(row) as i32)),
            2 => (0..rows).for_each(|row| leaf.values.texts().add(number(row).to_string().as_bytes())),
            _ => leaf.values.integers().extend((0..rows).map(|row| number(row).wrapping_mul(i64::MAX / 3))),
        }
    });
    let group = metadata(&file);
    let used = |place: usize| group.row_group(0).column(place).encodings().collect::<Vec<_>>();
    assert!(
        used(0).contains(&Encoding::DELTA_BINARY_PACKED) && used(1).contains(&Encoding::DELTA_BINARY_PACKED)
    );
    assert!(
        used(2).contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY)
            && !used(3).contains(&Encoding::DELTA_BINARY_PACKED)
    );
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
    let mut row = 0;
    for batch in reader.map(|batch| batch.expect("batch")) {
        for at in 0..batch.num_rows() {
            let value = number(row);
            assert_eq!(batch.column(0).as_primitive::<TimestampMicrosecondType>().value(at), value);
            assert_eq!(batch.column(1).as_primitive::<Date32Type>().value(at), value as i32);
            assert_eq!(batch.column(2).as_string::<i32>().value(at), value.to_string());
            assert_eq!(
                batch.column(3).as_primitive::<Int64Type>().value(at),
                value.wrapping_mul(i64::MAX / 3)
            );
            row += 1;
        }
    }
    assert_eq!(row, rows);
}

proptest! {
    #[test]
    fn any_numbers_come_back(values in proptest::collection::vec(prop_oneof![any::<i64>(), -5i64..5], 0..500)) {
        let file = file(&schema(&[DataType::Int64]), values.len(), |_, leaf| {
            leaf.entries = values.len();
            leaf.values.integers().extend(&values);
        });
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
        let read: Vec<i64> =
            reader.flat_map(|batch| batch.expect("batch").column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn any_doubles_come_back(values in proptest::collection::vec(proptest::option::of(any::<f64>()), 1..200), copies in 1usize..20) {
        let all: Vec<Option<f64>> = values.iter().copied().cycle().take(values.len() * copies).collect();
        let file = file(&schema(&[DataType::Double]), all.len(), |_, leaf| {
            leaf.entries = all.len();
            leaf.definitions.extend(all.iter().map(|value| u8::from(value.is_some())));
            leaf.values.doubles().extend(all.iter().flatten());
        });
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("reader");
        let read: Vec<Option<u64>> = reader
            .flat_map(|batch| {
                let column = batch.expect("batch").column(0).as_primitive::<Float64Type>().clone();
                column.iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>()
            })
            .collect();
        prop_assert_eq!(read, all.iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>());
    }
}
