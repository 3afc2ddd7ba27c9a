//! Python's spelling of values, and its literals: what the CDK's dialect stands on.

use minijinja::Value;
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Value as Json};

use super::moment::{Moment, wrong};

/// Lists and tables within each other.
const DEPTH: usize = 100;

/// As Python's `str` writes it; what is not there is empty.
pub(super) fn shown(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(String::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => {
            let mut out = String::new();
            repr(value, DEPTH, &mut out)?;
            Ok(out)
        }
    }
}

fn repr(value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
    let depth = depth.checked_sub(1).ok_or_else(|| wrong("too many lists and tables within each other"))?;
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if !value.is_integer() => out.push_str(&float(f64::try_from(value.clone())?)),
        ValueKind::String => quote(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable => {
            let brackets = if value.is_tuple() { ['(', ')'] } else { ['[', ']'] };
            out.push(brackets[0]);
            for (index, item) in value.try_iter()?.enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                repr(&item, depth, out)?;
            }
            if value.is_tuple() && value.len() == Some(1) {
                out.push(',');
            }
            out.push(brackets[1]);
        }
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                repr(&key, depth, out)?;
                out.push_str(": ");
                repr(&value.get_item(&key)?, depth, out)?;
            }
            out.push('}');
        }
        ValueKind::Invalid => return Err(Error::new(ErrorKind::InvalidOperation, value.to_string())),
        _ => match value.downcast_object_ref::<Moment>() {
            Some(moment) => out.push_str(&moment.iso(" ")),
            None => out.push_str(&value.to_string()),
        },
    }
    Ok(())
}

/// A double as Python writes it.
pub(super) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        return format!("{number:?}");
    }
    // Rust writes 1e16 and 1e-5, Python 1e+16 and 1e-05.
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn quote(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// What the CDK takes for false, be it a value or the text of one.
pub(super) fn truth(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => {
            !matches!(text.as_str(), "" | "False" | "false" | "{}" | "[]" | "()" | "0" | "0.0" | "None")
        }
        Json::Array(items) => !items.is_empty(),
        Json::Object(table) => !table.is_empty(),
    }
}

/// What a text says as a Python literal; the text itself where it is none. Tuples and sets are lists.
pub(super) fn literal(text: &str) -> Json {
    let mut reader = Literal { rest: text.trim_start_matches([' ', '\t']), depth: DEPTH };
    reader.document().unwrap_or_else(|| Json::from(text))
}

/// What a text says where only a text or a list may stand: a literal of one of these, else the text as it is.
pub(super) fn field(text: &str) -> Json {
    let mut reader = Literal { rest: text.trim_start_matches([' ', '\t']), depth: DEPTH };
    let is_list = reader.rest.starts_with('[');
    match reader.value().filter(|_| reader.is_over()) {
        Some(value) if value.is_string() || is_list => value,
        _ => Json::from(text),
    }
}

/// How a text is written so that [`literal`] gives the text.
pub(super) fn lasting(text: &str) -> String {
    if literal(text) == *text {
        return text.to_owned();
    }
    let mut out = String::new();
    quote(text, &mut out);
    out
}

/// A reader of Python literals.
struct Literal<'a> {
    rest: &'a str,
    depth: usize,
}

