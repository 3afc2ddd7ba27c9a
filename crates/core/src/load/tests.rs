//! The loader through its front door: pages in, Parquet read back.

mod contracts;
mod hostile;
mod means;
mod properties;
mod reading;
mod types;

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::{LoadError, Loader, Outcome};
use crate::batch::{Batch, Checkpoint, Page};
use crate::json::Reader;
use crate::keys::LoadId;
use crate::pipeline::{Contract, ContractMode, EventTime, Format, LoadSpec, PartitionBy};
use crate::schema::{DeclaredType, TableSchema};
use reading::rows_of;

/// A pipeline's `[[streams]]` with nothing special.
fn spec() -> LoadSpec {
    LoadSpec {
        table: "t".to_owned(),
        records: "$".to_owned(),
        event_time: None,
        partition_by: PartitionBy::Hour,
        contract: Contract::default(),
        columns: BTreeMap::new(),
        max_columns: 2000,
        transform: None,
    }
}

fn with_event(path: &str) -> LoadSpec {
    let rules = EventTime { path: path.to_owned(), unit: None, format: None, timezone: None };
    LoadSpec { event_time: Some(rules), ..spec() }
}

fn with_columns(columns: &[(&str, DeclaredType)]) -> LoadSpec {
    LoadSpec { columns: columns.iter().map(|(name, t)| ((*name).to_owned(), *t)).collect(), ..spec() }
}

fn with_contract(tables: ContractMode, columns: ContractMode, data_type: ContractMode) -> LoadSpec {
    LoadSpec { contract: Contract { tables, columns, data_type }, ..spec() }
}

fn page(number: u32, format: Format) -> Page {
    Page {
        key: format!("pages/s/000000000001/{number}.{}", format.extension()),
        element: String::new(),
        number,
        request: "GET http://api.example/".to_owned(),
        status: 200,
        fetched_at: Timestamp::UNIX_EPOCH,
        bytes: 0,
        sha256: String::new(),
        format,
        charset: None,
        archive: None,
        records: 0,
        repeats: Vec::new(),
        fields: serde_json::Map::new(),
        values: serde_json::Map::new(),
    }
}

fn batch(seq: u64, spec: &LoadSpec) -> Batch {
    Batch {
        version: Batch::VERSION,
        pipeline: "p".to_owned(),
        stream: "s".to_owned(),
        seq,
        polled_at: "2026-11-23T03:15:07Z".parse().expect("time"),
        config_hash: String::new(),
        load: spec.clone(),
        pages: Vec::new(),
        checkpoint: Checkpoint::default(),
    }
}

fn once(spec: &LoadSpec, schema: &TableSchema, pages: &[(Page, &[u8])]) -> Result<Outcome, LoadError> {
    let mut loader = Loader::new(LoadId::of_batch("s", 1), spec, schema);
    let batch = batch(1, spec);
    for (page, body) in pages {
        loader.page(&batch, page, Bytes::copy_from_slice(body))?;
    }
    loader.finish()
}

/// What landed.
#[derive(Debug, PartialEq)]
struct Landed {
    schema: TableSchema,
    /// Key and rows of each file; a row is its JSON, lineage left out.
    files: Vec<(String, Vec<String>)>,
    quarantine: Vec<serde_json::Value>,
}

impl Landed {
    /// All rows, file by file.
    fn rows(&self) -> Vec<&str> {
        self.files.iter().flat_map(|(_, rows)| rows.iter().map(String::as_str)).collect()
    }

    fn reasons(&self) -> Vec<&str> {
        self.quarantine.iter().filter_map(|line| line["reason"].as_str()).collect()
    }
}

/// Loads as the engine does: at most one widening, then the files.
fn load_pages(spec: &LoadSpec, schema: &TableSchema, pages: &[(Page, &[u8])]) -> Result<Landed, LoadError> {
    let outcome = match once(spec, schema, pages)? {
        Outcome::Evolve(wider) => {
            assert_eq!(wider.version, schema.version + 1);
            once(spec, &wider, pages)?
        }
        done => done,
    };
    let Outcome::Done { schema, files, quarantine, rows, quarantined } = outcome else {
        panic!("one repeat suffices: {outcome:?}");
    };
    let text = String::from_utf8(quarantine).expect("utf8");
    let quarantine: Vec<_> = text.lines().map(line_of_quarantine).collect();
    assert_eq!(quarantine.len() as u64, quarantined);
    assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), rows);
    let files = files.into_iter().map(|file| (file.key, rows_of(&file.bytes, &schema))).collect();
    Ok(Landed { schema, files, quarantine })
}

/// A line of quarantine, which must be JSON. One with a number beyond any double, which the library does not read, is
/// null.
fn line_of_quarantine(line: &str) -> serde_json::Value {
    let mut reader = Reader::new(line);
    reader.skip().and_then(|_| reader.end()).expect("JSON");
    serde_json::from_str(line).unwrap_or_default()
}

fn load(spec: &LoadSpec, body: &str) -> Landed {
    load_into(spec, &TableSchema::default(), body)
}

fn load_into(spec: &LoadSpec, schema: &TableSchema, body: &str) -> Landed {
    load_pages(spec, schema, &[(page(0, Format::Json), body.as_bytes())]).expect(body)
}

/// The columns of a schema as `name: type`.
fn types_of(schema: &TableSchema) -> Vec<String> {
    schema.fields.iter().map(|field| format!("{}: {:?}", field.column(), field.data_type)).collect()
}
