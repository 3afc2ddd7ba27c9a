//! Values whose names say that they are credentials, wherever they stand in a text: a member of a JSON object (in one
//! document, in one a line, or in a text of another), a column of a CSV file, a pair of a form, an element or an attribute
//! in XML.

mod columns;
mod members;

use std::ops::Range;

/// Names of values that are credentials; letters and digits alone, in lower case.
const TELLING: [&str; 17] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "clientsecret",
    "apikey",
    "apitoken",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "secretaccesskey",
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
    /// Whether it is a number of JSON: a word in its place needs quotes.
    pub(super) bare: bool,
}

/// All of them, in order; none within another.
pub(super) fn all(text: &[u8]) -> Vec<Named> {
    let mut found = members::all(text);
    found.extend(columns::all(text));
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

/// `name=value`, `name="value"`, `table[name]=value` and `<name>value<`.
fn in_pairs(text: &[u8]) -> Vec<Named> {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        // The name begins behind what is encoded in front of it.
        at += if at > 0 && text[at - 1] == b'%' { 2.min(text.len() - at) } else { 0 };
        let name = at..at + text[at..].iter().take_while(|byte| of_name(byte)).count();
        if name.is_empty() {
            at += 1;
            continue;
        }
        let end = name.end + closing(&text[name.end..]);
        let start = end + 1;
        let is_element = at > 0 && b"<:".contains(&text[at - 1]);
        let (start, length) = match text.get(end) {
            _ if !tells(&text[name.clone()]) => (end, 0),
            Some(b'=') => match text.get(start) {
                Some(quote @ (b'"' | b'\'')) => (start + 1, before(text, start + 1, &[*quote])),
                _ => (start, before(text, start, b"&;,<>\"'\\ \t\r\n")),
            },
            Some(b'>') if is_element => (start, before(text, start, b"<\"\\")),
            _ => (end, 0),
        };
        if length > 0 {
            found.push(Named {
                at: start..start + length,
                value: meant(&text[start..start + length]),
                bare: false,
            });
        }
        at = start.max(end) + length;
    }
    found
}

/// The length of what closes the name of a form's table, as it is or encoded.
fn closing(rest: &[u8]) -> usize {
    match rest {
        [b']', ..] => 1,
        [b'%', b'5', b'D' | b'd', ..] => 3,
        _ => 0,
    }
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
        assert_eq!(values(json), ["a/b", "c1", "c2", "1"]);
        assert_eq!(values("{\"jwt\":\"one\"}\n{\"jwt\":\"two\"}\n"), ["one", "two"]);
        assert_eq!(values("token_type=x&access_token=a%2Fb&id=1"), ["a/b"]);
        assert_eq!(values("user[password]=one&user%5Bpassword%5D=two&user[name]=x"), ["one", "two"]);
        assert_eq!(values("<r><access_token>abc</access_token><u password='p q'/></r>"), ["abc", "p q"]);
        assert_eq!(values("<n:sessionToken>abc</n:sessionToken>"), ["abc"]);
        assert_eq!(values("{\"password\":\"\",\"next_token\":\"n\",\"secret"), [""; 0]);
    }
}
