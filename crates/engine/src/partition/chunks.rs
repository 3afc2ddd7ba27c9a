//! A file in chunks that each hold whole records.

use std::io::Read;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tidegate_core::pipeline::Format;

use super::inputs::Input;
use super::list::{Beginning, Items, Way};
use super::open::{format, open};
use crate::Error;

/// Whole records of one file.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Place of the file among the inputs.
    pub(super) input: usize,
    pub(super) format: Format,
    /// What the decoder takes for a page; a CSV chunk begins with the header.
    pub(super) body: Bytes,
    /// Lines of the file before the body.
    pub(super) line: u64,
    /// Bytes of the file before the body, where it is a part of a document.
    pub(super) byte: Option<u64>,
}

/// How large chunks are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes<'a> {
    /// What a chunk should have.
    pub(super) target: usize,
    /// What a single record may have, or a document that cannot be taken in parts.
    pub(super) most: usize,
    /// Where the records of a JSON document are, if it can be.
    pub(super) way: Option<&'a Way>,
}

/// A document that is taken in parts.
struct List<'a> {
    way: &'a Way,
    items: Items,
    /// The document up to the first item.
    head: Vec<u8>,
    /// Bytes before what is to be given out next.
    byte: u64,
    /// Bytes of that which were walked over, and the last comma among them.
    walked: usize,
    comma: Option<usize>,
    /// Whether a comma stands before it.
    continued: bool,
}

/// Reads a file chunk by chunk.
pub(super) struct Chunks<'a> {
    input: &'a Input,
    number: usize,
    bytes: Box<dyn Read + Send + 'a>,
    sizes: Sizes<'a>,
    pub(super) format: Format,
    /// Whether the file is one chunk.
    whole: bool,
    list: Option<List<'a>>,
    ended: bool,
    /// Read, but not given out.
    rest: Vec<u8>,
    header: Vec<u8>,
    line: u64,
}

/// Items of a list, in a document of their own.
struct Part {
    body: Vec<u8>,
    byte: Option<u64>,
}

impl Part {
    fn chunk(self, input: usize) -> Chunk {
        Chunk { input, format: Format::Json, body: self.body.into(), line: 0, byte: self.byte }
    }
}

impl List<'_> {
    /// Takes the items before `end` out of the rest.
    fn take(&mut self, rest: &mut Vec<u8>, end: usize) -> Part {
        let after = rest.split_off(end);
        let items = std::mem::replace(rest, after);
        // Nothing beside a comma is a mistake, and the decoder is the one that says so.
        let missing = items.trim_ascii().is_empty() && (self.continued || rest.first() == Some(&b','));
        let body = self.way.wrap(if missing { b"," } else { &items });
        let byte = self.byte;
        self.byte += end as u64;
        self.walked -= end;
        Part { body, byte: Some(byte) }
    }
}

