//! One recorded exchange, a file `responses/<poll>[-name].http`, written as `curl -v` shows it: `>` lines are the request
//! (its first line, then headers it must have, then its body if that counts: JSON, or a form), `<` lines the answer's
//! status and headers; after an empty line follows the body as it came.
//!
//! ```text
//! > GET /v1/forecast?latitude=52.52
//! > if-none-match: "abc"
//! < 200
//! < content-type: application/json
//!
//! {"temperature": 4.2}
//! ```

use bytes::Bytes;
use tidegate_core::request::{Request, Response};
use url::Url;

/// Most polls of a case.
pub(crate) const MOST_POLLS: u32 = 10_000;

/// One recorded exchange.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// The file it stands in.
    pub(super) file: String,
    /// In which poll it happens, from 1.
    pub(super) poll: u32,
    /// `GET /v1/forecast?latitude=52.52`; with the whole address where it is not the source's own host.
    pub(super) line: String,
    /// Headers that the request must have.
    pub(super) headers: Vec<(String, String)>,
    /// Body that the request must have.
    pub(super) body: Option<Body>,
    pub(super) response: Response,
    pub(super) answered: bool,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Json(serde_json::Value),
    /// Its pairs, sorted.
    Form(Vec<(String, String)>),
}

impl Body {
    /// Reads a body; one that is neither JSON nor a form has no form that counts.
    pub(super) fn of(text: &[u8]) -> Option<Body> {
        if let Ok(json) = serde_json::from_slice(text) {
            return Some(Body::Json(json));
        }
        let mut pairs: Vec<_> = url::form_urlencoded::parse(text).into_owned().collect();
        pairs.sort();
        (!pairs.is_empty()).then_some(Body::Form(pairs))
    }

    fn shown(&self) -> String {
        match self {
            Body::Json(json) => json.to_string(),
            Body::Form(pairs) => {
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
            }
        }
    }

    /// Whether a body that is sent is this one. What is signed anew each time does not count.
    fn is(&self, sent: &Body) -> bool {
        let lasting = |pairs: &[(String, String)]| -> Vec<(String, String)> {
            pairs.iter().filter(|(name, _)| !name.ends_with("assertion")).cloned().collect()
        };
        match (self, sent) {
            (Body::Form(wanted), Body::Form(sent)) => lasting(wanted) == lasting(sent),
            (wanted, sent) => wanted == sent,
        }
    }
}

impl Exchange {
    /// Reads a file.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Exchange, String> {
        let digits: String = file.chars().take_while(char::is_ascii_digit).collect();
        let poll = digits.parse().ok().filter(|poll| (1..=MOST_POLLS).contains(poll)).ok_or_else(|| {
            format!("the name must begin with the number of its poll, from 1 to {MOST_POLLS}, such as 1-berlin.http")
        })?;
        let end = bytes
            .windows(2)
            .position(|pair| pair == b"\n\n")
            .ok_or("an empty line must follow the `<` lines")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "the `>` and `<` lines must be UTF-8")?;
        let of = |mark| head.lines().filter_map(move |line| line.strip_prefix(mark)).map(str::trim);
        let line = of(">").next().ok_or("no `> GET /…` line")?.to_owned();
        let status = of("<").next().and_then(|status| status.parse().ok()).ok_or("no `< 200` line")?;
        let mut headers = Vec::new();
        let mut body = None;
        for line in of(">").skip(1) {
            match header(line).filter(|_| !line.starts_with(['{', '['])) {
                Some(pair) => headers.push(pair),
                None => {
                    body = Some(
                        Body::of(line.as_bytes()).ok_or("the request's body is neither JSON nor a form")?,
                    )
                }
            }
        }
        let response = Response {
            status,
            headers: of("<").skip(1).filter_map(header).collect(),
            body: Bytes::copy_from_slice(&bytes[end + 2..]),
        };
        Ok(Exchange { file: file.to_owned(), poll, line, headers, body, response, answered: false })
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = format!("> {}\n", self.line);
        for (name, value) in &self.headers {
            text.push_str(&format!("> {name}: {value}\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("> {}\n", body.shown()));
        }
        text.push_str(&format!("< {}\n", self.response.status));
        for (name, value) in &self.response.headers {
            text.push_str(&format!("< {name}: {value}\n"));
        }
        text.push('\n');
        [text.as_bytes(), &self.response.body].concat()
    }

    /// Whether this is the exchange of a request by its method, its address and its parameters.
    pub(super) fn is_of(&self, request: &Request) -> bool {
        same_line(&self.line, method(request), &request.url)
    }

    /// Whether the request has the headers and the body that were recorded.
    pub(super) fn check(&self, request: &Request) -> Result<(), String> {
        for (name, wanted) in &self.headers {
            let sent = request.headers.iter().find(|(sent, _)| sent == name).map(|(_, value)| value);
            if sent != Some(wanted) {
                return Err(format!("the request has {name}: {sent:?}, recorded is {wanted:?}"));
            }
        }
        let Some(wanted) = &self.body else { return Ok(()) };
        match request.body.as_ref().and_then(|body| Body::of(body)) {
            Some(sent) if wanted.is(&sent) => Ok(()),
            sent => {
                let sent =
                    sent.map_or_else(|| "no body".to_owned(), |sent| format!("the body {}", sent.shown()));
                Err(format!("the request has {sent}, recorded is {}", wanted.shown()))
            }
        }
    }
}

