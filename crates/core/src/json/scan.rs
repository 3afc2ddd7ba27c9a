//! The inner loop over strings: eight bytes at a time to the next quote, backslash or control character.

use super::{Fault, JsonError};

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// High bit set in the first byte (from the low end) that is a quote, a backslash or below 0x20; bytes after it may
/// be marked wrongly.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let slash = word ^ (LOW * b'\\' as u64);
    let zero = |x: u64| x.wrapping_sub(LOW) & !x;
    (zero(quote) | zero(slash) | (word.wrapping_sub(LOW * 0x20) & !word)) & HIGH
}

/// Offset of the next quote, backslash or control character at or after `at`.
#[inline]
pub(super) fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let mask = special(u64::from_le_bytes(*chunk));
        if mask != 0 {
            return at + (mask.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && bytes[at] != b'"' && bytes[at] != b'\\' && bytes[at] >= 0x20 {
        at += 1;
    }
    at
}

/// The end of the string whose content starts at `at` (the offset of its closing quote), and whether it holds an
/// escape. All escapes are checked.
#[inline]
pub(super) fn string(bytes: &[u8], at: usize) -> Result<(usize, bool), JsonError> {
    let end = plain(bytes, at);
    match bytes.get(end) {
        Some(b'"') => Ok((end, false)),
        _ => escaped(bytes, end).map(|end| (end, true)),
    }
}

fn escaped(bytes: &[u8], mut at: usize) -> Result<usize, JsonError> {
    loop {
        at = plain(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => at += escape(bytes, at)?,
            Some(_) => return Err(JsonError { at, fault: Fault::Control }),
            None => return Err(JsonError { at, fault: Fault::Ends("a string") }),
        }
    }
}

/// Length of the escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match hex4(bytes, at)? {
            0xD800..=0xDBFF => match bytes.get(at + 6..at + 8) {
                Some(b"\\u") if (0xDC00..=0xDFFF).contains(&hex4(bytes, at + 6)?) => Ok(12),
                _ => Err(JsonError { at, fault: Fault::Surrogate }),
            },
            0xDC00..=0xDFFF => Err(JsonError { at, fault: Fault::Surrogate }),
            _ => Ok(6),
        },
        Some(_) => Err(JsonError { at, fault: Fault::Escape }),
        None => Err(JsonError { at, fault: Fault::Ends("a string") }),
    }
}

/// The four hex digits of the `\u` escape at `at`.
fn hex4(bytes: &[u8], at: usize) -> Result<u32, JsonError> {
    let Some(digits) = bytes.get(at + 2..at + 6) else {
        return Err(JsonError { at, fault: Fault::Ends("a string") });
    };
    digits.iter().try_fold(0, |sum, digit| {
        let value = (*digit as char).to_digit(16).ok_or(JsonError { at, fault: Fault::Escape })?;
        Ok(sum << 4 | value)
    })
}
