//! The rows of a chunk, sorted into partitions.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::chunk::Sheet;
use super::column::Fields;
use super::gather::Packed;
use super::pack::Packer;
use super::presence::Order;
use crate::partition::PartitionKey;
use crate::pipeline::PartitionBy;

/// Columns of rows that lie partition by partition, in order of arrival within each.
pub(super) struct Block {
    pub(super) columns: Vec<Packed>,
    /// Where each row comes from; empty where rows carry no lineage.
    pub(super) origins: Vec<Origin>,
    pub(super) sheets: Vec<Arc<Sheet>>,
    /// The partitions by their first second, in order, and their rows.
    pub(super) parts: Vec<(i64, Range<usize>)>,
    /// Bytes that it holds.
    pub(super) held: usize,
}

/// Where a row comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// Place in the sheets of the block.
    pub(super) sheet: u32,
    /// Ordinal of its record in the batch, with [`CARRIED`] in it where it counts from the start of the chunk.
    pub(super) row: u64,
}

/// Marks an ordinal that lacks the records of its batch before the chunk.
pub(super) const CARRIED: u64 = 1 << 63;

impl Block {
    /// The rows of `root` in the partitions of their `events` (microseconds since 1970).
    pub(super) fn new(
        root: &Fields,
        events: &[i64],
        origins: &[Origin],
        sheets: Vec<Arc<Sheet>>,
        by: PartitionBy,
        packer: &mut Packer,
    ) -> Block {
        let (parts, order) = sort(events, by);
        let columns = root.gather(&order, packer);
        let origins: Vec<Origin> = match origins {
            [] => Vec::new(),
            all => order.from.iter().map(|from| all[*from as usize]).collect(),
        };
        let held = columns.iter().map(Packed::held).sum::<usize>() + size_of_val(&origins[..]);
        let held = held + size_of_val(&parts[..]) + size_of_val(&sheets[..]);
        Block { columns, origins, sheets, parts, held }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> u64 {
        self.parts.last().map_or(0, |(_, rows)| rows.end as u64)
    }

    /// Gives the rows of the chunk's first batch their final ordinals, `base` of its records having come before.
    pub(super) fn carry(&mut self, base: u64) {
        for origin in &mut self.origins {
            if origin.row & CARRIED != 0 {
                origin.row = (origin.row & !CARRIED) + base;
            }
        }
    }
}

/// The partitions of these times, and the order in which their rows lie together.
fn sort(events: &[i64], by: PartitionBy) -> (Vec<(i64, Range<usize>)>, Order) {
    let mut places: HashMap<i64, u32> = HashMap::new();
    let mut found: Vec<(i64, u32)> = Vec::new();
    let mut last = (i64::MIN, 0);
    let mut place_of = |event: &i64| {
        let first = first_second(event.div_euclid(1_000_000), by);
        if first != last.0 {
            let place = *places.entry(first).or_insert_with(|| {
                found.push((first, 0));
                found.len() as u32 - 1
            });
            last = (first, place);
        }
        found[last.1 as usize].1 += 1;
        last.1
    };
    let rows: Vec<u32> = events.iter().map(&mut place_of).collect();
    let mut by_time: Vec<usize> = (0..found.len()).collect();
    by_time.sort_unstable_by_key(|place| found[*place].0);
    let (mut parts, mut next, mut start) = (Vec::with_capacity(found.len()), vec![0; found.len()], 0);
    for place in by_time {
        let (first, count) = found[place];
        next[place] = start;
        parts.push((first, start..start + count as usize));
        start += count as usize;
    }
    let mut order = vec![0; events.len()];
    for (row, place) in (0..).zip(rows) {
        let to = &mut next[place as usize];
        order[*to] = row;
        *to += 1;
    }
    (parts, Order::new(order))
}

/// The first second of the partition that holds this one.
fn first_second(second: i64, by: PartitionBy) -> i64 {
    let length = match by {
        PartitionBy::Minute => 60,
        PartitionBy::Hour => 3600,
        PartitionBy::Day => 86_400,
        PartitionBy::Month | PartitionBy::Year => {
            let time = Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
            return PartitionKey::of(time, by).start.as_second();
        }
    };
    second - second.rem_euclid(length)
}
