//! Inputs of a given size in one dimension.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::bench::partition::facts::{Random, decimal};
use crate::place;

/// 2026-11-23T00:00Z.
const MIDNIGHT: i64 = 1_795_392_000;

/// An input on disk.
pub(super) struct Made {
    directory: PathBuf,
    /// What `tidegate partition` is given.
    pub(super) files: String,
    pub(super) by: &'static str,
    pub(super) rows: u64,
}

impl Made {
    /// Takes it off the disk.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Lines over a day, so many MiB.
pub(super) fn of_size(mib: u64, _: u64) -> Result<Made, String> {
    lines(mib << 20, 1440, 12, "hour")
}

/// Lines of a sixteenth of the base over so many minutes.
pub(super) fn of_partitions(minutes: u64, base: u64) -> Result<Made, String> {
    lines(base / 16, minutes, 12, "minute")
}

/// Lines with so many columns, together a sixteenth of the base.
pub(super) fn of_columns(columns: u64, base: u64) -> Result<Made, String> {
    lines(base / 16, 1440, columns, "hour")
}

/// So many documents of about 300 bytes.
pub(super) fn of_documents(count: u64, _: u64) -> Result<Made, String> {
    let directory = fresh()?;
    let (mut random, mut text) = (Random(5), String::new());
    for number in 0..count {
        record(&mut random, number, 1440, 20, &mut text);
        let path = directory.join(format!("{number:06}.json"));
        fs::write(&path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Made { files: directory.display().to_string(), directory, by: "hour", rows: count })
}

fn lines(bytes: u64, minutes: u64, columns: u64, by: &'static str) -> Result<Made, String> {
    let directory = fresh()?;
    let path = directory.join("lines.ndjson");
    let rows =
        write(&path, bytes, minutes, columns).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Made { directory, files: path.display().to_string(), by, rows })
}

fn write(path: &Path, bytes: u64, minutes: u64, columns: u64) -> std::io::Result<u64> {
    let mut out = BufWriter::new(File::create(path)?);
    let (mut random, mut text) = (Random(4), String::new());
    let (mut written, mut rows) = (0, 0);
    // Every minute has a row.
    while written < bytes || rows < minutes {
        record(&mut random, rows, minutes, columns, &mut text);
        text.push('\n');
        out.write_all(text.as_bytes())?;
        written += text.len() as u64;
        rows += 1;
    }
    out.flush().map(|()| rows)
}

fn fresh() -> Result<PathBuf, String> {
    let directory = place::cache().join("bench/growth");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(directory)
}

/// One record: its time, then columns of numbers and texts.
pub(in crate::bench) fn record(
    random: &mut Random,
    number: u64,
    minutes: u64,
    columns: u64,
    text: &mut String,
) {
    let minute = if number < minutes { number } else { random.next() % minutes };
    let second = i64::try_from(minute * 60 + random.next() % 60).unwrap_or(0);
    text.clear();
    // Writing to a String never fails.
    let _ = write!(text, "{{\"at\":{}", MIDNIGHT + second);
    for column in 1..columns {
        let _ = match column % 4 {
            0 => write!(text, ",\"name_{column}\":\"station {}\"", random.below(500)),
            1 => write!(text, ",\"count_{column}\":{}", random.below(100_000)),
            2 => write!(text, ",\"flag_{column}\":{}", random.below(2) == 0),
            _ => write!(text, ",\"value_{column}\":{}", decimal(random.below(10_000), 2)),
        };
    }
    text.push('}');
}
