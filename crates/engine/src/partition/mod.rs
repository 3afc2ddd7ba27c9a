//! Plain files into partitioned Parquet, without a pipeline: the loader by itself.
//!
//! ```text
//!  find files -> sample (schema) -> read, decompress, cut into chunks -> decode, partition, encode -> commit
//! ```
//! Everything is written below `<out>/_tidegate/<run>.part` first. The manifest `<out>/_tidegate/<run>.json` is the
//! commit; after it the files are moved into place, and a crash in between is finished by whoever runs next. So files
//! that are there are never touched, and an input that a manifest lists is not taken in a second time.

mod chunks;
mod inputs;
mod list;
mod manifest;
mod open;
mod out;
mod read;
mod work;

use std::io::Read;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::thread;

use tidegate_core::change::{hex, sha256_of_json};
use tidegate_core::pipeline::{Format, LoadSpec};

use crate::Error;
use manifest::Manifest;
use out::Out;

pub use inputs::{Input, find};

/// What is to be done.
#[derive(Debug)]
pub struct Job {
    /// The directory that gets the partitions.
    pub out: PathBuf,
    /// How records become rows. Its `records` counts where [`Job::records`] is `None`.
    pub spec: LoadSpec,
    /// JSONPath of the records in a document; guessed where absent: the items of a list, else the document.
    pub records: Option<String>,
    /// Format of all files; by name and content where absent.
    pub format: Option<Format>,
    /// Bytes of memory to stay within, about.
    pub memory: u64,
    /// Threads at work.
    pub threads: usize,
    /// Whether rows carry the lineage columns: their file, their ordinal in it and its time of change.
    pub lineage: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Report {
    /// Name of the run, which its files begin with; empty where there was nothing to do.
    pub run: String,
    /// Inputs that were taken in.
    pub inputs: u64,
    /// Inputs that an earlier run had taken in already.
    pub already: u64,
    /// Rows written.
    pub rows: u64,
    /// Rows and values that did not fit: lines of `rejects`.
    pub rejected: u64,
    /// Parquet files written.
    pub files: u64,
    /// Partitions that they lie in.
    pub partitions: u64,
    /// Bytes of the inputs.
    pub bytes_in: u64,
    /// Bytes of the Parquet files.
    pub bytes_out: u64,
    /// Where the rejects are, if there are any.
    pub rejects: Option<PathBuf>,
    /// How often the data was read: 1, or 2 where it was wider than its sample.
    pub passes: u32,
}

/// Partitions these files, in their order; see [`find`]. `stdin` is read where an input is `-`; `progress` counts the bytes
/// of input that were read.
///
/// Nothing is visible in the directory until all of it is written. Inputs that an earlier run took in are left out;
/// one of the same name that has changed since is an error.
pub fn partition(
    job: &Job,
    mut inputs: Vec<Input>,
    stdin: &mut dyn Read,
    progress: &AtomicU64,
) -> Result<Report, Error> {
    let out = Out::open(&job.out)?;
    let before = out.manifests()?;
    for input in inputs.iter_mut().filter(|input| input.is_stdin()) {
        *input = out.spool(stdin)?;
    }
    manifest::check_layout(&before, &job.spec, &job.out)?;
    let given = inputs.len();
    let fresh = manifest::fresh(&before, inputs, &job.out)?;
    let already = (given - fresh.len()) as u64;
    if fresh.is_empty() {
        return Ok(Report::nothing(already));
    }
    let known = before.into_iter().max_by_key(|manifest| manifest.schema.version).map(|one| one.schema);
    let (run, plan) = thread::scope(|scope| {
        let run = scope.spawn(|| name(&fresh, job));
        let plan = work::plan(job, &fresh, known.as_ref());
        (run.join().unwrap_or_else(|panic| resume_unwind(panic)), plan)
    });
    let (run, plan) = (run?, plan?);
    let part = out.begin(&run)?;
    let done = work::run(job, &fresh, plan, &run, &part, progress)?;
    manifest::check_types(known.as_ref(), &done.schema, &job.out)?;
    let manifest = Manifest::new(&run, fresh, job, done);
    out.commit(&manifest)?;
    Ok(Report::of(&manifest, already, &job.out))
}

/// The name of a run: the same inputs under the same settings have the same.
fn name(inputs: &[Input], job: &Job) -> Result<String, Error> {
    let settings = (inputs, &job.spec, &job.records, job.format, job.lineage);
    let digest =
        sha256_of_json(&settings).map_err(|error| Error::file("cannot name a run for", &job.out, error))?;
    Ok(hex(&digest)[..12].to_owned())
}

impl Report {
    fn nothing(already: u64) -> Report {
        Report {
            run: String::new(),
            inputs: 0,
            already,
            rows: 0,
            rejected: 0,
            files: 0,
            partitions: 0,
            bytes_in: 0,
            bytes_out: 0,
            rejects: None,
            passes: 0,
        }
    }

    fn of(manifest: &Manifest, already: u64, out: &std::path::Path) -> Report {
        let partition = |key: &str| key.rsplit_once('/').map(|(partition, _)| partition.to_owned());
        let partitions: std::collections::BTreeSet<String> =
            manifest.files.iter().filter_map(|file| partition(&file.key)).collect();
        Report {
            run: manifest.run.clone(),
            inputs: manifest.inputs.len() as u64,
            already,
            rows: manifest.rows,
            rejected: manifest.rejected,
            files: manifest.files.len() as u64,
            partitions: partitions.len() as u64,
            bytes_in: manifest.inputs.iter().map(|input| input.bytes).sum(),
            bytes_out: manifest.files.iter().map(|file| file.bytes).sum(),
            rejects: (manifest.rejected > 0).then(|| out.join(out::rejects(&manifest.run))),
            passes: manifest.passes,
        }
    }
}