/// The word of a request's method.
pub(super) fn method(request: &Request) -> &'static str {
    request.method.word()
}

/// Whether a recorded request line means this request; the order of the query's parameters does not matter.
fn same_line(line: &str, method: &str, url: &Url) -> bool {
    let Some((recorded, target)) = line.split_once(' ') else { return false };
    let Ok(target) = url.join(target) else { return false };
    let pairs = |url: &Url| {
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        pairs.sort();
        pairs
    };
    recorded == method
        && target.origin() == url.origin()
        && target.path() == url.path()
        && pairs(&target) == pairs(url)
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_read_as_curl_shows_it_and_written_the_same() {
        let text = b"> GET /a?x=1\n> if-none-match: \"e\"\n< 200\n< content-type: text/csv\n\n\xe9\n\nrest";
        let exchange = Exchange::parse("2-a.http", text).expect("well-formed");
        assert_eq!((exchange.poll, exchange.line.as_str()), (2, "GET /a?x=1"));
        assert_eq!(exchange.headers, [("if-none-match".to_owned(), "\"e\"".to_owned())]);
        assert_eq!(exchange.response.header("content-type"), Some("text/csv"));
        assert_eq!(exchange.response.body.as_ref(), b"\xe9\n\nrest");
        assert_eq!(exchange.text(), text);
        let parse = |name, text| Exchange::parse(name, text);
        assert!(parse("a.http", text).is_err() && parse("1.http", b"> GET /\n< 200\n").is_err());
        assert!(parse("999999999-a.http", text).is_err() && parse("0-a.http", text).is_err());
    }

    #[test]
    fn a_body_is_json_or_a_form_and_a_signature_in_it_may_differ() {
        let read = |body: &str| {
            let text = format!("> POST /t\n> {body}\n< 200\n\n{{}}");
            Exchange::parse("1.http", text.as_bytes()).expect("well-formed").body.expect("a body")
        };
        assert_eq!(read("{\"a\":\"b: c\"}"), Body::Json(serde_json::json!({ "a": "b: c" })));
        let form = read("grant_type=jwt&assertion=abc");
        assert!(form.is(&Body::of(b"assertion=def&grant_type=jwt").expect("a form")));
        assert!(!form.is(&Body::of(b"assertion=abc&grant_type=other").expect("a form")));
    }

    #[test]
    fn the_order_of_parameters_does_not_matter_but_their_values_do() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        assert!(same_line("GET /a?x=1&y=%C3%A9", "GET", &url("https://h/a?y=é&x=1")));
        assert!(!same_line("GET /a?x=1", "GET", &url("https://h/a?x=2")));
        assert!(!same_line("GET /a", "POST", &url("https://h/a")));
        assert!(!same_line("GET /a%2Fb", "GET", &url("https://h/a/b")));
        assert!(!same_line("POST https://auth.example/a", "POST", &url("https://h/a")));
    }
}
