//! Values in as few bytes as those of a block need: rows wait in memory until their partition is encoded, and the less
//! they take, the more of them go into one row group.

use std::ops::Range;

use super::presence::Order;
use crate::parquet::{Dictionary, Texts};

/// What serves one column after the other.
#[derive(Default)]
pub(super) struct Packer {
    dictionary: Dictionary,
    wholes: Vec<i32>,
}

/// Numbers from zero on.
pub(super) enum Narrow {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

/// Whole numbers: `base`, and so many times `step` from there.
pub(super) struct Wholes {
    base: i64,
    step: i64,
    offsets: Narrow,
}

/// Doubles with few decimals: whole numbers, each to be divided by `power`.
pub(super) struct Scaled {
    power: f64,
    wholes: Wholes,
}

/// Texts, each by its place among the distinct ones.
pub(super) struct Coded {
    pub(super) distinct: Texts,
    places: Narrow,
}

/// Steps that are looked for where numbers lie far apart: a millisecond, a second.
const STEPS: [i64; 2] = [1000, 1_000_000];
/// Powers of ten that make doubles whole.
const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// Doubles that show whether a power is worth a try.
const SAMPLE: usize = 16;
/// Added to a double and taken off again, it leaves the nearest whole number; its last 32 bits are that number's.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Bytes of distinct texts, at most.
const TEXT_BYTES: usize = 64 << 10;

impl Narrow {
    /// What `offset` makes of the places in this order, none above `largest`.
    #[inline]
    fn pick(largest: u32, order: &Order, offset: impl Fn(usize) -> u32) -> Narrow {
        let all = order.from.iter().map(|from| offset(*from as usize));
        match largest {
            0..=0xFF => Narrow::U8(all.map(|offset| offset as u8).collect()),
            0x100..=0xFFFF => Narrow::U16(all.map(|offset| offset as u16).collect()),
            _ => Narrow::U32(all.collect()),
        }
    }

    #[inline]
    fn widen<T>(&self, part: Range<usize>, out: &mut Vec<T>, make: impl Fn(u32) -> T) {
        match self {
            Narrow::U8(all) => out.extend(all[part].iter().map(|offset| make((*offset).into()))),
            Narrow::U16(all) => out.extend(all[part].iter().map(|offset| make((*offset).into()))),
            Narrow::U32(all) => out.extend(all[part].iter().map(|offset| make(*offset))),
        }
    }

    fn held(&self) -> usize {
        match self {
            Narrow::U8(all) => all.capacity(),
            Narrow::U16(all) => all.capacity() * 2,
            Narrow::U32(all) => all.capacity() * 4,
        }
    }
}

impl Wholes {
    /// The values in that order, unless they lie too far apart.
    pub(super) fn pack(values: &[i64], order: &Order) -> Option<Wholes> {
        let (least, largest) = outer(values)?;
        let range = largest.wrapping_sub(least).cast_unsigned();
        let offset = |value: i64| value.wrapping_sub(least).cast_unsigned();
        if let Ok(range) = u32::try_from(range) {
            let offsets = Narrow::pick(range, order, |from| offset(values[from]) as u32);
            return Some(Wholes { base: least, step: 1, offsets });
        }
        let fits = |step: &i64| {
            let step = step.cast_unsigned();
            range / step <= u32::MAX.into() && values.iter().all(|value| offset(*value).is_multiple_of(step))
        };
        let step = STEPS.into_iter().find(fits)?;
        let offsets = Narrow::pick((range / step.cast_unsigned()) as u32, order, |from| {
            (offset(values[from]) / step.cast_unsigned()) as u32
        });
        Some(Wholes { base: least, step, offsets })
    }

    pub(super) fn append(&self, part: Range<usize>, out: &mut Vec<i64>) {
        let (base, step) = (self.base, self.step);
        match step {
            1 => self.offsets.widen(part, out, |offset| base + i64::from(offset)),
            _ => self.offsets.widen(part, out, |offset| base + i64::from(offset) * step),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.offsets.held()
    }
}

fn outer<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(
        values
            .iter()
            .fold((first, first), |(least, largest), value| (least.min(*value), largest.max(*value))),
    )
}

impl Scaled {
    /// The values in that order, if all are whole once multiplied by one power of ten, and are got back exactly.
    pub(super) fn pack(values: &[f64], order: &Order, packer: &mut Packer) -> Option<Scaled> {
        let sample = &values[..values.len().min(SAMPLE)];
        let wholes = &mut packer.wholes;
        let power = POWERS
            .into_iter()
            .find(|power| whole(sample, *power, wholes) && whole(values, *power, wholes))?;
        let (least, largest) = outer(wholes)?;
        let range = largest.wrapping_sub(least).cast_unsigned();
        let offsets = Narrow::pick(range, order, |from| wholes[from].wrapping_sub(least).cast_unsigned());
        Some(Scaled { power, wholes: Wholes { base: least.into(), step: 1, offsets } })
    }

