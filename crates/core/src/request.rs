//! Requests and answers as plain data, and how a stream becomes its requests.

use bytes::Bytes;

use crate::pipeline::Method;

/// One HTTP request, ready to send. Holds secrets: never printed; see [`Request::shown`].
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Absolute URL with its query.
    pub url: url::Url,
    /// Headers in order; names lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Bytes>,
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
}
