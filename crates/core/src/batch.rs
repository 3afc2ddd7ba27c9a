//! The batch: what one poll staged. `<seq>.batch.json`, created once, is checkpoint, manifest and event in one,
//! so data and cursor commit together or not at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cadence::CadenceSpec;
use crate::change::{self, Fingerprint, Validators};
use crate::decode::{self, Form};
use crate::pipeline::{Archive, Format, LoadSpec, Pipeline, Stream};

/// The batch manifest. Written by the poller, read by every loader (Rust or Spark); it holds all that a load
/// needs besides the pages themselves and the table's schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Version of this document's form.
    pub version: u32,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Name of the stream.
    pub stream: String,
    /// Number of this batch in its stream, from 1, without gaps.
    pub seq: u64,
    /// When the poll began; the event time of records that have none of their own.
    pub polled_at: Timestamp,
    /// SHA-256 (hex) of the stream's part of the pipeline file, secrets left out.
    pub config_hash: String,
    /// How its pages become rows of a table.
    pub load: LoadSpec,
    /// The pages that changed, in order of elements, then of pages.
    pub pages: Vec<Page>,
    /// Where the next poll goes on from.
    pub checkpoint: Checkpoint,
}

impl Batch {
    /// The version this code writes.
    pub const VERSION: u32 = 1;

    /// Reads a batch document. The error says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Batch, String> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let batch: Result<Batch, _> = serde_json::from_slice(bytes);
        // A newer form may lack what ours has, and its version is what there is to say of it.
        let version = match &batch {
            Ok(batch) => batch.version,
            Err(_) => serde_json::from_slice::<Form>(bytes).map_or(0, |form| form.version),
        };
        if version > Batch::VERSION {
            return Err(format!("it was written by a newer tidegate (form {version}); update this one"));
        }
        batch.map_err(|error| error.to_string())
    }
}

/// SHA-256 (hex) of what decides on a stream's requests and rows: not when it is polled, nor credentials and headers.
pub fn config_hash(pipeline: &Pipeline, stream: &Stream) -> String {
    let cadence = CadenceSpec::default();
    let plain = Stream { headers: BTreeMap::new(), auth: None, cadence, ..stream.clone() };
    // Both are plain tables with text keys, which JSON can always hold.
    let text = serde_json::to_string(&(&pipeline.source.base_url, &plain)).unwrap_or_default();
    change::hex(&change::sha256(text.as_bytes()))
}

/// One page of one element as it came, and how it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Key of the page's bytes in staging.
    pub key: String,
    /// Name of the fan-out element; empty where the stream has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub element: String,
    /// Number of the page within its element, from 0.
    pub number: u32,
    /// The request's method and URL, secrets replaced.
    pub request: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// When the answer had arrived.
    pub fetched_at: Timestamp,
    /// Length of the stored page in bytes.
    pub bytes: u64,
    /// SHA-256 (hex) of the stored page.
    pub sha256: String,
    /// How the page is decoded.
    pub format: Format,
    /// Character set the answer declared, where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// How its members are read, where it is an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Number of records in the page.
    pub records: u64,
    /// Records that the poll before had already brought, as `[first, count]` runs in order; they are not loaded again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<(u64, u64)>,
    /// Values that the stream adds to each record of this page (`[streams.fields]`).
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// What `transform` names of the element besides, and the children of the stream.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl Page {
    /// How its bytes become records.
    pub fn form(&self) -> Form<'_> {
        let (charset, archive) = (self.charset.as_deref(), self.archive.as_ref());
        Form { format: self.format, charset, archive, most: decode::MOST_BYTES }
    }

    /// Whether it may be cut after any line, unless it turns out to be UTF-16.
    pub fn has_lines(&self) -> bool {
        let plain = self.charset.as_deref().is_none_or(|name| name.trim().eq_ignore_ascii_case("utf-8"));
        self.format == Format::Ndjson && self.repeats.is_empty() && plain
    }
}

/// Where the next poll of a stream goes on from: complete in each batch, so that one object is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// By element name (the empty name where the stream has no fan-out).
    pub elements: BTreeMap<String, ElementState>,
    /// Number of the parent stream's batch up to which its records were asked for, where the stream has a parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_seq: Option<u64>,
}

/// What is known of one element since its last change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ElementState {
    /// ETag and Last-Modified of the element's only page.
    #[serde(default, skip_serializing_if = "Validators::is_empty")]
    pub validators: Validators,
    /// Fingerprint of the element's canonical content.
    pub fingerprint: Fingerprint,
    /// Content hashes (hex, 16 digits) of the records of the last poll, where the stream has a primary key or is
    /// incremental.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// Highest cursor value staged, as JSON text, where the stream is incremental.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A batch of form 1. It lies in stores out there: never change it, only add samples of newer forms.
    const SAMPLE_1: &str = include_str!("batch/sample-1.json");

    #[test]
    fn a_batch_of_form_1_stays_readable_and_nothing_in_it_is_lost() {
        let batch = Batch::decode(SAMPLE_1.as_bytes()).expect("form 1");
        assert_eq!((batch.seq, batch.pages.len(), batch.pages[0].repeats.clone()), (42, 2, vec![(0, 2)]));
        let berlin = &batch.checkpoint.elements["Berlin"];
        assert_eq!(berlin.cursor, Some(json!("2026-11-23T03:00:00Z")));
        assert_eq!(berlin.validators.etag.as_deref(), Some("W/\"7\""));
        let sample: serde_json::Value = serde_json::from_str(SAMPLE_1).expect("JSON");
        assert_eq!(serde_json::to_value(&batch).expect("JSON"), sample);
    }

    #[test]
    fn a_batch_of_a_newer_form_says_so() {
        let error = Batch::decode(br#"{"version": 2, "whatever": true}"#).expect_err("too new");
        assert!(error.contains("newer"), "{error}");
        assert!(Batch::decode(b"{").is_err() && Batch::decode(b"{\"version\":1}").is_err());
    }
}
