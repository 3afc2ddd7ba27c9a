//! Pages in, data files out.
//!
//! ```text
//!  pages -> chunks -> decode (any thread) -> blocks, in order of arrival -> encode (any thread) -> files
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::LoadError;
use super::chunk::{Chunk, Piece, Position, Sheet};
use super::decoder::{Decoded, Stop, too_large};
use super::pool::{Pool, Task, Worker};
use super::rules::Rules;
use super::table::{File, Table};
use crate::batch::{Batch, Page};
use crate::decode::MOST_BYTES;
use crate::keys::LoadId;
use crate::pipeline::LoadSpec;
use crate::schema::TableSchema;

/// Bytes of the first chunk, which is read alone to know the schema, at most.
const SAMPLE_BYTES: usize = 1 << 20;

/// Chunks that are decoded ahead of the one that is taken in, at most: with more threads they would be most of memory.
const MOST_AHEAD: usize = 8;

/// What a load may use, and what it writes besides the records' own columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of memory, at most, the input's own buffers outside the loader left out. Beyond it files are ended early
    /// ([`Loader::ready`]), so that a partition may get more than one.
    pub memory: usize,
    /// Bytes that are decoded at a time, at most; a thirty-second of the memory, if that is less. The more they are, the
    /// longer is what a partition has of each block: where partitions are many, collecting short stretches from many
    /// blocks is most of the encoding.
    pub chunk: usize,
    /// Threads that decode and encode. One: all work is done in the caller's calls.
    pub threads: usize,
    /// Whether rows carry the lineage columns.
    pub lineage: bool,
    /// Whether files can be appended to, so that what is encoded need not stay in memory until its file ends.
    pub appends: bool,
}

/// The largest part of memory for rows that are not encoded, whatever the options say: lengths within are 32 bits.
const MOST_ROWS_BYTES: usize = 1 << 30;

impl Options {
    /// Bytes for rows that are not encoded.
    pub(super) fn rows_bytes(&self) -> usize {
        let share = if self.appends { self.memory / 8 * 5 } else { self.memory / 2 };
        share.min(MOST_ROWS_BYTES)
    }

    /// Bytes for the files under way.
    pub(super) fn files_bytes(&self) -> usize {
        self.memory / 5
    }
}

impl Default for Options {
    /// 512 MiB, 12 MiB at a time, one thread, lineage, whole files.
    fn default() -> Options {
        Options { memory: 512 << 20, chunk: 12 << 20, threads: 1, lineage: true, appends: false }
    }
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
    pub(super) load: LoadId,
    pub(super) options: Options,
    /// The schema, and whether it is wider than the one that the load began with, whose version it keeps.
    pub(super) rules: Arc<Rules>,
    pub(super) wider: bool,
    /// Whether it got wider after rows were decoded: then none are kept, and the load is to be repeated.
    pub(super) repeat: bool,
    pub(super) pool: Pool,
    /// For what must be done in order.
    pub(super) own: Worker,
    gathering: Chunk,
    sheet: Option<Arc<Sheet>>,
    /// Chunks that are being decoded, with their results, by number.
    pub(super) under_way: BTreeMap<u64, Pending>,
    submitted: u64,
    pub(super) position: Position,
    pub(super) table: Table,
    pub(super) ready: Vec<File>,
    pub(super) rows: u64,
    pub(super) quarantine: Vec<u8>,
    pub(super) quarantined: u64,
}

/// A chunk, and what came of it.
pub(super) struct Pending {
    pub(super) chunk: Arc<Chunk>,
    pub(super) result: Option<Result<Decoded, Stop>>,
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
        /// NDJSON lines of what did not fit, but for those that [`Loader::rejects`] has given out.
        quarantine: Vec<u8>,
        /// Rows landed.
        rows: u64,
        /// Rows and values that did not fit, each one line.
        quarantined: u64,
    },
}

impl Loader {
    /// A load under `spec` into a table whose schema is `schema`.
    pub fn new(load: LoadId, spec: &LoadSpec, schema: &TableSchema) -> Loader {
        let mut schema = schema.clone();
        let wider = schema.declare(&spec.columns);
        let options = Options::default();
        Loader {
            load,
            rules: Arc::new(Rules::new(spec, schema, options.lineage)),
            options,
            wider,
            repeat: false,
            pool: Pool::new(1),
            own: Worker::default(),
            gathering: Chunk::default(),
            sheet: None,
            under_way: BTreeMap::new(),
            submitted: 0,
            position: Position::default(),
            table: Table::default(),
            ready: Vec::new(),
            rows: 0,
            quarantine: Vec::new(),
            quarantined: 0,
        }
    }

