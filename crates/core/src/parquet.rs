//! Arrow record batches to one Parquet file in memory: zstd, statistics, sensible row groups.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// Rows of a row group, at most.
pub const ROW_GROUP_ROWS: usize = 1 << 20;

/// Encoded bytes of a row group, at most.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// One Parquet file of these batches, which all have this schema. Equal batches give equal bytes.
pub fn encode(
    schema: &Arc<Schema>,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<Bytes, String> {
    // The Arrow schema is left out of the file: the Parquet types say it all, and small files stay small.
    let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options)
        .map_err(|e| e.to_string())?;
    for batch in batches {
        writer.write(&batch.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    }
    writer.into_inner().map(Bytes::from).map_err(|e| e.to_string())
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by("tidegate".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .build()
}
