//! What becomes of a resource's rows, and the steps that only Python can do.

use serde_json::{Map, Value};

use super::literal::Literal;
use super::reading::{Dict, Reading, field_path};
use crate::import::Table;

/// What becomes of the rows: key, disposition, types, contract.
pub(super) fn rows(table: &mut Table, config: &Dict<'_>, reading: &mut Reading) {
    let disposition = match config.given("write_disposition") {
        Some(Literal::Dict(fields)) => {
            fields.iter().find(|(key, _)| key == "disposition").map(|(_, value)| value)
        }
        other => other,
    };
    let means = match disposition {
        Some(Literal::Text(word)) if word == "merge" => {
            "write_disposition = merge: rows are appended, and one that came before with the same content is not; the \
             newest of a key is the one with the highest _tidegate_polled_at."
        }
        Some(Literal::Text(word)) if word == "replace" => {
            "write_disposition = replace: an answer that has changed lands whole, beside the earlier ones; the rows of the \
             newest _tidegate_batch are the table as it is now."
        }
        _ => "",
    };
    let keys: Vec<String> = config.texts("primary_key", reading).iter().map(|key| field_path(key)).collect();
    if !means.is_empty() {
        reading.note(config.at("write_disposition"), means);
        table.say(means);
    }
    if !keys.is_empty() {
        table.set("primary_key", keys);
    }
    if let Some(columns) = config.dict("columns", reading) {
        let types: Map<String, Value> = columns
            .fields()
            .filter_map(|(name, column)| {
                let kind = Dict::of(&columns.at(name), column)?.text("data_type", reading)?;
                Some((name.to_owned(), declared(&kind)?.into()))
            })
            .collect();
        if !types.is_empty() {
            table.set("columns", types);
        }
    }
    match config.given("schema_contract") {
        None => {}
        Some(contract) => {
            let contract = reading.json(&config.at("schema_contract"), contract);
            table.set("contract", contract);
        }
    }
    for (key, message) in [
        ("max_table_nesting", "nested objects are columns of the row here, not tables of their own"),
        ("merge_key", "rows are appended"),
        ("table_format", "tables are Parquet in Hive partitions"),
        ("parallelized", "requests run side by side as far as `source.limits.concurrency` allows"),
        ("selected", "every stream of the file is polled and landed, a parent as well"),
    ] {
        if config.given(key).is_some() {
            reading.note(config.at(key), format!("left out: {message}"));
        }
    }
}

fn declared(dlt: &str) -> Option<&'static str> {
    Some(match dlt {
        "text" => "string",
        "bigint" => "int64",
        "double" => "double",
        "bool" => "boolean",
        "timestamp" => "timestamp",
        "date" => "date",
        "decimal" => "decimal",
        "json" | "complex" => "json",
        _ => return None,
    })
}

/// What only Python can do.
pub(super) fn code(config: &Dict<'_>, reading: &mut Reading) {
    for (at, step) in config.list("processing_steps", reading).iter().enumerate() {
        let path = config.at(&format!("processing_steps[{at}]"));
        match Dict::of(&path, step) {
            Some(step) => step.fields().for_each(|(key, value)| {
                reading.code(
                    &step.at(key),
                    value,
                    "leave the step out and say it in the stream: docs/guides/sources.md",
                );
            }),
            None => reading.code(&path, step, "leave the step out"),
        }
    }
}
