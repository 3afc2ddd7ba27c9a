//! Parquet's DELTA_BINARY_PACKED: whole numbers as the steps from each to the next, packed into as few bits as the widest
//! step of a few dozen needs. Numbers that hardly repeat take about the bits of their range, whatever their type's width.

use super::thrift::varint;

/// Steps of a block, which has one least step.
const BLOCK: usize = 128;
/// Steps of a part of it, which has one width.
const MINI: usize = 32;

/// Appends the numbers.
pub(super) fn encode(values: impl ExactSizeIterator<Item = i64>, out: &mut Vec<u8>) {
    varint(out, BLOCK as u64);
    varint(out, (BLOCK / MINI) as u64);
    varint(out, values.len() as u64);
    let mut values = values;
    let mut last = values.next().unwrap_or(0);
    varint(out, zigzag(last));
    out.reserve(values.len() * 4);
    let mut steps = [0i64; BLOCK];
    loop {
        let count = values.len().min(BLOCK);
        if count == 0 {
            return;
        }
        for (step, value) in steps.iter_mut().zip(values.by_ref().take(BLOCK)) {
            *step = value.wrapping_sub(last);
            last = value;
        }
        block(&mut steps, count, out);
    }
}

/// Appends the first `count` steps of a block.
fn block(steps: &mut [i64; BLOCK], count: usize, out: &mut Vec<u8>) {
    let least = steps[..count].iter().copied().min().unwrap_or(0);
    steps[..count].iter_mut().for_each(|step| *step = step.wrapping_sub(least));
    steps[count..].fill(0);
    varint(out, zigzag(least));
    let widths = out.len();
    out.extend_from_slice(&[0; BLOCK / MINI]);
    for (place, part) in steps[..count.next_multiple_of(MINI)].chunks_exact(MINI).enumerate() {
        let width = 64 - part.iter().fold(0, |bits, step| bits | step).leading_zeros();
        out[widths + place] = width as u8;
        pack(part, width, out);
    }
}

/// Appends steps of this many bits each.
fn pack(steps: &[i64], width: u32, out: &mut Vec<u8>) {
    let end = out.len() + MINI * width as usize / 8;
    let (mut bits, mut held) = (0u64, 0);
    for step in steps.iter().map(|step| step.cast_unsigned()) {
        bits |= step << held;
        held += width;
        if held >= 64 {
            out.extend_from_slice(&bits.to_le_bytes());
            held -= 64;
            // Of the last step, what did not fit.
            bits = if held == 0 { 0 } else { step >> (width - held) };
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.truncate(end);
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Bits that a step takes, if all lie between these two.
pub(super) fn bits(least: i64, largest: i64) -> u32 {
    64 - largest.wrapping_sub(least).cast_unsigned().leading_zeros()
}
