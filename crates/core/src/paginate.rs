//! The next page of an element, from the page before.
//!
//! The walk is decided page after page, in order. Where the request of a later page can be told beforehand
//! ([`Pager::ahead`]) it may be sent early; its answer counts only if the walk really gets there by that request.

mod link;
pub(crate) mod step;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::decode::{self, DecodeError, Frame};
use crate::expr::{Base, ExprError};
use crate::pipeline::Paginator;
use crate::request::Request;

/// What follows a page.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Another page, asked for so.
    Next(Request),
    /// That was the last.
    End(End),
}

/// Why a page was the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The stream has no paginator.
    OnlyPage,
    /// The job has this many results.
    Results(u64),
    /// The page holds no record.
    EmptyPage,
    /// The page holds fewer records than were asked for, and `stop_after_short_page` is set.
    ShortPage,
    /// The answer told that there are this many (pages or records).
    Total(u64),
    /// `maximum_page` or `maximum_offset`.
    Maximum(u64),
    /// The flag at `has_more_path` is false, null or absent.
    NoMore,
    /// There is no link to a next page.
    NoLink,
    /// There is no cursor for a next page.
    NoCursor,
    /// The expression `stop` holds.
    Stop,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::OnlyPage => f.write_str("it is the only page"),
            End::Results(1) => f.write_str("it is the only result of the job"),
            End::Results(results) => write!(f, "it is the last of the job's {results} results"),
            End::EmptyPage => f.write_str("the page holds no record"),
            End::ShortPage => f.write_str("the page holds fewer records than were asked for"),
            End::Total(total) => write!(f, "the total of {total} is reached"),
            End::Maximum(maximum) => write!(f, "the maximum of {maximum} is reached"),
            End::NoMore => f.write_str("the flag at `has_more_path` is not set"),
            End::NoLink => f.write_str("no link leads to another page"),
            End::Stop => f.write_str("the expression `stop` holds"),
            End::NoCursor => f.write_str("no cursor leads to another page"),
        }
    }
}

/// Why the pages of an element do not come to a good end. Nothing of the element is staged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The same page came twice.
    #[error(
        "page {0} is the same as the page before it: the API seems to ignore `{1}`; check the paginator, or leave it out if there is only one page"
    )]
    Ignored(u32, String),
    /// The next page is one that was already asked for.
    #[error(
        "page {0} leads to a page that was already read: the pages go in a circle; check the paginator, or say by `has_more_path` which page is the last"
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
    /// The cursor is nothing that a request can carry.
    #[error("the cursor of page {page} is {what}, not a text or a number; check `{path}`")]
    Cursor {
        /// The page that holds it.
        page: u32,
        /// `a list`, `a table`.
        what: &'static str,
        /// Key in the file.
        path: &'static str,
    },
    /// The path does not apply to the page.
    #[error("{path}: {source}")]
    Path {
        /// Key in the file.
        path: &'static str,
        /// What is wrong.
        source: DecodeError,
    },
    /// An expression cannot be evaluated.
    #[error("{path}: {source}")]
    Expression {
        /// Key in the file.
        path: &'static str,
        /// What is wrong.
        source: ExprError,
    },
    /// The body has no room for a value.
    #[error("`{0}` leads through a value of the body that is no table; check the path and `body`")]
    Body(String),
}

/// A page, as far as paging looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The answer's headers; names lower case.
    pub headers: &'a [(String, String)],
    /// The page in UTF-8.
    pub body: &'a [u8],
    /// Its number of records.
    pub records: u64,
    /// The JSON of its last record, where it has one and paging goes on from it.
    pub last_record: Option<&'a [u8]>,
    /// Digest of its canonical content: two pages with the same are the same page.
    pub digest: &'a [u8; 32],
    /// What stands beside its records, where that is known apart.
    pub frame: Option<&'a Frame>,
}

/// Walks the pages of one element. Comes to an end for any answers: every page is counted against a limit.
pub struct Pager<'a> {
    paginator: &'a Paginator,
    /// What expressions may name besides the page.
    base: &'a Base,
    limit: u32,
    /// Pages read so far.
    read: u32,
    /// What the offset of the page being read is.
    offset: u64,
    /// Records of the last page.
    stride: u64,
    /// Records of the first page.
    full: u64,
    /// Pages or records that there are, where the API tells it.
    total: Option<u64>,
    /// Parameters of the first request, where the others are to have them too.
    own: Vec<(String, String)>,
    asked: BTreeSet<(String, Option<bytes::Bytes>)>,
    last: Option<[u8; 32]>,
}

const NEXT_URL: &str = "paginator.next_url_path";
const TOTAL: &str = "paginator.total_path";
const HAS_MORE: &str = "paginator.has_more_path";
const CURSOR: &str = "paginator.cursor_path";
const RECORD: &str = "paginator.record_path";
const CURSOR_EXPRESSION: &str = "paginator.cursor";
const STOP: &str = "paginator.stop";
const LINK: &str = "paginator.links_next_key";

