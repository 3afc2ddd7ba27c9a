//! Pages in, data files out.

use bytes::Bytes;

use super::LoadError;
use super::misfit::{Cause, Event, Misfit, Notes, Origin, write_line};
use super::settle::room;
use super::table::{Lineage, Table};
use crate::batch::{Batch, Page};
use crate::decode::{self, DecodeError, each_record};
use crate::json::{JsonError, Kind, Reader, utf8};
use crate::keys::LoadId;
use crate::pipeline::{ContractMode, Format, LoadSpec};
use crate::schema::TableSchema;
use crate::time::Times;

/// The field that a record lands in which is no object.
pub(super) const VALUE: &str = "value";

/// What a load may use, and what it writes besides the records' own columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of memory, at most, the input's own buffers outside the loader left out. Beyond it files are ended early
    /// ([`Loader::ready`]), so that a partition may get more than one.
    pub memory: usize,
    /// Threads that decode and encode. One: all work is done in the caller's calls.
    pub threads: usize,
    /// Whether rows carry the lineage columns.
    pub lineage: bool,
}

impl Default for Options {
    /// 512 MiB, one thread, lineage.
    fn default() -> Options {
        Options { memory: 512 << 20, threads: 1, lineage: true }
    }
}

/// One finished data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its key in the lake: `<table>/year=…/…/<load>-<part>.parquet`, parts counted from 0 for each partition.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// The Parquet file.
    pub bytes: Bytes,
}

/// Decodes the pages of one load into partitioned columns of a fixed schema.
///
/// ```text
/// loop {
///     let mut loader = Loader::new(load, spec, &schema).with(options);
///     for each page, or part of a page { loader.page(batch, page, bytes)?; write(loader.ready()) }
///     match loader.finish()? {
///         Outcome::Evolve(wider) => { schema = wider; remove what was written; } // the load is repeated from its start
///         Outcome::Done { files, .. } => { write(files); break }
///     }
/// }
/// ```
/// Give it every page of every batch in order, then [`Loader::finish`]. A page of NDJSON may come in parts of whole
/// lines, of any size: each call with the same page goes on where the last ended, so that a file that is larger than
/// memory can be read in parts; parts of one to eight MiB are quick. Any other page comes as a whole. Small pages are
/// gathered, so there is no need to join them. Plain files are pages of a batch that was never staged: the loader reads
/// `stream`, `seq` and `polled_at` of the batch, and `key`, `format`, `charset`, `repeats` and `fields` of the page.
///
/// The result depends on nothing but the input and `memory`, whatever the threads, so whoever repeats a load gets the
/// same files.
pub struct Loader {
    load: LoadId,
    pub(super) spec: LoadSpec,
    pub(super) schema: TableSchema,
    /// Dotted name of the event time.
    pub(super) event: Option<String>,
    /// Whether the schema has become wider than the ledger's: from then on rows are read, but not kept.
    pub(super) wider: bool,
    /// How many columns the table may get yet.
    pub(super) room: usize,
    pub(super) table: Table,
    pub(super) notes: Notes,
    batch: Option<(String, u64)>,
    /// Ordinal of the next record in its batch.
    pub(super) row: u64,
    rows: u64,
    quarantine: Vec<u8>,
    quarantined: u64,
    options: Options,
}

/// What a finished load is.
#[derive(Debug)]
pub enum Outcome {
    /// The table must first be widened to this schema (its version is one more); then the load is repeated.
    Evolve(TableSchema),
    /// Files and quarantine to write.
    Done {
        /// Schema of the files. If its version is one more than the schema the load began with, the table must first be
        /// widened to it; should the table have got another of that version meanwhile, the load is repeated with that.
        schema: TableSchema,
        /// Data files that [`Loader::ready`] has not given out, sorted by key.
        files: Vec<File>,
        /// NDJSON lines of what did not fit; empty if everything did.
        quarantine: Vec<u8>,
        /// Rows landed.
        rows: u64,
        /// Rows and values that did not fit: the lines of `quarantine`.
        quarantined: u64,
    },
}

/// What all records of a page have in common.
pub(super) struct Sheet<'a> {
    batch: &'a Batch,
    page: &'a Page,
    /// `<stream>/<seq>`
    pub(super) name: String,
    /// Values added to each record: name and JSON.
    pub(super) constants: Vec<(String, String)>,
}

/// Why a page is not read to its end.
pub(super) enum Stop {
    Page(DecodeError),
    Load(LoadError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Page(error)
    }
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Stop {
        Stop::Page(error.into())
    }
}

impl From<LoadError> for Stop {
    fn from(error: LoadError) -> Stop {
        Stop::Load(error)
    }
}

impl From<arrow_schema::ArrowError> for Stop {
    fn from(error: arrow_schema::ArrowError) -> Stop {
        Stop::Load(LoadError::Parquet(error.to_string()))
    }
}

impl<'a> Sheet<'a> {
    fn new(batch: &'a Batch, page: &'a Page) -> Sheet<'a> {
        let constants = page.fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        Sheet { batch, page, name: format!("{}/{:012}", batch.stream, batch.seq), constants }
    }

    /// Whether the poll before had already brought this record of the page.
    fn repeats(&self, number: u64) -> bool {
        self.page
            .repeats
            .iter()
            .any(|(first, count)| (*first..first.saturating_add(*count)).contains(&number))
    }
}

