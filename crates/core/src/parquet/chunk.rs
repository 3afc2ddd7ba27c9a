//! One column chunk: a dictionary page where it pays, data pages, statistics, and the chunk's entry in the footer.

use zstd::bulk::Compressor;

use super::dictionary::{Dictionary, hash_u64};
use super::layout::Column;
use super::leaf::{Leaf, Texts, Values};
use super::thrift::structure;
use super::{rle, stats};

/// Bytes of a data page before compression, about.
const PAGE_BYTES: usize = 1 << 20;

/// Fewer values than these get no dictionary.
const FEW_VALUES: usize = 16;

/// Bytes of a dictionary of texts, at most.
const TEXT_BYTES: usize = 4 << 20;

const PLAIN: i32 = 0;
const RLE: i32 = 3;
const RLE_DICTIONARY: i32 = 8;
const ZSTD: i32 = 6;
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;

/// Encodes column chunks. Its buffers and the compressor serve all of them.
pub(crate) struct Encoder {
    dictionary: Dictionary,
    compressor: Compressor<'static>,
    page: Vec<u8>,
    compressed: Vec<u8>,
}

/// What a chunk came to.
struct Sizes {
    start: usize,
    plain: usize,
    dictionary: Option<usize>,
    data: usize,
}

impl Encoder {
    pub(crate) fn new() -> Result<Encoder, std::io::Error> {
        let compressor = Compressor::new(1)?;
        Ok(Encoder {
            dictionary: Dictionary::default(),
            compressor,
            page: Vec::new(),
            compressed: Vec::new(),
        })
    }

    /// Appends the chunk to `out`, whose first byte will lie at `base` of the file, and its entry to `entries`. Returns
    /// its size before compression.
    pub(super) fn chunk(
        &mut self,
        column: &Column,
        leaf: &Leaf,
        base: u64,
        out: &mut Vec<u8>,
        entries: &mut Vec<u8>,
    ) -> Result<u64, std::io::Error> {
        let mut sizes = Sizes { start: out.len(), plain: 0, dictionary: None, data: 0 };
        let coded = self.lookup(&leaf.values);
        if coded {
            sizes.dictionary = Some(out.len());
            self.page.clear();
            distinct(&leaf.values, &self.dictionary.firsts, &mut self.page);
            let count = self.dictionary.firsts.len();
            self.end_page(DICTIONARY_PAGE, count, PLAIN, &mut sizes, out)?;
        }
        sizes.data = out.len();
        let mut cut = Cut::default();
        while cut.next(column, leaf, coded) {
            self.page.clear();
            levels(column, leaf, &cut, &mut self.page);
            if coded {
                let width = rle::width(self.dictionary.firsts.len().saturating_sub(1) as u32);
                self.page.push(width as u8);
                rle::encode(&self.dictionary.places[cut.values.clone()], width, &mut self.page);
            } else {
                plain(&leaf.values, cut.values.clone(), &mut self.page);
            }
            let encoding = if coded { RLE_DICTIONARY } else { PLAIN };
            self.end_page(DATA_PAGE, cut.entries.len(), encoding, &mut sizes, out)?;
        }
        self.entry(column, leaf, base, &sizes, out.len(), entries);
        Ok(sizes.plain as u64)
    }

    /// Builds the dictionary; whether there is to be one.
    fn lookup(&mut self, values: &Values) -> bool {
        let table = &mut self.dictionary;
        match values {
            Values::None | Values::Boolean(_) => false,
            // The head of a further page is more than it could save.
            _ if values.len() < FEW_VALUES => false,
            Values::Int32(v) => table.build(v.len(), |i| hash_u64(v[i] as u64), |a, b| v[a] == v[b]),
            Values::Int64(v) => table.build(v.len(), |i| hash_u64(v[i] as u64), |a, b| v[a] == v[b]),
            Values::Double(v) => {
                table.build(v.len(), |i| hash_u64(v[i].to_bits()), |a, b| v[a].to_bits() == v[b].to_bits())
            }
            Values::Fixed(v) => {
                table.build(v.len(), |i| hash_u64(v[i] as u64 ^ (v[i] >> 64) as u64), |a, b| v[a] == v[b])
            }
            Values::Bytes(texts) => {
                let length = |row: &u32| texts.get(*row as usize).len() + 4;
                table.of_texts(texts)
                    && table.firsts.iter().map(length).sum::<usize>() <= (size(values) / 2).min(TEXT_BYTES)
            }
        }
    }

    /// Compresses the page at hand and appends it with its head.
    fn end_page(
        &mut self,
        kind: i32,
        count: usize,
        encoding: i32,
        sizes: &mut Sizes,
        out: &mut Vec<u8>,
    ) -> Result<(), std::io::Error> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.page.len()));
        self.compressor.compress_to_buffer(&self.page, &mut self.compressed)?;
        let start = out.len();
        let (plain, packed) = (self.page.len() as i32, self.compressed.len() as i32);
        structure(out, |head| {
            head.i32(1, kind);
            head.i32(2, plain);
            head.i32(3, packed);
            let id = if kind == DATA_PAGE { 5 } else { 7 };
            head.structure(id, |inner| {
                inner.i32(1, count as i32);
                inner.i32(2, encoding);
                if kind == DATA_PAGE {
                    inner.i32(3, RLE);
                    inner.i32(4, RLE);
                }
            });
        });
        sizes.plain += out.len() - start + self.page.len();
        out.extend_from_slice(&self.compressed);
        Ok(())
    }

    fn entry(
        &self,
        column: &Column,
        leaf: &Leaf,
        base: u64,
        sizes: &Sizes,
        end: usize,
        entries: &mut Vec<u8>,
    ) {
        let coded = sizes.dictionary.is_some();
        let place = |at: usize| base + at as u64;
        let limits = stats::limits(&leaf.values, coded.then_some(self.dictionary.firsts.as_slice()));
        structure(entries, |chunk| {
            chunk.i64(2, place(sizes.start));
            chunk.structure(3, |meta| {
                meta.i32(1, column.physical as i32);
                meta.i32s(2, if coded { &[PLAIN, RLE, RLE_DICTIONARY] } else { &[PLAIN, RLE] });
                meta.texts(3, &column.path);
                meta.i32(4, ZSTD);
                meta.i64(5, leaf.entries as u64);
                meta.i64(6, sizes.plain as u64);
                meta.i64(7, (end - sizes.start) as u64);
                meta.i64(9, place(sizes.data));
                if let Some(at) = sizes.dictionary {
                    meta.i64(11, place(at));
                }
                meta.structure(12, |statistics| {
                    statistics.i64(3, (leaf.entries - leaf.values.len()) as u64);
                    if let Some((least, largest)) = &limits {
                        statistics.binary(5, largest);
                        statistics.binary(6, least);
                        statistics.bool(7, true);
                        statistics.bool(8, true);
                    }
                });
            });
        });
    }
}

