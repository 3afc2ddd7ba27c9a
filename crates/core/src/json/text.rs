//! A string of a JSON text, its escapes still in place.

use std::borrow::Cow;

/// A string as it stands between its quotes. Its escapes were checked when it was read.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, escaped: bool) -> Text<'a> {
        Text { raw, escaped }
    }

    /// The string itself, if it holds no escape.
    #[inline]
    pub fn plain(&self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// The string, its escapes resolved.
    #[inline]
    pub fn value(&self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut out = String::with_capacity(self.raw.len());
        self.append_to(&mut out);
        Cow::Owned(out)
    }

    fn append_to(&self, out: &mut String) {
        let mut rest = self.raw;
        while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
            out.push_str(&rest[..slash]);
            let (character, length) = unescape(&rest[slash..]);
            out.push(character);
            rest = &rest[slash + length..];
        }
        out.push_str(rest);
    }
}

/// The character of the checked escape that `text` starts with, and the escape's length.
fn unescape(text: &str) -> (char, usize) {
    let simple = match text.as_bytes()[1] {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        other => other as char,
    };
    (simple, 2)
}

fn unicode(text: &str) -> (char, usize) {
    let unit = |at: usize| u32::from_str_radix(&text[at..at + 4], 16).unwrap_or(0xFFFD);
    let high = unit(2);
    if !(0xD800..0xDC00).contains(&high) {
        return (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6);
    }
    let code = 0x1_0000 + ((high - 0xD800) << 10) + (unit(8) - 0xDC00);
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
}
