//! The work of a run: a sample decides on the schema, then all of it is read and written; once more if it turns out to
//! be wider than its sample.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tidegate_core::batch::{Batch, Page};
use tidegate_core::decode::DecodeError;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::LoadId;
use tidegate_core::load::{DataFile, LoadError, Loader, Outcome};
use tidegate_core::pipeline::{Format, LoadSpec};
use tidegate_core::schema::{DataType, Field, TableSchema};

use super::chunks::{Chunk, Chunks, Sizes};
use super::inputs::Input;
use super::{Job, out};
use crate::Error;

/// Files that the sample is taken from, and what is read of each.
const SAMPLED_FILES: usize = 16;
const SAMPLED_BYTES: usize = 1 << 20;
/// Passes after which a schema that still widens is a bug.
const PASSES: u32 = 8;

/// What a run wrote.
pub(super) struct Done {
    pub(super) schema: TableSchema,
    pub(super) files: Vec<DataFile>,
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) passes: u32,
}

/// Reads the inputs and writes their rows below `part`.
pub(super) fn run(
    job: &Job,
    inputs: &[Input],
    known: Option<&TableSchema>,
    name: &str,
    part: &Path,
    progress: &AtomicU64,
) -> Result<Done, Error> {
    let spec = LoadSpec { records: records(job, inputs)?, ..job.spec.clone() };
    let mut schema = sample(job, inputs, &spec, known)?;
    check_event(&spec, &schema)?;
    for pass in 1..=PASSES {
        progress.store(0, std::sync::atomic::Ordering::Relaxed);
        let load = LoadId(name.to_owned());
        let mut pass_of =
            Pass { job, spec: &spec, inputs, load, part, schema: &schema, done: Done::empty(&schema, pass) };
        match pass_of.run(progress)? {
            None => return Ok(pass_of.done),
            Some(wider) => schema = wider,
        }
    }
    Err(Error::Config(
        "the schema does not settle; declare the columns that change: --column name=type".to_owned(),
    ))
}

fn sizes(job: &Job) -> Sizes {
    let memory = usize::try_from(job.memory).unwrap_or(usize::MAX);
    Sizes { target: (memory / 64).clamp(1 << 18, 8 << 20), most: (memory / 4).max(1 << 20) }
}

/// Where the records are, if nobody says: the items of a list, else the document.
fn records(job: &Job, inputs: &[Input]) -> Result<String, Error> {
    if let Some(records) = &job.records {
        return Ok(records.clone());
    }
    let (unread, small) = (AtomicU64::new(0), Sizes { target: 1 << 12, most: 1 << 12 });
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
) -> Result<TableSchema, Error> {
    let mut schema = known.cloned().unwrap_or_default();
    let sizes = Sizes { target: SAMPLED_BYTES.min(sizes(job).target), ..sizes(job) };
    let mut loader = Loader::new(LoadId("sample".to_owned()), spec, &schema);
    let unread = AtomicU64::new(0);
    for input in sampled(inputs) {
        if let Some(chunk) = Chunks::open(input, 0, job.format, sizes, &unread)?.next()? {
            let (batch, page) = papers(input, chunk.format, spec);
            loader.page(&batch, &page, &chunk.body).map_err(|error| placed(error, input, &chunk))?;
        }
    }
    if let Outcome::Evolve(wider) = loader.finish()? {
        schema = wider;
    }
    Ok(schema)
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

/// One reading of all inputs under one schema.
struct Pass<'a> {
    job: &'a Job,
    spec: &'a LoadSpec,
    inputs: &'a [Input],
    load: LoadId,
    part: &'a Path,
    schema: &'a TableSchema,
    done: Done,
}