impl<'a> Pager<'a> {
    /// A walk of at most `limit` pages.
    pub fn new(paginator: &'a Paginator, limit: u32, base: &'a Base) -> Pager<'a> {
        let offset = if let Paginator::Offset(offset) = paginator { offset.offset } else { 0 };
        Pager {
            paginator,
            base,
            limit,
            read: 0,
            offset,
            stride: 0,
            full: 0,
            total: None,
            own: Vec::new(),
            asked: BTreeSet::new(),
            last: None,
        }
    }

    /// The request for the first page, from the stream's own.
    pub fn first(&mut self, request: Request) -> Result<Request, PageError> {
        let request = step::first_page(self.paginator, request)?;
        if matches!(self.paginator, Paginator::Cursor(cursor) if cursor.keep_params) {
            self.own = request.url.query_pairs().into_owned().collect();
        }
        self.asked.insert(identity(&request));
        Ok(request)
    }

    /// What follows `page`, which answered `request`.
    pub fn next(&mut self, request: &Request, page: Seen<'_>) -> Result<Step, PageError> {
        self.read += 1;
        self.full = if self.read == 1 { page.records } else { self.full };
        self.stride = page.records;
        let nothing = page.body.trim_ascii().is_empty();
        let only = matches!(self.paginator, Paginator::SinglePage);
        if page.records == 0 && !only && (nothing || self.paginator.stops_after_empty_page()) {
            return Ok(Step::End(End::EmptyPage));
        }
        if page.records > 0 && self.last.as_ref() == Some(page.digest) {
            return Err(PageError::Ignored(self.read, step::what_leads_on(self.paginator).to_owned()));
        }
        if let Some(path) = self.paginator.has_more_path()
            && !first(page, path, HAS_MORE)?.is_some_and(|flag| is_set(&flag))
        {
            return Ok(Step::End(End::NoMore));
        }
        let next = match self.following(request, page)? {
            Step::Next(next) => next,
            end => return Ok(end),
        };
        if self.read >= self.limit {
            return Err(PageError::TooMany(self.limit));
        }
        if !self.asked.insert(identity(&next)) {
            return Err(PageError::Loop(self.read));
        }
        self.last = Some(*page.digest);
        Ok(Step::Next(next))
    }

    /// The request for the page that comes `ahead` pages after the one that was decided last, as far as it can be told
    /// already. Where the API names no total, no more is guessed than was read before, and nothing after a page that is
    /// shorter than the first.
    pub fn ahead(&self, request: &Request, ahead: u32) -> Option<Request> {
        let page = self.read.checked_add(ahead).filter(|page| *page < self.limit)?;
        let guessed = self.total.is_none() && (ahead >= self.read || self.stride < self.full);
        if self.read == 0 || guessed {
            return None;
        }
        let numbered = match self.paginator {
            Paginator::PageNumber(paginator) => step::page(paginator, u64::from(page), self.total, request),
            Paginator::Offset(paginator) => {
                let offset = self.offset.checked_add(self.stride.checked_mul(u64::from(ahead))?)?;
                step::offset(paginator, offset, self.total, request)
            }
            _ => return None,
        };
        match numbered {
            Ok(Step::Next(next)) => Some(next),
            Ok(Step::End(_)) | Err(_) => None,
        }
    }

    fn following(&mut self, request: &Request, page: Seen<'_>) -> Result<Step, PageError> {
        match self.paginator {
            Paginator::SinglePage => Ok(Step::End(End::OnlyPage)),
            Paginator::PageNumber(paginator) => {
                self.total = total(page, paginator.total_path.as_deref())?;
                let short = paginator.page_size.is_some_and(|size| page.records < size);
                if short && paginator.stop_after_short_page {
                    return Ok(Step::End(End::ShortPage));
                }
                step::page(paginator, u64::from(self.read), self.total, request)
            }
            Paginator::Offset(paginator) => {
                self.total = total(page, paginator.total_path.as_deref())?;
                if page.records < paginator.limit && paginator.stop_after_short_page {
                    return Ok(Step::End(End::ShortPage));
                }
                // An API may give fewer records than asked for: going on from what came skips none.
                if page.records == 0 {
                    self.stride = paginator.limit;
                }
                self.offset = self.offset.saturating_add(self.stride);
                step::offset(paginator, self.offset, self.total, request)
            }
            Paginator::Cursor(paginator) => {
                step::cursor(paginator, self.read, request, page, self.base, &self.own)
            }
            Paginator::JsonLink(paginator) => {
                let link = first(page, &paginator.next_url_path, NEXT_URL)?;
                step::json_link(request, link)
            }
            Paginator::HeaderLink(paginator) => step::header_link(request, page, &paginator.links_next_key),
            Paginator::HeaderCursor(paginator) => step::header_cursor(paginator, request, page),
        }
    }
}

/// What makes two requests ask for the same page.
fn identity(request: &Request) -> (String, Option<bytes::Bytes>) {
    (request.url.to_string(), request.body.clone())
}

/// Whether a flag says yes.
fn is_set(flag: &Value) -> bool {
    match flag {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "false" | "0" | "no")
        }
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

fn total(page: Seen<'_>, path: Option<&str>) -> Result<Option<u64>, PageError> {
    let total = path.map(|path| first(page, path, TOTAL)).transpose()?.flatten();
    Ok(total.as_ref().and_then(count))
}

/// A count, written as a number or as text. A negative one is how several APIs say that they do not know.
fn count(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|n| n.is_finite() && *n >= 0.0).map(|n| n.ceil() as u64))
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// The first value that a JSONPath selects.
fn first(page: Seen<'_>, path: &str, key: &'static str) -> Result<Option<Value>, PageError> {
    let body = page.frame.and_then(|frame| frame.text_for(path)).unwrap_or(page.body);
    decode::first(body, path).map_err(|source| PageError::Path { path: key, source })
}

#[cfg(test)]
mod tests;
