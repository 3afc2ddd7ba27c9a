//! The work of a run: a sample decides on the schema, then all of it is read and written; once more if it turns out to
//! be wider than its sample.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, thread};

use tidegate_core::batch::{Batch, Page};
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::LoadId;
use tidegate_core::load::{DataFile, File, Loader, Options, Outcome};
use tidegate_core::pipeline::{Format, LoadSpec};
use tidegate_core::schema::{DataType, Field, TableSchema};

use super::chunks::{Chunks, Sizes};
use super::inputs::Input;
use super::list::Way;
use super::read::{self, Reading};
use super::{Job, out};
use crate::{Error, disk};

/// Files that the sample is taken from, and what is read of each.
const SAMPLED_FILES: usize = 16;
const SAMPLED_BYTES: usize = 1 << 20;
/// Passes after which a schema that still widens is a bug.
const PASSES: u32 = 8;

/// Chunks that the inputs are decoded in, as they are on the disk, if chunks are within these bounds.
const CHUNKS: u64 = 8;
const CHUNK: RangeInclusive<usize> = 1 << 20..=12 << 20;

/// Bytes of a file that the disk is to take in at once; smaller ones are better taken in together.
const LARGE: usize = 256 << 10;

/// What a run wrote.
pub(super) struct Done {
    pub(super) schema: TableSchema,
    pub(super) files: Vec<DataFile>,
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) passes: u32,
}

/// What is known before all of it is read.
pub(super) struct Plan {
    spec: LoadSpec,
    /// Where the records of a large document are, if it can be taken in parts.
    way: Option<Way>,
    schema: TableSchema,
}

/// Finds out from a sample what there is to read.
pub(super) fn plan(job: &Job, inputs: &[Input], known: Option<&TableSchema>) -> Result<Plan, Error> {
    let spec = LoadSpec { records: records(job, inputs)?, ..job.spec.clone() };
    let way = Way::of(&spec.records);
    let schema = sample(job, inputs, &spec, known, way.as_ref())?;
    check_event(&spec, &schema)?;
    Ok(Plan { spec, way, schema })
}

/// Reads the inputs and writes their rows below `part`.
pub(super) fn run(
    job: &Job,
    inputs: &[Input],
    plan: Plan,
    name: &str,
    part: &Path,
    progress: &AtomicU64,
) -> Result<Done, Error> {
    let Plan { spec, way, schema: mut wanted } = plan;
    let mut pass = Pass { job, spec: &spec, inputs, way: way.as_ref(), name, part, files: BTreeMap::new() };
    for passes in 1..=PASSES {
        match pass.run(&wanted, progress)? {
            Outcome::Evolve(wider) => {
                wanted = wider;
                pass.again()?;
            }
            Outcome::Done { schema, quarantine, rows, quarantined, .. } => {
                pass.reject(&quarantine)?;
                let files = pass.files.into_values().collect();
                return Ok(Done { schema, files, rows, rejected: quarantined, passes });
            }
        }
    }
    Err(Error::Config(
        "the schema does not settle; declare the columns that change: --column name=type".to_owned(),
    ))
}

/// Bytes that are decoded at a time: few inputs must not be one thread's work at the end.
fn chunk(inputs: &[Input]) -> usize {
    let bytes = inputs.iter().map(|input| input.bytes).fold(0, u64::saturating_add);
    usize::try_from(bytes / CHUNKS).map_or(*CHUNK.end(), |chunk| chunk.clamp(*CHUNK.start(), *CHUNK.end()))
}

/// Bytes of memory to plan with: the allocator holds about an eighth more than it was asked for.
fn planned(job: &Job) -> usize {
    let memory = usize::try_from(job.memory).unwrap_or(usize::MAX);
    memory - memory / 8
}

fn sizes<'a>(job: &Job, way: Option<&'a Way>) -> Sizes<'a> {
    let memory = planned(job);
    Sizes { target: (memory / 64).clamp(1 << 18, 8 << 20), most: (memory / 4).max(1 << 20), way }
}

