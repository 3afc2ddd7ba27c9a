//! Arrow record batches to one Parquet file in memory: zstd, statistics, sensible row groups.
