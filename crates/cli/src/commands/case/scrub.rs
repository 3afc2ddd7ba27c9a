//! What must not stay in a recording, and what stands there instead: each secret of the pipeline by the word that every
//! secret has in a case, each credential that the API gave out (a token) by a word of its own.
//!
//! | what | goes |
//! |---|---|
//! | secrets of the pipeline, credentials in headers, what the API gave out and was sent | wherever it stands, in any spelling; a short one as a word, or as a whole text |
//! | values that are credentials by their names in an answer or a body | in their place, and wherever a text is nothing else |
//! | parameters that hold a secret | in the query, whatever their value |

mod named;
mod spell;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_core::pipeline::tells_a_secret;
use tidegate_core::request::Request;
use url::Url;

use self::spell::{holds, matched};
use super::play::SECRET;
use super::write::Taken;

/// Request headers whose value says nothing about who asks.
const HARMLESS: [&str; 5] = ["accept", "user-agent", "content-type", "if-none-match", "if-modified-since"];

/// Shortest value that is replaced within words; a shorter one would be found in half the text.
const LONG: usize = 8;

/// Shortest value that is replaced where it is a word of a text; a shorter one goes where it is the whole of it.
const WORD: usize = 4;

/// What is written in the place of what.
pub(super) struct Scrub {
    /// The longest first.
    known: Vec<Known>,
    /// Credentials by their names: what is written in their place.
    named: BTreeMap<String, String>,
    /// Values that stand in the pipeline file, and so are no secrets.
    plain: BTreeSet<String>,
}

struct Known {
    value: String,
    word: String,
    reach: Reach,
}

/// Where a value is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    Everywhere,
    /// Where neither a letter nor a digit is beside it, and it is no key.
    Word,
    /// Where a JSON text is nothing else.
    Whole,
}

impl Scrub {
    /// For these exchanges of the pipeline file `text`, in which `secrets` are the values of the pipeline's own.
    pub(super) fn new(secrets: &[String], text: &str, taken: &[Taken]) -> Scrub {
        let mut scrub = Scrub { known: Vec::new(), named: BTreeMap::new(), plain: leaves(text) };
        for value in secrets {
            scrub.know(value, SECRET.to_owned(), text);
        }
        for (name, value) in taken.iter().flat_map(|taken| secret_params(&taken.request)) {
            let word = scrub.parameter(&name, &value);
            scrub.know(&value, word, text);
        }
        for word in carried(taken, text) {
            let replaced = scrub.next_word(&word);
            scrub.know(&word, replaced, text);
        }
        for value in credentials(taken, &scrub.plain) {
            if scrub.named.contains_key(&value) {
                continue;
            }
            let sent = value.len() >= LONG && taken.iter().any(|taken| sends(&taken.request, &value));
            let known = scrub.known.iter().find(|known| known.value == value).map(|known| known.word.clone());
            let word = known.unwrap_or_else(|| scrub.next_word(&value));
            if sent {
                scrub.know(&value, word, text);
            } else {
                scrub.named.insert(value, word);
            }
        }
        scrub
    }

    /// Notes a value; a short one that is a word of the pipeline file is one of its own words.
    fn know(&mut self, value: &str, word: String, text: &str) {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let reach = match value.len() {
            0 => return,
            LONG.. if !digits => Reach::Everywhere,
            WORD.. if value.len() >= LONG || !is_word_of(text, value) => Reach::Word,
            _ => Reach::Whole,
        };
        if value != word && !self.known.iter().any(|known| known.value == value) {
            self.known.push(Known { value: value.to_owned(), word, reach });
            self.known.sort_by_key(|known| std::cmp::Reverse(known.value.len()));
        }
    }

    /// What is written for a credential: what is left of it without the pipeline's secrets, else a word of its own.
    fn next_word(&self, value: &str) -> String {
        let without = self.text(value);
        match without == value {
            true => format!("removed-{}", self.known.len() + self.named.len() + 1),
            false => without,
        }
    }