/// Where the records are, if nobody says: the items of a list, else the document.
fn records(job: &Job, inputs: &[Input]) -> Result<String, Error> {
    if let Some(records) = &job.records {
        return Ok(records.clone());
    }
    let (unread, small) = (AtomicU64::new(0), Sizes { target: 1 << 12, most: 1 << 12, way: None });
    let mut seen: [Option<&Input>; 2] = [None, None];
    for input in sampled(inputs) {
        let chunks = Chunks::open(input, 0, job.format, small, &unread)?;
        if chunks.format == Format::Json {
            seen[usize::from(chunks.is_list())].get_or_insert(input);
        }
    }
    match seen {
        [Some(document), Some(list)] => Err(Error::Config(format!(
            "{} holds a list and {} does not; partition them apart, or name the records: --records",
            list.name, document.name
        ))),
        [None, Some(_)] => Ok("$[*]".to_owned()),
        _ => Ok("$".to_owned()),
    }
}

/// Some inputs from all over the list.
fn sampled(inputs: &[Input]) -> impl Iterator<Item = &Input> {
    inputs.iter().step_by(inputs.len().div_ceil(SAMPLED_FILES).max(1))
}

/// The schema that the beginnings of some files have.
fn sample(
    job: &Job,
    inputs: &[Input],
    spec: &LoadSpec,
    known: Option<&TableSchema>,
    way: Option<&Way>,
) -> Result<TableSchema, Error> {
    let schema = known.cloned().unwrap_or_default();
    let sizes = sizes(job, way);
    let sizes = Sizes { target: SAMPLED_BYTES.min(sizes.target), ..sizes };
    let mut loader = Loader::new(LoadId("sample".to_owned()), spec, &schema);
    let (mut papers, unread) = (Papers::new(spec), AtomicU64::new(0));
    for input in sampled(inputs) {
        if let Some(chunk) = Chunks::open(input, 0, job.format, sizes, &unread)?.next()? {
            papers.are_of(input, chunk.format);
            loader.page(&papers.batch, &papers.page, chunk.body)?;
        }
    }
    Ok(match loader.finish()? {
        Outcome::Evolve(schema) | Outcome::Done { schema, .. } => schema,
    })
}

/// An event time that no record of the sample has is a slip of the pen.
fn check_event(spec: &LoadSpec, schema: &TableSchema) -> Result<(), Error> {
    let Some(event) = &spec.event_time else { return Ok(()) };
    let mut fields = &schema.fields;
    for name in event.path.split('.') {
        match fields.iter().find(|field| field.name == name).map(|field| &field.data_type) {
            Some(DataType::Struct(inner)) => fields = inner,
            Some(_) => return Ok(()),
            None if fields.is_empty() => return Ok(()),
            None => return Err(no_event(&event.path, name, fields)),
        }
    }
    Ok(())
}

fn no_event(path: &str, name: &str, fields: &[Field]) -> Error {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).take(20).collect();
    Error::Config(format!(
        "no record has the event time `{path}`: there is no `{name}` among {}; name one with --event-time",
        names.join(", ")
    ))
}

/// One reading of all inputs.
struct Pass<'a> {
    job: &'a Job,
    spec: &'a LoadSpec,
    inputs: &'a [Input],
    /// Where the records of a large document are, if it can be taken in parts.
    way: Option<&'a Way>,
    name: &'a str,
    part: &'a Path,
    /// What is written so far, by key.
    files: BTreeMap<String, DataFile>,
}

