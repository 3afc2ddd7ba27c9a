//! What a case has made, as the files of `expected/`.

use std::collections::BTreeMap;

use object_store::ObjectStore;
use serde_json::{Map, Value};

use super::compare::Files;
use crate::failure::Failure;
use crate::lake;

/// Reads the lake: rows and columns of each table, keys, quarantine.
pub(super) async fn read(store: &dyn ObjectStore) -> Result<Files, Failure> {
    let mut tables: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
    let mut columns: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut paths = String::new();
    for file in lake::files(store).await.map_err(unreadable)? {
        let bytes = lake::read(store, &file.key).await.map_err(unreadable)?;
        let rows = lake::rows(bytes.clone()).map_err(unreadable)?;
        let placed = rows.into_iter().map(|row| placed(file.partition(), row));
        tables.entry(file.table().to_owned()).or_default().extend(placed);
        let table = columns.entry(file.table().to_owned()).or_default();
        for (name, hive_type) in lake::columns(bytes).map_err(unreadable)? {
            one_type(table, &file.key, name, hive_type)?;
        }
        paths.push_str(&file.key);
        paths.push('\n');
    }
    let mut made = Files::from([("paths.txt".to_owned(), paths)]);
    let columns = serde_json::to_string_pretty(&columns).expect("texts are JSON");
    made.insert("schema.json".to_owned(), columns + "\n");
    for (table, mut rows) in tables {
        rows.sort_by_cached_key(lineage);
        made.insert(
            format!("{table}.ndjson"),
            lines(rows.iter().map(|row| Value::from(row.clone()).to_string())),
        );
    }
    let misfits = quarantine(store).await?;
    if !misfits.is_empty() {
        made.insert("quarantine.ndjson".to_owned(), misfits);
    }
    Ok(made)
}

/// A row with the partition it lies in.
fn placed(partition: &str, row: Map<String, Value>) -> Map<String, Value> {
    std::iter::once(("_partition".to_owned(), Value::from(partition))).chain(row).collect()
}

/// A column has one type in all files of a table, or no reader can read them together. A struct may have grown.
fn one_type(
    table: &mut Map<String, Value>,
    key: &str,
    name: String,
    hive_type: String,
) -> Result<(), Failure> {
    match table.get(&name).and_then(Value::as_str) {
        Some(known) if known != hive_type && !hive_type.starts_with("struct<") => {
            Err(Failure::internal(format!("{key}: {name} is {hive_type}, in an earlier file it is {known}")))
        }
        Some(known) if known.len() > hive_type.len() => Ok(()),
        _ => {
            table.insert(name, hive_type.into());
            Ok(())
        }
    }
}

fn lineage(row: &Map<String, Value>) -> (String, i64) {
    let batch = row.get("_tidegate_batch").and_then(Value::as_str).unwrap_or_default();
    (batch.to_owned(), row.get("_tidegate_row").and_then(Value::as_i64).unwrap_or_default())
}

/// All quarantined lines, in the order of keys.
async fn quarantine(store: &dyn ObjectStore) -> Result<String, Failure> {
    let mut text = String::new();
    for key in lake::keys(store, "quarantine").await.map_err(unreadable)? {
        let bytes = lake::read(store, &key).await.map_err(unreadable)?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    Ok(text)
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("cannot read the lake back: {error}"))
}