/// The entries and values of one data page.
#[derive(Default)]
struct Cut {
    entries: std::ops::Range<usize>,
    values: std::ops::Range<usize>,
    begun: bool,
}

impl Cut {
    /// Goes on to the next page, which ends before a row begins; false at the end. There is always one page.
    fn next(&mut self, column: &Column, leaf: &Leaf, coded: bool) -> bool {
        if std::mem::replace(&mut self.begun, true) && self.entries.end == leaf.entries {
            return false;
        }
        let start = self.entries.end;
        let each = if coded { 4 } else { (size(&leaf.values) / leaf.entries.max(1)).max(1) };
        let mut end = start.saturating_add((PAGE_BYTES / each).max(1)).min(leaf.entries);
        while end < leaf.entries && leaf.repetitions.get(end).is_some_and(|level| *level > 0) {
            end += 1;
        }
        let full = |level: &&u8| **level == column.max_definition;
        let values = match leaf.definitions.get(start..end) {
            Some(levels) if !leaf.definitions.is_empty() => levels.iter().filter(full).count(),
            _ => end - start,
        };
        self.entries = start..end;
        self.values = self.values.end..self.values.end + values;
        true
    }
}

/// Bytes of the values in the plain encoding, about.
fn size(values: &Values) -> usize {
    match values {
        Values::None => 0,
        Values::Boolean(v) => v.len() / 8,
        Values::Int32(v) => v.len() * 4,
        Values::Int64(v) => v.len() * 8,
        Values::Double(v) => v.len() * 8,
        Values::Fixed(v) => v.len() * 16,
        Values::Bytes(texts) => texts.bytes.len() + texts.ends.len() * 4,
    }
}

/// Appends the levels of a page, each kind behind its length.
fn levels(column: &Column, leaf: &Leaf, cut: &Cut, page: &mut Vec<u8>) {
    let mut write = |levels: &[u8], largest: u8| {
        if largest == 0 {
            return;
        }
        let width = rle::width(largest.into());
        let start = page.len();
        page.extend_from_slice(&[0; 4]);
        match levels.get(cut.entries.clone()) {
            Some(levels) if !levels.is_empty() => rle::encode(levels, width, page),
            _ => rle::run(largest.into(), cut.entries.len(), width, page),
        }
        let length = (page.len() - start - 4) as u32;
        page[start..start + 4].copy_from_slice(&length.to_le_bytes());
    };
    write(&leaf.repetitions, column.max_repetition);
    write(&leaf.definitions, column.max_definition);
}

/// Appends values in the plain encoding.
fn plain(values: &Values, part: std::ops::Range<usize>, out: &mut Vec<u8>) {
    match values {
        Values::None => {}
        Values::Boolean(v) => {
            out.extend(
                v[part]
                    .chunks(8)
                    .map(|bits| bits.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << i)),
            );
        }
        Values::Int32(v) => append(v[part].iter().copied(), out, i32::to_le_bytes),
        Values::Int64(v) => append(v[part].iter().copied(), out, i64::to_le_bytes),
        Values::Double(v) => append(v[part].iter().copied(), out, f64::to_le_bytes),
        Values::Fixed(v) => append(v[part].iter().copied(), out, i128::to_be_bytes),
        Values::Bytes(texts) => part.for_each(|at| text(texts, at, out)),
    }
}

/// Appends the distinct values in the plain encoding.
fn distinct(values: &Values, firsts: &[u32], out: &mut Vec<u8>) {
    let rows = firsts.iter().map(|row| *row as usize);
    match values {
        Values::None | Values::Boolean(_) => {}
        Values::Int32(v) => append(rows.map(|row| v[row]), out, i32::to_le_bytes),
        Values::Int64(v) => append(rows.map(|row| v[row]), out, i64::to_le_bytes),
        Values::Double(v) => append(rows.map(|row| v[row]), out, f64::to_le_bytes),
        Values::Fixed(v) => append(rows.map(|row| v[row]), out, i128::to_be_bytes),
        Values::Bytes(texts) => rows.for_each(|row| text(texts, row, out)),
    }
}

fn append<T, const N: usize>(
    values: impl ExactSizeIterator<Item = T>,
    out: &mut Vec<u8>,
    bytes: impl Fn(T) -> [u8; N],
) {
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    for (place, value) in out[start..].chunks_exact_mut(N).zip(values) {
        place.copy_from_slice(&bytes(value));
    }
}

fn text(texts: &Texts, at: usize, out: &mut Vec<u8>) {
    let text = texts.get(at);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}