impl Pass<'_> {
    /// Reads in one thread, decodes and writes in this one; the wider schema if there has to be another pass.
    fn run(&mut self, progress: &AtomicU64) -> Result<Option<TableSchema>, Error> {
        let (give, take) = sync_channel(2);
        let (inputs, job) = (self.inputs, self.job);
        thread::scope(|scope| {
            let reading = scope.spawn(move || read(job, inputs, &give, progress));
            let decoded = self.decode(&take);
            drop(take);
            let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let wider = decoded?;
            read?;
            Ok(wider)
        })
    }

    fn decode(&mut self, chunks: &Receiver<Chunk>) -> Result<Option<TableSchema>, Error> {
        let budget = usize::try_from(self.job.memory / 3).unwrap_or(usize::MAX);
        let mut loader = Loader::new(self.round(0), self.spec, self.schema);
        let (mut held, mut round, mut wider) = (0, 0, None::<TableSchema>);
        let mut paper: Option<(usize, Batch, Page)> = None;
        for chunk in chunks {
            let input = &self.inputs[chunk.input];
            if paper.as_ref().is_none_or(|(number, ..)| *number != chunk.input) {
                let (batch, page) = papers(input, chunk.format, self.spec);
                paper = Some((chunk.input, batch, page));
            }
            let Some((_, batch, page)) = &paper else { continue };
            loader.page(batch, page, &chunk.body).map_err(|error| placed(error, input, &chunk))?;
            held += chunk.body.len();
            if held >= budget {
                round += 1;
                let next = Loader::new(self.round(round), self.spec, wider.as_ref().unwrap_or(self.schema));
                let full = std::mem::replace(&mut loader, next);
                held = 0;
                wider = self.write(full)?.or(wider);
                if let Some(schema) = &wider {
                    loader = Loader::new(self.round(round), self.spec, schema);
                }
            }
        }
        Ok(self.write(loader)?.or(wider))
    }

    fn round(&self, round: u32) -> LoadId {
        LoadId(format!("{}-{round}", self.load))
    }

    /// Writes what the loader has, unless it has to be read again under a wider schema.
    fn write(&mut self, loader: Loader) -> Result<Option<TableSchema>, Error> {
        let (files, quarantine, rows, quarantined) = match loader.finish()? {
            Outcome::Evolve(wider) => return Ok(Some(wider)),
            Outcome::Done { files, quarantine, rows, quarantined } => (files, quarantine, rows, quarantined),
        };
        for (key, rows, body) in files {
            let key = key.split_once('/').map_or(key.as_str(), |(_, key)| key).to_owned();
            save(&self.part.join(&key), |path| fs::write(path, &body))?;
            self.done.files.push(DataFile { key, rows, bytes: body.len() as u64 });
        }
        if !quarantine.is_empty() {
            save(&self.part.join(out::rejects(&self.load.0)), |path| append(path, &quarantine))?;
        }
        self.done.rows += rows;
        self.done.rejected += quarantined;
        Ok(None)
    }
}

impl Done {
    fn empty(schema: &TableSchema, passes: u32) -> Done {
        Done { schema: schema.clone(), files: Vec::new(), rows: 0, rejected: 0, passes }
    }
}

fn save(path: &PathBuf, write: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)
        .and_then(|()| write(path))
        .map_err(|error| Error::file("cannot write", path, error))
}

fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
}

/// Cuts all inputs into chunks; ends early if nobody takes them.
fn read(job: &Job, inputs: &[Input], give: &SyncSender<Chunk>, progress: &AtomicU64) -> Result<(), Error> {
    for (number, input) in inputs.iter().enumerate() {
        let mut chunks = Chunks::open(input, number, job.format, sizes(job), progress)?;
        while let Some(chunk) = chunks.next()? {
            if give.send(chunk).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What a loader wants to know of where rows come from. Files have no poll: their time is the epoch, so that equal
/// inputs give equal files.
fn papers(input: &Input, format: Format, spec: &LoadSpec) -> (Batch, Page) {
    let batch = Batch {
        version: Batch::VERSION,
        pipeline: String::new(),
        stream: input.name.clone(),
        seq: 0,
        polled_at: Timestamp::UNIX_EPOCH,
        config_hash: String::new(),
        load: spec.clone(),
        pages: Vec::new(),
        checkpoint: Default::default(),
    };
    let page = Page {
        key: input.name.clone(),
        element: String::new(),
        number: 0,
        request: String::new(),
        status: 200,
        fetched_at: Timestamp::UNIX_EPOCH,
        bytes: input.bytes,
        sha256: String::new(),
        format,
        charset: None,
        records: 0,
        repeats: Vec::new(),
        fields: Default::default(),
    };
    (batch, page)
}

/// The error, its place counted from the beginning of the file.
fn placed(error: LoadError, input: &Input, chunk: &Chunk) -> Error {
    let LoadError::Page { page, source: DecodeError::Malformed { at, message } } = error else {
        return error.into();
    };
    let before = &chunk.body[..at.min(chunk.body.len())];
    let line = chunk.line + memchr::memchr_iter(b'\n', before).count() as u64 + 1;
    let bare = message.split_once(": ").filter(|(first, _)| first.starts_with("line ")).map(|(_, rest)| rest);
    let message = format!("line {line}: {}", bare.unwrap_or(&message));
    let name = if page.is_empty() { input.name.clone() } else { page };
    LoadError::Page { page: name, source: DecodeError::Malformed { at, message } }.into()
}
