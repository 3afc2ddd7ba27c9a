//! A pull reader over JSON bytes (RFC 8259): exact numbers as text, strings borrowed where they hold no escape, a
//! depth limit instead of a deep stack.
//!
//! A key that stands twice in one object: the last value wins, as in most JSON libraries.

mod canonical;
mod fault;
mod field;
mod number;
mod scan;
#[cfg(test)]
pub(crate) mod tests;
mod text;

use std::ops::Range;

pub(crate) use canonical::canonicalize_list;
pub use canonical::{canonicalize, compact, write_string};
pub use fault::{Fault, JsonError};
pub(crate) use field::field;
pub use number::Number;
pub(crate) use number::Short;
pub use text::Text;

/// Most levels of objects and arrays within each other.
pub const MAX_DEPTH: u32 = 128;

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`
    Null,
}

/// Bytes as text, or where they stop being UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|e| JsonError { at: e.valid_up_to(), fault: Fault::NotUtf8 })
}

/// Reads one JSON text value by value, from front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, depth: 0 }
    }

    /// A reader of one part of `text`; offsets stay those of the whole.
    pub fn part(text: &'a str, part: Range<usize>) -> Reader<'a> {
        Reader { text: &text[..part.end], at: part.start, depth: 0 }
    }

    /// Byte offset of what is read next; whitespace may stand before it.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The text from an earlier offset up to here.
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// The kind of the next value; the reader then stands exactly at its first byte.
    #[inline]
    pub fn peek(&mut self) -> Result<Kind, JsonError> {
        match self.next_byte() {
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.no_value()),
        }
    }

    /// Enters an object; then call [`Reader::next_key`] until it returns `None`.
    #[inline]
    pub fn begin_object(&mut self) -> Result<(), JsonError> {
        self.open(b'{', "an object")
    }

    /// The next key, the reader then standing before its value; `None` at the end of the object. `first` is true at
    /// the first call after [`Reader::begin_object`].
    #[inline]
    pub fn next_key(&mut self, first: bool) -> Result<Option<Text<'a>>, JsonError> {
        if !self.more(first, b'}', Fault::Expected("a comma or `}`"), "an object")? {
            return Ok(None);
        }
        match self.next_byte() {
            Some(b'"') => {}
            Some(_) => return Err(self.fault(Fault::Expected("a key in double quotes"))),
            None => return Err(self.fault(Fault::Ends("an object"))),
        }
        let key = self.string()?;
        match self.next_byte() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.fault(Fault::Expected("a colon after the key"))),
            None => return Err(self.fault(Fault::Ends("an object"))),
        }
        Ok(Some(key))
    }

    /// Passes over the next key and its colon, if it is the one that `matches`, which gets what stands behind the comma
    /// and says how long key and colon are. `first` as for [`Reader::next_key`].
    #[inline]
    pub(crate) fn take_key(&mut self, first: bool, matches: impl FnOnce(&[u8]) -> Option<usize>) -> bool {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        if !first {
            if bytes.get(at) != Some(&b',') {
                return false;
            }
            at += 1;
            at += usize::from(bytes.get(at) == Some(&b' '));
        }
        let length = bytes.get(at..).and_then(matches);
        if let Some(length) = length {
            self.at = at + length;
        }
        length.is_some()
    }

    /// Enters an array; then call [`Reader::next_item`] until it returns false.
    #[inline]
    pub fn begin_array(&mut self) -> Result<(), JsonError> {
        self.open(b'[', "an array")
    }

    /// Whether another item follows, the reader then standing before it. `first` is true at the first call after
    /// [`Reader::begin_array`].
    #[inline]
    pub fn next_item(&mut self, first: bool) -> Result<bool, JsonError> {
        self.more(first, b']', Fault::Expected("a comma or `]`"), "an array")
    }

    /// Reads a string.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, JsonError> {
        if self.next_byte() != Some(b'"') {
            return Err(self.fault(Fault::Expected("a string")));
        }
        let start = self.at + 1;
        let (end, escaped) = scan::string(self.text.as_bytes(), start)?;
        self.at = end + 1;
        Ok(Text::new(&self.text[start..end], escaped))
    }

    /// Reads a string without escapes, if one stands right here; else nothing is read.
    #[inline]
    pub(crate) fn plain_string(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = scan::plain(bytes, start);
        if bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[start..end])
    }

    /// Reads a number.
    #[inline]
    pub fn number(&mut self) -> Result<Number<'a>, JsonError> {
        self.next_byte();
        let number = number::scan(self.text, self.at)?;
        self.at += number.text().len();
        Ok(number)
    }

    /// Reads a number, if it is a short one and stands right here; else nothing is read.
    #[inline]
    pub(crate) fn short_number(&mut self) -> Option<Short> {
        let (number, end) = number::short(self.text.as_bytes(), self.at)?;
        self.at = end;
        Some(number)
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        let value = self.next_byte() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads `null`.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.next_byte();
        self.literal("null")
    }

    /// Checks and passes over the next value; returns its raw text.
    pub fn skip(&mut self) -> Result<&'a str, JsonError> {
        self.next_byte();
        let start = self.at;
        let mut open = Open::default();
        loop {
            if !self.skip_one(&mut open)? && !self.skip_ends(&mut open)? {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    /// Ends the text: nothing but whitespace may follow.
    pub fn end(&mut self) -> Result<(), JsonError> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.fault(Fault::Trailing)),
        }
    }

    /// Passes over whitespace; the byte the reader then stands at.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn open(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.next_byte() != Some(byte) {
            return Err(self.fault(Fault::Expected(what)));
        }
        self.deeper(1)?;
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    fn deeper(&self, levels: u32) -> Result<(), JsonError> {
        if self.depth + levels > MAX_DEPTH { Err(self.fault(Fault::TooDeep)) } else { Ok(()) }
    }

    /// Passes over the comma before a further entry, or over the closing byte.
    #[inline]
    fn more(
        &mut self,
        first: bool,
        close: u8,
        expected: Fault,
        inside: &'static str,
    ) -> Result<bool, JsonError> {
        match self.next_byte() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                match self.next_byte() {
                    Some(byte) if byte == close => Err(self.fault(Fault::TrailingComma)),
                    _ => Ok(true),
                }
            }
            Some(_) if first => Ok(true),
            Some(_) => Err(self.fault(expected)),
            None => Err(self.fault(Fault::Ends(inside))),
        }
    }

    /// Skips a scalar, or enters an object or array (`true`: a value follows, so skip again).
    fn skip_one(&mut self, open: &mut Open) -> Result<bool, JsonError> {
        match self.peek()? {
            Kind::String => self.string().map(|_| false),
            Kind::Number => self.number().map(|_| false),
            Kind::Boolean => self.boolean().map(|_| false),
            Kind::Null => self.null().map(|()| false),
            Kind::Object => {
                self.begin_object()?;
                open.push(true);
                self.skip_entry(open, true)
            }
            Kind::Array => {
                self.begin_array()?;
                open.push(false);
                self.skip_entry(open, true)
            }
        }
    }

    /// After a value: whether another follows in what is open, closing what ends.
    fn skip_ends(&mut self, open: &mut Open) -> Result<bool, JsonError> {
        while open.count > 0 {
            if self.skip_entry(open, false)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn skip_entry(&mut self, open: &mut Open, first: bool) -> Result<bool, JsonError> {
        let more = if open.is_object() { self.next_key(first)?.is_some() } else { self.next_item(first)? };
        if !more {
            open.pop();
        }
        Ok(more)
    }

    fn literal(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        let cut = word.as_bytes().starts_with(rest);
        Err(self.fault(if cut { Fault::Ends("a literal") } else { Fault::Literal }))
    }

    fn no_value(&self) -> JsonError {
        let rest = &self.text.as_bytes()[self.at..];
        let fault = match rest {
            [] if self.depth > 0 => Fault::Ends("an object or array"),
            [] => Fault::Empty,
            [b'N' | b'I' | b'+' | b'.', ..] => Fault::NotANumber,
            [b'\'', ..] => Fault::SingleQuote,
            [b'<', ..] => Fault::Markup,
            _ => Fault::Expected("a value"),
        };
        self.fault(fault)
    }

    fn fault(&self, fault: Fault) -> JsonError {
        JsonError { at: self.at, fault }
    }
}

/// Kinds of the open containers of a skip, one bit each: no stack to overflow.
#[derive(Default)]
struct Open {
    kinds: u128,
    count: u32,
}

impl Open {
    fn push(&mut self, object: bool) {
        self.kinds = self.kinds << 1 | u128::from(object);
        self.count += 1;
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.count -= 1;
    }

    fn is_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}
