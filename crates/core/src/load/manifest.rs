//! The documents of a load: claim, plan, manifest. All created once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::LoadId;
use crate::pipeline::LoadSpec;

/// Which load a batch belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The load.
    pub load: LoadId,
}

/// The candidates of a windowed load, written before any claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this document's form.
    pub version: u32,
    /// The load.
    pub load: LoadId,
    /// The table it writes.
    pub table: String,
    /// Start of the window of `polled_at`.
    pub from: Timestamp,
    /// End of the window, exclusive.
    pub until: Timestamp,
    /// Keys of the candidate batches, sorted.
    pub batches: Vec<String>,
}

impl Plan {
    /// The version this code writes.
    pub const VERSION: u32 = 1;
}

/// The end of a load, and what it wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadManifest {
    /// Version of this document's form.
    pub version: u32,
    /// The load.
    pub load: LoadId,
    /// How often it was rewritten (replay, re-typing); 0 = as first loaded.
    pub revision: u32,
    /// Keys of its batches, sorted.
    pub batches: Vec<String>,
    /// Earliest and latest `polled_at` of its batches.
    pub polled: (Timestamp, Timestamp),
    /// When it ended.
    pub ended_at: Timestamp,
    /// How the rows were made; kept so that a re-typing makes the same rows.
    pub spec: LoadSpec,
    /// Schema version of its files.
    pub schema_version: u32,
    /// Rows landed.
    pub rows: u64,
    /// Rows and values that went to quarantine.
    pub quarantined: u64,
    /// Its files, sorted by key.
    pub files: Vec<DataFile>,
    /// Files of the revision before that are no longer part of it; they are deleted after this manifest is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl LoadManifest {
    /// The version this code writes.
    pub const VERSION: u32 = 1;
}

/// What a rewrite of an ended load is going to do, written before it touches a file, so that whoever comes after a
/// crash does the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rewrite {
    /// Version of this document's form.
    pub version: u32,
    /// The load.
    pub load: LoadId,
    /// The revision that its manifest will have.
    pub revision: u32,
    /// How the rows are made this time.
    pub spec: LoadSpec,
    /// Whether the ledger alone says what the columns are. False for a replay, whose declared columns may be news to
    /// the ledger; true for a re-typing, so that old settings never go back on newer ones.
    pub ledger_decides: bool,
}

/// The mark that every load of a table has reached a schema version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retyped {
    /// Loads that could not follow because their raw pages are gone; their files keep the schema they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<LoadId>,
}

/// One Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its key in the lake.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
}
