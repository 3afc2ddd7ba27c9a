//! A file in chunks that each hold whole records.

use std::io::Read;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tidegate_core::pipeline::Format;

use super::inputs::Input;
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
}

/// How large chunks are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// What a chunk should have.
    pub(super) target: usize,
    /// What a single record or document may have.
    pub(super) most: usize,
}

/// Reads a file chunk by chunk.
pub(super) struct Chunks<'a> {
    input: &'a Input,
    number: usize,
    bytes: Box<dyn Read + Send + 'a>,
    sizes: Sizes,
    pub(super) format: Format,
    /// Whether the file is one chunk.
    whole: bool,
    ended: bool,
    /// Read, but not given out.
    rest: Vec<u8>,
    header: Vec<u8>,
    line: u64,
}

impl<'a> Chunks<'a> {
    /// Opens the `number`-th input.
    pub(super) fn open(
        input: &'a Input,
        number: usize,
        told: Option<Format>,
        sizes: Sizes,
        count: &'a AtomicU64,
    ) -> Result<Chunks<'a>, Error> {
        let mut chunks = Chunks {
            input,
            number,
            bytes: open(input, count)?,
            sizes,
            format: told.unwrap_or(Format::Json),
            whole: false,
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
        Ok(chunks)
    }

    /// Whether the file begins with a JSON list.
    pub(super) fn is_list(&self) -> bool {
        let text = self.rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.rest);
        text.trim_ascii_start().starts_with(b"[")
    }

    /// The next chunk; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, Error> {
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

    fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        let missing = wanted.saturating_sub(self.rest.len());
        if self.ended || missing == 0 {
            return Ok(());
        }
        let expected = usize::try_from(self.input.bytes).unwrap_or(missing).saturating_add(1);
        self.rest.reserve(missing.min(expected.max(1 << 16)));
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

    /// Length of the CSV header at the start of what was read, its line end included.
    fn header_length(&self) -> usize {
        let mut quoted = false;
        let ends = memchr::memchr2_iter(b'"', b'\n', &self.rest).find(|at| {
            quoted ^= self.rest[*at] == b'"';
            !quoted && self.rest[*at] == b'\n'
        });
        ends.map_or(self.rest.len(), |at| at + 1)
    }

    fn cut(&mut self, end: usize) -> Chunk {
        let rest = self.rest.split_off(end);
        let mut body = std::mem::replace(&mut self.rest, rest);
        let line = self.line;
        self.line += memchr::memchr_iter(b'\n', &body).count() as u64;
        if self.format.delimiter().is_none() || self.whole {
            return Chunk { input: self.number, format: self.format, body: body.into(), line };
        }
        if self.header.is_empty() {
            std::mem::swap(&mut self.rest, &mut body);
            let length = self.header_length();
            std::mem::swap(&mut self.rest, &mut body);
            self.header = body[..length].to_vec();
            return Chunk { input: self.number, format: self.format, body: body.into(), line };
        }
        let headed = Bytes::from([self.header.as_slice(), &body].concat());
        let lines = memchr::memchr_iter(b'\n', &self.header).count() as u64;
        Chunk { input: self.number, format: self.format, body: headed, line: line - lines }
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
