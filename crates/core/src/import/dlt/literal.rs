//! A Python dict literal, or JSON, read without running anything. What is no literal (a call, a lambda, a name) is kept
//! as its text, so that whoever reads the value can say what it was.

use serde_json::{Number, Value};

/// A value of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`.
    Null,
    /// `True`, `False`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, its parts joined.
    Text(String),
    /// A list, a tuple.
    List(Vec<Literal>),
    /// A dict; its keys in order.
    Dict(Vec<(String, Literal)>),
    /// Python code.
    Code(String),
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct LiteralError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// How deep values may lie in one another.
const DEPTH: usize = 64;

/// Reads a document: JSON, or one Python literal, with `name = ` or `return ` in front where that is so.
pub fn read(text: &str) -> Result<Literal, LiteralError> {
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        return Ok(Literal::from(json));
    }
    let mut reader = Reader { text, at: 0 };
    reader.assignment();
    let value = reader.value(DEPTH)?;
    reader.space();
    match reader.rest() {
        "" => Ok(value),
        _ => {
            Err(reader.wrong("something follows the configuration; leave it alone in the file, as one dict"))
        }
    }
}

impl From<Value> for Literal {
    fn from(value: Value) -> Literal {
        match value {
            Value::Null => Literal::Null,
            Value::Bool(truth) => Literal::Bool(truth),
            Value::Number(number) => Literal::Number(number),
            Value::String(text) => Literal::Text(text),
            Value::Array(items) => Literal::List(items.into_iter().map(Literal::from).collect()),
            Value::Object(fields) => {
                Literal::Dict(fields.into_iter().map(|(key, value)| (key, Literal::from(value))).collect())
            }
        }
    }
}

