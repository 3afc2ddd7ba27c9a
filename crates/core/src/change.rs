//! Has the data changed since the last poll? Validators first (the server says so), else a fingerprint of the
//! canonical content without the fields that move on every request.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::decode::{self, DecodeError};
use crate::json;
use crate::pipeline::Format;

/// What the server gave to ask "changed since?" with (RFC 9110, section 8.8). Sent back as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` header, quotes and weakness mark included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether the server gave none.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// SHA-256 (hex) of the canonical content of all pages of an element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// The fingerprint of an element, from the digests of its pages in order.
    pub fn of_pages<'a>(digests: impl IntoIterator<Item = &'a [u8; 32]>) -> Fingerprint {
        let mut hash = Sha256::new();
        for digest in digests {
            hash.update(digest);
        }
        Fingerprint(hex(&hash.finalize()))
    }
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a value's JSON, which is not kept. Fails where the value cannot be written as JSON.
pub fn sha256_of_json(value: &impl Serialize) -> io::Result<[u8; 32]> {
    let mut out = BufWriter::new(Hashed(Sha256::new()));
    serde_json::to_writer(&mut out, value)?;
    let Hashed(hash) = out.into_inner()?;
    Ok(hash.finalize().into())
}

/// Hashes what is written to it.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A page as change detection looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 of the canonical page: no insignificant space, keys in order, ignored values left out. A JSON document
    /// counts as a whole, NDJSON and CSV record by record.
    pub digest: [u8; 32],
    /// Number of records.
    pub records: u64,
    /// Whether records were told apart: [`Content::hashes`] was asked for.
    pub told_apart: bool,
    /// For each record the first 64 bits (16 hex digits) of the SHA-256 of its canonical form, if asked for.
    pub hashes: Vec<String>,
}

/// The records of a page, and what is known of it.
pub type Known<'a> = (Vec<Cow<'a, [u8]>>, Content);

/// The records of a page as [`decode::records`] finds them, and its [`content`]: where they are items of one array of a
/// JSON page, as nearly always, it is read but once.
pub fn read<'a>(
    body: &'a [u8],
    format: Format,
    path: &str,
    ignore: &[String],
    with_hashes: bool,
) -> Result<Known<'a>, DecodeError> {
    if format == Format::Json
        && let Some(names) = decode::list_names(path)?
        && (!names.is_empty() || body.trim_ascii_start().starts_with(b"["))
    {
        let (skip, mut out) = (ranges(body, ignore)?, Vec::with_capacity(body.len()));
        if let Some(found) = json::canonicalize_list(body, &skip, &names, &mut out)? {
            let records: Vec<_> = found.into_iter().map(|place| Cow::Borrowed(&body[place])).collect();
            let whole = Whole { digest: sha256(&out), skip };
            let content = of_records(body, &records, ignore, with_hashes, Some(whole), out)?;
            return Ok((records, content));
        }
    }
    let records = decode::records(body, format, path)?;
    let content = content(body, format, &records, ignore, with_hashes)?;
    Ok((records, content))
}

/// A JSON page as a whole, and where its ignored values lie.
struct Whole {
    digest: [u8; 32],
    skip: Vec<Range<usize>>,
}

/// Looks at the records of a page (as [`decode::records`] found them in `body`). `ignore` are the stream's paths of
/// values that do not count, from the document of a JSON page or from each record of another; `with_hashes` asks for
/// [`Content::hashes`].
pub fn content(
    body: &[u8],
    format: Format,
    records: &[Cow<'_, [u8]>],
    ignore: &[String],
    with_hashes: bool,
) -> Result<Content, DecodeError> {
    let mut out = Vec::with_capacity(body.len());
    let mut whole = None;
    if format == Format::Json {
        let skip = ranges(body, ignore)?;
        json::canonicalize(body, &skip, &mut out)?;
        whole = Some(Whole { digest: sha256(&out), skip });
    }
    of_records(body, records, ignore, with_hashes, whole, out)
}

/// What is known of the page as a whole, and what its records add; `out` is memory to write them in.
fn of_records(
    body: &[u8],
    records: &[Cow<'_, [u8]>],
    ignore: &[String],
    with_hashes: bool,
    whole: Option<Whole>,
    mut out: Vec<u8>,
) -> Result<Content, DecodeError> {
    let mut content = Content {
        digest: [0; 32],
        records: records.len() as u64,
        told_apart: with_hashes,
        hashes: Vec::new(),
    };
    let mut digest = Sha256::new();
    if with_hashes || whole.is_none() {
        for record in records {
            let skip = match &whole {
                Some(whole) => within(body, record, &whole.skip),
                None => ranges(record, ignore)?,
            };
            out.clear();
            json::canonicalize(record, &skip, &mut out)?;
            if with_hashes {
                content.hashes.push(hex(&sha256(&out)[..8]));
            }
            if whole.is_none() {
                digest.update(&out);
                digest.update(b"\n");
            }
        }
    }
    content.digest = whole.map_or_else(|| digest.finalize().into(), |whole| whole.digest);
    Ok(content)
}

/// Where the ignored values lie, in order.
fn ranges(body: &[u8], ignore: &[String]) -> Result<Vec<Range<usize>>, DecodeError> {
    let mut ranges = Vec::new();
    for path in ignore {
        ranges.extend(decode::locate(body, path)?);
    }
    ranges.sort_by_key(|range| range.start);
    Ok(ranges)
}

/// Ranges of the body (in order) that lie in a record, as ranges of the record.
fn within(body: &[u8], record: &[u8], ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    // A record of a JSON page is a slice of it, so the distance of their addresses is its place in it.
    let start = (record.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
    let end = start.saturating_add(record.len());
    ranges[ranges.partition_point(|range| range.start < start)..]
        .iter()
        .take_while(|range| range.start < end)
        .filter(|range| range.end <= end)
        .map(|range| range.start - start..range.end - start)
        .collect()
}

/// Runs of records, as `[first, count]`, whose hash is among those already seen.
pub fn repeats(hashes: &[String], seen: &HashSet<&str>) -> Vec<(u64, u64)> {
    runs(hashes.iter().map(|hash| seen.contains(hash.as_str())))
}

/// The runs of set flags, as `[first, count]`.
pub fn runs(flags: impl IntoIterator<Item = bool>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (index, _) in flags.into_iter().enumerate().filter(|(_, set)| *set) {
        let index = index as u64;
        match runs.last_mut() {
            Some((first, count)) if *first + *count == index => *count += 1,
            _ => runs.push((index, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests;
