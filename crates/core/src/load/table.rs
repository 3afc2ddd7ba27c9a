//! The rows of a load in memory, and the files that they become: each partition is encoded in one go, when memory is
//! full or the load ends.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::LoadError;
use super::block::Block;
use super::collect::{collect, distinct};
use super::rules::Rules;
use crate::keys::{self, LoadId};
use crate::parquet::{Leaf, Scratch, Texts, Writer};
use crate::partition::PartitionKey;

/// Rows of a row group, at most, but for what the last block adds.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Rows that a block has of a partition, at least, where texts are taken by their places.
const FEW_ROWS: usize = 32;

/// Blocks that are not encoded yet, and the files under way.
#[derive(Default)]
pub(super) struct Table {
    blocks: Vec<Block>,
    held: usize,
    parts: BTreeMap<i64, Part>,
}

/// A partition, by its first second.
#[derive(Default)]
struct Part {
    /// Rows that are not encoded yet: block and rows.
    slices: Vec<(usize, Range<usize>)>,
    /// The file under way.
    writer: Option<Writer>,
    /// How many files it has already.
    files: u32,
}

/// One finished data file, or a stretch of one where files can be appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its key in the lake: `<table>/year=…/…/<load>-<part>.parquet`, parts counted from 0 for each partition.
    pub key: String,
    /// Its rows up to the end of `bytes`.
    pub rows: u64,
    /// Bytes of the file that were given out before: 0 but where [`Options::appends`](super::Options::appends) is set.
    pub offset: u64,
    /// The Parquet file from there on.
    pub bytes: bytes::Bytes,
}

/// What is to be encoded of one partition.
pub(super) struct Job {
    first: i64,
    slices: Vec<(usize, Range<usize>)>,
    writer: Writer,
}

/// A job that is done.
pub(super) struct Encoded {
    first: i64,
    writer: Writer,
}

impl Table {
    /// Takes rows in.
    pub(super) fn add(&mut self, block: Block) {
        for (first, rows) in &block.parts {
            self.parts.entry(*first).or_default().slices.push((self.blocks.len(), rows.clone()));
        }
        self.held += block.held + block.parts.len() * size_of::<(usize, Range<usize>)>();
        self.blocks.push(block);
    }

    /// Bytes of the rows that are not encoded yet.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Bytes of the files under way.
    pub(super) fn written(&self) -> usize {
        self.parts.values().filter_map(|part| part.writer.as_ref()).map(Writer::held).sum()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Table::default();
    }

    /// All rows that are not encoded yet, as blocks and one job for each partition.
    pub(super) fn jobs(&mut self) -> (Arc<Vec<Block>>, Vec<Job>) {
        let blocks = Arc::new(std::mem::take(&mut self.blocks));
        self.held = 0;
        let waiting = self.parts.iter_mut().filter(|(_, part)| !part.slices.is_empty());
        let mut jobs: Vec<Job> = waiting
            .map(|(first, part)| Job {
                first: *first,
                slices: std::mem::take(&mut part.slices),
                writer: part.writer.take().unwrap_or_else(Writer::new),
            })
            .collect();
        // Large ones first, so that no thread is left with one at the end; otherwise neighbours in time stay together,
        // since they are neighbours in memory.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.rows().checked_ilog2()));
        (blocks, jobs)
    }

    /// Takes back what a job has written; the partition's first second.
    pub(super) fn put(&mut self, encoded: Encoded) -> i64 {
        self.parts.entry(encoded.first).or_default().writer = Some(encoded.writer);
        encoded.first
    }

    /// Gives out what the files under way hold, to be appended to them.
    pub(super) fn hand_out(&mut self, rules: &Rules, load: &LoadId) -> Vec<File> {
        let handed = |(first, part): (&i64, &mut Part)| {
            let key = part.key(*first, rules, load);
            let writer = part.writer.as_mut()?;
            let (offset, bytes) = (writer.given(), writer.take());
            (!bytes.is_empty()).then(|| File { key, rows: writer.rows(), offset, bytes: bytes.into() })
        };
        self.parts.iter_mut().filter_map(handed).collect()
    }

    /// Ends files under way, the largest first, until those that are left hold at most this many bytes.
    pub(super) fn end(&mut self, most: usize, rules: &Rules, load: &LoadId) -> Vec<File> {
        let held = |part: &Part| part.writer.as_ref().map(Writer::held);
        let mut sizes: Vec<(usize, i64)> =
            self.parts.iter().filter_map(|(first, part)| Some((held(part)?, *first))).collect();
        sizes.sort_unstable_by_key(|(size, first)| (std::cmp::Reverse(*size), *first));
        let mut left: usize = sizes.iter().map(|(size, _)| size).sum();
        let mut files = Vec::new();
        for (size, first) in sizes {
            if left <= most {
                break;
            }
            left -= size;
            files.extend(self.end_one(first, rules, load));
        }
        files.sort_by(|a, b| a.key.cmp(&b.key));
        files
    }

