//! Requests and answers as plain data, and how a stream becomes its requests.

mod build;
mod credential;
mod element;
mod form;
mod parent;
mod slice;

use bytes::Bytes;
use url::Url;

use crate::change::Validators;
use crate::pipeline::{Method, Secrets, TemplateError};

pub use build::{USER_AGENT, base_url, build};
pub(crate) use credential::is_header_name;
pub use element::{Element, elements};
pub use parent::{Parents, combined};
pub use slice::with as with_slice;

/// One HTTP request, ready to send. Holds secrets: never printed; see [`Request::shown`].
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute URL with its query.
    pub url: Url,
    /// Headers in order; names lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Bytes>,
    /// Whether the body is a form, not JSON.
    pub form: bool,
    /// Names of the query parameters that hold a secret.
    pub secret_params: Vec<String>,
    /// Whether the body holds a secret.
    pub secret_body: bool,
    /// Whether it has left the origin that it was built for, so that no credentials go along.
    pub away: bool,
}

/// Headers that say nothing about who asks, and so may go to another origin.
const HARMLESS: [&str; 3] = ["accept", "user-agent", "content-type"];

impl Request {
    /// Method and URL for batches, logs and errors: secrets replaced by `***`, headers and body left out.
    pub fn shown(&self, secrets: &Secrets) -> String {
        let mut url = self.url.clone();
        if !url.username().is_empty() || url.password().is_some() {
            // Neither fails on a URL that has a host, and one without a host has no user.
            let _ = url.set_username("***");
            let _ = url.set_password(None);
        }
        if url.query().is_some() {
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            if pairs.iter().any(|(name, _)| self.secret_params.contains(name)) {
                url.query_pairs_mut().clear().extend_pairs(pairs.iter().map(|(name, value)| {
                    (name, if self.secret_params.contains(name) { "***" } else { value })
                }));
            }
        }
        secrets.redact(&format!("{} {url}", self.method.word()))
    }

    /// Host of the URL, with its port where it has one.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The same request for another URL that the server named (a next page, a redirect). Credentials go along within
    /// the same origin only; elsewhere just what says nothing about who asks.
    pub fn follow(&self, url: Url) -> Result<Request, FollowError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FollowError::Scheme(url.scheme().to_owned()));
        }
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(FollowError::Downgrade);
        }
        let mut next = Request { url, ..self.clone() };
        if next.url.origin() == self.url.origin() {
            next.keep_secret_params(&self.url);
        } else if self.secret_body {
            return Err(FollowError::Secret);
        } else {
            next.headers.retain(|(name, _)| HARMLESS.contains(&name.as_str()));
            next.secret_params.clear();
            next.away = true;
        }
        Ok(next)
    }

    /// Gives the URL the secret parameters of `before` where it has lost them.
    fn keep_secret_params(&mut self, before: &Url) {
        for name in &self.secret_params {
            let value = before.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
            let missing = !self.url.query_pairs().any(|(n, _)| n == name.as_str());
            if let (Some(value), true) = (value, missing) {
                self.url.query_pairs_mut().append_pair(name, &value);
            }
        }
    }

    /// The URL with one query parameter set, whether it was there or not.
    pub fn set_param(&mut self, name: &str, value: &str) {
        let others: Vec<_> = self.url.query_pairs().into_owned().filter(|(n, _)| n != name).collect();
        self.url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    }

    /// Sets a value in the body: the field of a form, or in JSON what stands at a dotted path, tables made on the way.
    /// `None` where the path leads through something that is no table.
    pub fn set_body(&mut self, path: &str, value: serde_json::Value) -> Option<()> {
        if self.form {
            form::set(self, path, value);
            return Some(());
        }
        let mut body = match &self.body {
            Some(body) => serde_json::from_slice(body).ok()?,
            None => serde_json::Value::Object(serde_json::Map::new()),
        };
        let mut at = &mut body;
        for name in path.split('.') {
            let index = name.parse::<usize>();
            at = match at {
                serde_json::Value::Object(table) => {
                    table.entry(name).or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()))
                }
                serde_json::Value::Array(items) => items.get_mut(index.ok()?)?,
                _ => return None,
            };
        }
        *at = value;
        self.body = Some(body.to_string().into());
        self.set_header("content-type", "application/json".to_owned());
        Some(())
    }

    /// Sets a header, replacing one of the same name. The name is lower case.
    pub fn set_header(&mut self, name: &str, value: String) {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((name.to_owned(), value));
    }

    /// Makes the request conditional on every validator there is.
    pub fn set_validators(&mut self, validators: &Validators) {
        if let Some(etag) = &validators.etag {
            self.set_header("if-none-match", etag.clone());
        }
        if let Some(date) = &validators.last_modified {
            self.set_header("if-modified-since", date.clone());
        }
    }
}

/// Why a URL that the server named is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Neither http nor https.
    #[error("it leads to a `{0}:` address")]
    Scheme(String),
    /// From https to http.
    #[error("it leads from https to http")]
    Downgrade,
    /// A body with credentials to another origin.
    #[error("it leads to another host, where the credentials in the body must not go")]
    Secret,
}

/// Why a stream cannot be turned into a request: the pipeline file has to be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A template in the stream.
    #[error("{place}: {source}")]
    Template {
        /// Key in the file, such as `path` or `params.q`.
        place: String,
        /// What is wrong.
        source: TemplateError,
    },
    /// The URL that came out is none.
    #[error("{url}: {reason}; check `source.base_url` and `path`")]
    Url {
        /// The URL as put together.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A secret without a value.
    #[error("{place}: the secret `{name}` has no value; set it and start again")]
    Secret {
        /// Key in the file.
        place: String,
        /// The reference, without `${` and `}`.
        name: String,
    },
    /// A header that HTTP cannot carry.
    #[error(
        "{place}: the value has characters that a header cannot carry (a line break at its end, perhaps)"
    )]
    Header {
        /// Key in the file.
        place: String,
    },
    /// No table in the body at the place where a credential goes.
    #[error(
        "source.auth: the body of the stream has no place for `{0}`; check `location`, `name` and `body`"
    )]
    Body(String),
    /// Two elements of a fan-out with one name.
    #[error("for_each: two elements are named `{0}`; give each its own `name`")]
    Twice(String),
    /// A record of the parent without what tells it from the others.
    #[error(
        "a record of the parent stream `{0}` has no `{1}`; name the field that its records have by `parent.key`"
    )]
    NoKey(String, String),
}

/// One HTTP answer, its content decoding already undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers in order; names lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// What the server gave to ask "changed since?" with.
    ///
    /// A `Last-Modified` of the same second as the answer's `Date` is left out: a further change within that second
    /// would have the same one and be missed for good (RFC 9110, section 8.8.2.2).
    pub fn validators(&self) -> Validators {
        let header = |name| self.header(name).map(str::to_owned);
        let time = |name| self.header(name).and_then(crate::time::http_date);
        let settled = match (time("last-modified"), time("date")) {
            (Some(modified), Some(date)) => modified < date,
            _ => true,
        };
        Validators { etag: header("etag"), last_modified: header("last-modified").filter(|_| settled) }
    }

    /// The `charset` of the content type, where it names one other than UTF-8; lower case.
    pub fn charset(&self) -> Option<String> {
        let parameters = self.header("content-type")?.split(';').skip(1);
        let charset = parameters
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
        let name = charset.1.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        (!name.is_empty() && name != "utf-8" && name != "utf8").then_some(name)
    }
}

#[cfg(test)]
mod tests;
