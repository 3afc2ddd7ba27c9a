//! From a point in time to the Hive path of its partition.

use jiff::Timestamp;

use crate::pipeline::PartitionBy;

/// The partition of a row: the start of its period, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// The point in time, cut to the partition's grain.
    pub start: Timestamp,
    /// The grain.
    pub by: PartitionBy,
}

impl PartitionKey {
    /// The partition that holds `at` (UTC).
    pub fn of(at: Timestamp, by: PartitionBy) -> PartitionKey {
        PartitionKey { start: at, by }
    }

    /// `year=2026/month=11/day=23/hour=03/minute=15`, to the grain.
    pub fn path(&self) -> String {
        String::new()
    }
}
