//! The rows of a load: decoded in chunks, sorted into partitions, each partition encoded in one go.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use arrow_select::interleave::interleave_record_batch;
use jiff::Timestamp;

use super::column::{Fields, Values};
use super::fill::micros;
use super::loader::File;
use crate::keys::{self, LoadId};
use crate::parquet::{ROW_GROUP_ROWS, encode};
use crate::partition::PartitionKey;
use crate::pipeline::PartitionBy;
use crate::schema::{Field, LINEAGE, TableSchema};

/// A chunk ends at this much raw JSON, so that offsets stay within 31 bits.
const CHUNK_BYTES: usize = 128 << 20;

/// Text of one piece that is handed to the encoder, at most.
const PIECE_BYTES: usize = 1 << 30;

/// Rows in columns, and which partition each belongs to.
pub(super) struct Table {
    pub(super) root: Fields,
    lineage: Fields,
    schema: Arc<Schema>,
    by: PartitionBy,
    /// Rows and raw bytes in the columns, not yet in a chunk.
    pub(super) rows: usize,
    bytes: usize,
    largest: usize,
    chunks: Vec<RecordBatch>,
    /// Place in `parts` by the first second of the partition.
    places: HashMap<i64, usize>,
    parts: Vec<Part>,
}

struct Part {
    key: PartitionKey,
    /// Chunk and place in it, in order of arrival.
    rows: Vec<(usize, usize)>,
}

/// What a row needs besides its record.
pub(super) struct Lineage<'a> {
    /// `<stream>/<seq>`.
    pub(super) batch: &'a str,
    /// Ordinal in the batch.
    pub(super) row: u64,
    /// When the poll began.
    pub(super) polled_at: Timestamp,
    /// The time that partitions the row.
    pub(super) event: Timestamp,
    /// Length of its raw JSON.
    pub(super) bytes: usize,
}

impl Table {
    pub(super) fn new(schema: &TableSchema, event: Option<&str>, by: PartitionBy) -> Table {
        let lineage = LINEAGE.map(|(name, data_type)| Field::new(name, data_type));
        Table {
            root: Fields::new(&schema.fields, "", event),
            lineage: Fields::new(&lineage, "", None),
            schema: Arc::new(schema.arrow()),
            by,
            rows: 0,
            bytes: 0,
            largest: 1,
            chunks: Vec::new(),
            places: HashMap::new(),
            parts: Vec::new(),
        }
    }

    /// Forgets what was read of the row after the last.
    pub(super) fn undo(&mut self) {
        self.root.truncate(self.rows);
    }

    /// Takes the row that was read into `root` for good.
    pub(super) fn commit(&mut self, lineage: &Lineage<'_>) -> Result<(), ArrowError> {
        for child in &mut self.lineage.children {
            match &mut child.column.values {
                Values::Text(text) => text.push(lineage.batch),
                Values::Int(values) => values.push(i64::try_from(lineage.row).unwrap_or(i64::MAX)),
                Values::Timestamp(values) => values.push(micros(lineage.polled_at)),
                _ => {}
            }
            child.column.valid.append(true);
        }
        let part = self.part(lineage.event);
        self.parts[part].rows.push((self.chunks.len(), self.rows));
        self.rows += 1;
        self.bytes += lineage.bytes;
        self.largest = self.largest.max(lineage.bytes);
        if self.bytes >= CHUNK_BYTES { self.end_chunk() } else { Ok(()) }
    }

    fn part(&mut self, event: Timestamp) -> usize {
        let second = first_second(event, self.by);
        *self.places.entry(second).or_insert_with(|| {
            self.parts.push(Part { key: PartitionKey::of(event, self.by), rows: Vec::new() });
            self.parts.len() - 1
        })
    }

    fn end_chunk(&mut self) -> Result<(), ArrowError> {
        let mut arrays = self.root.finish(self.rows)?;
        arrays.extend(self.lineage.finish(self.rows)?);
        self.chunks.push(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?);
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// The data files, sorted by key.
    pub(super) fn files(mut self, table: &str, load: &LoadId, _lineage: bool) -> Result<Vec<File>, String> {
        if self.rows > 0 {
            self.end_chunk().map_err(|e| e.to_string())?;
        }
        let mut files = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let key = keys::data(table, &part.key.path(), load, 0);
            let rows = u64::try_from(part.rows.len()).unwrap_or(u64::MAX);
            files.push(File { key, rows, bytes: encode(&self.schema, self.pieces(part))? });
        }
        files.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(files)
    }

    /// The rows of a partition, gathered; nearly always one piece.
    fn pieces(&self, part: &Part) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
        let most = (PIECE_BYTES / self.largest).clamp(1, ROW_GROUP_ROWS);
        let chunks: Vec<&RecordBatch> = self.chunks.iter().collect();
        part.rows.chunks(most).map(move |rows| match chunks.as_slice() {
            [only] if only.num_rows() == rows.len() => Ok((*only).clone()),
            many => interleave_record_batch(many, rows),
        })
    }
}

/// The first second of the partition that holds `time`.
fn first_second(time: Timestamp, by: PartitionBy) -> i64 {
    let second = time.as_nanosecond().div_euclid(1_000_000_000) as i64;
    let length = match by {
        PartitionBy::Minute => 60,
        PartitionBy::Hour => 3600,
        PartitionBy::Day => 86_400,
        PartitionBy::Month | PartitionBy::Year => return PartitionKey::of(time, by).start.as_second(),
    };
    second - second.rem_euclid(length)
}
