//! Parquet's hybrid of run-length encoding and bit packing, for levels and for places in a dictionary.

use super::thrift::varint;

/// Bits that hold every value up to `largest`.
pub(super) fn width(largest: u32) -> u32 {
    u32::BITS - largest.leading_zeros()
}

/// Appends a run of one value.
pub(super) fn run(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    if count > 0 {
        varint(out, (count as u64) << 1);
        out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
    }
}

/// Appends values: equal ones as runs where that is shorter, all others packed in groups of eight.
pub(super) fn encode<T: Copy + Into<u32> + PartialEq>(values: &[T], width: u32, out: &mut Vec<u8>) {
    let (mut packed, mut at) = (0, 0);
    while at < values.len() {
        // Runs begin at whole groups only, since packed groups cannot be cut.
        let length = values[at..].iter().take_while(|value| **value == values[at]).count();
        if length < 8 {
            at += 8.min(values.len() - at);
            continue;
        }
        pack(&values[packed..at], width, out);
        run(values[at].into(), length, width, out);
        at += length;
        packed = at;
    }
    pack(&values[packed..], width, out);
}

/// Appends one stretch of packed groups; what is missing to the last group is zero.
fn pack<T: Copy + Into<u32>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    out.reserve(groups * width as usize + 8);
    let (mut bits, mut held) = (0u64, 0);
    for value in values {
        bits |= u64::from((*value).into()) << held;
        held += width;
        if held >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `count` values back.
    fn decode(mut bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut head, mut shift) = (0u64, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                head |= u64::from(byte & 0x7F) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if head & 1 == 1 {
                let length = (head >> 1) as usize * width as usize;
                let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
                let value =
                    |i: usize| -> u32 { (0..width as usize).map(|b| bit(i * width as usize + b) << b).sum() };
                values.extend((0..(head >> 1) as usize * 8).map(value));
                bytes = &bytes[length..];
            } else {
                let length = width.div_ceil(8) as usize;
                let mut word = [0; 4];
                word[..length].copy_from_slice(&bytes[..length]);
                values.extend(std::iter::repeat_n(u32::from_le_bytes(word), (head >> 1) as usize));
                bytes = &bytes[length..];
            }
        }
        assert!(bytes.is_empty());
        values.truncate(count);
        values
    }

    proptest::proptest! {
        #[test]
        fn values_come_back(runs in proptest::collection::vec((0u32..=u32::MAX, 1usize..40), 0..20), bits in 0u32..=32) {
            let mask = if bits == 0 { 0 } else { u32::MAX >> (32 - bits) };
            let values: Vec<u32> =
                runs.iter().flat_map(|(value, count)| std::iter::repeat_n(value & mask, *count)).collect();
            let mut out = Vec::new();
            encode(&values, bits, &mut out);
            proptest::prop_assert_eq!(decode(&out, bits, values.len()), values);
        }
    }
}
