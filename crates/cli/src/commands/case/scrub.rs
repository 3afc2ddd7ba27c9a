//! What must not stay in a recording, and what stands there instead: each secret of the pipeline by the word that every
//! secret has in a case, each credential that the API gave out (a token) by a word of its own.

use serde_json::Value;
use tidegate_core::request::Request;

use super::play::SECRET;
use super::write::Taken;

/// Names of values that are credentials wherever they stand in an answer; letters alone, in lower case.
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

/// Request headers whose value says nothing about who asks.
const HARMLESS: [&str; 5] = ["accept", "user-agent", "content-type", "if-none-match", "if-modified-since"];

/// Shortest value that is replaced wherever it stands; a shorter one would be found in half the text.
const SHORTEST: usize = 4;

/// Values and what is written in their place, the longest first.
pub(super) struct Scrub(Vec<(Vec<u8>, Vec<u8>)>);

impl Scrub {
    /// For these exchanges, in which `secrets` are the values of the pipeline's own.
    pub(super) fn new(secrets: &[String], taken: &[Taken]) -> Scrub {
        let own = secrets.iter().map(|value| (value.clone(), SECRET.to_owned()));
        let params = taken.iter().flat_map(|taken| secret_params(&taken.request));
        let mut pairs: Vec<(String, String)> =
            own.chain(params.map(|value| (value, SECRET.to_owned()))).collect();
        for value in given_out(taken) {
            if !pairs.iter().any(|(known, _)| *known == value) {
                pairs.push((value, format!("removed-{}", pairs.len() + 1)));
            }
        }
        let mut all: Vec<_> = pairs.iter().flat_map(|(value, word)| spellings(value, word)).collect();
        all.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        all.dedup();
        Scrub(all)
    }

    /// The bytes without secrets.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            match self.0.iter().find(|(value, _)| rest.starts_with(value)) {
                Some((value, word)) => {
                    out.extend_from_slice(word);
                    rest = &rest[value.len()..];
                }
                None => {
                    out.push(*first);
                    rest = &rest[1..];
                }
            }
        }
        out
    }

    /// The text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }
}

/// A value as it may stand in a text: plain, in a query, within JSON. A short one only as a whole.
fn spellings(value: &str, word: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    if value.is_empty() {
        return Vec::new();
    }
    let json = Value::from(value).to_string();
    if value.len() < SHORTEST {
        return vec![(json.into_bytes(), format!("\"{word}\"").into_bytes())];
    }
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let inner = json[1..json.len() - 1].to_owned();
    [value.to_owned(), form.replace('+', "%20"), form, inner]
        .map(|spelling| (spelling.into_bytes(), word.as_bytes().to_vec()))
        .to_vec()
}

fn secret_params(request: &Request) -> Vec<String> {
    let pairs = request.url.query_pairs();
    pairs
        .filter(|(name, _)| request.secret_params.iter().any(|secret| secret == name))
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Credentials that an answer holds: by the name of the value, or because a request carries it in a header.
fn given_out(taken: &[Taken]) -> Vec<String> {
    let headers = taken.iter().flat_map(|taken| &taken.request.headers);
    let telling = headers.filter(|(name, _)| !HARMLESS.contains(&name.as_str()));
    let words: Vec<&str> = telling
        .flat_map(|(_, value)| value.split([' ', ';', ',', '=', '"']))
        .filter(|word| word.len() >= 8)
        .collect();
    let mut found = Vec::new();
    for taken in taken {
        if let Ok(json) = serde_json::from_slice::<Value>(&taken.response.body) {
            texts("", &json, &mut |name, text| {
                let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
                let telling = TELLING.contains(&plain.to_ascii_lowercase().as_str());
                let known = found.iter().any(|known| known == text);
                if !known && ((telling && !text.is_empty()) || words.contains(&text)) {
                    found.push(text.to_owned());
                }
            });
        }
    }
    found
}

/// Visits every text in a document with the name it has.
fn texts(name: &str, value: &Value, visit: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => visit(name, text),
        Value::Array(items) => items.iter().for_each(|item| texts(name, item, visit)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| texts(name, value, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_core::pipeline::Method;
    use tidegate_core::request::Response;
    use url::Url;

    use super::*;

    fn taken(url: &str, header: (&str, &str), body: &str) -> Taken {
        Taken {
            poll: 1,
            request: Request {
                method: Method::Get,
                url: Url::parse(url).expect("a URL"),
                headers: vec![(header.0.to_owned(), header.1.to_owned())],
                body: None,
                form: false,
                secret_params: vec!["key".to_owned()],
                secret_body: false,
                away: false,
            },
            response: Response {
                status: 200,
                headers: Vec::new(),
                body: Bytes::copy_from_slice(body.as_bytes()),
            },
        }
    }

    #[test]
    fn secrets_go_in_every_spelling() {
        let scrub = Scrub::new(&["a b\"c".to_owned(), "xy".to_owned()], &[]);
        let word = SECRET;
        assert_eq!(scrub.text("q=a+b%22c&r=a%20b%22c"), format!("q={word}&r={word}"));
        assert_eq!(
            scrub.text(r#"{"a":"a b\"c","b":"xy","galaxy":1}"#),
            format!(r#"{{"a":"{word}","b":"{word}","galaxy":1}}"#)
        );
    }

    #[test]
    fn a_token_that_a_header_carries_goes_everywhere_and_a_cursor_stays() {
        let all = [
            taken(
                "https://h/login?key=k-1234",
                ("accept", "*/*"),
                r#"{"token":"T0KEN-abc","next_token":"page-2-cursor"}"#,
            ),
            taken("https://h/a", ("authorization", "Bearer T0KEN-abc"), r#"{"access_token":"other"}"#),
        ];
        let scrub = Scrub::new(&[], &all);
        assert_eq!(
            scrub.text("T0KEN-abc k-1234 other page-2-cursor"),
            format!("removed-2 {SECRET} removed-3 page-2-cursor")
        );
    }
}
