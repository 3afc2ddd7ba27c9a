//! Where the expressions of a text are, and the tokens in them: as much of the language as is needed to name what is
//! unknown and to see sums; the grammar is the library's.

use std::ops::Range;

use super::ExprError;
use super::error::character;

/// A `{{ … }}`, `{% … %}` or `{# … #}` of a text; a `{% raw %}` goes as far as its `{% endraw %}`.
pub(super) struct Segment<'a> {
    /// With its braces.
    pub(super) outer: Range<usize>,
    /// Between them, without the `-` and `+` that take whitespace away.
    pub(super) inner: Range<usize>,
    /// Whether only a template can hold it.
    pub(super) is_statement: bool,
    pub(super) tokens: Vec<Token<'a>>,
}

/// One token; its text with the quotes of a string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Number,
    Text,
    /// An operator or a bracket.
    Sign,
}

/// The operators of two characters; all others have one.
const PAIRS: [&str; 6] = ["==", "!=", "<=", ">=", "//", "**"];

/// The segments of a text, in order.
pub(super) fn segments(text: &str) -> Result<Vec<Segment<'_>>, ExprError> {
    let mut segments = Vec::new();
    let mut at = 0;
    while let Some((start, opening)) = opening(text, at) {
        let segment = match opening {
            "{#" => comment(text, start)?,
            _ => code(text, start, opening)?,
        };
        at = segment.outer.end;
        let is_raw = opening == "{%" && segment.tokens.iter().map(|token| token.text).eq(["raw"]);
        segments.push(segment);
        if is_raw {
            at = text[at..].find("endraw").map_or(text.len(), |end| at + end + "endraw".len());
        }
    }
    Ok(segments)
}

fn opening(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let openings = ["{{", "{%", "{#"];
    openings.into_iter().filter_map(|opening| Some((from + text[from..].find(opening)?, opening))).min()
}

fn comment(text: &str, start: usize) -> Result<Segment<'_>, ExprError> {
    let end =
        text[start + 2..].find("#}").map(|end| start + end + 4).ok_or_else(|| unclosed(text, start, "#}"))?;
    Ok(Segment { outer: start..end, inner: start + 2..end - 2, is_statement: true, tokens: Vec::new() })
}

fn unclosed(text: &str, at: usize, closing: &str) -> ExprError {
    let message = format!("`{}` is not closed by `{closing}`", &text[at..at + 2]);
    ExprError::Syntax { at: character(text, at), message }
}

/// An expression or a statement.
fn code<'a>(text: &'a str, start: usize, opening: &str) -> Result<Segment<'a>, ExprError> {
    let closing = if opening == "{{" { "}}" } else { "%}" };
    let trims = |c: Option<char>| matches!(c, Some('-' | '+'));
    let trimmed = trims(text[start + 2..].chars().next());
    let inner = start + 2 + usize::from(trimmed);
    let mut tokens = Vec::new();
    let mut depth = 0usize;
    let mut at = inner;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if rest.is_empty() {
            return Err(unclosed(text, start, closing));
        }
        let takes = usize::from(trims(rest.chars().next()));
        if depth == 0 && rest[takes..].starts_with(closing) {
            let outer = start..at + takes + 2;
            let is_statement = closing == "%}" || trimmed || takes > 0;
            return Ok(Segment { outer, inner: inner..at, is_statement, tokens });
        }
        let token = token(text, at)?;
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += token.text.len();
        tokens.push(token);
    }
}

/// The token that begins at a byte which is no whitespace.
fn token(text: &str, at: usize) -> Result<Token<'_>, ExprError> {
    let rest = &text[at..];
    let first = rest.chars().next().unwrap_or_default();
    let run = |is_in: fn(char) -> bool| rest.find(|c| !is_in(c)).unwrap_or(rest.len());
    let (length, kind) = match first {
        '\'' | '"' => (quoted(text, at, first)?, Kind::Text),
        c if c.is_alphabetic() || c == '_' => (run(|c| c.is_alphanumeric() || c == '_'), Kind::Name),
        c if c.is_ascii_digit() => (number(rest), Kind::Number),
        _ if PAIRS.iter().any(|pair| rest.starts_with(pair)) => (2, Kind::Sign),
        c => (c.len_utf8(), Kind::Sign),
    };
    Ok(Token { at, text: &rest[..length], kind })
}

/// The length of a number: `12`, `1_000`, `1.5`, `2e-3`.
fn number(rest: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    let mut length = digits(rest);
    let fraction = rest[length..].strip_prefix('.').map_or(0, digits);
    length += if fraction > 0 { fraction + 1 } else { 0 };
    let exponent = rest[length..].strip_prefix(['e', 'E']).map_or(0, |exponent| {
        let sign = usize::from(exponent.starts_with(['-', '+']));
        let count = digits(&exponent[sign..]);
        if count > 0 { 1 + sign + count } else { 0 }
    });
    length + exponent
}

/// The length of a string with its quotes.
fn quoted(text: &str, at: usize, quote: char) -> Result<usize, ExprError> {
    let mut escaped = false;
    for (index, c) in text[at..].char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Ok(index + 1),
            _ => {}
        }
    }
    let message = format!("a string that begins with {quote} is not closed");
    Err(ExprError::Syntax { at: character(text, at), message })
}
