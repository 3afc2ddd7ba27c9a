//! What is decoded at a time: parts of pages.

use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, Page};
use crate::decode::{Form, MOST_BYTES};
use crate::pipeline::{Archive, Format, Values};
use crate::time::micros;

/// What all records of a page have in common.
pub(super) struct Sheet {
    /// `<stream>/<seq>`
    pub(super) name: String,
    /// Key of the page.
    pub(super) key: String,
    /// When the poll began, in microseconds since 1970.
    pub(super) polled_at: i64,
    pub(super) format: Format,
    pub(super) charset: Option<String>,
    archive: Option<Archive>,
    /// Values added to each record: name and JSON.
    pub(super) constants: Vec<(String, String)>,
    /// What transforms may name besides the record.
    pub(super) values: Values,
    /// Runs of records that are not loaded again, in order.
    repeats: Vec<(u64, u64)>,
    /// Whether the page may be cut after any line.
    has_lines: bool,
}

/// A page, or whole lines of one.
pub(super) struct Piece {
    pub(super) sheet: Arc<Sheet>,
    pub(super) body: Bytes,
    /// Whether the page begins here.
    pub(super) begins: bool,
    /// Whether the batch begins here.
    pub(super) opens: bool,
}

/// Pieces in order.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) pieces: Vec<Piece>,
    pub(super) bytes: usize,
}

/// Where a chunk begins: in its batch, and in its page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Ordinal of the next record in its batch.
    pub(super) row: u64,
    /// Bytes of the page before.
    pub(super) bytes: usize,
    /// Lines of the page before.
    pub(super) lines: usize,
}

fn values(page: &Page) -> Values {
    page.fields.iter().chain(&page.values).map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Sheet {
    pub(super) fn new(batch: &Batch, page: &Page) -> Sheet {
        Sheet {
            name: format!("{}/{:012}", batch.stream, batch.seq),
            key: page.key.clone(),
            polled_at: micros(batch.polled_at),
            format: page.format,
            charset: page.charset.clone(),
            archive: page.archive.clone(),
            constants: page.fields.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            values: if batch.load.transform.is_none() { Values::new() } else { values(page) },
            repeats: page.repeats.clone(),
            has_lines: page.has_lines(),
        }
    }

    /// How the bytes of the page become records.
    pub(super) fn form(&self) -> Form<'_> {
        let archive = self.archive.as_ref();
        Form { format: self.format, charset: self.charset.as_deref(), archive, most: MOST_BYTES }
    }

    /// Whether the poll before had already brought this record of the page.
    #[inline]
    pub(super) fn repeats(&self, number: u64) -> bool {
        let begun = self.repeats.partition_point(|(first, _)| *first <= number);
        self.repeats[..begun].last().is_some_and(|(first, count)| number - first < *count)
    }

    /// Whether the next part of this page is what `next` says.
    pub(super) fn goes_on(&self, next: &Sheet) -> bool {
        self.has_lines && (&self.name, &self.key, self.format) == (&next.name, &next.key, next.format)
    }
}

impl Piece {
    /// Cuts off what is beyond `most` bytes and the end of the line there; the rest, if there is one.
    pub(super) fn cut(&mut self, most: usize) -> Option<Piece> {
        let utf16 = self.begins && matches!(self.body.get(..2), Some([0xFE, 0xFF] | [0xFF, 0xFE]));
        if self.body.len() <= most || !self.sheet.has_lines || utf16 {
            return None;
        }
        let end = most + memchr::memchr(b'\n', &self.body[most..])? + 1;
        let body = self.body.split_off(end);
        (!body.is_empty()).then(|| Piece {
            sheet: Arc::clone(&self.sheet),
            body,
            begins: false,
            opens: false,
        })
    }

    /// The place in the page after this piece.
    pub(super) fn end(&self, start: Position) -> Position {
        let lines = match self.sheet.format {
            Format::Ndjson => memchr::memchr_iter(b'\n', &self.body).count(),
            _ => 0,
        };
        Position { row: start.row, bytes: start.bytes + self.body.len(), lines: start.lines + lines }
    }
}

impl Chunk {
    pub(super) fn push(&mut self, piece: Piece) {
        self.bytes += piece.body.len();
        self.pieces.push(piece);
    }
}