impl Loader {
    /// A load under `spec` into a table whose schema is `schema`.
    pub fn new(load: LoadId, spec: &LoadSpec, schema: &TableSchema) -> Loader {
        let mut schema = schema.clone();
        let wider = schema.declare(&spec.columns);
        let room = room(spec, &schema);
        let path = |path: &str| path.strip_prefix("$.").unwrap_or(path).to_owned();
        let event = spec.event_time.as_ref().map(|rules| path(&rules.path));
        let times = spec.event_time.as_ref().map_or_else(Times::plain, Times::new);
        let add = schema.version == 0 || spec.contract.columns == ContractMode::Evolve;
        Loader {
            load,
            table: Table::new(&schema, event.as_deref(), spec.partition_by),
            notes: Notes { misfits: Vec::new(), event: Event::Missing, times, add },
            spec: spec.clone(),
            schema,
            event,
            wider,
            room,
            batch: None,
            row: 0,
            rows: 0,
            quarantine: Vec::new(),
            quarantined: 0,
            options: Options::default(),
        }
    }

    /// The same load with other means. Call it before the first page.
    pub fn with(self, options: Options) -> Loader {
        Loader { options, ..self }
    }

    /// Files that had to be ended so far to keep within memory, each given out once. Their schema is
    /// [`Loader::schema`]. Empty for most loads; worth a call after each page.
    pub fn ready(&mut self) -> Vec<File> {
        Vec::new()
    }

    /// The schema of the files, see [`Outcome::Done`].
    pub fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// Takes in one page, or the next part of one; `body` is its bytes as staged. `page` is one of `batch.pages`;
    /// pages of a batch come in order. An error may be about an earlier page.
    pub fn page(&mut self, batch: &Batch, page: &Page, body: Bytes) -> Result<(), LoadError> {
        let wrong = |source| LoadError::Page { page: page.key.clone(), source };
        let body = decode::to_utf8(&body, page.charset.as_deref()).map_err(wrong)?;
        let text = utf8(&body).map_err(|e| wrong(e.into()))?;
        if self.batch.as_ref().is_none_or(|(stream, seq)| (stream, *seq) != (&batch.stream, batch.seq)) {
            self.batch = Some((batch.stream.clone(), batch.seq));
            self.row = 0;
        }
        let sheet = Sheet::new(batch, page);
        let first = self.row;
        let records = self.spec.records.clone();
        let read = each_record(text, page.format, &records, &mut |reader: &mut Reader<'_>| {
            self.record(&sheet, self.row - first, reader)?;
            self.row += 1;
            Ok(())
        });
        read.map_err(|stop| match stop {
            Stop::Page(error) if page.format == Format::Ndjson => wrong(error.with_line(text)),
            Stop::Page(error) => wrong(error),
            Stop::Load(error) => error,
        })
    }

    /// Ends the load.
    pub fn finish(mut self) -> Result<Outcome, LoadError> {
        if self.wider || self.schema.version == 0 && self.rows > 0 {
            self.schema.version += 1;
            return Ok(Outcome::Evolve(self.schema));
        }
        let (quarantine, rows, quarantined) = (self.quarantine, self.rows, self.quarantined);
        let files = self
            .table
            .files(&self.spec.table, &self.load, self.options.lineage)
            .map_err(LoadError::Parquet)?;
        Ok(Outcome::Done { schema: self.schema, files, quarantine, rows, quarantined })
    }

    /// Reads the record that the reader stands before, `number` being its place in the page.
    fn record(&mut self, sheet: &Sheet<'_>, number: u64, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if sheet.repeats(number) {
            return Ok(reader.skip().map(|_| ())?);
        }
        self.notes.clear();
        let kind = reader.peek()?;
        let start = reader.at();
        let row = self.table.rows;
        for (name, json) in &sheet.constants {
            self.table.root.read_field(row, name, &mut Reader::new(json), &mut self.notes)?;
        }
        match kind {
            Kind::Object => self.table.root.read(row, reader, &sheet.constants, &mut self.notes)?,
            _ => self.table.root.read_field(row, VALUE, reader, &mut self.notes)?,
        }
        let record = reader.since(start);
        if self.wider || !self.notes.misfits.is_empty() || self.schema.version == 0 {
            return self.settle(sheet, record);
        }
        self.land(sheet, record, Vec::new())
    }

    /// Takes the row in, if it has its time; `discarded` are the values left out of it.
    pub(super) fn land(
        &mut self,
        sheet: &Sheet<'_>,
        record: &str,
        discarded: Vec<Misfit>,
    ) -> Result<(), Stop> {
        let event = match (&self.event, &self.notes.event) {
            (None, _) => sheet.batch.polled_at,
            (Some(_), Event::At(time)) => *time,
            (Some(path), other) => {
                let value = if let Event::Unreadable(value) = other { value } else { "null" };
                let misfit = Misfit::new(Cause::Event, path.clone(), value);
                self.discard(sheet, record, &misfit);
                return Ok(());
            }
        };
        for misfit in &discarded {
            self.quarantine_line(sheet, record, misfit);
        }
        self.rows += 1;
        let (batch, polled_at) = (sheet.name.as_str(), sheet.batch.polled_at);
        let lineage = Lineage { batch, row: self.row, polled_at, event, bytes: record.len() };
        Ok(self.table.commit(&lineage)?)
    }

    /// Leaves the row out.
    pub(super) fn discard(&mut self, sheet: &Sheet<'_>, record: &str, misfit: &Misfit) {
        self.table.undo();
        self.quarantine_line(sheet, record, misfit);
    }

    fn quarantine_line(&mut self, sheet: &Sheet<'_>, record: &str, misfit: &Misfit) {
        let origin = Origin { batch: &sheet.name, page: &sheet.page.key, row: self.row, record };
        write_line(&origin, misfit, &mut self.quarantine);
        self.quarantined += 1;
    }
}