impl Pass<'_> {
    /// Reads everything under a schema. Threads of their own read; this one decodes and writes.
    fn run(&mut self, schema: &TableSchema, progress: &AtomicU64) -> Result<Outcome, Error> {
        let (job, inputs, way) = (self.job, self.inputs, self.way);
        progress.store(0, Ordering::Relaxed);
        thread::scope(|scope| {
            let reading = read::start(scope, job, inputs, sizes(job, way), progress);
            self.load(schema, reading)
        })
    }

    fn load(&mut self, schema: &TableSchema, chunks: Reading) -> Result<Outcome, Error> {
        let memory = planned(self.job);
        let options = Options {
            memory: memory - memory / 4,
            chunk: chunk(self.inputs),
            threads: self.job.threads,
            lineage: self.job.lineage,
            appends: true,
        };
        let mut loader = Loader::new(LoadId(self.name.to_owned()), self.spec, schema).with(options);
        let mut papers = Papers::new(self.spec);
        for chunk in chunks {
            let chunk = chunk?;
            let input = &self.inputs[chunk.input];
            papers.are_of(input, chunk.format);
            let Papers { batch, page } = &mut papers;
            if chunk.format.delimiter().is_some() && chunk.line > 0 {
                page.key = format!("{}, from line {}", input.name, chunk.line + 1);
            }
            if let Some(byte) = chunk.byte {
                page.key = format!("{}, from byte {byte}", input.name);
            }
            loader.page(batch, page, chunk.body)?;
            self.write(loader.ready())?;
            self.reject(&loader.rejects())?;
        }
        let mut written = Ok(());
        let outcome = loader.finish_into(&mut |file| {
            if written.is_ok() {
                written = self.write(vec![file]);
            }
        })?;
        written.map(|()| outcome)
    }

    fn write(&mut self, files: Vec<File>) -> Result<(), Error> {
        for File { key, rows, offset, bytes } in files {
            let key = key.split_once('/').map_or(key.as_str(), |(_, key)| key).to_owned();
            let path = out::waiting(self.part, &key);
            if offset == 0 {
                save(&path, &bytes)?
            } else {
                append(&path, &bytes)?
            }
            let bytes = offset + bytes.len() as u64;
            self.files.insert(key.clone(), DataFile { key, rows, bytes });
        }
        Ok(())
    }

    /// Appends to the rejects.
    fn reject(&self, lines: &[u8]) -> Result<(), Error> {
        let path = out::waiting(self.part, &out::rejects(self.name));
        match lines {
            [] => Ok(()),
            lines if path.exists() => append(&path, lines),
            lines => save(&path, lines),
        }
    }

    /// Removes what was written under a schema that was too narrow.
    fn again(&mut self) -> Result<(), Error> {
        for key in std::mem::take(&mut self.files).into_keys() {
            let path = out::waiting(self.part, &key);
            fs::remove_file(&path).map_err(|error| Error::file("cannot remove", &path, error))?;
        }
        let rejects = out::waiting(self.part, &out::rejects(self.name));
        match fs::remove_file(&rejects) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::file("cannot remove", &rejects, error))
            }
            _ => Ok(()),
        }
    }
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_to(fs::File::create(path), path, bytes)
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_to(fs::File::options().append(true).open(path), path, bytes)
}

fn write_to(file: io::Result<fs::File>, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = |mut file: fs::File| {
        file.write_all(bytes)?;
        if bytes.len() >= LARGE {
            disk::begin_sync(&file);
        }
        Ok(())
    };
    file.and_then(write).map_err(|error| Error::file("cannot write", path, error))
}

/// What a loader wants to know of where rows come from. Files have no poll: the time of their last change stands for it.
struct Papers {
    batch: Batch,
    page: Page,
}

impl Papers {
    /// Those of no file yet.
    fn new(spec: &LoadSpec) -> Papers {
        let at = Timestamp::UNIX_EPOCH;
        let batch = Batch {
            version: Batch::VERSION,
            pipeline: String::new(),
            stream: String::new(),
            seq: 0,
            polled_at: at,
            config_hash: String::new(),
            load: spec.clone(),
            pages: Vec::new(),
            checkpoint: Default::default(),
        };
        let page = Page {
            key: String::new(),
            element: String::new(),
            number: 0,
            request: String::new(),
            status: 200,
            fetched_at: at,
            bytes: 0,
            sha256: String::new(),
            format: Format::Json,
            charset: None,
            archive: None,
            records: 0,
            repeats: Vec::new(),
            values: serde_json::Map::new(),
            fields: Default::default(),
        };
        Papers { batch, page }
    }

    /// Makes them those of this file.
    fn are_of(&mut self, input: &Input, format: Format) {
        let changed = input.stamp.parse().ok().and_then(|nanos| Timestamp::from_nanosecond(nanos).ok());
        let changed = changed.unwrap_or(Timestamp::UNIX_EPOCH);
        self.batch.stream.clone_from(&input.name);
        self.page.key.clone_from(&input.name);
        (self.batch.polled_at, self.page.fetched_at) = (changed, changed);
        (self.page.bytes, self.page.format) = (input.bytes, format);
    }
}