impl Literal<'_> {
    /// One value and nothing after it; several with commas between them are a tuple.
    fn document(&mut self) -> Option<Json> {
        let first = self.value()?;
        let mut items = vec![first];
        let mut is_tuple = false;
        while self.sign(',') {
            is_tuple = true;
            if self.is_over() {
                break;
            }
            items.push(self.value()?);
        }
        if !self.is_over() {
            return None;
        }
        if is_tuple { Some(Json::Array(items)) } else { items.pop() }
    }

    fn is_over(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }

    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix('#') else { return };
            self.rest = &comment[comment.find('\n').unwrap_or(comment.len())..];
        }
    }

    fn sign(&mut self, sign: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Json> {
        self.space();
        self.depth = self.depth.checked_sub(1)?;
        let value = match self.rest.chars().next()? {
            '[' => self.items(']').map(|(items, _)| Json::Array(items)),
            '(' => self.items(')').and_then(|(mut items, commas)| match items.len() {
                1 if !commas => items.pop(),
                _ => Some(Json::Array(items)),
            }),
            '{' => self.braces(),
            '\'' | '"' | 'r' | 'R' | 'u' | 'U' => self.strings(),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            _ => self.word(),
        };
        self.depth += 1;
        value
    }

    fn word(&mut self) -> Option<Json> {
        let words = [("True", Json::Bool(true)), ("False", Json::Bool(false)), ("None", Json::Null)];
        let (word, value) = words.into_iter().find(|(word, _)| self.rest.starts_with(word))?;
        let rest = &self.rest[word.len()..];
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return None;
        }
        self.rest = rest;
        Some(value)
    }

    /// The values up to a bracket, and whether there was a comma.
    fn items(&mut self, close: char) -> Option<(Vec<Json>, bool)> {
        self.rest = &self.rest[1..];
        let (mut items, mut commas) = (Vec::new(), false);
        while !self.sign(close) {
            if !items.is_empty() {
                if !self.sign(',') {
                    return None;
                }
                commas = true;
                if self.sign(close) {
                    break;
                }
            }
            items.push(self.value()?);
        }
        Some((items, commas))
    }

    /// A table or a set.
    fn braces(&mut self) -> Option<Json> {
        self.rest = &self.rest[1..];
        let (mut table, mut set) = (Map::new(), Vec::new());
        while !self.sign('}') {
            if !(table.is_empty() && set.is_empty()) {
                if !self.sign(',') {
                    return None;
                }
                if self.sign('}') {
                    break;
                }
            }
            let key = self.value()?;
            if self.sign(':') {
                let value = self.value()?;
                table.insert(key_text(&key)?, value);
            } else {
                set.push(key);
            }
        }
        match (table.is_empty(), set.is_empty()) {
            (_, true) => Some(Json::Object(table)),
            (true, false) => Some(Json::Array(set)),
            (false, false) => None,
        }
    }

    /// Strings one after the other are one.
    fn strings(&mut self) -> Option<Json> {
        let mut out = String::new();
        let mut found = false;
        loop {
            self.space();
            let raw = self.rest.starts_with(['r', 'R']);
            let start = self.rest.strip_prefix(['r', 'R', 'u', 'U']).unwrap_or(self.rest);
            if !start.starts_with(['\'', '"']) {
                return found.then_some(Json::String(out));
            }
            self.rest = start;
            self.string(raw, &mut out)?;
            found = true;
        }
    }

    fn string(&mut self, raw: bool, out: &mut String) -> Option<()> {
        let quote = &self.rest[..1];
        let triple = quote.repeat(3);
        let (quote, is_long) =
            if self.rest.starts_with(&triple) { (triple.as_str(), true) } else { (quote, false) };
        self.rest = &self.rest[quote.len()..];
        loop {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                self.rest = rest;
                return Some(());
            }
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '\\' if raw => {
                    out.push(c);
                    let next = self.rest.chars().next()?;
                    out.push(next);
                    self.rest = &self.rest[next.len_utf8()..];
                }
                '\\' => self.escape(out)?,
                '\n' if !is_long => return None,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                escaped(c, out);
                return Some(());
            }
        };
        let code = u32::from_str_radix(self.rest.get(..digits)?, 16).ok()?;
        out.push(char::from_u32(code)?);
        self.rest = &self.rest[digits..];
        Some(())
    }

    fn number(&mut self) -> Option<Json> {
        let mut negative = false;
        while let Some(rest) = self.rest.strip_prefix(['-', '+']) {
            negative ^= self.rest.starts_with('-');
            self.rest = rest.trim_start();
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
            .unwrap_or(self.rest.len());
        let exponent = self.rest[..end].ends_with(['e', 'E']) && !self.rest.starts_with("0x");
        let end = match self.rest[end..].strip_prefix(['-', '+']) {
            Some(tail) if exponent => {
                end + 1 + tail.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(tail.len())
            }
            _ => end,
        };
        let (text, rest) = self.rest.split_at(end);
        let is_wrong = text.starts_with('_') || text.ends_with('_') || text.contains("__");
        let value = if is_wrong { None } else { number(&text.replace('_', ""), negative) };
        self.rest = rest;
        value
    }
}

/// Appends what a backslash and this character stand for; both, where they stand for themselves.
fn escaped(c: char, out: &mut String) {
    match c {
        'n' => out.push('\n'),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        '\\' | '\'' | '"' => out.push(c),
        '\n' => {}
        other => out.extend(['\\', other]),
    }
}

fn key_text(key: &Json) -> Option<String> {
    match key {
        Json::String(text) => Some(text.clone()),
        Json::Array(_) | Json::Object(_) => None,
        other => Some(other.to_string()),
    }
}

/// A number as Python reads it; one that no integer of 64 bits and no double holds is none.
fn number(text: &str, negative: bool) -> Option<Json> {
    let lower = text.to_ascii_lowercase();
    let radix =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(p, r)| Some((lower.strip_prefix(p)?, r)));
    let whole = match radix {
        Some((digits, radix)) => {
            Some(i128::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['+', '-']))?)
        }
        None if lower.bytes().all(|byte| byte.is_ascii_digit()) => {
            // 007 is no number in Python; 000 is.
            if lower.len() > 1 && lower.starts_with('0') && lower.bytes().any(|byte| byte != b'0') {
                return None;
            }
            Some(lower.parse().ok()?)
        }
        None => None,
    };
    if let Some(whole) = whole {
        let whole = if negative { -whole } else { whole };
        return i64::try_from(whole).map(Json::from).or_else(|_| u64::try_from(whole).map(Json::from)).ok();
    }
    let is_float = lower.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && lower.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    let float: f64 = lower.parse().ok().filter(|number: &f64| is_float && number.is_finite())?;
    Some(Json::from(if negative { -float } else { float }))
}