    /// Ends the file under way of a partition.
    pub(super) fn end_one(&mut self, first: i64, rules: &Rules, load: &LoadId) -> Option<File> {
        let part = self.parts.get_mut(&first)?;
        let writer = part.writer.take()?;
        let key = part.key(first, rules, load);
        part.files += 1;
        let (rows, offset) = (writer.rows(), writer.given());
        Some(File { key, rows, offset, bytes: writer.finish(&rules.layout).into() })
    }
}

impl Part {
    /// Key of the file under way.
    fn key(&self, first: i64, rules: &Rules, load: &LoadId) -> String {
        let start = Timestamp::from_second(first).unwrap_or(Timestamp::MIN);
        let path = PartitionKey { start, by: rules.spec.partition_by }.path();
        keys::data(&rules.spec.table, &path, load, self.files)
    }
}

impl Job {
    fn rows(&self) -> usize {
        self.slices.iter().map(|(_, rows)| rows.len()).sum()
    }

    /// Encodes the rows.
    pub(super) fn run(
        mut self,
        rules: &Rules,
        blocks: &[Block],
        scratch: &mut Scratch,
    ) -> Result<Encoded, LoadError> {
        let mut slices = self.slices.as_slice();
        while !slices.is_empty() {
            let mut rows = 0;
            let fits = |(_, slice): &&(usize, Range<usize>)| {
                let before = rows;
                rows += slice.len();
                before < ROW_GROUP_ROWS
            };
            let count = slices.iter().take_while(fits).count();
            let (group, rest) = slices.split_at(count);
            slices = rest;
            let rows = group.iter().map(|(_, rows)| rows.len()).sum();
            self.writer
                .row_group(&rules.layout, rows, scratch, |place, leaf| {
                    fill(rules, blocks, group, place, leaf)
                })
                .map_err(|error| LoadError::Parquet(error.to_string()))?;
        }
        Ok(Encoded { first: self.first, writer: self.writer })
    }
}

/// Fills in the leaf column of that number: the table's own, then the lineage.
fn fill(rules: &Rules, blocks: &[Block], slices: &[(usize, Range<usize>)], place: usize, leaf: &mut Leaf) {
    let known = |(block, _): &(usize, Range<usize>)| match rules.routes.get(place) {
        Some(route) => distinct(&blocks[*block].columns, route),
        None => (place == rules.routes.len()).then(|| blocks[*block].sheets.len()),
    };
    if repeats(slices, known) {
        leaf.start_codes();
    }
    for (block, rows) in slices {
        let block = &blocks[*block];
        match rules.routes.get(place) {
            Some(route) => collect(&block.columns, route, rows.clone(), leaf),
            None => lineage(block, rows.clone(), place - rules.routes.len(), leaf),
        }
    }
}

/// Whether a column is one of texts of which the blocks know so few that looking each of them up once is less work than
/// looking up the rows' one by one.
fn repeats(
    slices: &[(usize, Range<usize>)],
    known: impl FnMut(&(usize, Range<usize>)) -> Option<usize>,
) -> bool {
    let rows: usize = slices.iter().map(|(_, rows)| rows.len()).sum();
    // A few rows of each block are looked up as they are.
    if rows < slices.len() * FEW_ROWS {
        return false;
    }
    let known = slices.iter().map(known).sum::<Option<usize>>();
    known.is_some_and(|known| known > 0 && known <= rows / 2)
}

/// Appends a lineage column: batch, row, time of the poll.
fn lineage(block: &Block, rows: Range<usize>, place: usize, leaf: &mut Leaf) {
    let origins = &block.origins[rows];
    leaf.entries += origins.len();
    let sheet = |sheet: u32| &block.sheets[sheet as usize];
    match place {
        0 if leaf.coded => {
            let mut names = Texts::default();
            block.sheets.iter().for_each(|sheet| names.add(sheet.name.as_bytes()));
            leaf.start_block(names.ends.len());
            origins.iter().for_each(|origin| leaf.code(&names, origin.sheet));
        }
        0 => {
            let texts = leaf.values.texts();
            for origin in origins {
                texts.bytes.extend_from_slice(sheet(origin.sheet).name.as_bytes());
                texts.end();
            }
        }
        1 => leaf.values.integers().extend(origins.iter().map(|origin| origin.row.cast_signed())),
        _ => leaf.values.integers().extend(origins.iter().map(|origin| sheet(origin.sheet).polled_at)),
    }
}
