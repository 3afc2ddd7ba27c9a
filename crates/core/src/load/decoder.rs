//! A chunk of pages to a block of rows, under one schema. What the outcome is depends on nothing else, so chunks may be
//! decoded in any order and on any thread.

use std::sync::Arc;

use jiff::Timestamp;

use super::LoadError;
use super::block::{Block, CARRIED, Origin};
use super::chunk::{Chunk, Piece, Position, Sheet};
use super::column::Fields;
use super::misfit::{Cause, Event, Misfit, Notes, Quarantine};
use super::pack::Packer;
use super::rules::Rules;
use crate::decode::{self, DecodeError, Records};
use crate::json::{JsonError, Kind, Reader};
use crate::pipeline::Format;
use crate::schema::TableSchema;
use crate::transform::Transforms;

/// The field that a record lands in which is no object.
pub(super) const VALUE: &str = "value";

/// Bytes of the values that pages add to their records, in one chunk, at most.
const ADDED_BYTES: usize = 1 << 30;

/// Reads chunks. Its columns keep their memory from one to the next.
pub(super) struct Decoder {
    pub(super) rules: Arc<Rules>,
    /// The schema of the rules, wider once a record has widened it.
    pub(super) schema: TableSchema,
    /// How many columns it has.
    pub(super) columns: usize,
    pub(super) root: Fields,
    pub(super) notes: Notes,
    records: Records,
    /// What is done to each record first.
    transforms: Transforms,
    /// Whether rows are not kept: all that is wanted is how wide the schema gets.
    pub(super) scan: bool,
    /// Rows in `root`, and what they have besides their records.
    rows: usize,
    events: Vec<i64>,
    origins: Vec<Origin>,
    sheets: Vec<Arc<Sheet>>,
    added: usize,
    /// Ordinal of the record at hand in its batch; counted from the chunk's start while `carried`.
    pub(super) row: u64,
    carried: u64,
    quarantine: Quarantine,
    packer: Packer,
}

/// What a chunk came to.
pub(super) struct Decoded {
    /// The rows, if there are any.
    pub(super) block: Option<Block>,
    pub(super) quarantine: Quarantine,
    /// Where the next chunk begins.
    pub(super) end: Position,
    /// Whether its row counts from the chunk's start, since the chunk began and ended within one batch.
    pub(super) carried: bool,
    /// Whether its place in the page counts from the chunk's start, since the chunk lies within one page.
    pub(super) within: bool,
}

/// Why a chunk is not read to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Page(DecodeError),
    Load(LoadError),
    /// A record widens the schema.
    Wider,
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

impl Decoder {
    pub(super) fn new(rules: &Arc<Rules>) -> Result<Decoder, LoadError> {
        let wrong = |source| LoadError::Page { page: String::new(), source };
        let transforms = rules.spec.transform.as_ref().map(Transforms::new).transpose();
        let transforms =
            transforms.map_err(|error| wrong(DecodeError::Path(format!("transform: {error}"))))?;
        Ok(Decoder {
            columns: rules.schema.columns(),
            schema: rules.schema.clone(),
            root: Fields::new(&rules.schema.fields, "", rules.event.as_deref()),
            notes: Notes {
                misfits: Vec::new(),
                event: Event::Missing,
                times: rules.times.clone(),
                add: rules.adds(),
            },
            records: Records::new(&rules.spec.records).map_err(wrong)?,
            transforms: transforms.unwrap_or_default(),
            rules: Arc::clone(rules),
            scan: false,
            rows: 0,
            events: Vec::new(),
            origins: Vec::new(),
            sheets: Vec::new(),
            added: 0,
            row: 0,
            carried: 0,
            quarantine: Quarantine::default(),
            packer: Packer::default(),
        })
    }

    /// Reads a chunk. `start` is where it begins, or the default: then positions count from its own start.
    pub(super) fn decode(&mut self, chunk: &Chunk, start: Position) -> Result<Decoded, Stop> {
        self.clear();
        self.row = start.row;
        self.carried = CARRIED;
        let (mut at, mut within) = (start, true);
        for piece in &chunk.pieces {
            if piece.opens {
                (self.row, self.carried) = (0, 0);
            }
            if piece.begins {
                (at, within) = (Position::default(), false);
            }
            self.piece(piece, at)?;
            at = piece.end(at);
        }
        at.row = self.row;
        let quarantine = std::mem::take(&mut self.quarantine);
        let block = (self.rows > 0 && !self.scan).then(|| self.block());
        Ok(Decoded { block, quarantine, end: at, carried: self.carried != 0, within })
    }

    /// Reads a chunk for the schema alone: what it is after all its records.
    pub(super) fn widened(mut self, chunk: &Chunk, start: Position) -> Result<TableSchema, Stop> {
        self.scan = true;
        self.decode(chunk, start)?;
        Ok(self.schema)
    }

    fn clear(&mut self) {
        self.root.truncate(0);
        self.rows = 0;
        self.added = 0;
        self.events.clear();
        self.origins.clear();
        self.sheets.clear();
        self.quarantine = Quarantine::default();
    }

    fn block(&mut self) -> Block {
        let sheets = std::mem::take(&mut self.sheets);
        let by = self.rules.spec.partition_by;
        Block::new(&self.root, &self.events, &self.origins, sheets, by, &mut self.packer)
    }

