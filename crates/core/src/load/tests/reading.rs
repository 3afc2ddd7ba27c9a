//! Parquet back to JSON text, with every digit, through the library's reader.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::json::write_string;
use crate::schema::{LINEAGE, TableSchema};

/// The batches of a file.
pub(super) fn batches_of(file: &Bytes) -> Vec<RecordBatch> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file.clone()).expect("parquet").build().expect("reader");
    reader.map(|batch| batch.expect("batch")).collect()
}

/// The rows of a file as JSON, nulls and lineage left out, checked to have the schema's columns.
pub(super) fn rows_of(file: &Bytes, schema: &TableSchema) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches_of(file) {
        let expected = schema.arrow();
        let names = |s: &arrow_schema::Schema| -> Vec<(String, DataType)> {
            s.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
        };
        assert_eq!(names(&batch.schema()), names(&expected));
        let own = batch.num_columns() - LINEAGE.len();
        let record = batch.project(&(0..own).collect::<Vec<_>>()).expect("columns");
        for row in 0..record.num_rows() {
            rows.push(if own == 0 {
                "{}".to_owned()
            } else {
                object(&StructArray::from(record.clone()), row)
            });
        }
    }
    rows
}

fn object(array: &StructArray, row: usize) -> String {
    let fields = array.fields().iter().zip(array.columns()).filter(|(_, column)| !column.is_null(row));
    let entries: Vec<String> =
        fields.map(|(field, column)| format!("{}:{}", text(field.name()), value(column, row))).collect();
    format!("{{{}}}", entries.join(","))
}

fn text(text: &str) -> String {
    let mut out = Vec::new();
    write_string(text, &mut out);
    String::from_utf8(out).expect("utf8")
}

/// One value as JSON.
pub(super) fn value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => {
            text(&array.as_primitive::<Date32Type>().value_as_date(row).expect("date").to_string())
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            text(&jiff::Timestamp::from_microsecond(micros).expect("time").to_string())
        }
        DataType::Utf8 => text(array.as_string::<i32>().value(row)),
        DataType::Struct(_) => object(array.as_struct(), row),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let items: Vec<String> = (0..items.len()).map(|i| value(&items, i)).collect();
            format!("[{}]", items.join(","))
        }
        other => panic!("no column has the type {other}"),
    }
}
