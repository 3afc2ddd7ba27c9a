//! What a run of the demo has come to, measured from outside: the API's own count of what it told, and the lake read
//! back row by row.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use object_store::ObjectStore;
use serde::Serialize;
use serde_json::{Map, Value};
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;

use super::api::Told;
use super::record::{Record, STATIONS};
use crate::failure::Failure;
use crate::lake;

/// A row of the lake.
pub(super) type LakeRow = Map<String, Value>;

/// The lake of the demo, read back.
#[derive(Clone, Debug, Default)]
pub(super) struct Lake {
    /// All rows, by time, then station.
    pub(super) rows: Vec<LakeRow>,
    /// Files and rows by partition (`year=…/…/minute=…`).
    pub(super) partitions: BTreeMap<String, Count>,
    /// Key of the file that holds the newest row.
    pub(super) newest_file: Option<String>,
    /// Bytes of all files.
    pub(super) bytes: u64,
}

/// Files and rows of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) files: u64,
    pub(super) rows: u64,
}

/// Observations that are twice in the lake, or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Observations that the API has told.
    pub(super) told: u64,
    /// Rows beyond the first of the same station and time.
    pub(super) duplicates: u64,
    /// Observations told that are not in the lake.
    pub(super) lost: u64,
}

impl Lake {
    /// Reads every file of the lake.
    pub(super) async fn read(store: &dyn ObjectStore) -> Result<Lake, Failure> {
        let mut read = Lake::default();
        let mut newest = String::new();
        for file in lake::files(store).await.map_err(unreadable)? {
            let rows =
                lake::rows(lake::read(store, &file.key).await.map_err(unreadable)?).map_err(unreadable)?;
            let count = read.partitions.entry(file.partition().to_owned()).or_default();
            count.files += 1;
            count.rows += rows.len() as u64;
            read.bytes += file.bytes;
            let last = rows.iter().map(|row| key(row).1).max().unwrap_or_default();
            if last > newest {
                newest = last;
                read.newest_file = Some(file.key);
            }
            read.rows.extend(rows);
        }
        read.rows.sort_by_cached_key(|row| {
            let (station, time) = key(row);
            (time, station)
        });
        Ok(read)
    }

    /// Files of all partitions.
    pub(super) fn files(&self) -> u64 {
        self.partitions.values().map(|count| count.files).sum()
    }

    /// The time of the newest row.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.rows.last().and_then(|row| key(row).1.parse().ok())
    }

    /// Holds the lake against what the API has told.
    pub(super) fn verdict(&self, record: &Record, told: &Told) -> Verdict {
        let keys: BTreeSet<(String, String)> = self.rows.iter().map(key).collect();
        let expected: Vec<(String, String)> = STATIONS
            .iter()
            .filter_map(|station| told.get(station.id).map(|(first, last)| (station, *first, *last)))
            .flat_map(|(station, first, last)| {
                let told = record.between(station, first, last);
                told.iter().map(|observation| (station.id.to_owned(), format!("{:.6}", observation.time)))
            })
            .collect();
        Verdict {
            told: expected.len() as u64,
            duplicates: (self.rows.len() - keys.len()) as u64,
            lost: expected.iter().filter(|key| !keys.contains(*key)).count() as u64,
        }
    }
}

/// Batches in staging.
pub(super) async fn batches(staging: &dyn ObjectStore) -> Result<u64, Failure> {
    let keys: Vec<String> = staging
        .list(None)
        .map_ok(|object| object.location.to_string())
        .try_collect()
        .await
        .map_err(unreadable)?;
    Ok(keys.iter().filter(|key| keys::parse_batch(key).is_some()).count() as u64)
}

/// Station and time of a row, as text.
fn key(row: &LakeRow) -> (String, String) {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("station"), text("time"))
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("cannot read the lake back: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::record::hour;
    use super::*;

    fn row(station: &str, at: Timestamp) -> LakeRow {
        let row = serde_json::json!({ "station": station, "time": format!("{at:.6}") });
        row.as_object().expect("an object").clone()
    }

    #[test]
    fn what_is_twice_or_missing_is_counted() {
        let told = Told::from([("JFK", (hour(30), hour(33)))]);
        let rows =
            vec![row("JFK", hour(30)), row("JFK", hour(31)), row("JFK", hour(31)), row("EWR", hour(32))];
        let lake = Lake { rows, ..Lake::default() };
        let verdict = lake.verdict(&Record::load(), &told);
        assert_eq!(verdict, Verdict { told: 4, duplicates: 1, lost: 2 });
    }
}
