//! One spelling for equal content, so that a hash of it is a fingerprint of the content.

use std::borrow::Cow;
use std::ops::Range;

use super::{JsonError, Kind, Reader, Text, scan, utf8};

/// Appends the canonical form of a JSON text to `out`: keys sorted (of a key that stands twice the last value),
/// no whitespace, strings with the fewest escapes, numbers as they are spelled. Values that start where a range of
/// `skip` starts are left out, with their keys.
pub fn canonicalize(body: &[u8], skip: &[Range<usize>], out: &mut Vec<u8>) -> Result<(), JsonError> {
    written(body, skip, None, out).map(|_| ())
}

/// The same, and where the items of the one array lie that these names lead to: `None` where they do not, or where one of
/// them stands twice in its object.
pub(crate) fn canonicalize_list(
    body: &[u8],
    skip: &[Range<usize>],
    names: &[String],
    out: &mut Vec<u8>,
) -> Result<Option<Vec<Range<usize>>>, JsonError> {
    let list = written(body, skip, Some(names), out)?;
    Ok((list.names == names.len() && list.arrays == 1).then_some(list.items))
}

/// What was met of a list on the way to its items.
#[derive(Default)]
struct List {
    names: usize,
    arrays: usize,
    items: Vec<Range<usize>>,
}

fn written(body: &[u8], skip: &[Range<usize>], way: Way<'_>, out: &mut Vec<u8>) -> Result<List, JsonError> {
    let mut reader = Reader::new(utf8(body)?);
    let mut skip: Vec<usize> = skip.iter().map(|range| range.start).collect();
    skip.sort_unstable();
    let mut writer = Writer {
        skip,
        out,
        list: List::default(),
        entries: Vec::new(),
        unsorted: Vec::new(),
        orders: Vec::new(),
    };
    if !writer.left_out(&mut reader)? {
        writer.value(&mut reader, way)?;
    }
    reader.end()?;
    Ok(writer.list)
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

/// The names that lead on from a value to a list, if it is on the way to one.
type Way<'w> = Option<&'w [String]>;

/// Writes values as they are read.
struct Writer<'a, 'o> {
    list: List,
    /// Where the values start that are left out, in order.
    skip: Vec<usize>,
    out: &'o mut Vec<u8>,
    /// The entries of the objects that are open, the innermost last: their keys, and where they stand in `out`.
    entries: Vec<(Cow<'a, str>, Range<usize>)>,
    /// An object before its keys are in order.
    unsorted: Vec<u8>,
    /// The order of the last object that was not in order, for each number of entries: records are mostly alike.
    orders: Vec<Vec<usize>>,
}

/// Objects of more entries are sorted each time.
const KNOWN_ORDERS: usize = 64;

impl<'a> Writer<'a, '_> {
    /// Whether the next value is left out; then it is passed over.
    fn left_out(&mut self, reader: &mut Reader<'a>) -> Result<bool, JsonError> {
        reader.peek()?;
        let out = !self.skip.is_empty() && self.skip.binary_search(&reader.at()).is_ok();
        if out {
            reader.skip()?;
        }
        Ok(out)
    }

    fn value(&mut self, reader: &mut Reader<'a>, way: Way<'_>) -> Result<(), JsonError> {
        match reader.peek()? {
            Kind::Object => self.object(reader, way)?,
            Kind::Array => self.array(reader, way.is_some_and(<[String]>::is_empty))?,
            Kind::String => self.string(&reader.string()?),
            Kind::Number | Kind::Boolean | Kind::Null => {
                self.out.extend_from_slice(reader.skip()?.as_bytes());
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &Text<'a>) {
        match text.plain() {
            // It has nothing in it that needs an escape.
            Some(plain) => {
                self.out.push(b'"');
                self.out.extend_from_slice(plain.as_bytes());
                self.out.push(b'"');
            }
            None => write_string(&text.value(), self.out),
        }
    }

    fn array(&mut self, reader: &mut Reader<'a>, is_list: bool) -> Result<(), JsonError> {
        reader.begin_array()?;
        self.out.push(b'[');
        self.list.arrays += usize::from(is_list);
        let (mut first, mut written) = (true, false);
        while reader.next_item(first)? {
            first = false;
            reader.peek()?;
            let start = reader.at();
            if !self.left_out(reader)? {
                if written {
                    self.out.push(b',');
                }
                written = true;
                self.value(reader, None)?;
            }
            if is_list {
                self.list.items.push(start..reader.at());
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, reader: &mut Reader<'a>, way: Way<'_>) -> Result<(), JsonError> {
        reader.begin_object()?;
        self.out.push(b'{');
        let (start, outer) = (self.out.len(), self.entries.len());
        let mut first = true;
        while let Some(key) = reader.next_key(first)? {
            first = false;
            let way = self.beyond(&key, way);
            if self.left_out(reader)? {
                continue;
            }
            let from = self.out.len();
            self.string(&key);
            self.out.push(b':');
            self.value(reader, way)?;
            self.out.push(b',');
            self.entries.push((key.value(), from..self.out.len()));
        }
        if !self.entries[outer..].is_sorted_by(|a, b| a.0 < b.0) {
            self.sort(outer, start);
        }
        self.entries.truncate(outer);
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Where the way goes on behind a key.
    fn beyond<'w>(&mut self, key: &Text<'a>, way: Way<'w>) -> Way<'w> {
        let (name, rest) = way?.split_first()?;
        let on = key.value() == *name;
        self.list.names += usize::from(on);
        on.then_some(rest)
    }

    /// Puts the entries from `outer` on, written from `start` on, into the order of their keys; of equal keys the last
    /// stays.
    fn sort(&mut self, outer: usize, start: usize) {
        self.unsorted.clear();
        self.unsorted.extend_from_slice(&self.out[start..]);
        self.out.truncate(start);
        let entries = &self.entries[outer..];
        let slot = entries.len().min(KNOWN_ORDERS);
        if self.orders.len() <= slot {
            self.orders.resize(slot + 1, Vec::new());
        }
        let order = &mut self.orders[slot];
        in_order(entries, order);
        for (i, &entry) in order.iter().enumerate() {
            let (key, range) = &entries[entry];
            if order.get(i + 1).is_none_or(|&next| entries[next].0 != *key) {
                self.out.extend_from_slice(&self.unsorted[range.start - start..range.end - start]);
            }
        }
    }
}

/// Makes `order` that of the entries' keys, unless it is; of equal keys the later comes later.
fn in_order(entries: &[(Cow<'_, str>, Range<usize>)], order: &mut Vec<usize>) {
    if order.len() != entries.len() || !order.is_sorted_by(|&a, &b| entries[a].0 < entries[b].0) {
        order.clear();
        order.extend(0..entries.len());
        order.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0));
    }
}
