//! What Jinja2 can do and minijinja cannot, in words of minijinja: sums of times and durations, whose `+` and `-`
//! become calls, and `"%02d" % n`. Only texts that name such things are touched, so plain arithmetic is the library's.

use std::borrow::Cow;

use super::lex::{Kind, Segment, Token};

/// The functions that sums become.
pub(super) const ADD: &str = "_add";
pub(super) const SUBTRACT: &str = "_subtract";

/// What makes times and durations.
const TEMPORAL: [&str; 6] =
    ["now_utc", "today_utc", "today_with_timezone", "str_to_datetime", "duration", "strptime"];

/// What ends an operand of a sum at its level of brackets.
const WORDS: [&str; 10] = ["and", "or", "not", "if", "else", "elif", "in", "for", "set", "return"];
const SIGNS: [&str; 11] = ["==", "!=", "<=", ">=", "<", ">", "=", "~", ",", ":", ";"];

/// A whole text with its sums rewritten.
pub(super) fn text(text: &str, segments: &[Segment<'_>]) -> String {
    let temporal = segments.iter().any(|segment| is_temporal(&segment.tokens));
    let mut out = String::new();
    let mut end = 0;
    for segment in segments {
        out.push_str(&text[end..segment.inner.start]);
        out.push_str(&inner(text, segment, temporal));
        end = segment.inner.end;
    }
    out.push_str(&text[end..]);
    out
}

/// The inside of one segment with its sums rewritten; borrowed where there are none.
pub(super) fn expression<'a>(text: &'a str, segment: &Segment<'_>) -> Cow<'a, str> {
    inner(text, segment, is_temporal(&segment.tokens))
}

/// The text with the slices in it (`x[1:n]`) as lists (`x[[0, 1, n]]`), where it has any: the library does not see the
/// names in what is sliced.
pub(super) fn without_slices(text: &str, segments: &[Segment<'_>]) -> Option<String> {
    let mut out = String::new();
    let (mut end, mut found) = (0, false);
    for segment in segments.iter().filter(|segment| !segment.tokens.is_empty()) {
        out.push_str(&text[end..segment.inner.start]);
        out.push(' ');
        found |= unsliced(&segment.tokens, &mut out);
        end = segment.inner.end;
    }
    out.push_str(&text[end..]);
    found.then_some(out)
}

/// Writes tokens, slices as lists; whether there was one.
fn unsliced(tokens: &[Token<'_>], out: &mut String) -> bool {
    let mut found = false;
    let mut at = 0;
    while at < tokens.len() {
        let to = after(tokens, at);
        match &tokens[at..to] {
            [open, inner @ .., close] => {
                let is_slice = at > 0 && ends_operand(tokens, at - 1) && is_slice(&tokens[at..to]);
                out.push_str(if is_slice { "[[0" } else { open.text });
                if is_slice {
                    for part in parts(inner) {
                        out.push_str(", ");
                        unsliced(part, out);
                    }
                } else {
                    found |= unsliced(inner, out);
                }
                found |= is_slice;
                out.push_str(if is_slice { "]]" } else { close.text });
            }
            one => one.iter().for_each(|token| out.push_str(token.text)),
        }
        out.push(' ');
        at = to;
    }
    found
}

/// What stands between the `:` of a slice, as far as anything does.
fn parts<'t, 'a>(inner: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < inner.len() {
        if inner[at].text == ":" && inner[at].kind == Kind::Sign {
            found.push(&inner[start..at]);
            start = at + 1;
        }
        at = after(inner, at);
    }
    found.push(&inner[start..]);
    found.retain(|part| !part.is_empty());
    found
}

/// Whether tokens are brackets with a `:` of their own in them.
fn is_slice(tokens: &[Token<'_>]) -> bool {
    let [open, inner @ .., close] = tokens else { return false };
    if open.text != "[" || close.text != "]" {
        return false;
    }
    let mut at = 0;
    while at < inner.len() {
        if inner[at].text == ":" && inner[at].kind == Kind::Sign {
            return true;
        }
        at = after(inner, at);
    }
    false
}

fn is_temporal(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| token.kind == Kind::Name && TEMPORAL.contains(&token.text))
}

fn inner<'a>(text: &'a str, segment: &Segment<'_>, temporal: bool) -> Cow<'a, str> {
    let formats = segment
        .tokens
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.kind == Kind::Text && b.text == "%" && b.kind == Kind::Sign));
    if !temporal && !formats {
        return Cow::Borrowed(&text[segment.inner.clone()]);
    }
    let mut out = String::from(" ");
    sequence(&segment.tokens, temporal, &mut out);
    Cow::Owned(out)
}

/// Writes tokens of one level of brackets, sums as calls.
fn sequence(tokens: &[Token<'_>], temporal: bool, out: &mut String) {
    let mut start = 0;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let ends = match token.kind {
            Kind::Name => is_word(tokens, at),
            Kind::Sign => SIGNS.contains(&token.text),
            Kind::Number | Kind::Text => false,
        };
        if ends {
            sum(&tokens[start..at], temporal, out);
            out.push_str(token.text);
            out.push(' ');
            start = at + 1;
        }
        at = after(tokens, at);
    }
    sum(&tokens[start..], temporal, out);
}

/// Whether the name at a place is a word of the language, not the name of a member.
fn is_word(tokens: &[Token<'_>], at: usize) -> bool {
    WORDS.contains(&tokens[at].text) && !(at > 0 && tokens[at - 1].text == ".")
}

/// The place after a token, or after the brackets that it opens.
fn after(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match (token.kind, token.text) {
            (Kind::Sign, "(" | "[" | "{") => depth += 1,
            (Kind::Sign, ")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Writes `a + b - c` as `_subtract(_add(a, b), c)`.
fn sum(tokens: &[Token<'_>], temporal: bool, out: &mut String) {
    let mut operators = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_operand = at > 0 && ends_operand(tokens, at - 1);
        if temporal && is_operand && tokens[at].kind == Kind::Sign && matches!(tokens[at].text, "+" | "-") {
            operators.push(at);
        }
        at = after(tokens, at);
    }
    // A statement such as `set x = a - b` begins before its `=`, which ends the operand in front.
    for place in operators.iter().rev() {
        out.push_str(if tokens[*place].text == "+" { ADD } else { SUBTRACT });
        out.push('(');
    }
    let mut start = 0;
    for place in &operators {
        term(&tokens[start..*place], temporal, out);
        out.push_str(if start == 0 { ", " } else { "), " });
        start = place + 1;
    }
    term(&tokens[start..], temporal, out);
    if !operators.is_empty() {
        out.push(')');
    }
}

/// Whether a value ends with this token, so that a sign after it stands between two.
fn ends_operand(tokens: &[Token<'_>], at: usize) -> bool {
    let token = &tokens[at];
    match token.kind {
        Kind::Name => !is_word(tokens, at) && token.text != "is",
        Kind::Number | Kind::Text => true,
        Kind::Sign => matches!(token.text, ")" | "]" | "}"),
    }
}

/// Writes an operand, the insides of its brackets rewritten, and `"…" % x` as `"…" | format(x)`.
fn term(tokens: &[Token<'_>], temporal: bool, out: &mut String) {
    let mut at = 0;
    while at < tokens.len() {
        let end = after(tokens, at);
        let token = &tokens[at];
        let is_format = token.kind == Kind::Text
            && tokens.get(end).is_some_and(|next| next.text == "%")
            && end + 1 < tokens.len();
        if is_format {
            let mut to = after(tokens, end + 1);
            while tokens.get(to).is_some_and(|next| matches!(next.text, "." | "[" | "(")) {
                to = if tokens[to].text == "." { (to + 2).min(tokens.len()) } else { after(tokens, to) };
            }
            out.push_str(token.text);
            out.push_str(" | format(");
            arguments(&tokens[end + 1..to], temporal, out);
            out.push_str(") ");
            at = to;
            continue;
        }
        bracketed(&tokens[at..end], temporal, out);
        at = end;
    }
}

/// The arguments of a format: the items of a tuple, else the one value.
fn arguments(tokens: &[Token<'_>], temporal: bool, out: &mut String) {
    match tokens {
        [open, inner @ .., close]
            if open.text == "(" && close.text == ")" && after(tokens, 0) == tokens.len() =>
        {
            sequence(inner, temporal, out);
        }
        one => sequence(one, temporal, out),
    }
}

/// Writes one token, or brackets with their inside.
fn bracketed(tokens: &[Token<'_>], temporal: bool, out: &mut String) {
    match tokens {
        [one] => out.push_str(one.text),
        [open, inner @ .., close] => {
            out.push_str(open.text);
            sequence(inner, temporal, out);
            out.push_str(close.text);
        }
        [] => {}
    }
    // A name and the bracket or dot after it may stand apart, as in Jinja.
    out.push(' ');
}
