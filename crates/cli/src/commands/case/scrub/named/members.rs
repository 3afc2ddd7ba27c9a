//! Members of JSON objects, also of those that are written in a text of another document.

use super::{Named, end_of_text, skipped, tells};

/// Texts and numbers that are the value of a telling key, or items of its list.
pub(super) fn all(text: &[u8]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.iter().skip(at).position(|byte| *byte == b'"').map(|quote| at + quote + 1) {
        let Some(end) = end_of_text(text, start) else { break };
        at = end + 1;
        let colon = skipped(text, at);
        if text.get(colon) != Some(&b':') || !tells(&text[start..end]) {
            found.extend(within(text, start, end));
            continue;
        }
        let mut next = skipped(text, colon + 1);
        let listed = text.get(next) == Some(&b'[');
        if listed {
            next = skipped(text, next + 1);
        }
        while let Some((value, end)) = value(text, next) {
            found.push(value);
            at = end;
            let comma = skipped(text, at);
            if !listed || text.get(comma) != Some(&b',') {
                break;
            }
            next = skipped(text, comma + 1);
        }
    }
    found
}

/// The text or number that begins at `at`, and where it ends.
fn value(text: &[u8], at: usize) -> Option<(Named, usize)> {
    let own = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match text.get(at)? {
        b'"' => {
            let end = end_of_text(text, at + 1)?;
            let quoted = serde_json::from_slice(&text[at..=end]);
            let value = quoted.unwrap_or_else(|_| own(&text[at + 1..end]));
            Some((Named { at: at + 1..end, value, bare: false }, end + 1))
        }
        b'-' | b'0'..=b'9' => {
            let of_number = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            let end = at + text[at..].iter().take_while(of_number).count();
            Some((Named { at: at..end, value: own(&text[at..end]), bare: true }, end))
        }
        _ => None,
    }
}

/// Those of the document that is written in the text between two quotes. Each text within a text has at least twice the
/// backslashes of the one around it, so a document is never deep enough for the recursion to matter.
fn within(text: &[u8], start: usize, end: usize) -> Vec<Named> {
    let raw = &text[start..end];
    if !raw.contains(&b'\\') || !raw.get(skipped(raw, 0)).is_some_and(|first| b"{[".contains(first)) {
        return Vec::new();
    }
    let (inner, places) = unescaped(raw);
    let outside = |one: Named| Named { at: start + places[one.at.start]..start + places[one.at.end], ..one };
    all(&inner).into_iter().map(outside).collect()
}

/// What a JSON text means, and where each byte of it, and its end, stands.
fn unescaped(raw: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut inner, mut places) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len() + 1));
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        let (length, meant) = match (byte, raw.get(at + 1)) {
            (b'\\', Some(b'u')) => unit(raw, at),
            (b'\\', Some(b'n')) => (2, vec![b'\n']),
            (b'\\', Some(b'r')) => (2, vec![b'\r']),
            (b'\\', Some(b't')) => (2, vec![b'\t']),
            (b'\\', Some(plain)) => (2, vec![*plain]),
            _ => (1, vec![*byte]),
        };
        places.extend(meant.iter().map(|_| at));
        inner.extend(meant);
        at += length;
    }
    places.push(raw.len());
    (inner, places)
}

/// The length and the meaning of `\u….`; what is no character stays as it is.
fn unit(raw: &[u8], at: usize) -> (usize, Vec<u8>) {
    let character = |end: usize| {
        let quoted = [b"\"", raw.get(at..end)?, b"\""].concat();
        let text: String = serde_json::from_slice(&quoted).ok()?;
        Some((end - at, text.into_bytes()))
    };
    character(at + 6).or_else(|| character(at + 12)).unwrap_or((1, vec![raw[at]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_and_other_values_left() {
        let text =
            br#"{"secret": -12.5e3 ,"password":[1, "two"],"api_key":true,"jwt":null,"id_token":{"a":1}}"#;
        let found: Vec<_> = all(text).into_iter().map(|one| (one.value, one.bare)).collect();
        let expected = [("-12.5e3", true), ("1", true), ("two", false)];
        assert_eq!(found, expected.map(|(value, bare)| (value.to_owned(), bare)));
    }

    #[test]
    fn a_document_in_a_text_of_another_is_looked_into_at_any_depth() {
        let quote = |inner: &str| serde_json::to_string(inner).expect("a text");
        let inner = r#"{"access_token":"t/\u00e9\n\"x","secret":[42],"n":1}"#;
        let mut text = inner.to_owned();
        for depth in 1..5 {
            text = format!("{{\"payload\":{}}}", quote(&text));
            let found = all(text.as_bytes());
            let values: Vec<_> = found.iter().map(|one| one.value.as_str()).collect();
            assert_eq!(values, ["t/é\n\"x", "42"], "{depth}: {text}");
            assert_eq!(&text[found[1].at.clone()], "42");
        }
        for odd in
            [r#"{"p":"{\"secret\":\""#, r#"{"p":"{\"secret\":\u12"}"#, r#"{"p":"[\ud800\"jwt\":\"a\"]"}"#]
        {
            all(odd.as_bytes());
        }
    }
}
