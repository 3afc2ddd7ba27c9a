//! The functions that the time goes into, each on a small fixed input, for `cargo xtask bench instructions`: run under
//! callgrind, which counts their instructions.
//!
//! ```text
//! hot CASE [--twice]     once, or twice: the difference is what one run costs without the start of the process
//! ```

use std::fmt::Write as _;
use std::process::ExitCode;

use tidegate_core::batch::{Batch, Page};
use tidegate_core::change;
use tidegate_core::decode;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::LoadId;
use tidegate_core::load::{Loader, Options, Outcome};
use tidegate_core::pipeline::{Contract, Format, LoadSpec, PartitionBy};
use tidegate_core::schema::TableSchema;

/// What can be run.
const CASES: [(&str, fn()); 6] = [
    ("load_by_hour", || load(Format::Ndjson, PartitionBy::Hour, &events(2000))),
    ("load_by_minute", || load(Format::Ndjson, PartitionBy::Minute, &events(2000))),
    ("load_event", || load(Format::Ndjson, PartitionBy::Hour, &events(5))),
    ("load_csv", || load(Format::Csv, PartitionBy::Hour, &table(2000))),
    ("records", || assert_eq!(found(&list(1000)), 1000)),
    ("fingerprint", || fingerprint(&list(1000))),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let case = CASES.iter().find(|(name, _)| arguments.first().is_some_and(|wanted| wanted == name));
    let Some((_, run)) = case else {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return if arguments.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    (0..arguments.len()).for_each(|_| run());
    ExitCode::SUCCESS
}

/// Observations over a day, as lines.
fn events(count: u32) -> String {
    let mut text = String::new();
    for i in 0..count {
        let (hour, minute, second) = (i * 7 % 24, i * 13 % 60, i * 29 % 60);
        let gust = if i % 5 < 2 { String::new() } else { format!(",\"gust\":{}.25", i % 30) };
        // Writing to a String never fails.
        let _ = writeln!(
            text,
            "{{\"id\":\"{i:08x}-{}\",\"at\":\"2026-11-23T{hour:02}:{minute:02}:{second:02}.{:03}Z\",\"place\":{},\
             \"city\":\"Zürich\",\"coord\":{{\"lat\":47.3769,\"lon\":8.5417}},\"temp\":{}.5,\"wind\":{{\"speed\":{}.1{gust}}},\
             \"sky\":[{{\"id\":800,\"main\":\"Clear\"}}],\"hourly\":[1.5,2.25,-3,4.125],\"day\":{},\"note\":null}}",
            i * 31,
            i % 1000,
            i * 17 % 2000,
            i % 40,
            i % 20,
            i % 2 == 0,
        );
    }
    text
}

fn table(count: u32) -> String {
    let rows =
        (0..count).map(|i| format!("2026-11-23T{:02}:00:00Z,{i},{}.5,\"a, {}\"\n", i % 24, i % 40, i % 7));
    std::iter::once("at,place,temp,name\n".to_owned()).chain(rows).collect()
}

fn list(count: u32) -> String {
    let records: Vec<String> = events(count).lines().map(str::to_owned).collect();
    format!("{{\"generated_at\":\"2026-11-23T00:00:00Z\",\"items\":[{}]}}", records.join(","))
}

fn found(text: &str) -> usize {
    decode::records(text.as_bytes(), Format::Json, "$.items[*]").expect("well-formed").len()
}

fn fingerprint(text: &str) {
    let records = decode::records(text.as_bytes(), Format::Json, "$.items[*]").expect("well-formed");
    let ignore = ["$.generated_at".to_owned()];
    let content =
        change::content(text.as_bytes(), Format::Json, &records, &ignore, true).expect("well-formed");
    assert_eq!(content.records, 1000);
}

/// A load into a table that does not exist yet.
fn load(format: Format, by: PartitionBy, text: &str) {
    let spec = LoadSpec {
        table: "events".to_owned(),
        records: "$".to_owned(),
        event_time: Some("at".parse().expect("a path")),
        partition_by: by,
        contract: Contract::default(),
        columns: Default::default(),
        max_columns: 2000,
        transform: None,
    };
    let (batch, page) = papers(format, &spec);
    let mut schema = TableSchema::default();
    for _ in 0..3 {
        let mut loader = Loader::new(LoadId("hot".to_owned()), &spec, &schema)
            .with(Options { threads: 1, ..Options::default() });
        loader.page(&batch, &page, text.as_bytes().to_vec().into()).expect("well-formed");
        match loader.finish().expect("loads") {
            Outcome::Evolve(wider) => schema = wider,
            Outcome::Done { quarantined, .. } => return assert_eq!(quarantined, 0),
        }
    }
    panic!("the schema settles");
}

fn papers(format: Format, spec: &LoadSpec) -> (Batch, Page) {
    let batch = Batch {
        version: Batch::VERSION,
        pipeline: "hot".to_owned(),
        stream: "events".to_owned(),
        seq: 1,
        polled_at: Timestamp::UNIX_EPOCH,
        config_hash: String::new(),
        load: spec.clone(),
        pages: Vec::new(),
        checkpoint: Default::default(),
    };
    let page = Page {
        key: "page".to_owned(),
        element: String::new(),
        number: 0,
        request: String::new(),
        status: 200,
        fetched_at: Timestamp::UNIX_EPOCH,
        bytes: 0,
        sha256: String::new(),
        format,
        charset: None,
        archive: None,
        records: 0,
        repeats: Vec::new(),
        fields: Default::default(),
        values: serde_json::Map::new(),
    };
    (batch, page)
}
