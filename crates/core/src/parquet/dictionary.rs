//! Distinct values of a column in order of first appearance, and the place of each value among them. Given up as soon
//! as it is clear that it would not pay.

use super::leaf::Texts;

/// Tables and lists that one dictionary after the other uses.
#[derive(Default)]
pub(crate) struct Dictionary {
    /// Open addressing: place + 1, zero where free.
    slots: Vec<u32>,
    shift: u32,
    /// Place of each value.
    pub(crate) places: Vec<u32>,
    /// Row of the first appearance of each distinct value.
    pub(crate) firsts: Vec<u32>,
}

/// Most distinct values of a dictionary.
const MOST: usize = 1 << 17;

/// An eighth of the values, within these limits, shows whether a column has next to no repetition.
const SAMPLE: (usize, usize) = (512, 8192);

impl Dictionary {
    /// Looks for the distinct ones among `count` values; whether a dictionary pays. `hash` and `same` are those of the
    /// values at one and two rows.
    #[inline]
    pub(super) fn build(
        &mut self,
        count: usize,
        hash: impl Fn(usize) -> u64,
        same: impl Fn(usize, usize) -> bool,
    ) -> bool {
        let most = (count / 2).clamp(1, MOST);
        let sample = (count / 8).clamp(SAMPLE.0, SAMPLE.1);
        self.begin(most.min(1024));
        for row in 0..count {
            if row == sample && !self.promising(sample, count) {
                return false;
            }
            let mask = self.slots.len() - 1;
            let mut slot = (hash(row) >> self.shift) as usize;
            let place = loop {
                match self.slots[slot & mask] {
                    0 if self.firsts.len() == most => return false,
                    0 => break self.add(slot & mask, row),
                    taken if same(self.firsts[taken as usize - 1] as usize, row) => break taken - 1,
                    _ => slot += 1,
                }
            };
            self.places.push(place);
            if self.firsts.len() * 2 > self.slots.len() {
                self.grow(&hash);
            }
        }
        true
    }

    /// The same for texts.
    pub(crate) fn of_texts(&mut self, texts: &Texts) -> bool {
        self.build(texts.ends.len(), |row| hash_bytes(texts.get(row)), |a, b| texts.get(a) == texts.get(b))
    }

    /// Forgets all; about so many distinct ones will come.
    pub(super) fn begin(&mut self, distinct: usize) {
        self.places.clear();
        self.firsts.clear();
        self.resize((distinct * 2).next_power_of_two().max(16));
    }

    /// The place of a text among the distinct ones, which are `texts`; it becomes one of them.
    pub(super) fn find_or_add(&mut self, texts: &mut Texts, text: &[u8]) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = (hash_bytes(text) >> self.shift) as usize;
        let place = loop {
            match self.slots[slot & mask] {
                0 => break self.add(slot & mask, self.firsts.len()),
                taken if texts.get(taken as usize - 1) == text => return taken - 1,
                _ => slot += 1,
            }
        };
        texts.add(text);
        if self.firsts.len() * 2 > self.slots.len() {
            self.grow(|row| hash_bytes(texts.get(row)));
        }
        place
    }

    fn resize(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.shift = 64 - slots.trailing_zeros();
    }

    fn add(&mut self, slot: usize, row: usize) -> u32 {
        let place = self.firsts.len() as u32;
        self.slots[slot] = place + 1;
        self.firsts.push(row as u32);
        place
    }

    fn grow(&mut self, hash: impl Fn(usize) -> u64) {
        self.resize(self.slots.len() * 4);
        let mask = self.slots.len() - 1;
        for (place, row) in (1u32..).zip(&self.firsts) {
            let mut slot = (hash(*row as usize) >> self.shift) as usize;
            while self.slots[slot & mask] != 0 {
                slot += 1;
            }
            self.slots[slot & mask] = place;
        }
    }

    /// Whether the sample repeats itself as often as one of which half the values are distinct in the end.
    fn promising(&self, sample: usize, count: usize) -> bool {
        let repeats = sample - self.firsts.len();
        // Of k values drawn from d, about k²/2d meet one that was there before; here d is half of all.
        repeats * 2 * count.min(2 * MOST) >= sample * sample
    }
}

/// Spreads the bits of a number over the high end.
#[inline]
pub(super) fn hash_u64(value: u64) -> u64 {
    (value ^ value >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The same for a text.
#[inline]
fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = hash_u64(hash ^ u64::from_le_bytes(word)).rotate_left(29);
    }
    let rest = chunks.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    hash_u64(hash ^ u64::from_le_bytes(word))
}
