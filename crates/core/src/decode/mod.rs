//! From the bytes of a page to its records. A record is a slice of the page's bytes: no tree is built on the way.

mod charset;
mod csv;
mod frame;
mod packed;
mod parquet_file;
mod path;
#[cfg(test)]
mod tests;
mod xml;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::json::{JsonError, Reader, utf8};
use crate::pipeline::Format;

pub(crate) use charset::to_text;
pub use charset::to_utf8;
pub use frame::Frame;
pub(crate) use frame::list_names;
pub(crate) use packed::unpacked;
pub use packed::{Form, MOST_BYTES, Plain, packed_by_look, plain};
use path::Route;
pub(crate) use path::query;

/// Why a page cannot be taken apart. The message says where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not what the format says, at a byte offset.
    #[error("{message} (at byte {at})")]
    Malformed {
        /// Byte offset in the page.
        at: usize,
        /// What is wrong there and what to do.
        message: String,
    },
    /// The `records` path is no JSONPath.
    #[error("{0}")]
    Path(String),
}

impl From<JsonError> for DecodeError {
    fn from(error: JsonError) -> DecodeError {
        DecodeError::Malformed { at: error.at, message: error.fault.to_string() }
    }
}

impl DecodeError {
    /// The same error in a text that begins this many bytes further on.
    pub(crate) fn moved(self, bytes: usize) -> DecodeError {
        match self {
            DecodeError::Malformed { at, message } => DecodeError::Malformed { at: at + bytes, message },
            path => path,
        }
    }

    /// The same error, the line of `text` named in its message; `before` lines stand before the text.
    pub(crate) fn with_line(self, text: &str, before: usize) -> DecodeError {
        match self {
            DecodeError::Malformed { at, message } => {
                let part = &text.as_bytes()[..at.min(text.len())];
                let line = before + memchr::memchr_iter(b'\n', part).count() + 1;
                DecodeError::Malformed { at, message: format!("line {line}: {message}") }
            }
            path => path,
        }
    }
}

/// The records of a page, as JSON slices of its bytes in order. CSV rows are turned into JSON objects, so
/// `Cow::Owned`. Validates the whole page: what it returns is well-formed.
pub fn records<'a>(body: &'a [u8], format: Format, path: &str) -> Result<Vec<Cow<'a, [u8]>>, DecodeError> {
    let mut out = Vec::new();
    let text = utf8(body)?;
    let each = Records::new(path)?.each(text, format, &mut |reader: &mut Reader<'_>| {
        reader.peek()?;
        let start = reader.at();
        let raw = reader.skip()?;
        out.push(match format {
            Format::Csv | Format::Tsv | Format::CsvSemicolon | Format::CsvPipe | Format::Xml => {
                Cow::Owned(raw.as_bytes().to_vec())
            }
            _ => Cow::Borrowed(&body[start..start + raw.len()]),
        });
        Ok::<(), DecodeError>(())
    });
    each.map_err(|error| if format == Format::Ndjson { error.with_line(text, 0) } else { error })?;
    Ok(out)
}

/// Where the records of a page are, made ready for many pages.
#[derive(Default)]
pub(crate) struct Records(Route);

impl Records {
    /// The records that a JSONPath leads to.
    pub(crate) fn new(path: &str) -> Result<Records, DecodeError> {
        Route::parse(path).map(Records)
    }

    /// Calls `visit` for every record of a page, the reader standing before it; `visit` reads exactly that value. An
    /// error anywhere in the page comes when its place is reached, so what was visited before must be thrown away.
    pub(crate) fn each<E: From<DecodeError>>(
        &self,
        text: &str,
        format: Format,
        visit: &mut impl FnMut(&mut Reader<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let route = &self.0;
        match format {
            Format::Json => route.each(text, 0..text.len(), visit),
            Format::Ndjson if route.is_root() => lines(text).try_for_each(|line| object(text, line, visit)),
            Format::Ndjson => lines(text).try_for_each(|line| route.each(text, line, visit)),
            Format::Xml => {
                let json = xml::to_json(text)?;
                route.each(&json, 0..json.len(), visit)
            }
            Format::Csv | Format::Tsv | Format::CsvSemicolon | Format::CsvPipe if route.is_root() => {
                csv::each_record(text, format.delimiter().unwrap_or(b','), visit)
            }
            Format::Csv | Format::Tsv | Format::CsvSemicolon | Format::CsvPipe => {
                let message = "a CSV page has no path to its records; leave `records` out".to_owned();
                Err(DecodeError::Path(message).into())
            }
            Format::Zip | Format::Gzip | Format::Parquet => {
                Err(packed::malformed("it is packed, and has no text before it is unpacked").into())
            }
        }
    }
}

/// Visits a line that is one record, as nearly all are; any other goes the long way.
#[inline]
fn object<E: From<DecodeError>>(
    text: &str,
    line: Range<usize>,
    visit: &mut impl FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    if text.as_bytes()[line.start] != b'{' {
        return Route::default().each(text, line, visit);
    }
    let mut reader = Reader::part(text, line);
    visit(&mut reader)?;
    reader.end().map_err(|error| E::from(DecodeError::from(error)))
}

/// Byte ranges of the lines that hold more than whitespace.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain(std::iter::once(text.len()));
    ends.map(move |end| std::mem::replace(&mut start, end + 1)..end)
        .filter(|line| !text.as_bytes()[line.clone()].trim_ascii().is_empty())
}

/// A page as the JSON that paging looks at: an XML document turned into it, any other page as it is.
pub fn json_view(body: &[u8], format: Format) -> Result<Cow<'_, [u8]>, DecodeError> {
    match format {
        Format::Xml => Ok(Cow::Owned(xml::to_json(utf8(body)?)?.into_bytes())),
        _ => Ok(Cow::Borrowed(body)),
    }
}

/// Byte ranges of the values that a JSONPath selects in a JSON document, in the order of the selection.
pub fn locate(body: &[u8], path: &str) -> Result<Vec<Range<usize>>, DecodeError> {
    Route::parse(path)?.locate(utf8(body)?)
}

/// The first value of a JSON document that a JSONPath selects.
pub(crate) fn first(body: &[u8], path: &str) -> Result<Option<Value>, DecodeError> {
    let ranges = locate(body, path)?;
    Ok(ranges.first().and_then(|range| serde_json::from_slice(&body[range.clone()]).ok()))
}

/// Whether a JSON document has no place where a JSONPath could find anything: a name on its way is missing. An array
/// that is there and empty is such a place.
pub fn leads_nowhere(body: &[u8], path: &str) -> Result<bool, DecodeError> {
    Route::parse(path)?.leads_nowhere(utf8(body)?)
}