impl Literal {
    /// The value as JSON; the path and the text of the first code in it where there is some.
    pub fn json(&self, path: &str) -> Result<Value, (String, String)> {
        Ok(match self {
            Literal::Null => Value::Null,
            Literal::Bool(truth) => (*truth).into(),
            Literal::Number(number) => number.clone().into(),
            Literal::Text(text) => text.as_str().into(),
            Literal::List(items) => {
                let items = items.iter().enumerate().map(|(at, item)| item.json(&format!("{path}[{at}]")));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Literal::Dict(fields) => {
                let field = |(key, value): &(String, Literal)| {
                    Ok::<_, (String, String)>((key.clone(), value.json(&format!("{path}.{key}"))?))
                };
                let fields = fields.iter().map(field);
                Value::Object(fields.collect::<Result<_, _>>()?)
            }
            Literal::Code(code) => return Err((path.to_owned(), code.clone())),
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, message: impl Into<String>) -> LiteralError {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        LiteralError { line, column, message: message.into() }
    }

    /// Passes over white space, comments and joined lines.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let plain = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}', '\u{feff}']);
            self.at += rest.len() - plain.len();
            if plain.starts_with('#') {
                self.at += plain.find('\n').unwrap_or(plain.len());
            } else if plain.starts_with("\\\n") || plain.starts_with("\\\r") {
                self.at += 2;
            } else {
                return;
            }
        }
    }

    fn eat(&mut self, mark: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    /// `config: RESTAPIConfig = `, `return `.
    fn assignment(&mut self) {
        self.space();
        let word = self.word();
        if word.is_empty() {
            return;
        }
        let start = self.at;
        self.at += word.len();
        self.space();
        if word == "return" {
            return;
        }
        if self.rest().starts_with(':') {
            let annotation = self.rest().split(['=', '\n']).next().unwrap_or_default();
            self.at += annotation.len();
        }
        let rest = self.rest();
        if rest.starts_with('=') && !rest.starts_with("==") {
            self.at += 1;
        } else {
            self.at = start;
        }
    }

    /// The identifier that comes next.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if rest.starts_with(|c: char| c.is_ascii_digit()) { "" } else { &rest[..end] }
    }

    /// A value. What goes on after a literal (`"a".format(b)`, `60 * 60`) makes code of it.
    fn value(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        self.space();
        let start = self.at;
        if depth == 0 {
            return Err(self.wrong("the values lie too deep in one another"));
        }
        let value = self.atom(depth)?;
        self.space();
        match value {
            Literal::Code(_) => self.code(start),
            _ if depth < DEPTH && self.goes_on() => self.code(start),
            value => Ok(value),
        }
    }

    /// Whether an operator comes next, so that the literal before it is a part of code.
    fn goes_on(&self) -> bool {
        let words = ["if", "or", "and", "for", "in", "is", "not"];
        self.rest()
            .starts_with(['+', '-', '*', '/', '%', '.', '[', '(', '|', '&', '<', '>', '=', '!', '^', '@'])
            || words.contains(&self.word())
    }

    fn atom(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        match self.rest().chars().next() {
            None => Err(self.wrong("a value is missing")),
            Some('{') => self.dict(depth),
            Some('[') => self.items("[", "]", depth).map(|(items, _)| Literal::List(items)),
            Some('(') => {
                let (mut items, trailing) = self.items("(", ")", depth)?;
                // Brackets around one value are no tuple.
                Ok(if items.len() == 1 && !trailing { items.remove(0) } else { Literal::List(items) })
            }
            Some('"' | '\'') => self.texts(),
            Some(c) if c.is_ascii_digit() || "+-.".contains(c) => Ok(self.number()),
            Some(_) => self.named(),
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        self.eat("{");
        let mut fields: Vec<(String, Literal)> = Vec::new();
        while !self.eat("}") {
            if self.rest().is_empty() {
                return Err(self.wrong("`}` is missing"));
            }
            if self.rest().starts_with("**") {
                return Err(self.wrong("`**` takes over another dict; write its keys out"));
            }
            let key = match self.value(depth - 1)? {
                Literal::Text(key) => key,
                Literal::Number(number) => number.to_string(),
                _ => return Err(self.wrong("a key must be a text")),
            };
            if !self.eat(":") {
                return Err(self.wrong("`:` is missing after the key"));
            }
            let value = self.value(depth - 1)?;
            // The last of two equal keys counts, as in Python.
            fields.retain(|(known, _)| *known != key);
            fields.push((key, value));
            if !self.eat(",") && !self.rest().starts_with('}') {
                return Err(self.wrong("`,` or `}` is missing"));
            }
        }
        Ok(Literal::Dict(fields))
    }

    /// Items between brackets, and whether a comma came after the last.
    fn items(&mut self, open: &str, close: &str, depth: usize) -> Result<(Vec<Literal>, bool), LiteralError> {
        self.eat(open);
        let (mut items, mut trailing) = (Vec::new(), false);
        while !self.eat(close) {
            if self.rest().is_empty() {
                return Err(self.wrong(format!("`{close}` is missing")));
            }
            items.push(self.value(depth - 1)?);
            trailing = self.eat(",");
            if !trailing && !self.rest().starts_with(close) {
                return Err(self.wrong(format!("`,` or `{close}` is missing")));
            }
        }
        Ok((items, trailing))
    }

    /// `None`, `True`, `False`, a text with a prefix, else code.
    fn named(&mut self) -> Result<Literal, LiteralError> {
        let (start, word) = (self.at, self.word());
        self.at += word.len();
        let known = match word {
            "None" | "null" => Literal::Null,
            "True" | "true" => Literal::Bool(true),
            "False" | "false" => Literal::Bool(false),
            "r" | "R" | "u" | "U" if self.rest().starts_with(['"', '\'']) => {
                self.at = start;
                return self.texts();
            }
            // The rest of it is found by whoever calls.
            _ => Literal::Code(word.to_owned()),
        };
        Ok(known)
    }

    /// Texts next to each other, or joined by `+`, are one.
    fn texts(&mut self) -> Result<Literal, LiteralError> {
        let mut joined = String::new();
        loop {
            let raw = self.word();
            self.at += raw.len();
            joined.push_str(&self.text_literal(!raw.is_empty() && raw.eq_ignore_ascii_case("r"))?);
            let end = self.at;
            self.eat("+");
            self.space();
            let next = self.rest();
            let prefixed = ["r", "R", "u", "U"]
                .iter()
                .any(|p| next.strip_prefix(p).is_some_and(|n| n.starts_with(['"', '\''])));
            if !next.starts_with(['"', '\'']) && !prefixed {
                self.at = end;
                return Ok(Literal::Text(joined));
            }
        }
    }

    fn text_literal(&mut self, raw: bool) -> Result<String, LiteralError> {
        let rest = self.rest();
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote));
        let quote = quote.ok_or_else(|| self.wrong("a text is missing"))?;
        let open = self.at;
        self.at += quote.len();
        let mut out = String::new();
        while !self.rest().starts_with(quote) {
            let Some(c) = self.rest().chars().next().filter(|c| *c != '\n' || quote.len() == 3) else {
                self.at = open;
                return Err(self.wrong("the text has no end"));
            };
            self.at += c.len_utf8();
            match c {
                '\\' if raw => {
                    out.push(c);
                    if let Some(next) = self.rest().chars().next() {
                        out.push(next);
                        self.at += next.len_utf8();
                    }
                }
                '\\' => self.escape(&mut out)?,
                c => out.push(c),
            }
        }
        self.at += quote.len();
        Ok(out)
    }