    /// The bytes without secrets.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut named = named::all(bytes).into_iter().peekable();
        let json = bytes.get(named::skipped(bytes, 0)).is_some_and(|first| b"{[".contains(first));
        // Where the text of JSON that `at` lies in ends.
        let (mut at, mut inside) = (0, 0);
        while at < bytes.len() {
            while named.peek().is_some_and(|one| one.at.start < at) {
                named.next();
            }
            if json && at >= inside && bytes[at] == b'"' {
                inside = named::end_of_text(bytes, at + 1).map_or(bytes.len(), |end| end + 1);
            }
            let quotes = |word: &str| quoted(word, &bytes[..at], at < inside);
            let here = named.next_if(|one| one.at.start == at);
            let word = here.and_then(|one| {
                let word = self.named.get(&one.value)?;
                Some((if one.bare { quotes(word) } else { word.clone() }, one.at.len()))
            });
            let part = || self.part(bytes, at, |word| if json { quotes(word) } else { word.to_owned() });
            match word.or_else(|| self.whole(bytes, at)).or_else(part) {
                Some((word, length)) => {
                    out.extend_from_slice(word.as_bytes());
                    at += length;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        out
    }

    /// The text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// The address of a request without its secret parameters; what else is in it is left to [`Scrub::text`].
    pub(super) fn address(&self, request: &Request) -> Url {
        let mut url = request.url.clone();
        // Neither fails on a URL that has a host, and one without a host has no user.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if !secret_params(request).is_empty() {
            let secret = |name: &String| request.secret_params.contains(name);
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let pairs = pairs.into_iter().map(|(name, value)| {
                let value = if secret(&name) { self.parameter(&name, &value) } else { value };
                (name, value)
            });
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url
    }

    /// What is written for the value of a secret parameter. One that the pipeline file says is none, whatever else its
    /// expression could name.
    fn parameter(&self, name: &str, value: &str) -> String {
        if self.plain.contains(value) && !tells_a_secret(name) {
            return value.to_owned();
        }
        let without = self.text(value);
        if without == value { SECRET.to_owned() } else { without }
    }

    /// What is written for the JSON text that begins at `at`, where it is a secret as a whole, and its length.
    fn whole(&self, bytes: &[u8], at: usize) -> Option<(String, usize)> {
        let end = (bytes[at] == b'"').then(|| named::end_of_text(bytes, at + 1))??;
        let text: String = serde_json::from_slice(&bytes[at..=end]).ok()?;
        let known = self.known.iter().find(|known| known.reach != Reach::Everywhere && known.value == text);
        let named = || self.named.get(&text).filter(|_| text.len() >= LONG);
        let word = known.map(|known| &known.word).or_else(named)?;
        (!is_key(bytes, end + 1)).then(|| (format!("\"{word}\""), end + 1 - at))
    }

    /// What is written for the secret that begins at `at`, and its length; a value of its own becomes a text by `quotes`.
    fn part(&self, bytes: &[u8], at: usize, quotes: impl Fn(&str) -> String) -> Option<(String, usize)> {
        self.known.iter().filter(|known| known.reach != Reach::Whole).find_map(|known| {
            let length = matched(&bytes[at..], &known.value)?;
            let end = at + length;
            if known.reach == Reach::Word && !(begins(bytes, at) && ends(bytes, end)) {
                return None;
            }
            let word = if is_bare(bytes, at, end) { quotes(&known.word) } else { known.word.clone() };
            Some((word, length))
        })
    }
}

/// A word as a JSON text behind `before`, which may end `inside` of a text that holds JSON itself, and that again: each
/// text that it lies in escapes its quotes once more. The quotes of the text before it, its key, tell how often.
fn quoted(word: &str, before: &[u8], inside: bool) -> String {
    let last = before.iter().rposition(|byte| *byte == b'"').unwrap_or(0);
    let escapes = before[..last].iter().rev().take_while(|byte| **byte == b'\\').count();
    // Backslashes of the text's own, at its end, are as many as do not change the lowest bits.
    let depth = escapes.trailing_ones().max(u32::from(inside));
    let quote = format!("{}\"", "\\".repeat(if inside { (1 << depth) - 1 } else { 0 }));
    format!("{quote}{word}{quote}")
}

/// Whether a word begins at `at`: what is in front of it is neither a letter nor a digit, or is one that is encoded.
fn begins(bytes: &[u8], at: usize) -> bool {
    let before = |count: usize| at.checked_sub(count).map(|start| &bytes[start..at]);
    let encoded =
        before(3).is_some_and(|three| three[0] == b'%') || before(2).is_some_and(|two| two[0] == b'\\');
    encoded || !before(1).is_some_and(|one| one[0].is_ascii_alphanumeric())
}

/// Whether a word ends in front of `end`, and no key does.
fn ends(bytes: &[u8], end: usize) -> bool {
    let next = bytes.get(end);
    let key = next == Some(&b'"') && is_key(bytes, end + 1);
    !key && !next.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether the JSON text that ends in front of `end` is a key.
fn is_key(bytes: &[u8], end: usize) -> bool {
    bytes.get(named::skipped(bytes, end)) == Some(&b':')
}

/// Whether a value is a number or a word of JSON of its own: a word in its place needs quotes.
fn is_bare(bytes: &[u8], at: usize, end: usize) -> bool {
    let before = bytes[..at].iter().rev().find(|byte| !byte.is_ascii_whitespace());
    let after = bytes.get(named::skipped(bytes, end));
    before.is_some_and(|byte| b":[,".contains(byte))
        && after.is_none_or(|byte| b",]}".contains(byte))
        && serde_json::from_slice::<Value>(&bytes[at..end]).is_ok_and(|value| !value.is_string())
}

/// Whether a value stands in a text with neither letters nor digits beside it.
fn is_word_of(text: &str, value: &str) -> bool {
    let apart = |beside: Option<char>| !beside.is_some_and(char::is_alphanumeric);
    text.match_indices(value).any(|(at, _)| {
        apart(text[..at].chars().next_back()) && apart(text[at + value.len()..].chars().next())
    })
}

/// The values of a pipeline file.
fn leaves(text: &str) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(table) => table.values().for_each(|item| collect(item, found)),
            Value::String(text) => drop(found.insert(text.clone())),
            plain => drop(found.insert(plain.to_string())),
        }
    }
    let mut found = BTreeSet::new();
    collect(&toml::from_str(text).unwrap_or_default(), &mut found);
    found
}