    /// The same load with other means. Call it before the first page.
    pub fn with(mut self, options: Options) -> Loader {
        self.options = options;
        self.rules = Arc::new(Rules::new(&self.rules.spec, self.rules.schema.clone(), options.lineage));
        self
    }

    /// Files that had to be ended so far to keep within memory, each given out once, or stretches of files in the order
    /// in which they are to be appended. Their schema is [`Loader::schema`]. Empty for most loads; worth a call after each page.
    pub fn ready(&mut self) -> Vec<File> {
        std::mem::take(&mut self.ready)
    }

    /// Lines of quarantine so far, each given out once: [`Outcome::Done`] has those that were not asked for. If the load
    /// turns out to be one that is to be repeated, they do not count.
    pub fn rejects(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.quarantine)
    }

    /// The schema of the files, see [`Outcome::Done`].
    pub fn schema(&self) -> TableSchema {
        let TableSchema { version, fields } = self.rules.schema.clone();
        TableSchema { version: version + u32::from(self.wider || version == 0 && self.rows > 0), fields }
    }

    /// Takes in one page, or the next part of one; `body` is its bytes as staged. `page` is one of `batch.pages`;
    /// pages of a batch come in order. An error may be about an earlier page.
    pub fn page(&mut self, batch: &Batch, page: &Page, body: Bytes) -> Result<(), LoadError> {
        let new = Sheet::new(batch, page);
        let opens = self.sheet.as_ref().is_none_or(|sheet| sheet.name != new.name);
        let begins = opens || self.sheet.as_ref().is_none_or(|sheet| !sheet.goes_on(&new));
        let sheet = match &self.sheet {
            Some(sheet) if !begins => Arc::clone(sheet),
            _ => Arc::new(new),
        };
        self.sheet = Some(Arc::clone(&sheet));
        let mut piece = Piece { sheet, body, begins, opens };
        loop {
            let rest = piece.cut(self.chunk_bytes().saturating_sub(self.gathering.bytes));
            if piece.body.len() as u64 > MOST_BYTES {
                return Err(too_large(&piece.sheet.key));
            }
            self.gathering.push(piece);
            if self.gathering.bytes >= self.chunk_bytes() {
                self.dispatch()?;
            }
            match rest {
                Some(next) => piece = next,
                None => return Ok(()),
            }
        }
    }

    /// Ends the load.
    pub fn finish(self) -> Result<Outcome, LoadError> {
        let mut given = Vec::new();
        let mut outcome = self.finish_into(&mut |file| given.push(file))?;
        if let Outcome::Done { files, .. } = &mut outcome {
            files.append(&mut given);
            files.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(outcome)
    }

    /// Ends the load and hands each file to `give` as soon as it is whole, in any order, while others are still being
    /// encoded. The outcome lists none.
    pub fn finish_into(mut self, give: &mut dyn FnMut(File)) -> Result<Outcome, LoadError> {
        self.dispatch()?;
        while !self.under_way.is_empty() {
            self.receive()?;
        }
        let schema = self.schema();
        if self.repeat {
            return Ok(Outcome::Evolve(schema));
        }
        self.ready().into_iter().for_each(&mut *give);
        self.encode(Some(give))?;
        self.table.end(0, &self.rules, &self.load).into_iter().for_each(give);
        let (quarantine, rows, quarantined) = (self.quarantine, self.rows, self.quarantined);
        Ok(Outcome::Done { schema, files: Vec::new(), quarantine, rows, quarantined })
    }

    /// Bytes that are decoded at a time.
    fn chunk_bytes(&self) -> usize {
        let usual = (self.options.memory / 32).min(self.options.chunk).max(64 << 10);
        if self.submitted == 0 { usual.min(SAMPLE_BYTES) } else { usual }
    }

    /// Has the gathered pages decoded. The first chunk is decoded alone: after it the schema is nearly always known.
    fn dispatch(&mut self) -> Result<(), LoadError> {
        if self.gathering.pieces.is_empty() {
            return Ok(());
        }
        let chunk = Arc::new(std::mem::take(&mut self.gathering));
        let number = self.submitted;
        self.submitted += 1;
        if number == 0 {
            return self.commit(&chunk, None);
        }
        if number == 1 {
            // Nothing is under way yet. Most loads are over before they need a thread.
            self.pool = Pool::new(self.options.threads);
        }
        self.under_way.insert(number, Pending { chunk: Arc::clone(&chunk), result: None });
        self.pool.submit(Task::Decode(number, Arc::clone(&self.rules), chunk));
        while self.under_way.len() > (self.options.threads + 1).min(MOST_AHEAD) {
            self.receive()?;
        }
        Ok(())
    }
}