impl<'a> Chunks<'a> {
    /// Opens the `number`-th input.
    pub(super) fn open(
        input: &'a Input,
        number: usize,
        told: Option<Format>,
        sizes: Sizes<'a>,
        count: &'a AtomicU64,
    ) -> Result<Chunks<'a>, Error> {
        let mut chunks = Chunks {
            input,
            number,
            bytes: open(input, count)?,
            sizes,
            format: told.unwrap_or(Format::Json),
            whole: false,
            list: None,
            ended: false,
            rest: Vec::new(),
            header: Vec::new(),
            line: 0,
        };
        chunks.fill(sizes.target)?;
        if told.is_none() && !chunks.rest.trim_ascii().is_empty() {
            chunks.format = format(input, &chunks.rest, chunks.ended)?;
        }
        // Lines of UTF-16 cannot be found by their bytes.
        let wide = chunks.rest.starts_with(b"\xff\xfe") || chunks.rest.starts_with(b"\xfe\xff");
        chunks.whole = wide || matches!(chunks.format, Format::Json | Format::Xml);
        if chunks.format == Format::Json && !wide && !chunks.ended {
            chunks.find_list()?;
        }
        Ok(chunks)
    }

    /// Whether the file begins with a JSON list.
    pub(super) fn is_list(&self) -> bool {
        let text = self.rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.rest);
        text.trim_ascii_start().starts_with(b"[")
    }

    /// The next chunk; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, Error> {
        if let Some(list) = self.list.take() {
            return self.next_items(list).map(Some);
        }
        let mut wanted = if self.whole { self.sizes.most } else { self.sizes.target };
        loop {
            self.fill(wanted)?;
            if self.ended {
                let all = self.rest.len();
                return Ok((!self.rest.trim_ascii().is_empty()).then(|| self.cut(all)));
            }
            match self.end_of_records() {
                Some(end) if !self.whole => return Ok(Some(self.cut(end))),
                _ if wanted >= self.sizes.most => return Err(self.too_large()),
                _ => wanted = (wanted * 2).min(self.sizes.most),
            }
        }
    }

    /// Sees whether the document can be taken in parts.
    fn find_list(&mut self) -> Result<(), Error> {
        let Some(way) = self.sizes.way else { return Ok(()) };
        let mut wanted = self.sizes.target;
        let mut beginning = way.find(&self.rest);
        while beginning == Beginning::Short && wanted < self.sizes.most && !self.ended {
            wanted = (wanted * 2).min(self.sizes.most);
            self.fill(wanted)?;
            beginning = way.find(&self.rest);
        }
        if let Beginning::List(at) = beginning {
            let rest = self.rest.split_off(at);
            let head = std::mem::replace(&mut self.rest, rest);
            let items = Items::default();
            let byte = at as u64;
            self.list = Some(List { way, items, head, byte, walked: 0, comma: None, continued: false });
        }
        Ok(())
    }

    /// The next items of the list; after the last ones the document around it.
    fn next_items(&mut self, mut list: List<'a>) -> Result<Chunk, Error> {
        let mut wanted = self.sizes.target;
        loop {
            self.fill(wanted)?;
            let (comma, end) = list.items.walk(&self.rest, list.walked);
            list.comma = comma.or(list.comma);
            list.walked = self.rest.len();
            if let Some(end) = end {
                return self.last_items(list, end);
            }
            if let Some(comma) = list.comma.take() {
                let body = list.take(&mut self.rest, comma);
                // The comma itself.
                self.rest.drain(..1);
                (list.byte, list.walked, list.continued) = (list.byte + 1, list.walked - 1, true);
                self.list = Some(list);
                return Ok(body.chunk(self.number));
            }
            if self.ended {
                // The decoder says where and why.
                let body = [list.head, std::mem::take(&mut self.rest)].concat();
                return Ok(Part { body, byte: None }.chunk(self.number));
            }
            if wanted >= self.sizes.most {
                return Err(self.too_large());
            }
            wanted = (wanted * 2).min(self.sizes.most);
        }
    }

    /// The items up to the end of the list. What is left is the document without any.
    fn last_items(&mut self, mut list: List<'a>, end: usize) -> Result<Chunk, Error> {
        let part = list.take(&mut self.rest, end);
        self.rest.splice(..0, list.head);
        Ok(part.chunk(self.number))
    }

    fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        let missing = wanted.saturating_sub(self.rest.len());
        if self.ended || missing == 0 {
            return Ok(());
        }
        let expected = usize::try_from(self.input.bytes).unwrap_or(missing).saturating_add(1);
        self.rest.reserve(missing.min(expected));
        let read = self.bytes.by_ref().take(missing as u64).read_to_end(&mut self.rest);
        let read = read.map_err(|error| Error::file("cannot read", &self.input.path, error))?;
        self.ended = read < missing;
        Ok(())
    }

    /// Just after the last record that ends in what was read.
    fn end_of_records(&self) -> Option<usize> {
        match self.format {
            format if format.delimiter().is_some() => {
                let mut quoted = false;
                let mut end = None;
                for at in memchr::memchr2_iter(b'"', b'\n', &self.rest) {
                    match self.rest[at] {
                        b'"' => quoted = !quoted,
                        _ if !quoted => end = Some(at + 1),
                        _ => {}
                    }
                }
                end.filter(|end| !self.header.is_empty() || *end > self.header_length())
            }
            _ => memchr::memrchr(b'\n', &self.rest).map(|at| at + 1),
        }
    }

    /// Length of the CSV header at the start of what was read, with its line end and the empty lines before it.
    fn header_length(&self) -> usize {
        let blank = self.rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (rest, mut quoted) = (&self.rest[blank..], false);
        let ends = memchr::memchr2_iter(b'"', b'\n', rest).find(|at| {
            quoted ^= rest[*at] == b'"';
            !quoted && rest[*at] == b'\n'
        });
        ends.map_or(self.rest.len(), |at| blank + at + 1)
    }

    fn cut(&mut self, end: usize) -> Chunk {
        let rest = self.rest.split_off(end);
        let mut body = std::mem::replace(&mut self.rest, rest);
        let line = self.line;
        self.line += memchr::memchr_iter(b'\n', &body).count() as u64;
        if self.format.delimiter().is_none() || self.whole {
            return Chunk { input: self.number, format: self.format, body: body.into(), line, byte: None };
        }
        if self.header.is_empty() {
            std::mem::swap(&mut self.rest, &mut body);
            let length = self.header_length();
            std::mem::swap(&mut self.rest, &mut body);
            self.header = body[..length].to_vec();
            return Chunk { input: self.number, format: self.format, body: body.into(), line, byte: None };
        }
        let headed = Bytes::from([self.header.as_slice(), &body].concat());
        let lines = memchr::memchr_iter(b'\n', &self.header).count() as u64;
        Chunk { input: self.number, format: self.format, body: headed, line: line - lines, byte: None }
    }

    fn too_large(&self) -> Error {
        let (what, advice) = match self.format {
            Format::Json | Format::Xml => {
                ("document", "turn it into one record a line (NDJSON), or raise --memory")
            }
            _ => ("record", "check that lines end and quotes close, or raise --memory"),
        };
        Error::Config(format!(
            "{}: a {what} after line {} is larger than {} MiB; {advice}",
            self.input.name,
            self.line,
            self.sizes.most >> 20
        ))
    }
}
