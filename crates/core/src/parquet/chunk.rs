//! One column chunk: a dictionary page where it pays, data pages, statistics, and the chunk's entry in the footer.
//!
//! What a dictionary does not shorten is written as steps (whole numbers), as lengths and then all bytes (texts), or
//! plain (the rest): measured on the benches' inputs, steps take a fifth less than plain numbers after compression, and
//! lengths a tenth less than texts that each follow their own length.

use zstd::bulk::Compressor;

use super::dictionary::{Dictionary, hash_u64};
use super::layout::Column;
use super::leaf::{Leaf, Texts, Values};
use super::thrift::structure;
use super::{delta, rle, stats};

/// Bytes of a data page before compression, about.
const PAGE_BYTES: usize = 1 << 20;

/// Fewer values than these get no dictionary.
const FEW_VALUES: usize = 16;

/// Bytes of a dictionary of texts, at most.
const TEXT_BYTES: usize = 4 << 20;

const PLAIN: i32 = 0;
const RLE: i32 = 3;
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

/// How the values of a chunk are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    /// Whole numbers by their steps.
    Steps,
    /// Texts: all lengths, then all bytes.
    Lengths,
    Dictionary,
}

impl Coding {
    /// Parquet's number of it.
    fn number(self) -> i32 {
        match self {
            Coding::Plain => PLAIN,
            Coding::Steps => 5,
            Coding::Lengths => 6,
            Coding::Dictionary => 8,
        }
    }
}

/// What a chunk came to.
struct Sizes {
    coding: Coding,
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
        let coding = if leaf.coded { Coding::Dictionary } else { self.coding(&leaf.values) };
        let mut sizes = Sizes { coding, start: out.len(), plain: 0, dictionary: None, data: 0 };
        if coding == Coding::Dictionary {
            sizes.dictionary = Some(out.len());
            let firsts = &table(&self.dictionary, leaf).firsts;
            self.page.clear();
            distinct(&leaf.values, firsts, &mut self.page);
            let count = firsts.len();
            self.end_page(DICTIONARY_PAGE, count, PLAIN, &mut sizes, out)?;
        }
        sizes.data = out.len();
        let mut cut = Cut::default();
        while cut.next(column, leaf, coding) {
            self.page.clear();
            levels(column, leaf, &cut, &mut self.page);
            let used =
                if cut.values.is_empty() && coding != Coding::Dictionary { Coding::Plain } else { coding };
            values(leaf, cut.values.clone(), used, table(&self.dictionary, leaf), &mut self.page);
            self.end_page(DATA_PAGE, cut.entries.len(), used.number(), &mut sizes, out)?;
        }
        self.entry(column, leaf, base, &sizes, out.len(), entries);
        Ok(sizes.plain as u64)
    }

    /// How the values are to be written; builds the dictionary if there is to be one.
    fn coding(&mut self, values: &Values) -> Coding {
        let table = &mut self.dictionary;
        if values.len() < FEW_VALUES {
            // The head of a further page is more than it could save.
            return Coding::Plain;
        }
        match values {
            Values::None | Values::Boolean(_) => Coding::Plain,
            Values::Int32(v) => {
                let coded = table.build(v.len(), |i| hash_u64(v[i] as u64), |a, b| v[a] == v[b]);
                whole(coded.then_some(table.firsts.len()), v, 32)
            }
            Values::Int64(v) => {
                let coded = table.build(v.len(), |i| hash_u64(v[i] as u64), |a, b| v[a] == v[b]);
                whole(coded.then_some(table.firsts.len()), v, 64)
            }
            Values::Double(v) => {
                let same = |a: usize, b: usize| v[a].to_bits() == v[b].to_bits();
                either(table.build(v.len(), |i| hash_u64(v[i].to_bits()), same), Coding::Plain)
            }
            Values::Fixed(v) => {
                let hash = |i: usize| hash_u64(v[i] as u64 ^ (v[i] >> 64) as u64);
                either(table.build(v.len(), hash, |a, b| v[a] == v[b]), Coding::Plain)
            }
            Values::Bytes(texts) => {
                let length = |row: &u32| texts.get(*row as usize).len() + 4;
                let pays = table.of_texts(texts)
                    && table.firsts.iter().map(length).sum::<usize>() <= (size(values) / 2).min(TEXT_BYTES);
                either(pays, Coding::Lengths)
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
        let place = |at: usize| base + at as u64;
        let firsts = table(&self.dictionary, leaf).firsts.as_slice();
        let limits = stats::limits(&leaf.values, (sizes.coding == Coding::Dictionary).then_some(firsts));
        structure(entries, |chunk| {
            chunk.i64(2, place(sizes.start));
            chunk.structure(3, |meta| {
                meta.i32(1, column.physical as i32);
                match sizes.coding {
                    Coding::Plain => meta.i32s(2, &[PLAIN, RLE]),
                    other => meta.i32s(2, &[PLAIN, RLE, other.number()]),
                }
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
                    statistics.i64(3, (leaf.entries - leaf.count()) as u64);
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

/// The dictionary that a leaf came with, else the one that was built of it.
fn table<'a>(built: &'a Dictionary, leaf: &'a Leaf) -> &'a Dictionary {
    if leaf.coded { &leaf.codes } else { built }
}

fn either(dictionary: bool, other: Coding) -> Coding {
    if dictionary { Coding::Dictionary } else { other }
}

/// What is shortest for whole numbers of so many bits, a dictionary having so many distinct ones.
fn whole<T: Copy + Into<i64>>(distinct: Option<usize>, values: &[T], plain: u32) -> Coding {
    let step = |pair: &[T]| pair[1].into().wrapping_sub(pair[0].into());
    let outer = |(least, largest): (i64, i64), step: i64| (least.min(step), largest.max(step));
    let (least, largest) = values.windows(2).map(step).fold((0, 0), outer);
    let steps = delta::bits(least, largest);
    // Compression halves the distinct values of a dictionary, about.
    let coded = distinct.map(|count| {
        let each = rle::width(count.saturating_sub(1) as u32) as usize;
        each * values.len() + count * plain as usize / 2
    });
    match coded {
        Some(bits) if bits < steps as usize * values.len() => Coding::Dictionary,
        _ if steps < plain => Coding::Steps,
        _ => Coding::Plain,
    }
}

/// Appends the values of a page.
fn values(leaf: &Leaf, part: std::ops::Range<usize>, coding: Coding, table: &Dictionary, page: &mut Vec<u8>) {
    match (coding, &leaf.values) {
        (Coding::Dictionary, _) => {
            let width = rle::width(table.firsts.len().saturating_sub(1) as u32);
            page.push(width as u8);
            rle::encode(&table.places[part], width, page);
        }
        (Coding::Steps, Values::Int64(v)) => delta::encode(v[part].iter().copied(), page),
        (Coding::Steps, Values::Int32(v)) => delta::encode(v[part].iter().copied().map(i64::from), page),
        (Coding::Lengths, Values::Bytes(texts)) => {
            delta::encode(part.clone().map(|at| texts.get(at).len() as i64), page);
            page.extend_from_slice(&texts.bytes[texts.start(part.start)..texts.start(part.end)]);
        }
        (_, values) => plain(values, part, page),
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
    fn next(&mut self, column: &Column, leaf: &Leaf, coding: Coding) -> bool {
        if std::mem::replace(&mut self.begun, true) && self.entries.end == leaf.entries {
            return false;
        }
        let start = self.entries.end;
        let each =
            if coding == Coding::Dictionary { 4 } else { (size(&leaf.values) / leaf.entries.max(1)).max(1) };
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
