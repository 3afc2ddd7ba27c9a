//! How a batch's pages become rows of a table: the part of a stream that travels with every batch, so that a
//! loader needs no pipeline file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::Source;
use super::stream::{Contract, EventTime, PartitionBy, Stream};
use super::transform::TransformSpec;
use crate::schema::DeclaredType;

/// How the bytes of a page are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON document.
    Json,
    /// One JSON value a line.
    Ndjson,
    /// RFC 4180 with a header row; all values are text until the schema types them.
    Csv,
    /// As CSV, with tabs between the cells.
    Tsv,
    /// As CSV, with semicolons between the cells.
    #[serde(rename = "csv_semicolon")]
    CsvSemicolon,
    /// As CSV, with `|` between the cells.
    #[serde(rename = "csv_pipe")]
    CsvPipe,
    /// One XML document. An element is a table: attributes as `@name`, children by name (a list where they repeat), text
    /// as `#text`; an element with nothing but text is that text.
    Xml,
    /// A zip archive, whose members are read by their names, or as they look. An archive is known by its first bytes
    /// whatever stands here; then this is how its members are read.
    Zip,
    /// One file packed by gzip, read as it looks. Known by its first bytes, as an archive is.
    Gzip,
    /// A Parquet file: its rows are the records.
    Parquet,
}

impl Format {
    /// File extension of a page.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv | Format::CsvSemicolon | Format::CsvPipe => "csv",
            Format::Tsv => "tsv",
            Format::Xml => "xml",
            Format::Zip => "zip",
            Format::Gzip => "gz",
            Format::Parquet => "parquet",
        }
    }

    /// Whether a page must be unpacked before it is text.
    pub fn is_packed(self) -> bool {
        matches!(self, Format::Zip | Format::Gzip | Format::Parquet)
    }

    /// The byte between two cells, of a format that has cells.
    pub fn delimiter(self) -> Option<u8> {
        match self {
            Format::Csv => Some(b','),
            Format::Tsv => Some(b'\t'),
            Format::CsvSemicolon => Some(b';'),
            Format::CsvPipe => Some(b'|'),
            Format::Json | Format::Ndjson | Format::Xml | Format::Zip | Format::Gzip | Format::Parquet => {
                None
            }
        }
    }

    /// What it is called in a message.
    pub fn word(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::Ndjson => "NDJSON",
            Format::Csv | Format::CsvSemicolon | Format::CsvPipe => "CSV",
            Format::Tsv => "TSV",
            Format::Xml => "XML",
            Format::Zip => "zip",
            Format::Gzip => "gzip",
            Format::Parquet => "Parquet",
        }
    }

    /// The format that a `Content-Type` names, if it names one of ours.
    pub fn of_content_type(content_type: &str) -> Option<Format> {
        let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/json-seq" => Some(Format::Ndjson),
            "text/csv" | "application/csv" => Some(Format::Csv),
            "text/tab-separated-values" => Some(Format::Tsv),
            "application/zip" | "application/x-zip-compressed" => Some(Format::Zip),
            "application/gzip" | "application/x-gzip" => Some(Format::Gzip),
            "application/vnd.apache.parquet" | "application/x-parquet" | "application/parquet" => {
                Some(Format::Parquet)
            }
            "application/xml" | "text/xml" | "application/atom+xml" | "application/rss+xml" => {
                Some(Format::Xml)
            }
            json if json == "application/json" || json == "text/json" || json.ends_with("+json") => {
                Some(Format::Json)
            }
            _ => None,
        }
    }
}

/// How the members of an archive are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// As what; by their names where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<String>,
}

/// How a batch's pages become rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// Table the rows go to.
    pub table: String,
    /// JSONPath (RFC 9535) of the records in a page.
    pub records: String,
    /// The record's own time; the poll's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<EventTime>,
    /// How fine the table is partitioned.
    pub partition_by: PartitionBy,
    /// What happens when data does not fit.
    pub contract: Contract,
    /// Types that inference must not decide.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, DeclaredType>,
    /// Most columns the table may have.
    pub max_columns: u32,
    /// What is done to each record before it becomes a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformSpec>,
}

impl LoadSpec {
    /// The load spec of a stream.
    pub fn of(stream: &Stream, source: &Source) -> LoadSpec {
        LoadSpec {
            table: stream.table().to_owned(),
            records: stream.records.clone(),
            event_time: stream.event_time.clone(),
            partition_by: stream.partition_by,
            contract: stream.contract,
            columns: stream.columns.clone(),
            max_columns: source.limits.columns,
            transform: TransformSpec::of(stream, source),
        }
    }
}
