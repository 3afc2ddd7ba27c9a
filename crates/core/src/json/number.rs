//! A number of a JSON text: its exact spelling, and its digits where they fit 64 bits.

use super::{Fault, JsonError};

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    text: &'a str,
    /// The digits without sign, point and exponent; meaningless beyond 19 digits.
    mantissa: u64,
    /// Digits before and after the point, zeros included.
    count: u32,
    /// Digits after the point.
    fraction: u32,
    exponent: bool,
}

impl<'a> Number<'a> {
    /// The number that `text` is, if it is one as a whole.
    pub fn parse(text: &'a str) -> Option<Number<'a>> {
        scan(text, 0).ok().filter(|number| number.text.len() == text.len())
    }

    /// The spelling.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Whether it is spelled as an integer: neither point nor exponent.
    pub fn is_integer(&self) -> bool {
        self.fraction == 0 && !self.exponent
    }

    /// Whether it starts with a minus.
    pub fn is_negative(&self) -> bool {
        self.text.as_bytes().first() == Some(&b'-')
    }

    /// The digits as an integer, the point left out, with the number of digits after it; `None` with an exponent or
    /// beyond 19 digits.
    #[inline]
    pub fn unscaled(&self) -> Option<(u64, u32)> {
        (!self.exponent && self.fits(19)).then_some((self.mantissa, self.fraction))
    }

    /// Number of digits from the first that is not zero.
    pub fn digits(&self) -> u32 {
        if self.count <= 19 {
            return self.mantissa.checked_ilog10().map_or(0, |log| log + 1);
        }
        let digits = self.text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
        let significant = digits.filter(u8::is_ascii_digit).skip_while(|byte| *byte == b'0').count();
        u32::try_from(significant).unwrap_or(u32::MAX)
    }

    /// Whether it has at most `most` digits from the first that is not zero.
    #[inline]
    pub(crate) fn fits(&self, most: u32) -> bool {
        self.count <= most || self.digits() <= most
    }

    /// The 64-bit integer it spells.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        if !self.is_integer() || !self.fits(19) {
            return None;
        }
        if self.is_negative() {
            0i64.checked_sub_unsigned(self.mantissa)
        } else {
            i64::try_from(self.mantissa).ok()
        }
    }

    /// The nearest double; infinite where it is out of range.
    #[inline]
    pub fn as_f64(&self) -> f64 {
        match self.unscaled() {
            // Both are exact in a double, so that one division rounds once.
            Some((mantissa, fraction)) if mantissa <= 1 << 53 && fraction <= 22 => {
                let value = mantissa as f64 / POWERS[fraction as usize];
                if self.is_negative() { -value } else { value }
            }
            _ => self.text.parse().unwrap_or(f64::INFINITY),
        }
    }
}

/// A number of at most fifteen digits without an exponent, in the middle of a text. Every such number survives the way
/// through a double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    negative: bool,
    /// The digits, the point left out.
    mantissa: u64,
    /// Digits after the point.
    fraction: u32,
}

impl Short {
    /// The integer it spells, if it is spelled as one.
    #[inline]
    pub(crate) fn as_i64(self) -> Option<i64> {
        let value = self.mantissa.cast_signed();
        (self.fraction == 0).then_some(if self.negative { -value } else { value })
    }

    /// The double it spells.
    #[inline]
    pub(crate) fn as_f64(self) -> f64 {
        let value = self.mantissa as f64;
        let value = if self.fraction == 0 { value } else { value / POWERS[self.fraction as usize] };
        if self.negative { -value } else { value }
    }
}

/// Reads the number that starts at `start`, with where it ends; `None` if it must be read with more care.
#[inline]
pub(super) fn short(bytes: &[u8], start: usize) -> Option<(Short, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let whole = start + usize::from(negative);
    let (mut at, mut mantissa) = run(bytes, whole, 0);
    let mut count = at - whole;
    if count == 0 || count > 1 && bytes[whole] == b'0' {
        return None;
    }
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let point = at + 1;
        (at, mantissa) = run(bytes, point, mantissa);
        fraction = at - point;
        count += fraction;
        if fraction == 0 {
            return None;
        }
    }
    let ends = matches!(bytes.get(at), Some(b',' | b'}' | b']'));
    (ends && count <= 15).then_some((Short { negative, mantissa, fraction: fraction as u32 }, at))
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Reads the number that starts at `start`.
#[inline]
pub(super) fn scan(text: &str, start: usize) -> Result<Number<'_>, JsonError> {
    let bytes = text.as_bytes();
    let whole = start + usize::from(bytes.get(start) == Some(&b'-'));
    let (mut at, mut mantissa) = run(bytes, whole, 0);
    let mut count = at - whole;
    if count == 0 {
        return Err(no_digit(bytes, at));
    }
    if bytes[whole] == b'0' && count > 1 {
        return Err(JsonError { at: whole, fault: Fault::BadNumber });
    }
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let point = at + 1;
        (at, mantissa) = run(bytes, point, mantissa);
        fraction = at - point;
        count += fraction;
        if fraction == 0 {
            return Err(no_digit(bytes, at));
        }
    }
    let exponent = !matches!(bytes.get(at), Some(b',' | b'}' | b']')) && ends(bytes, &mut at)?;
    let (count, fraction) = (narrow(count), narrow(fraction));
    Ok(Number { text: &text[start..at], mantissa, count, fraction, exponent })
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Reads digits, if there are any: where they end, and the mantissa with them.
#[inline]
fn run(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (usize, u64) {
    while let Some(byte @ b'0'..=b'9') = bytes.get(at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        at += 1;
    }
    (at, mantissa)
}

/// Reads the exponent, if there is one, and checks that the number ends there.
#[inline(never)]
fn ends(bytes: &[u8], at: &mut usize) -> Result<bool, JsonError> {
    let exponent = matches!(bytes.get(*at), Some(b'e' | b'E'));
    if exponent {
        *at += 1;
        *at += usize::from(matches!(bytes.get(*at), Some(b'+' | b'-')));
        let start = *at;
        *at = run(bytes, start, 0).0;
        if *at == start {
            return Err(no_digit(bytes, start));
        }
    }
    if matches!(bytes.get(*at), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'+' | b'-')) {
        return Err(JsonError { at: *at, fault: Fault::BadNumber });
    }
    Ok(exponent)
}

fn no_digit(bytes: &[u8], at: usize) -> JsonError {
    let fault = match bytes.get(at) {
        None => Fault::Ends("a number"),
        Some(b'I' | b'N') => Fault::NotANumber,
        Some(_) => Fault::BadNumber,
    };
    JsonError { at, fault }
}
