//! Values whose names say that they are credentials, wherever they stand in a text: a member of a JSON object (in one
//! document or in one a line), a pair of a form, an element or an attribute in XML.

use std::ops::Range;

/// Names of values that are credentials; letters and digits alone, in lower case.
const TELLING: [&str; 12] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "clientsecret",
    "apikey",
    "apitoken",
    "password",
    "secret",
    "sessiontoken",
    "sessionkey",
    "privatekey",
    "jwt",
];

/// A credential and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Where it stands, without its quotes.
    pub(super) at: Range<usize>,
    /// What is meant by it.
    pub(super) value: String,
}

/// All of them, in order; none within another.
pub(super) fn all(text: &[u8]) -> Vec<Named> {
    let mut found = in_json(text);
    found.extend(in_pairs(text));
    found.retain(|one| !one.at.is_empty());
    found.sort_by_key(|one| (one.at.start, std::cmp::Reverse(one.at.end)));
    let mut end = 0;
    found.retain(|one| {
        let free = one.at.start >= end;
        end = end.max(one.at.end);
        free
    });
    found
}

/// The end of the JSON text that begins behind the quote in front of `from`: the place of the quote that ends it.
pub(super) fn end_of_text(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The first place from `at` on that is no white space.
pub(super) fn skipped(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn tells(name: &[u8]) -> bool {
    let plain = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let plain: String = plain.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    TELLING.contains(&plain.as_str())
}

/// Texts that are the value of a telling key, or items of its list.
fn in_json(text: &[u8]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.iter().skip(at).position(|byte| *byte == b'"').map(|quote| at + quote + 1) {
        let Some(end) = end_of_text(text, start) else { break };
        at = end + 1;
        let colon = skipped(text, at);
        if text.get(colon) != Some(&b':') || !tells(&text[start..end]) {
            continue;
        }
        let mut value = skipped(text, colon + 1);
        let listed = text.get(value) == Some(&b'[');
        if listed {
            value = skipped(text, value + 1);
        }
        while text.get(value) == Some(&b'"') {
            let Some(end) = end_of_text(text, value + 1) else { break };
            let quoted = serde_json::from_slice(&text[value..=end]);
            let own = || String::from_utf8_lossy(&text[value + 1..end]).into_owned();
            found.push(Named { at: value + 1..end, value: quoted.unwrap_or_else(|_| own()) });
            at = end + 1;
            let comma = skipped(text, at);
            if !listed || text.get(comma) != Some(&b',') {
                break;
            }
            value = skipped(text, comma + 1);
        }
    }
    found
}

/// `name=value`, `name="value"` and `<name>value<`.
fn in_pairs(text: &[u8]) -> Vec<Named> {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = at + text[at..].iter().take_while(|byte| of_name(byte)).count();
        if end == at {
            at += 1;
            continue;
        }
        let start = end + 1;
        let is_element = at > 0 && b"<:".contains(&text[at - 1]);
        let (start, length) = match text.get(end) {
            _ if !tells(&text[at..end]) => (end, 0),
            Some(b'=') => match text.get(start) {
                Some(quote @ (b'"' | b'\'')) => (start + 1, before(text, start + 1, &[*quote])),
                _ => (start, before(text, start, b"&;,<>\"'\\ \t\r\n")),
            },
            Some(b'>') if is_element => (start, before(text, start, b"<\"\\")),
            _ => (end, 0),
        };
        if length > 0 {
            found.push(Named { at: start..start + length, value: meant(&text[start..start + length]) });
        }
        at = start.max(end) + length;
    }
    found
}

/// How many bytes from `from` on are none of these.
fn before(text: &[u8], from: usize, ends: &[u8]) -> usize {
    text.get(from..).unwrap_or_default().iter().take_while(|byte| !ends.contains(byte)).count()
}

/// A value of a form.
fn meant(raw: &[u8]) -> String {
    let pair = [b"v=", raw].concat();
    let decoded = url::form_urlencoded::parse(&pair).next().map(|(_, value)| value.into_owned());
    match raw.contains(&b'%') {
        true => decoded.unwrap_or_default(),
        false => String::from_utf8_lossy(raw).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        all(text.as_bytes()).into_iter().map(|one| one.value).collect()
    }

    #[test]
    fn credentials_are_found_by_their_names_in_every_format() {
        let json = r#"{"a":"secret","access_token":"a\/b","x":{"Client-Secret" : ["c1", "c2"]},"secret":1}"#;
        assert_eq!(values(json), ["a/b", "c1", "c2"]);
        assert_eq!(values("{\"jwt\":\"one\"}\n{\"jwt\":\"two\"}\n"), ["one", "two"]);
        assert_eq!(values("token_type=x&access_token=a%2Fb&id=1"), ["a/b"]);
        assert_eq!(values("<r><access_token>abc</access_token><u password='p q'/></r>"), ["abc", "p q"]);
        assert_eq!(values("<n:sessionToken>abc</n:sessionToken>"), ["abc"]);
        assert_eq!(values("{\"password\":\"\",\"next_token\":\"n\",\"secret"), [""; 0]);
    }
}