fn secret_params(request: &Request) -> Vec<(String, String)> {
    let pairs = request.url.query_pairs().into_owned();
    pairs.filter(|(name, _)| request.secret_params.contains(name)).collect()
}

/// What is a credential by its name in an answer, or in the body of a request unless it stands in the pipeline file.
fn credentials(taken: &[Taken], plain: &BTreeSet<String>) -> Vec<String> {
    let sent = taken.iter().filter_map(|taken| taken.request.body.as_ref());
    let sent = sent.flat_map(|body| named::all(body)).filter(|one| !plain.contains(&one.value));
    let given = taken.iter().flat_map(|taken| named::all(&taken.response.body));
    given.chain(sent).map(|one| one.value).collect()
}

/// Credentials that requests carry in headers: whatever a header holds that says so, and what an answer gave out before
/// it was first sent. What stands in the pipeline file is none.
fn carried(taken: &[Taken], text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, one) in taken.iter().enumerate() {
        for (name, value) in one.request.headers.iter().filter(|(name, _)| !HARMLESS.contains(&name.as_str()))
        {
            for word in value.split([' ', ';', ',', '=', '"']).filter(|word| word.len() >= LONG) {
                let given = || taken[..at].iter().any(|before| gives(before, word));
                if seen.insert(word) && !text.contains(word) && (tells_a_secret(name) || given()) {
                    found.push(word.to_owned());
                }
            }
        }
    }
    found
}

/// Whether an answer holds a value.
fn gives(taken: &Taken, value: &str) -> bool {
    holds(&taken.response.body, value)
        || taken.response.headers.iter().any(|(_, text)| holds(text.as_bytes(), value))
}

/// Whether a request holds a value.
fn sends(request: &Request, value: &str) -> bool {
    holds(request.url.as_str().as_bytes(), value)
        || request.body.as_ref().is_some_and(|body| holds(body, value))
        || request.headers.iter().any(|(_, text)| holds(text.as_bytes(), value))
}

#[cfg(test)]
mod tests;
