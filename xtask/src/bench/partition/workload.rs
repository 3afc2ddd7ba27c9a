//! The inputs of the bench, made once for each size and kept in the cache.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{documents, events};
use crate::place;

/// Made anew when the generator changes.
const GENERATION: u32 = 1;

/// One input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Workload {
    /// One file of NDJSON.
    Lines,
    /// Many small documents.
    Documents,
    /// NDJSON, gzip.
    Gzip,
}

/// A workload on disk.
pub(in crate::bench) struct Input {
    /// What the tools are given: a file, or a pattern.
    pub(in crate::bench) files: String,
    /// What `check.py` is given.
    pub(in crate::bench) facts: PathBuf,
    /// Bytes of JSON.
    pub(in crate::bench) bytes: u64,
}

impl Workload {
    /// What the peers' scripts call its form.
    pub(in crate::bench) fn shape(self) -> &'static str {
        if self == Workload::Documents { "documents" } else { "events" }
    }

    fn name(self) -> &'static str {
        match self {
            Workload::Lines => "lines",
            Workload::Documents => "documents",
            Workload::Gzip => "gzip",
        }
    }

    /// The workload of a size: bytes of JSON, or for documents their number.
    pub(in crate::bench) fn make(self, size: u64) -> Result<Input, String> {
        let directory = place::cache().join("bench").join(format!("{}-{size}-{GENERATION}", self.name()));
        let facts = directory.join("facts.txt");
        let written = directory.join("bytes.txt");
        if !written.is_file() {
            eprintln!("making {}", directory.display());
            let _ = fs::remove_dir_all(&directory);
            let bytes = self
                .write(&directory, &facts, size)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
            fs::write(&written, bytes.to_string()).map_err(|error| error.to_string())?;
        }
        let bytes = fs::read_to_string(&written).ok().and_then(|text| text.parse().ok());
        let files = directory.join(match self {
            Workload::Lines => "events.ndjson",
            Workload::Documents => "answers/answer-*.json",
            Workload::Gzip => "events.ndjson.gz",
        });
        Ok(Input { files: files.display().to_string(), facts, bytes: bytes.ok_or("bytes.txt is no number")? })
    }

    fn write(self, directory: &Path, facts: &Path, size: u64) -> Result<u64, String> {
        let said = |error: std::io::Error| error.to_string();
        let answers = directory.join("answers");
        fs::create_dir_all(if self == Workload::Documents { &answers } else { directory }).map_err(said)?;
        let (found, bytes) = match self {
            Workload::Lines => {
                let mut out = BufWriter::new(File::create(directory.join("events.ndjson")).map_err(said)?);
                let found = events::write(&mut out, size, 1).map_err(said)?;
                (found, out.flush().map(|()| size).map_err(said)?)
            }
            Workload::Documents => {
                documents::write(&answers, i64::try_from(size).unwrap_or(i64::MAX), 2).map_err(said)?
            }
            Workload::Gzip => (gzip(&directory.join("events.ndjson.gz"), size)?, size),
        };
        found.write(facts).map(|()| bytes)
    }
}

fn gzip(path: &Path, size: u64) -> Result<super::facts::Facts, String> {
    let said = |error: std::io::Error| format!("gzip: {error}");
    let out = File::create(path).map_err(said)?;
    let mut child = Command::new("gzip")
        .args(["-6", "-n", "-c"])
        .stdin(Stdio::piped())
        .stdout(out)
        .spawn()
        .map_err(said)?;
    let mut into = BufWriter::new(child.stdin.take().ok_or("gzip has no input")?);
    let found = events::write(&mut into, size, 3).map_err(said)?;
    into.flush().map_err(said)?;
    drop(into);
    match child.wait().map_err(said)?.success() {
        true => Ok(found),
        false => Err("gzip failed".to_owned()),
    }
}
