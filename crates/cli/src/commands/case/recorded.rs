//! Recorded answers as an HTTP client: `responses/<poll>[-name].http`.
//!
//! A file is one exchange, written as `curl -v` shows it: `>` lines are the request (its first line, then headers it
//! must have, then its JSON body if that counts), `<` lines the answer's status and headers; after an empty line
//! follows the body as it came.
//!
//! ```text
//! > GET /v1/forecast?latitude=52.52
//! > if-none-match: "abc"
//! < 200
//! < content-type: application/json
//!
//! {"temperature": 4.2}
//! ```

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Http, HttpError};
use url::Url;

/// One recorded exchange.
#[derive(Clone, Debug)]
struct Exchange {
    /// The file it stands in.
    file: String,
    /// In which poll it happens, from 1.
    poll: u32,
    /// `GET /v1/forecast?latitude=52.52`.
    line: String,
    /// Headers that the request must have.
    headers: Vec<(String, String)>,
    /// JSON body that the request must have.
    body: Option<serde_json::Value>,
    response: Response,
    answered: bool,
}

/// All exchanges of a case, and what was asked in vain.
pub(super) struct Recorded(Mutex<State>);

struct State {
    exchanges: Vec<Exchange>,
    poll: u32,
    complaints: Vec<String>,
}

impl Recorded {
    /// Reads the folder `responses/`.
    pub(super) fn read(dir: &Path) -> Result<Recorded, String> {
        let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        let mut exchanges = Vec::new();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            exchanges.push(parse(&file, &bytes).map_err(|reason| format!("{}: {reason}", path.display()))?);
        }
        Ok(Recorded(Mutex::new(State { exchanges, poll: 0, complaints: Vec::new() })))
    }

    /// The number of the last poll.
    pub(super) fn polls(&self) -> u32 {
        self.state().exchanges.iter().map(|exchange| exchange.poll).max().unwrap_or(0)
    }

    /// From now on only the exchanges of this poll are answered.
    pub(super) fn begin(&self, poll: u32) {
        self.state().poll = poll;
    }

    /// Requests that nothing was recorded for.
    pub(super) fn complaints_so_far(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    /// Requests that nothing was recorded for, and recorded answers that nobody asked for.
    pub(super) fn complaints(&self) -> Vec<String> {
        let state = self.state();
        let unasked = state.exchanges.iter().filter(|exchange| !exchange.answered);
        let unasked = unasked.map(|exchange| format!("responses/{}: never asked for", exchange.file));
        state.complaints.iter().cloned().chain(unasked).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Http for Recorded {
    async fn send(&self, request: &Request, _: &Limits) -> Result<Response, HttpError> {
        let mut state = self.state();
        state.answer(request).map_err(|reason| {
            if !state.complaints.contains(&reason) {
                state.complaints.push(reason.clone());
            }
            HttpError::Connection { host: request.url.host_str().unwrap_or_default().to_owned(), reason }
        })
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Result<Response, String> {
        let poll = self.poll;
        let method = serde_json::to_value(request.method).expect("a method is a word");
        let method = method.as_str().unwrap_or_default();
        let found = self.exchanges.iter_mut().find(|exchange| {
            exchange.poll == poll && !exchange.answered && same_line(&exchange.line, method, &request.url)
        });
        let query = request.url.query().map_or_else(String::new, |query| format!("?{query}"));
        let exchange = found.ok_or_else(|| {
            format!("poll {poll}: nothing (more) is recorded for {method} {}{query}", request.url.path())
        })?;
        exchange.check(request).map_err(|reason| format!("responses/{}: {reason}", exchange.file))?;
        exchange.answered = true;
        Ok(exchange.response.clone())
    }
}

impl Exchange {
    /// Whether the request has the headers and the body that were recorded.
    fn check(&self, request: &Request) -> Result<(), String> {
        for (name, wanted) in &self.headers {
            let sent = request.headers.iter().find(|(sent, _)| sent == name).map(|(_, value)| value);
            if sent != Some(wanted) {
                return Err(format!("the request has {name}: {sent:?}, recorded is {wanted:?}"));
            }
        }
        let sent = request.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
        match &self.body {
            Some(wanted) if sent.as_ref() != Some(wanted) => {
                Err(format!("the request has the body {sent:?}, recorded is {wanted}"))
            }
            _ => Ok(()),
        }
    }
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
    recorded == method && target.path() == url.path() && pairs(&target) == pairs(url)
}

fn parse(file: &str, bytes: &[u8]) -> Result<Exchange, String> {
    let digits: String = file.chars().take_while(char::is_ascii_digit).collect();
    let poll = digits
        .parse()
        .map_err(|_| "the name must begin with the number of its poll, such as 1-berlin.http")?;
    let end =
        bytes.windows(2).position(|pair| pair == b"\n\n").ok_or("an empty line must follow the `<` lines")?;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "the `>` and `<` lines must be UTF-8")?;
    let of = |mark| head.lines().filter_map(move |line| line.strip_prefix(mark)).map(str::trim);
    let line = of(">").next().ok_or("no `> GET /…` line")?.to_owned();
    let status = of("<").next().and_then(|status| status.parse().ok()).ok_or("no `< 200` line")?;
    let (body, headers): (Vec<&str>, Vec<&str>) =
        of(">").skip(1).partition(|line| line.starts_with(['{', '[']));
    let body = body.first().map(|text| serde_json::from_str(text)).transpose();
    Ok(Exchange {
        file: file.to_owned(),
        poll,
        line,
        headers: headers.into_iter().filter_map(header).collect(),
        body: body.map_err(|error| format!("the request's body: {error}"))?,
        response: Response {
            status,
            headers: of("<").skip(1).filter_map(header).collect(),
            body: Bytes::copy_from_slice(&bytes[end + 2..]),
        },
        answered: false,
    })
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_read_as_curl_shows_it() {
        let text = b"> GET /a?x=1\n> if-none-match: \"e\"\n< 200\n< content-type: text/csv\n\n\xe9\n\nrest";
        let exchange = parse("2-a.http", text).expect("well-formed");
        assert_eq!((exchange.poll, exchange.line.as_str()), (2, "GET /a?x=1"));
        assert_eq!(exchange.headers, [("if-none-match".to_owned(), "\"e\"".to_owned())]);
        assert_eq!(exchange.response.header("content-type"), Some("text/csv"));
        assert_eq!(exchange.response.body.as_ref(), b"\xe9\n\nrest");
        assert!(parse("a.http", text).is_err() && parse("1.http", b"> GET /\n< 200\n").is_err());
    }

    #[test]
    fn the_order_of_parameters_does_not_matter_but_their_values_do() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        assert!(same_line("GET /a?x=1&y=%C3%A9", "GET", &url("https://h/a?y=é&x=1")));
        assert!(!same_line("GET /a?x=1", "GET", &url("https://h/a?x=2")));
        assert!(!same_line("GET /a", "POST", &url("https://h/a")));
        assert!(!same_line("GET /a%2Fb", "GET", &url("https://h/a/b")));
    }
}
