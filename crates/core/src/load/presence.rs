//! Which entries of a column hold a value. Columns where all do, or none, cost nothing.

use std::ops::Range;

/// One bit for each entry, kept only while some are set and some are not.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence {
    len: usize,
    count: usize,
    words: Vec<u64>,
    /// Entries with a value before each [`STRETCH`] of words; empty while entries may still come and go.
    before: Vec<u32>,
}

/// Words that are counted one by one where an entry's rank is asked for.
const STRETCH: usize = 8;

impl Presence {
    /// Entries.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Entries that hold a value.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Appends an entry that holds a value.
    #[inline]
    pub(super) fn push(&mut self) {
        if self.count < self.len {
            self.set();
        }
        self.len += 1;
        self.count += 1;
    }

    #[inline(never)]
    fn set(&mut self) {
        self.words.resize(self.len / 64 + 1, 0);
        self.words[self.len / 64] |= 1 << (self.len % 64);
    }

    /// Appends entries without a value up to `len`.
    #[inline]
    pub(super) fn pad(&mut self, len: usize) {
        if self.len < len {
            if self.count == self.len {
                self.ones();
            }
            self.len = len;
        }
    }

    /// Writes the bits out: all are set.
    #[inline(never)]
    fn ones(&mut self) {
        self.words.clear();
        if self.len > 0 {
            self.words.resize(self.len.div_ceil(64), u64::MAX);
            self.cut_last();
        }
    }

    fn cut_last(&mut self) {
        if let Some(last) = self.words.last_mut().filter(|_| !self.len.is_multiple_of(64)) {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }

    /// Forgets all entries from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.count -= self.from(len);
        self.len = len;
        if self.count == len || self.count == 0 {
            self.words.clear();
        } else {
            self.words.truncate(len.div_ceil(64));
            self.cut_last();
        }
    }

    /// How many entries before `entry` hold a value.
    pub(super) fn rank(&self, entry: usize) -> usize {
        if entry >= self.len {
            return self.count;
        }
        if self.count == self.len || self.count == 0 {
            return if self.count == 0 { 0 } else { entry };
        }
        let stretch = entry / 64 / STRETCH;
        let (start, known) = self.before.get(stretch).map_or((0, 0), |known| (stretch * STRETCH, *known));
        let (word, words) = (entry / 64, self.words.len());
        let part = self.words.get(word).map_or(0, |word| (word & ((1 << (entry % 64)) - 1)).count_ones());
        (known + ones(&self.words[start..word.min(words)]) + part) as usize
    }

    /// How many entries from `entry` on hold a value. The last few are counted without a look at all before them.
    fn from(&self, entry: usize) -> usize {
        if self.count == self.len {
            return self.len - entry;
        }
        let Some((first, rest)) = self.words.get(entry / 64..).and_then(<[u64]>::split_first) else {
            return 0;
        };
        ((first >> (entry % 64)).count_ones() + ones(rest)) as usize
    }

    /// No entries come or go any more: counts ahead, so that ranks are found at once.
    fn settle(&mut self) {
        self.words.shrink_to_fit();
        self.before.reserve_exact(self.words.len().div_ceil(STRETCH));
        let mut count = 0;
        for stretch in self.words.chunks(STRETCH) {
            self.before.push(count);
            count += ones(stretch);
        }
    }

    /// The values of a range of entries.
    pub(super) fn values(&self, entries: &Range<usize>) -> Range<usize> {
        let start = self.rank(entries.start);
        let end = if entries.end >= self.len { self.count } else { self.rank(entries.end) };
        start..end
    }

    /// Whether the entry holds a value.
    #[inline]
    pub(super) fn get(&self, entry: usize) -> bool {
        if self.count == self.len || self.count == 0 {
            return self.count > 0 && entry < self.len;
        }
        self.words.get(entry / 64).is_some_and(|word| word >> (entry % 64) & 1 == 1)
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.words.capacity() * 8 + self.before.capacity() * 4
    }

