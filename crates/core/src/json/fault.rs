//! What can be wrong with a JSON text.

use std::fmt;

/// Where a text stops being JSON, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {at})")]
pub struct JsonError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but whitespace.
    Empty,
    /// The text is over before the value is.
    Ends(&'static str),
    /// Something else stands where this must.
    Expected(&'static str),
    /// A comma before a closing bracket.
    TrailingComma,
    /// Text after the value.
    Trailing,
    /// NaN, Infinity, +1, .5
    NotANumber,
    /// 01, 1., 1e
    BadNumber,
    /// tru, nul
    Literal,
    /// 'text'
    SingleQuote,
    /// <html>
    Markup,
    /// A raw control character in a string.
    Control,
    /// A backslash and what must not follow it.
    Escape,
    /// Half of a surrogate pair.
    Surrogate,
    /// Too many levels.
    TooDeep,
    /// Not UTF-8.
    NotUtf8,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Fault::Empty => "the text is empty; expected a JSON value",
            Fault::Ends(what) => return write!(f, "the text ends in the middle of {what}; it was cut off"),
            Fault::Expected(what) => return write!(f, "expected {what}"),
            Fault::TrailingComma => "a comma stands before the closing bracket, which is not JSON",
            Fault::Trailing => "more text follows after the JSON value; is it NDJSON (format = \"ndjson\")?",
            Fault::NotANumber => {
                "NaN, Infinity, +1 and .5 are not JSON; ask the API for null or a plain number"
            }
            Fault::BadNumber => {
                "this number is not JSON (a leading zero, or a digit is missing after `.`, `e` or `-`)"
            }
            Fault::Literal => "expected true, false or null",
            Fault::SingleQuote => "single quotes are not JSON; strings stand in double quotes",
            Fault::Markup => "this is HTML or XML, not JSON; check the address and the Accept header",
            Fault::Control => "a control character stands in a string; JSON wants it escaped (\\n, \\u0000)",
            Fault::Escape => "a backslash is followed by what is no JSON escape",
            Fault::Surrogate => "a \\u escape is half of a surrogate pair",
            Fault::TooDeep => "objects and arrays are nested deeper than 128 levels",
            Fault::NotUtf8 => "the bytes are not UTF-8; is another character set declared?",
        };
        f.write_str(words)
    }
}
