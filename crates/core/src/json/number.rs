//! A number of a JSON text: its exact spelling, and its digits where they fit 64 bits.

use super::{Fault, JsonError};

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    text: &'a str,
    /// The digits without sign, point and exponent; meaningless beyond 19 digits.
    mantissa: u64,
    /// Digits from the first that is not zero.
    digits: u32,
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
        (self.digits <= 19 && !self.exponent).then_some((self.mantissa, self.fraction))
    }

    /// Number of digits from the first that is not zero.
    pub fn digits(&self) -> u32 {
        self.digits
    }

    /// The 64-bit integer it spells.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        if !self.is_integer() || self.digits > 19 {
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

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Reads the number that starts at `start`.
#[inline]
pub(super) fn scan(text: &str, start: usize) -> Result<Number<'_>, JsonError> {
    let bytes = text.as_bytes();
    let mut digits = Digits { at: start, mantissa: 0, significant: 0 };
    digits.at += usize::from(bytes.get(start) == Some(&b'-'));
    let whole = digits.at;
    digits.run(bytes)?;
    if bytes[whole] == b'0' && digits.at > whole + 1 {
        return Err(JsonError { at: whole, fault: Fault::BadNumber });
    }
    let mut fraction = 0;
    if bytes.get(digits.at) == Some(&b'.') {
        digits.at += 1;
        fraction = digits.run(bytes)?;
    }
    let (mantissa, significant) = (digits.mantissa, digits.significant);
    let exponent = matches!(bytes.get(digits.at), Some(b'e' | b'E'));
    if exponent {
        digits.at += 1;
        digits.at += usize::from(matches!(bytes.get(digits.at), Some(b'+' | b'-')));
        digits.run(bytes)?;
    }
    if matches!(bytes.get(digits.at), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' | b'+' | b'-')) {
        return Err(JsonError { at: digits.at, fault: Fault::BadNumber });
    }
    Ok(Number { text: &text[start..digits.at], mantissa, digits: significant, fraction, exponent })
}

struct Digits {
    at: usize,
    mantissa: u64,
    significant: u32,
}

impl Digits {
    /// Reads one digit or more; how many they were.
    #[inline]
    fn run(&mut self, bytes: &[u8]) -> Result<u32, JsonError> {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = bytes.get(self.at) {
            self.mantissa = self.mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.significant += u32::from(self.significant > 0 || *byte != b'0');
            self.at += 1;
        }
        match (self.at - start, bytes.get(self.at)) {
            (0, None) => Err(JsonError { at: self.at, fault: Fault::Ends("a number") }),
            (0, Some(b'I' | b'N')) => Err(JsonError { at: self.at, fault: Fault::NotANumber }),
            (0, Some(_)) => Err(JsonError { at: self.at, fault: Fault::BadNumber }),
            (count, _) => Ok(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }
}
