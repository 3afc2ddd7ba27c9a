//! Rows on both sides of the load: records as they were staged, rows as they lie in the lake or in quarantine.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tidegate_core::batch::{Batch, Page};

use crate::disk::Disk;

/// Where a record stands: its batch (`<stream>/<seq>`) and its place in it.
pub(crate) type Place = (String, u64);

/// A record as far as the checks look at it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// `id` or `version`.
    pub(crate) id: Option<i64>,
    /// `value` or `temp`, where it is a number.
    pub(crate) value: Option<f64>,
}

/// Everything the checks look at, read once.
pub(crate) struct Facts<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) batches: BTreeMap<&'a str, Batch>,
    /// The records of all batches, repeats left out.
    pub(crate) staged: BTreeMap<Place, Row>,
    /// The rows of all data files, by key.
    pub(crate) landed: BTreeMap<&'a str, Vec<(Place, Row)>>,
    /// Places of the records that went to quarantine.
    pub(crate) quarantined: BTreeSet<Place>,
}

impl Facts<'_> {
    /// Reads both stores.
    pub(crate) fn of(disk: &Disk) -> Facts<'_> {
        let files = disk.lake.iter().filter(|(key, _)| key.ends_with(".parquet"));
        Facts {
            disk,
            batches: disk.batches(),
            staged: staged(disk),
            landed: files.map(|(key, bytes)| (key.as_str(), landed(key, bytes))).collect(),
            quarantined: quarantined(disk).into_iter().collect(),
        }
    }
}

/// The records of all batches, repeats left out, by place.
fn staged(disk: &Disk) -> BTreeMap<Place, Row> {
    let mut rows = BTreeMap::new();
    for batch in disk.batches().values() {
        let mut ordinal = 0;
        for page in &batch.pages {
            let body = disk.staging.get(&page.key).unwrap_or_else(|| panic!("{} is missing", page.key));
            let records = records(batch, body);
            assert_eq!(records.len() as u64, page.records, "records of {}", page.key);
            for (index, record) in records.iter().enumerate() {
                if !repeated(page, index as u64) {
                    rows.insert((name(batch), ordinal), row(record));
                }
                ordinal += 1;
            }
        }
    }
    rows
}

/// The rows of a page, repeats included.
pub(crate) fn all_rows(batch: &Batch, body: &[u8]) -> Vec<Row> {
    records(batch, body).iter().map(row).collect()
}

fn repeated(page: &Page, index: u64) -> bool {
    page.repeats.iter().any(|(first, count)| (*first..first + count).contains(&index))
}

fn records(batch: &Batch, body: &[u8]) -> Vec<Value> {
    let mut page: Value = serde_json::from_slice(body).expect("only sound pages are staged");
    let records = match batch.stream.as_str() {
        "reading" => page["readings"].take(),
        "feed" | "log" => page["events"].take(),
        "city" => Value::Array(vec![page["reading"].take()]),
        _ => page,
    };
    match records {
        Value::Array(records) => records,
        other => panic!("{}: no list of records: {other}", batch.stream),
    }
}

fn row(record: &Value) -> Row {
    let id = record.get("id").or(record.get("version")).and_then(Value::as_i64);
    Row { id, value: record.get("value").or(record.get("temp")).and_then(Value::as_f64) }
}

/// The rows of one data file, with their places.
fn landed(key: &str, file: &Bytes) -> Vec<(Place, Row)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())
        .and_then(|builder| builder.build())
        .unwrap_or_else(|error| panic!("{key} cannot be read: {error}"));
    reader.flat_map(|batch| rows_of(&batch.unwrap_or_else(|error| panic!("{key}: {error}")))).collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<(Place, Row)> {
    let column = |name: &str| batch.column_by_name(name);
    let batches = column("_tidegate_batch").expect("every row names its batch").as_string::<i32>();
    let ordinals = column("_tidegate_row").expect("every row names its place").as_primitive::<Int64Type>();
    let ids = column("id").or(column("version"));
    let values = column("value").or(column("temp"));
    (0..batch.num_rows())
        .map(|i| {
            let row =
                Row { id: ids.and_then(|ids| integer(ids, i)), value: values.and_then(|all| number(all, i)) };
            ((batches.value(i).to_owned(), ordinals.value(i) as u64), row)
        })
        .collect()
}

fn integer(array: &dyn Array, index: usize) -> Option<i64> {
    let array = array.as_primitive_opt::<Int64Type>()?;
    array.is_valid(index).then(|| array.value(index))
}

fn number(array: &dyn Array, index: usize) -> Option<f64> {
    match array.as_primitive_opt::<Float64Type>() {
        Some(doubles) => doubles.is_valid(index).then(|| doubles.value(index)),
        None => integer(array, index).map(|value| value as f64),
    }
}

/// Places of the records that went to quarantine.
fn quarantined(disk: &Disk) -> Vec<Place> {
    let files = disk.lake.iter().filter(|(key, _)| key.starts_with("quarantine/"));
    let lines =
        files.flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty());
    lines.map(|line| place(&serde_json::from_slice(line).expect("quarantine is NDJSON"))).collect()
}

fn place(line: &Value) -> Place {
    let batch = line["batch"].as_str().expect("a quarantined row names its batch");
    (batch.to_owned(), line["row"].as_u64().expect("a quarantined row names its place"))
}

/// The name of a batch in its rows: `<stream>/<seq>`.
pub(crate) fn name(batch: &Batch) -> String {
    format!("{}/{:012}", batch.stream, batch.seq)
}
