//! The next page of an element, from the page before.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::decode::{self, DecodeError};
use crate::pipeline::Paginator;
use crate::request::{FollowError, Request};

/// What follows a page.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Another page, asked for so.
    Next(Request),
    /// That was the last.
    End,
}

/// Why the pages of an element do not come to a good end. Nothing of the element is staged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The same page came twice.
    #[error(
        "page {0} is the same as the page before it: the API seems to ignore `{1}`; check `paginator.page_param`, or leave the paginator out if there is only one page"
    )]
    Ignored(u32, String),
    /// The next page is one that was already read.
    #[error(
        "page {0} leads to a page that was already read: the pages go in a circle; check `paginator.next_url_path`"
    )]
    Loop(u32),
    /// More pages than allowed.
    #[error("there are more than {0} pages; raise `source.limits.pages` or ask for less at a time")]
    TooMany(u32),
    /// The answer's next URL cannot be followed.
    #[error("the URL of the next page cannot be followed: {reason}; check `{path}`")]
    Url {
        /// Key in the file.
        path: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The path does not apply to the page.
    #[error("{path}: {source}")]
    Path {
        /// Key in the file.
        path: &'static str,
        /// What is wrong.
        source: DecodeError,
    },
}

/// A page, as far as paging looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The page in UTF-8.
    pub body: &'a [u8],
    /// Its number of records.
    pub records: u64,
    /// Digest of its canonical content: two pages with the same are the same page.
    pub digest: &'a [u8; 32],
}

/// Walks the pages of one element. Comes to an end for any answers: every page is counted against a limit.
pub struct Pager<'a> {
    paginator: &'a Paginator,
    limit: u32,
    /// Pages read so far.
    read: u32,
    asked: BTreeSet<String>,
    last: Option<[u8; 32]>,
}

const NEXT_URL: &str = "paginator.next_url_path";
const TOTAL: &str = "paginator.total_path";

impl<'a> Pager<'a> {
    /// A walk of at most `limit` pages.
    pub fn new(paginator: &'a Paginator, limit: u32) -> Pager<'a> {
        Pager { paginator, limit, read: 0, asked: BTreeSet::new(), last: None }
    }

    /// The request for the first page, from the stream's own.
    pub fn first(&mut self, mut request: Request) -> Request {
        if let Paginator::PageNumber { page_param, base_page, .. } = self.paginator {
            request.set_param(page_param, &base_page.to_string());
        }
        self.asked.insert(request.url.to_string());
        request
    }

    /// What follows `page`, which answered `request`.
    pub fn next(&mut self, request: &Request, page: Seen<'_>) -> Result<Step, PageError> {
        self.read += 1;
        let Some(next) = self.following(request, page)? else { return Ok(Step::End) };
        if self.read >= self.limit {
            return Err(PageError::TooMany(self.limit));
        }
        if !self.asked.insert(next.url.to_string()) {
            return Err(PageError::Loop(self.read));
        }
        self.last = Some(*page.digest);
        Ok(Step::Next(next))
    }

    fn following(&self, request: &Request, page: Seen<'_>) -> Result<Option<Request>, PageError> {
        match self.paginator {
            Paginator::SinglePage => Ok(None),
            Paginator::PageNumber { page_param, base_page, total_path } => {
                self.page_number(request, page, page_param, *base_page, total_path.as_deref())
            }
            Paginator::JsonLink { next_url_path } => json_link(request, page.body, next_url_path),
        }
    }

    fn page_number(
        &self,
        request: &Request,
        page: Seen<'_>,
        param: &str,
        base: u64,
        total_path: Option<&str>,
    ) -> Result<Option<Request>, PageError> {
        if page.records == 0 {
            return Ok(None);
        }
        if self.last.as_ref() == Some(page.digest) {
            return Err(PageError::Ignored(self.read, param.to_owned()));
        }
        let total = total_path.map(|path| first(page.body, path, TOTAL)).transpose()?.flatten();
        if total.as_ref().and_then(count).is_some_and(|total| u64::from(self.read) >= total) {
            return Ok(None);
        }
        let mut next = request.clone();
        next.set_param(param, &base.saturating_add(u64::from(self.read)).to_string());
        Ok(Some(next))
    }
}

/// A number of pages, written as a number or as text.
fn count(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|n| n.ceil() as u64))
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn json_link(request: &Request, body: &[u8], path: &str) -> Result<Option<Request>, PageError> {
    let wrong = |reason: String| PageError::Url { path: NEXT_URL, reason };
    let link = match first(body, path, NEXT_URL)? {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(None),
        Some(Value::String(link)) if link.trim().is_empty() => return Ok(None),
        Some(Value::String(link)) => link,
        Some(_) => return Err(wrong("it is not a text".to_owned())),
    };
    let url = request.url.join(link.trim()).map_err(|error| wrong(error.to_string()))?;
    request.follow(url).map(Some).map_err(|error: FollowError| wrong(error.to_string()))
}

/// The first value that a JSONPath selects.
fn first(body: &[u8], path: &str, key: &'static str) -> Result<Option<Value>, PageError> {
    let ranges = decode::locate(body, path).map_err(|source| PageError::Path { path: key, source })?;
    Ok(ranges.first().and_then(|range| serde_json::from_slice(&body[range.clone()]).ok()))
}

#[cfg(test)]
mod tests;