    pub(super) fn append(&self, part: Range<usize>, out: &mut Vec<f64>) {
        let (base, power) = (self.wholes.base, self.power);
        // Both are exact, so this is the double nearest to the decimal number, as it was read.
        self.wholes.offsets.widen(part, out, |offset| (base + i64::from(offset)) as i32 as f64 / power);
    }

    pub(super) fn held(&self) -> usize {
        self.wholes.held()
    }
}

/// Multiplies the values by a power; whether all come out whole and none is changed by it.
fn whole(values: &[f64], power: f64, out: &mut Vec<i32>) -> bool {
    out.clear();
    values.chunks(256).all(|part| {
        let before = out.len();
        out.extend(part.iter().map(|value| (value * power + ROUND).to_bits() as i32));
        let differs = |(value, whole): (&f64, &i32)| value.to_bits() ^ (f64::from(*whole) / power).to_bits();
        part.iter().zip(&out[before..]).map(differs).fold(0, |all, one| all | one) == 0
    })
}

impl Coded {
    /// The texts in that order, if they repeat themselves.
    pub(super) fn pack(texts: &Texts, order: &Order, packer: &mut Packer) -> Option<Coded> {
        let dictionary = &mut packer.dictionary;
        if !dictionary.of_texts(texts) {
            return None;
        }
        let bytes: usize = dictionary.firsts.iter().map(|row| texts.get(*row as usize).len()).sum();
        if bytes > TEXT_BYTES {
            return None;
        }
        let mut distinct =
            Texts { ends: Vec::with_capacity(dictionary.firsts.len()), bytes: Vec::with_capacity(bytes) };
        dictionary.firsts.iter().for_each(|row| distinct.add(texts.get(*row as usize)));
        let largest = dictionary.firsts.len().saturating_sub(1) as u32;
        let places = Narrow::pick(largest, order, |from| dictionary.places[from]);
        Some(Coded { distinct, places })
    }

    /// Hands each place of a part to `take`.
    #[inline]
    pub(super) fn each(&self, part: Range<usize>, mut take: impl FnMut(u32)) {
        match &self.places {
            Narrow::U8(all) => all[part].iter().for_each(|place| take((*place).into())),
            Narrow::U16(all) => all[part].iter().for_each(|place| take((*place).into())),
            Narrow::U32(all) => all[part].iter().for_each(|place| take(*place)),
        }
    }

    /// Appends the texts of a part.
    pub(super) fn append(&self, part: Range<usize>, out: &mut Texts) {
        self.each(part, |place| out.add(self.distinct.get(place as usize)));
    }

    pub(super) fn held(&self) -> usize {
        self.distinct.bytes.capacity() + self.distinct.ends.capacity() * 4 + self.places.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backwards(count: usize) -> Order {
        Order::new((0..count as u32).rev().collect())
    }

    proptest::proptest! {
        #[test]
        fn whole_numbers_come_back(base: i64, bits in 1u32..33, offsets in proptest::collection::vec(0i64..4_000_000_000, 1..300), step in 0usize..3) {
            let step = [1, 1000, 1_000_000][step];
            let offsets = offsets.iter().map(|offset| (offset & ((1 << bits) - 1)) * step);
            let values: Vec<i64> = offsets.map(|offset| base.wrapping_add(offset)).collect();
            let packed = Wholes::pack(&values, &backwards(values.len()));
            // Only numbers that go round the end of what there is lie too far apart.
            proptest::prop_assert!(packed.is_some() || base > 0 && values.iter().any(|value| *value < 0));
            if let Some(packed) = packed {
                let mut back = Vec::new();
                packed.append(0..values.len(), &mut back);
                back.reverse();
                proptest::prop_assert_eq!(back, values);
            }
        }

        #[test]
        fn decimals_come_back_to_the_bit(digits in proptest::collection::vec(-3_000_000i64..3_000_000, 1..300), decimals in 0usize..8, odd in proptest::option::of(proptest::num::f64::ANY)) {
            let scale = 10f64.powi(decimals as i32);
            let mut values: Vec<f64> = digits.iter().map(|digits| *digits as f64 / scale).collect();
            values.extend(odd);
            let packed = Scaled::pack(&values, &backwards(values.len()), &mut Packer::default());
            proptest::prop_assert!(packed.is_some() || decimals > 6 || odd.is_some());
            if let Some(packed) = packed {
                let mut back = Vec::new();
                packed.append(0..values.len(), &mut back);
                let bits = |value: &f64| value.to_bits();
                proptest::prop_assert_eq!(back.iter().rev().map(bits).collect::<Vec<_>>(), values.iter().map(bits).collect::<Vec<_>>());
            }
        }

        #[test]
        fn texts_come_back(words in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..2), 1..400)) {
            let mut texts = Texts::default();
            words.iter().for_each(|word| texts.add(word));
            if let Some(packed) = Coded::pack(&texts, &backwards(words.len()), &mut Packer::default()) {
                let mut back = Texts::default();
                packed.append(0..words.len(), &mut back);
                proptest::prop_assert!((0..words.len()).all(|at| back.get(at) == words[words.len() - 1 - at]));
            }
        }
    }
}
