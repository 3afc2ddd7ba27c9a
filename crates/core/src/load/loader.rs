//! Pages in, data files out.

use super::LoadError;
use crate::batch::{Batch, Page};
use crate::keys::LoadId;
use crate::pipeline::LoadSpec;
use crate::schema::TableSchema;

/// Decodes the pages of one load into partitioned columns of a fixed schema.
///
/// Give it every page of every batch in order, then [`Loader::finish`]. The result depends on nothing but the
/// arguments, so whoever repeats a load gets the same files.
pub struct Loader {
    _load: LoadId,
}

/// What a finished load is.
#[derive(Debug)]
pub enum Outcome {
    /// The table must first be widened to this schema (its version is one more); then the load is repeated.
    Evolve(TableSchema),
    /// Files and quarantine to write.
    Done {
        /// Data files, sorted by key: key, rows, bytes of the Parquet file.
        files: Vec<(String, u64, bytes::Bytes)>,
        /// NDJSON lines of what did not fit; empty if everything did.
        quarantine: Vec<u8>,
        /// Rows landed.
        rows: u64,
        /// Rows and values that did not fit.
        quarantined: u64,
    },
}

impl Loader {
    /// A load under `spec` into a table whose schema is `schema`.
    pub fn new(load: LoadId, spec: &LoadSpec, schema: &TableSchema) -> Loader {
        let _ = (spec, schema);
        Loader { _load: load }
    }

    /// Takes in one page; `body` is the page's bytes as staged. `page` is one of `batch.pages`; pages of a batch come
    /// in order.
    pub fn page(&mut self, batch: &Batch, page: &Page, body: &[u8]) -> Result<(), LoadError> {
        let _ = (batch, page, body);
        Ok(())
    }

    /// Ends the load.
    pub fn finish(self) -> Result<Outcome, LoadError> {
        Ok(Outcome::Done { files: Vec::new(), quarantine: Vec::new(), rows: 0, quarantined: 0 })
    }
}
