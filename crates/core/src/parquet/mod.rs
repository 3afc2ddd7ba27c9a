//! Columns to Parquet files in memory: zstd, dictionaries, statistics.
//!
//! ```text
//!  columns of a partition -> leaf by leaf: levels + values -> dictionary? -> pages -> zstd -> row group -> footer
//! ```
//! The library's writer sets up tables and a compressor for every column chunk of every file, which is most of the time
//! where files are small. Here one encoder serves them all. What is written is read back by the library in the tests.

mod chunk;
mod delta;
mod dictionary;
mod layout;
mod leaf;
mod rle;
mod stats;
#[cfg(test)]
mod tests;
mod thrift;

pub(crate) use chunk::Encoder;
pub(crate) use dictionary::Dictionary;
pub(crate) use layout::{Layout, written};
pub(crate) use leaf::{Leaf, Texts};
use thrift::structure;

/// A Parquet file that row groups are appended to. Equal columns give equal bytes.
pub(crate) struct Writer {
    /// Bytes of the file that were given out.
    given: u64,
    /// Those after them.
    bytes: Vec<u8>,
    groups: Vec<u8>,
    count: usize,
    rows: u64,
}

const MAGIC: &[u8; 4] = b"PAR1";

impl Writer {
    pub(crate) fn new() -> Writer {
        Writer { given: 0, bytes: MAGIC.to_vec(), groups: Vec::new(), count: 0, rows: 0 }
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that it holds.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.groups.capacity()
    }

    /// Where in the file [`Writer::take`] or [`Writer::finish`] goes on.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// Gives out what there is so far, to be appended to the file.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.given += self.bytes.len() as u64;
        std::mem::take(&mut self.bytes)
    }

    /// Appends a row group. `leaf` fills in the column of that number.
    pub(crate) fn row_group(
        &mut self,
        layout: &Layout,
        rows: usize,
        scratch: &mut Scratch,
        mut fill: impl FnMut(usize, &mut Leaf),
    ) -> Result<(), std::io::Error> {
        let base = self.given + self.bytes.len() as u64;
        let Scratch { encoder, leaves, bytes, entries } = scratch;
        bytes.clear();
        entries.clear();
        let mut plain = 0;
        for (place, column) in layout.columns.iter().enumerate() {
            // One for each physical type, so that their memory is reused.
            let leaf = &mut leaves[column.physical as usize];
            leaf.clear();
            fill(place, leaf);
            plain += encoder.chunk(column, leaf, base, bytes, entries)?;
        }
        structure(&mut self.groups, |group| {
            group.structs(1, layout.columns.len(), entries);
            group.i64(2, plain);
            group.i64(3, rows as u64);
            group.i64(5, base);
            group.i64(6, bytes.len() as u64);
            group.i16(7, i16::try_from(self.count).unwrap_or(i16::MAX));
        });
        self.bytes.reserve_exact(bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
        self.rows += rows as u64;
        Ok(())
    }

    /// The rest of the file.
    pub(crate) fn finish(mut self, layout: &Layout) -> Vec<u8> {
        let start = self.bytes.len();
        self.bytes.reserve_exact(self.groups.len() + layout.elements.len() + 64 + 4 * layout.columns.len());
        let orders: Vec<u8> = layout.columns.iter().flat_map(|_| [0x1C, 0, 0]).collect();
        structure(&mut self.bytes, |file| {
            file.i32(1, 1);
            file.structs(2, layout.count, &layout.elements);
            file.i64(3, self.rows);
            file.structs(4, self.count, &self.groups);
            file.binary(6, b"tidegate");
            file.structs(7, layout.columns.len(), &orders);
        });
        let length = (self.bytes.len() - start) as u32;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        self.bytes
    }
}

/// What serves one row group after the other.
pub(crate) struct Scratch {
    encoder: Encoder,
    leaves: [Leaf; 8],
    bytes: Vec<u8>,
    entries: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new() -> Result<Scratch, std::io::Error> {
        Ok(Scratch {
            encoder: Encoder::new()?,
            leaves: Default::default(),
            bytes: Vec::new(),
            entries: Vec::new(),
        })
    }
}