    /// What stands for a character after a backslash.
    fn escape(&mut self, out: &mut String) -> Result<(), LiteralError> {
        let Some(c) = self.rest().chars().next() else { return Err(self.wrong("the text has no end")) };
        self.at += c.len_utf8();
        let plain = match c {
            '\n' => return Ok(()),
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            '0' => '\0',
            '\\' | '\'' | '"' => c,
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            other => {
                // Python keeps the backslash of an escape that it does not know.
                out.push('\\');
                other
            }
        };
        out.push(plain);
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<char, LiteralError> {
        let found = self.rest().get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(code) = found else { return Err(self.wrong("hexadecimal digits are missing")) };
        self.at += digits;
        if (0xd800..0xdc00).contains(&code)
            && let Some(low) =
                self.rest().strip_prefix("\\u").and_then(|rest| u32::from_str_radix(rest.get(..4)?, 16).ok())
            && (0xdc00..0xe000).contains(&low)
        {
            self.at += 6;
            let code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(code).ok_or_else(|| self.wrong("this is no character"));
        }
        char::from_u32(code).ok_or_else(|| self.wrong("this is no character"))
    }

    /// A number; what only begins like one is code.
    fn number(&mut self) -> Literal {
        let rest = self.rest();
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            let exponent_sign =
                "+-".contains(c) && rest[..at].ends_with(['e', 'E']) && !rest.starts_with("0x");
            if !(c.is_ascii_alphanumeric()
                || "._".contains(c)
                || (at == 0 && "+-".contains(c))
                || exponent_sign)
            {
                break;
            }
            end = at + c.len_utf8();
        }
        let word = rest[..end].replace('_', "");
        self.at += end.max(1);
        let digits = word.trim_start_matches('+');
        let radix = |prefix: &str, radix| {
            digits
                .strip_prefix(prefix)
                .and_then(|digits| i64::from_str_radix(digits, radix).ok())
                .map(Number::from)
        };
        let float = || digits.parse::<f64>().ok().and_then(Number::from_f64);
        let number = digits
            .parse::<i64>()
            .ok()
            .map(Number::from)
            .or_else(|| digits.parse::<u64>().ok().map(Number::from));
        let number = number
            .or_else(|| radix("0x", 16))
            .or_else(|| radix("0o", 8))
            .or_else(|| radix("0b", 2))
            .or_else(float);
        number.map_or_else(|| Literal::Code(word), Literal::Number)
    }

    /// The expression that began at `start`, up to the comma or the bracket that ends it.
    fn code(&mut self, start: usize) -> Result<Literal, LiteralError> {
        self.at = start;
        let mut depth = 0usize;
        let lambda = self.word() == "lambda";
        let mut colons = usize::from(lambda);
        while let Some(c) = self.rest().chars().next() {
            match c {
                '"' | '\'' => {
                    self.text_literal(false)?;
                    continue;
                }
                '#' => {
                    self.space();
                    continue;
                }
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 && colons == 0 => break,
                ':' if depth == 0 && colons == 0 => break,
                ':' if depth == 0 => colons -= 1,
                _ => {}
            }
            self.at += c.len_utf8();
        }
        if self.at == start {
            return Err(self.wrong("a value is missing"));
        }
        let words: Vec<&str> = self.text[start..self.at].split_whitespace().collect();
        Ok(Literal::Code(words.join(" ")))
    }
}

#[cfg(test)]
mod tests;
