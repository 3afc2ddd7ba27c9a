//! Pages that must be unpacked before they are text: zip and gzip archives, Parquet files. They become lines of JSON, one
//! record a line, and from there on are read as NDJSON.
//!
//! Nothing of an archive is ever written anywhere under a name of its own, so a name may be what it likes.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{DecodeError, Records, parquet_file, to_text};
use crate::json::Reader;
use crate::pipeline::{Archive, Format};

/// How the bytes of a page become records.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// What the page is.
    pub format: Format,
    /// Character set the answer declared, where it is not UTF-8.
    pub charset: Option<&'a str>,
    /// Where the page is an archive: which members are read, and how.
    pub archive: Option<&'a Archive>,
    /// Most bytes that it may unpack to.
    pub most: u64,
}

/// The largest page that a load takes, unpacked.
pub const MOST_BYTES: u64 = 1 << 30;

/// Most members of an archive.
const MEMBERS: usize = 10_000;

/// A page as text, and where its records stand in it.
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    /// In UTF-8.
    pub text: Cow<'a, [u8]>,
    /// How the text is read.
    pub format: Format,
    /// JSONPath of its records.
    pub records: &'a str,
}

/// A page as text: converted to UTF-8, and unpacked where it is packed. `records` is the JSONPath of the stream.
pub fn plain<'a>(body: &'a [u8], form: &Form<'_>, records: &'a str) -> Result<Plain<'a>, DecodeError> {
    match unpacked(body, form, records)? {
        Some(lines) => {
            Ok(Plain { text: Cow::Owned(lines.into_bytes()), format: Format::Ndjson, records: "$" })
        }
        None => Ok(Plain { text: super::to_utf8(body, form.charset)?, format: form.format, records }),
    }
}

/// The records of a packed page as lines of JSON; `None` where it is not packed.
pub(crate) fn unpacked(body: &[u8], form: &Form<'_>, records: &str) -> Result<Option<String>, DecodeError> {
    if !form.format.is_packed() {
        return Ok(None);
    }
    let mut out =
        Lines { form, path: records, records: Records::new(records)?, text: String::new(), read: 0 };
    match form.format {
        Format::Zip => out.zip(body)?,
        Format::Gzip => {
            let bytes = out.all(MultiGzDecoder::new(body)).map_err(|error| malformed(cut_off(&error)))?;
            out.member("", &bytes)?;
        }
        Format::Parquet => out.parquet(body)?,
        _ => return Ok(None),
    }
    Ok(Some(out.text))
}

/// The packed format that a body begins as, if it is packed.
pub fn packed_by_look(body: &[u8]) -> Option<Format> {
    match body {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Format::Zip),
        [0x1f, 0x8b, 8, ..] => Some(Format::Gzip),
        [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
        _ => None,
    }
}

pub(super) fn malformed(message: impl Into<String>) -> DecodeError {
    DecodeError::Malformed { at: 0, message: message.into() }
}

/// More than may be unpacked.
pub(super) fn too_much(most: u64) -> DecodeError {
    malformed(format!(
        "it unpacks to more than {most} bytes; ask for less at a time, or raise `source.limits.max_body`"
    ))
}

/// What a reader of packed bytes failed with.
fn cut_off(error: &std::io::Error) -> String {
    format!("it cannot be unpacked ({error}); it was cut off or damaged on its way")
}

/// Records on their way out.
struct Lines<'a> {
    form: &'a Form<'a>,
    path: &'a str,
    records: Records,
    text: String,
    /// Bytes unpacked so far.
    read: u64,
}