    /// The entries in another order, and the values in that order; `None` if all entries hold a value, so that the
    /// order is the same.
    pub(super) fn gather(&self, order: &Order) -> (Presence, Option<Order>) {
        if self.count == self.len && order.from.len() == self.len {
            return (Presence { len: self.len, count: self.len, ..Presence::default() }, None);
        }
        let mut moved: Vec<(u32, u32)> = Vec::with_capacity(self.count);
        if self.count * 16 < order.from.len() {
            // Few values: their places are sorted, and the rest of the entries is not looked at.
            let to = order.to();
            moved.extend(self.entries().zip(0..).map(|(entry, value)| (to[entry], value)));
            moved.sort_unstable();
        } else {
            let ranks = self.ranks();
            let to = order.from.iter().enumerate();
            moved.extend(to.filter_map(|(to, from)| match ranks.get(*from as usize) {
                Some(rank) if *rank != u32::MAX => Some((to as u32, *rank)),
                _ => None,
            }));
        }
        let mut presence = Presence::default();
        for (to, _) in &moved {
            presence.pad(*to as usize);
            presence.push();
        }
        presence.settle();
        (presence, Some(Order::new(moved.into_iter().map(|(_, value)| value).collect())))
    }

    /// The entries that hold a value.
    fn entries(&self) -> impl Iterator<Item = usize> {
        let full = if self.count == self.len { self.len } else { 0 };
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        };
        (0..full).chain(self.words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(bits))
    }

    /// The place of each entry's value; the largest number where it has none.
    fn ranks(&self) -> Vec<u32> {
        let mut rank = 0;
        let one = |entry| {
            let present = self.get(entry);
            rank += u32::from(present);
            if present { rank - 1 } else { u32::MAX }
        };
        (0..self.len).map(one).collect()
    }
}

fn ones(words: &[u64]) -> u32 {
    words.iter().map(|word| word.count_ones()).sum()
}

/// Another order of entries.
pub(super) struct Order {
    /// Where each comes from.
    pub(super) from: Vec<u32>,
    to: std::cell::OnceCell<Vec<u32>>,
}

impl Order {
    pub(super) fn new(from: Vec<u32>) -> Order {
        Order { from, to: std::cell::OnceCell::new() }
    }

    /// Where each goes to.
    fn to(&self) -> &[u32] {
        self.to.get_or_init(|| {
            let mut to = vec![0; self.from.len()];
            for (place, from) in (0..).zip(&self.from) {
                to[*from as usize] = place;
            }
            to
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn it_is_a_list_of_booleans(bits in proptest::collection::vec(proptest::bool::weighted(0.8), 0..2000), sparse: bool, cut in 0usize..2000) {
            let bits: Vec<bool> = bits.iter().map(|bit| *bit != sparse).collect();
            let mut presence = Presence::default();
            for (entry, bit) in bits.iter().enumerate() {
                if *bit {
                    presence.pad(entry);
                    presence.push();
                }
            }
            for round in 0..2 {
                let bits = if round == 0 { &bits[..] } else { &bits[..cut.min(bits.len())] };
                presence.truncate(bits.len());
                for (entry, bit) in bits.iter().enumerate() {
                    proptest::prop_assert_eq!(presence.get(entry), *bit);
                    proptest::prop_assert_eq!(presence.rank(entry), bits[..entry].iter().filter(|b| **b).count());
                }
                let order = Order::new((0..bits.len() as u32).rev().collect());
                let (gathered, values) = presence.gather(&order);
                let mut rank = 0;
                for (entry, bit) in bits.iter().rev().enumerate() {
                    proptest::prop_assert_eq!((gathered.get(entry), gathered.rank(entry)), (*bit, rank));
                    rank += usize::from(*bit);
                }
                let back: Vec<u32> = (0..presence.count() as u32).rev().collect();
                proptest::prop_assert!(values.is_none_or(|values| values.from == back));
            }
        }
    }
}
