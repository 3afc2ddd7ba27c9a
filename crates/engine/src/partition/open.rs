//! A file opened for reading: its compression seen from its first bytes, its format from its name and text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::decode;
use tidegate_core::pipeline::Format;

use super::inputs::{Input, plain};
use crate::Error;

/// What is read of a file at once.
const BUFFER: usize = 1 << 18;

/// Counts what is read of a file.
struct Counted<'a> {
    file: File,
    count: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.count.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// The bytes of a file, decompressed. Gzip members and zstd frames may follow each other.
pub(super) fn open<'a>(input: &'a Input, count: &'a AtomicU64) -> Result<Box<dyn Read + Send + 'a>, Error> {
    let failed = |error| Error::file("cannot read", &input.path, error);
    let file = File::open(&input.path).map_err(failed)?;
    let buffer = usize::try_from(input.bytes).unwrap_or(BUFFER).clamp(64, BUFFER);
    let mut bytes = BufReader::with_capacity(buffer, Counted { file, count });
    let magic = bytes.fill_buf().map_err(failed)?;
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::stream::read::Decoder::with_buffer(bytes).map_err(failed)?)
        }
        _ => Box::new(bytes),
    })
}

/// The format of a file: by the ending of its name, else (and for `.json`, which is often used for lines) by its
/// beginning. `whole` says that `beginning` is all there is.
pub(super) fn format(input: &Input, beginning: &[u8], whole: bool) -> Result<Format, Error> {
    let name = plain(&input.name);
    match Path::new(&name).extension().and_then(|ending| ending.to_str()) {
        Some("ndjson" | "jsonl" | "json-seq") => Ok(Format::Ndjson),
        Some("csv") => Ok(Format::Csv),
        Some("tsv" | "tab") => Ok(Format::Tsv),
        Some("xml") => Ok(Format::Xml),
        Some("geojson") => Ok(Format::Json),
        ending => {
            by_text(beginning, whole).or(ending.filter(|e| *e == "json").map(|_| Format::Json)).ok_or_else(|| {
                Error::Config(format!(
                    "cannot tell what {} holds from its name or its beginning; say it: --format json, ndjson or csv",
                    input.name
                ))
            })
        }
    }
}

/// Lines of JSON if the first line is a value and more follows, else a document; `None` if it does not look like JSON.
fn by_text(beginning: &[u8], whole: bool) -> Option<Format> {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    if !text.starts_with(b"{") && !text.starts_with(b"[") {
        return None;
    }
    let Some(end) = memchr::memchr(b'\n', text) else { return Some(Format::Json) };
    let more = !whole || !text[end..].trim_ascii().is_empty();
    let lines = more && decode::records(&text[..end], Format::Json, "$").is_ok();
    Some(if lines { Format::Ndjson } else { Format::Json })
}