impl Lines<'_> {
    fn zip(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut archive = ZipArchive::new(Cursor::new(body)).map_err(|error| refused("", &error))?;
        if archive.len() > MEMBERS {
            let message = format!(
                "it has {} members, and no more than {MEMBERS} are read; ask for less at a time",
                archive.len()
            );
            return Err(malformed(message));
        }
        let mut wanted = 0;
        for index in 0..archive.len() {
            let name = archive.name_for_index(index).unwrap_or_default().to_owned();
            if !is_wanted(&name, self.form.archive) {
                continue;
            }
            wanted += 1;
            let member = archive.by_index(index).map_err(|error| refused(&name, &error))?;
            let bytes = self.all(member).map_err(|error| malformed(named(&name, &cut_off(&error))))?;
            self.member(&name, &bytes)?;
        }
        if wanted == 0 {
            return Err(none_wanted(&archive, self.form.archive));
        }
        Ok(())
    }

    /// All that a reader gives, as long as it is not more than may be unpacked.
    fn all(&mut self, reader: impl Read) -> std::io::Result<Vec<u8>> {
        let left = self.form.most.saturating_sub(self.read);
        let mut bytes = Vec::new();
        reader.take(left.saturating_add(1)).read_to_end(&mut bytes)?;
        self.read += bytes.len() as u64;
        Ok(bytes)
    }

    fn parquet(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        if self.path != "$" {
            let message = "a Parquet file has no path to its records; leave `records` out".to_owned();
            return Err(DecodeError::Path(message));
        }
        parquet_file::lines(body, self.form.most, &mut self.text)
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), DecodeError> {
        if self.read > self.form.most {
            return Err(too_much(self.form.most));
        }
        let told = self.form.archive.and_then(|archive| archive.format);
        let place = |error: DecodeError| match error {
            DecodeError::Malformed { at, message } => {
                DecodeError::Malformed { at, message: named(name, &message) }
            }
            path => path,
        };
        match told.or_else(|| kind(name, bytes)) {
            Some(Format::Parquet) => self.parquet(bytes).map_err(place),
            Some(format) if !format.is_packed() => self.text(format, bytes).map_err(place),
            Some(_) => Err(malformed(named(name, "it is an archive in an archive, which is not read"))),
            None => {
                let message = "it is of no kind that is known; say by `format` how it is read, or by `members` which ones are";
                Err(malformed(named(name, message)))
            }
        }
    }

    fn text(&mut self, format: Format, bytes: &[u8]) -> Result<(), DecodeError> {
        let text = to_text(bytes, self.form.charset)?;
        let (out, most) = (&mut self.text, self.form.most);
        let read = self.records.each(&text, format, &mut |reader: &mut Reader<'_>| {
            reader.peek()?;
            line(reader.skip()?, out);
            // A few bytes may become many records, where a record repeats the names of its columns.
            if out.len() as u64 > most.saturating_mul(8) { Err(too_much(most)) } else { Ok(()) }
        });
        read.map_err(|error| if format == Format::Ndjson { error.with_line(&text, 0) } else { error })
    }
}

/// Writes a record on a line of its own. One that is no object is the sole item of a list, as a list on a line is taken
/// for its items.
fn line(record: &str, out: &mut String) {
    let object = record.starts_with('{');
    out.push_str(if object { "" } else { "[" });
    // Within a text JSON has no line ends.
    let mut rest = record;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest.as_bytes()) {
        out.push_str(&rest[..end]);
        out.push(' ');
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out.push_str(if object { "\n" } else { "]\n" });
}

fn named(name: &str, message: &str) -> String {
    if name.is_empty() { message.to_owned() } else { format!("`{name}`: {message}") }
}

/// Whether a member is to be read.
fn is_wanted(name: &str, archive: Option<&Archive>) -> bool {
    // What macOS adds to every archive that it makes.
    let added = name.starts_with("__MACOSX/") || name.ends_with(".DS_Store");
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let pattern = archive.and_then(|archive| archive.members.as_deref());
    !added
        && !file.is_empty()
        && pattern.is_none_or(|pattern| matches(pattern, name) || matches(pattern, file))
}

/// Whether a name is what a pattern says, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| matches(rest, &name[at..]))
        }),
    }
}

fn none_wanted(zip: &ZipArchive<Cursor<&[u8]>>, archive: Option<&Archive>) -> DecodeError {
    let names: Vec<&str> = zip.file_names().take(10).collect();
    match archive.and_then(|archive| archive.members.as_deref()) {
        Some(pattern) => malformed(format!("no member is called `{pattern}`; it has {}", names.join(", "))),
        None => malformed("it has no members"),
    }
}

/// What a member is, by its name, else by its look.
fn kind(name: &str, bytes: &[u8]) -> Option<Format> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("ndjson" | "jsonl") => return Some(Format::Ndjson),
        Some("csv") => return Some(Format::Csv),
        Some("tsv" | "tab") => return Some(Format::Tsv),
        Some("xml") => return Some(Format::Xml),
        Some("parquet") => return Some(Format::Parquet),
        _ => {}
    }
    if let Some(packed) = packed_by_look(bytes) {
        return Some(packed);
    }
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => {
            let lines = super::records(bytes, Format::Json, "$").is_err()
                && super::records(bytes, Format::Ndjson, "$").is_ok();
            Some(if lines { Format::Ndjson } else { Format::Json })
        }
        Some(b'<') => Some(Format::Xml),
        _ if ending.as_deref() == Some("json") => Some(Format::Json),
        _ => None,
    }
}

/// Why an archive or a member of it is not read.
fn refused(name: &str, error: &ZipError) -> DecodeError {
    malformed(match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            named(name, "it is encrypted; ask the API for an archive without a password")
        }
        ZipError::CompressionMethodNotSupported(method) => named(
            name,
            &format!("it is packed by method {method}, which is not read; ask the API for deflate or none"),
        ),
        ZipError::InvalidArchive(what) if name.is_empty() => {
            format!("it is no whole zip archive ({what}); it was cut off or damaged on its way")
        }
        other => named(name, &format!("it cannot be unpacked ({other})")),
    })
}

#[cfg(test)]
mod tests;