    fn piece(&mut self, piece: &Piece, at: Position) -> Result<(), Stop> {
        let wrong = |error| Stop::Load(placed(error, piece, at));
        let unpacked = decode::unpacked(&piece.body, &piece.sheet.form(), &self.rules.spec.records);
        let read = match unpacked.map_err(wrong)? {
            Some(lines) => self.text(piece, &lines, Format::Ndjson, 0, &Records::default()),
            None => {
                let text = decode::to_text(&piece.body, piece.sheet.charset.as_deref()).map_err(wrong)?;
                // The route is taken out, since records change all else.
                let records = std::mem::take(&mut self.records);
                let read = self.text(piece, &text, piece.sheet.format, at.lines, &records);
                self.records = records;
                read
            }
        };
        read.map_err(|stop| match stop {
            Stop::Page(error) => Stop::Load(placed(error, piece, at)),
            other => other,
        })
    }

    /// Reads the records of a text, which is the piece's own or what it unpacks to.
    fn text(
        &mut self,
        piece: &Piece,
        text: &str,
        format: Format,
        lines: usize,
        records: &Records,
    ) -> Result<(), Stop> {
        let (sheet, first) = (&piece.sheet, self.row);
        self.sheets.push(Arc::clone(sheet));
        let read = records.each(text, format, &mut |reader: &mut Reader<'_>| {
            self.next(sheet, self.row - first, reader)?;
            self.row += 1;
            Ok(())
        });
        read.map_err(|stop| match stop {
            Stop::Page(error) if format == Format::Ndjson => Stop::Page(error.with_line(text, lines)),
            other => other,
        })
    }

    /// Takes the record that the reader stands before, after what is to be done to it.
    #[inline]
    fn next(&mut self, sheet: &Sheet, number: u64, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if self.transforms.is_empty() || sheet.repeats(number) {
            return self.record(sheet, number, reader);
        }
        self.transformed(sheet, number, reader)
    }

    fn transformed(&mut self, sheet: &Sheet, number: u64, reader: &mut Reader<'_>) -> Result<(), Stop> {
        reader.peek()?;
        let raw = reader.skip()?;
        let now = Timestamp::from_microsecond(sheet.polled_at).unwrap_or_default();
        match self.transforms.apply(raw, &sheet.values, now) {
            Ok(None) => Ok(()),
            Ok(Some(json)) => self.record(sheet, number, &mut Reader::new(&json)),
            Err(error) => {
                let misfit = Misfit::new(Cause::Transform(error.to_string()), String::new(), "null");
                self.discard(sheet, raw, &misfit);
                Ok(())
            }
        }
    }

    /// Reads the record that the reader stands before, `number` being its place in the page.
    fn record(&mut self, sheet: &Sheet, number: u64, reader: &mut Reader<'_>) -> Result<(), Stop> {
        if sheet.repeats(number) {
            return Ok(reader.skip().map(|_| ())?);
        }
        self.notes.clear();
        let kind = reader.peek()?;
        let start = reader.at();
        let row = self.rows;
        for (name, json) in &sheet.constants {
            self.root.read_field(row, name, &mut Reader::new(json), &mut self.notes)?;
            self.added += json.len();
        }
        match kind {
            Kind::Object => self.root.read(row, reader, &sheet.constants, &mut self.notes)?,
            _ => self.root.read_field(row, VALUE, reader, &mut self.notes)?,
        }
        if !self.notes.misfits.is_empty() || self.rules.tableless() {
            return self.settle(sheet, reader.since(start));
        }
        self.land(sheet, reader.since(start), Vec::new())
    }

    /// Takes the row in, if it has its time; `discarded` are the values left out of it.
    pub(super) fn land(&mut self, sheet: &Sheet, record: &str, discarded: Vec<Misfit>) -> Result<(), Stop> {
        let event = match (&self.rules.event, &self.notes.event) {
            (None, _) => sheet.polled_at,
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
        if self.scan {
            self.undo();
            return Ok(());
        }
        if self.added > ADDED_BYTES {
            return Err(Stop::Load(too_large(&sheet.key)));
        }
        self.rows += 1;
        self.events.push(event);
        if self.rules.lineage {
            self.origins.push(Origin { sheet: self.sheets.len() as u32 - 1, row: self.row | self.carried });
        }
        Ok(())
    }

    /// Leaves the row out.
    pub(super) fn discard(&mut self, sheet: &Sheet, record: &str, misfit: &Misfit) {
        self.undo();
        self.quarantine_line(sheet, record, misfit);
    }

    /// Forgets what was read of the row after the last.
    pub(super) fn undo(&mut self) {
        self.root.truncate(self.rows);
    }

    fn quarantine_line(&mut self, sheet: &Sheet, record: &str, misfit: &Misfit) {
        if !self.scan {
            self.quarantine.push(sheet, self.row, self.carried != 0, record, misfit);
        }
    }
}

/// A page that is more than one load can take.
pub(super) fn too_large(page: &str) -> LoadError {
    let message = "the page is larger than 1 GiB; have the API send smaller pages, or NDJSON".to_owned();
    LoadError::Page { page: page.to_owned(), source: DecodeError::Malformed { at: 0, message } }
}

/// The error at its place in the whole page.
fn placed(error: DecodeError, piece: &Piece, at: Position) -> LoadError {
    LoadError::Page { page: piece.sheet.key.clone(), source: error.moved(at.bytes) }
}
