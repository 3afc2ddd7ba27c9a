//! One spelling for equal content, so that a hash of it is a fingerprint of the content.

use std::borrow::Cow;
use std::ops::Range;

use super::{JsonError, Kind, Reader, scan, utf8};

/// Appends the canonical form of a JSON text to `out`: keys sorted (of a key that stands twice the last value),
/// no whitespace, strings with the fewest escapes, numbers as they are spelled. Values that start where a range of
/// `skip` starts are left out, with their keys.
pub fn canonicalize(body: &[u8], skip: &[Range<usize>], out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut reader = Reader::new(utf8(body)?);
    let mut skip: Vec<usize> = skip.iter().map(|range| range.start).collect();
    skip.sort_unstable();
    reader.peek()?;
    if left_out(&mut reader, &skip)? {
        return reader.end();
    }
    value(&mut reader, &skip, out)?;
    reader.end()
}

/// Appends a checked JSON value on one line: the whitespace between its parts is left out, all else stays.
pub fn compact(raw: &str, out: &mut Vec<u8>) {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'"' => scan::string(bytes, at + 1).map_or(bytes.len(), |(end, _)| end + 1),
            _ => at + 1,
        };
        out.extend_from_slice(&bytes[at..end]);
        at = end;
    }
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    loop {
        let end = scan::plain(bytes, at);
        out.extend_from_slice(&bytes[at..end]);
        match bytes.get(end) {
            None => break,
            Some(b'\n') => out.extend_from_slice(b"\\n"),
            Some(b'\r') => out.extend_from_slice(b"\\r"),
            Some(b'\t') => out.extend_from_slice(b"\\t"),
            Some(&byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
            Some(&byte) => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        at = end + 1;
    }
    out.push(b'"');
}

fn left_out(reader: &mut Reader<'_>, skip: &[usize]) -> Result<bool, JsonError> {
    reader.peek()?;
    let out = skip.binary_search(&reader.at()).is_ok();
    if out {
        reader.skip()?;
    }
    Ok(out)
}

fn value(reader: &mut Reader<'_>, skip: &[usize], out: &mut Vec<u8>) -> Result<(), JsonError> {
    match reader.peek()? {
        Kind::Object => object(reader, skip, out)?,
        Kind::Array => array(reader, skip, out)?,
        Kind::String => write_string(&reader.string()?.value(), out),
        Kind::Number | Kind::Boolean | Kind::Null => out.extend_from_slice(reader.skip()?.as_bytes()),
    }
    Ok(())
}

fn array(reader: &mut Reader<'_>, skip: &[usize], out: &mut Vec<u8>) -> Result<(), JsonError> {
    reader.begin_array()?;
    out.push(b'[');
    let (mut first, mut written) = (true, false);
    while reader.next_item(first)? {
        first = false;
        if left_out(reader, skip)? {
            continue;
        }
        if written {
            out.push(b',');
        }
        written = true;
        value(reader, skip, out)?;
    }
    out.push(b']');
    Ok(())
}

fn object(reader: &mut Reader<'_>, skip: &[usize], out: &mut Vec<u8>) -> Result<(), JsonError> {
    reader.begin_object()?;
    out.push(b'{');
    let start = out.len();
    let mut entries: Vec<(Cow<'_, str>, Range<usize>)> = Vec::new();
    let mut first = true;
    while let Some(key) = reader.next_key(first)? {
        first = false;
        let key = key.value();
        if left_out(reader, skip)? {
            continue;
        }
        let from = out.len();
        write_string(&key, out);
        out.push(b':');
        value(reader, skip, out)?;
        out.push(b',');
        entries.push((key, from..out.len()));
    }
    if !entries.is_sorted_by(|a, b| a.0 < b.0) {
        sort(entries, start, out);
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b'}');
    Ok(())
}

/// Puts the entries written from `start` on into the order of their keys; of equal keys the last stays.
fn sort(mut entries: Vec<(Cow<'_, str>, Range<usize>)>, start: usize, out: &mut Vec<u8>) {
    let unsorted = out.split_off(start);
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (i, (key, range)) in entries.iter().enumerate() {
        if entries.get(i + 1).is_none_or(|next| next.0 != *key) {
            out.extend_from_slice(&unsorted[range.start - start..range.end - start]);
        }
    }
}
