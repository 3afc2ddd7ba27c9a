//! An answer, looked at: is it data, in which format, what does it hold.

use std::borrow::Cow;

use bytes::Bytes;
use reqwest::StatusCode;
use serde_json::Value;
use tidegate_core::cadence::Declared;
use tidegate_core::change::Content;
use tidegate_core::cursor::{Marks, Window};
use tidegate_core::decode::{self, DecodeError, Form, Frame, Plain};
use tidegate_core::jiff::Timestamp;
use tidegate_core::paginate::Seen;
use tidegate_core::pipeline::{Archive, Format, Paginator};
use tidegate_core::request::{Request, Response};

use crate::Error;
use crate::fetch::Fetch;
use crate::reading::{Looked, Unread};
use crate::spill::Stored;

/// The part of an element that one walk of pages asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// Number of the walk in the poll of the element.
    pub(crate) walk: u32,
    pub(crate) window: Window,
    /// Number of the batch that its pages would belong to; `None` where they are not to be staged.
    pub(crate) seq: Option<u64>,
}

/// One page of an element, as it came and as it was understood.
pub(crate) struct Page {
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) fetched_at: Timestamp,
    /// Empty once the page is stored.
    pub(crate) body: Bytes,
    /// Length of the body.
    pub(crate) bytes: u64,
    /// Where it lies in staging, if it does already.
    pub(crate) stored: Option<Stored>,
    pub(crate) format: Format,
    pub(crate) charset: Option<String>,
    /// How its members are read, where it is an archive.
    pub(crate) archive: Option<Archive>,
    pub(crate) content: Content,
    pub(crate) marks: Marks,
    /// What a reader should know of it, though it is data.
    pub(crate) remark: Option<String>,
    pub(crate) declared: Declared,
    /// Of each record whether it is not wanted.
    pub(crate) outside: Vec<bool>,
    /// Number of the walk that brought the page.
    pub(crate) walk: u32,
    /// `incremental`, as expressions name it, where the stream is incremental.
    pub(crate) window: Option<Value>,
    /// Headers of the answer, for paging.
    pub(crate) headers: Vec<(String, String)>,
    /// JSON of the last record, where paging goes on from it.
    pub(crate) last_record: Option<Vec<u8>>,
    /// What stands beside the records, where they are items of one array.
    pub(crate) frame: Option<Frame>,
}

impl Page {
    /// Whether the record at this place is not wanted.
    pub(crate) fn is_outside(&self, at: usize) -> bool {
        self.outside.get(at).copied().unwrap_or(false)
    }

    /// The hashes of the records that are wanted.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &str> {
        let wanted = self.content.hashes.iter().enumerate().filter(|(at, _)| !self.is_outside(*at));
        wanted.map(|(_, hash)| hash.as_str())
    }

    /// The page as paging looks at it; `body` is its text in UTF-8.
    pub(crate) fn seen<'a>(&'a self, body: &'a [u8]) -> Seen<'a> {
        Seen {
            headers: &self.headers,
            body,
            records: self.content.records,
            last_record: self.last_record.as_deref(),
            digest: &self.content.digest,
            frame: self.frame.as_ref(),
        }
    }

    /// The page as this kind of paging looks at it. It was read once already, so it does not fail.
    pub(crate) fn view(&self, paginator: &Paginator) -> Result<Cow<'_, [u8]>, Error> {
        // Nothing leads on from a sole page, from an archive, nor from a file of columns.
        if *paginator == Paginator::SinglePage || self.format.is_packed() {
            return Ok(Cow::Borrowed(b"null"));
        }
        let wrong = |error: DecodeError| Error::Source(error.to_string());
        match self.plain("$", u64::MAX)?.text {
            Cow::Borrowed(body) => decode::json_view(body, self.format).map_err(wrong),
            Cow::Owned(body) => {
                Ok(Cow::Owned(decode::json_view(&body, self.format).map_err(wrong)?.into_owned()))
            }
        }
    }

    /// The page as text. It was read once already, so it does not fail.
    pub(crate) fn plain<'a>(&'a self, records: &'a str, most: u64) -> Result<Plain<'a>, Error> {
        let (charset, archive) = (self.charset.as_deref(), self.archive.as_ref());
        let form = Form { format: self.format, charset, archive, most };
        decode::plain(&self.body, &form, records).map_err(|e| Error::Source(e.to_string()))
    }
}

/// Page `number`, from what was read of the answer.
pub(crate) fn of(
    fetch: &Fetch<'_>,
    request: &Request,
    looked: Looked,
    number: usize,
    part: &Part,
) -> Result<Page, Error> {
    let Looked { response, read } = looked;
    if response.status == 304 {
        return Err(Error::Source(refusal(fetch, request, &response)));
    }
    let shown = request.shown(&fetch.env.secrets);
    let understood = match read {
        Ok(understood) => understood,
        Err(unread) => return Err(wrong(fetch, &shown, &response, number, unread)),
    };
    let remark = (number == 0 && understood.leads_nowhere)
        .then(|| nowhere(fetch, &shown, &response, understood.charset.as_deref()));
    Ok(Page {
        request: shown,
        status: response.status,
        fetched_at: fetch.env.clock.now(),
        bytes: response.body.len() as u64,
        body: response.body,
        stored: None,
        format: understood.format,
        charset: understood.charset,
        archive: understood.archive,
        content: understood.content,
        marks: understood.marks,
        declared: understood.declared,
        outside: understood.outside,
        walk: part.walk,
        window: fetch.stream.incremental.as_ref().map(|_| part.window.values()),
        headers: response.headers,
        last_record: understood.last_record,
        frame: understood.frame,
        remark,
    })
}

/// Why page `number` cannot be read, and what to do about it.
fn wrong(fetch: &Fetch<'_>, shown: &str, response: &Response, number: usize, unread: Unread) -> Error {
    match unread.error {
        DecodeError::Path(message) => {
            Error::Config(format!("stream `{}`, `records` or `ignore`: {message}", fetch.stream.name))
        }
        error if decode::packed_by_look(&response.body).is_some() => {
            Error::Source(format!("{shown}: page {number} is packed, and cannot be read: {error}"))
        }
        error => Error::Source(format!(
            "{shown}: page {number} is not {}: {error}; it begins with `{}`; set `format`, or check the path and whether the API needs credentials",
            unread.format.map_or("JSON, NDJSON, CSV, XML, Parquet or an archive", Format::word),
            snippet(fetch, &response.body),
        )),
    }
}

/// Said of an answer without records whose `records` path ends in nothing: likely an error that came with status 200.
fn nowhere(fetch: &Fetch<'_>, shown: &str, response: &Response, charset: Option<&str>) -> String {
    let text = decode::to_utf8(&response.body, charset).unwrap_or(Cow::Borrowed(&response.body));
    format!(
        "{shown}: nothing stands at `records = \"{}\"`, so there are no records; the answer begins with `{}`: \
         correct the path, unless this is how the API says that it has nothing",
        fetch.stream.records,
        snippet(fetch, &text)
    )
}

/// What an answer that holds no data says, and what to do about it.
pub(crate) fn refusal(fetch: &Fetch<'_>, request: &Request, response: &Response) -> String {
    let reason = StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    let advice = match response.status {
        400 | 422 => "check `params` and `body`",
        401 | 403 => "check `source.auth` and whether the credentials allow this",
        404 | 410 => "check `source.base_url` and `path`",
        405 => "check `method`",
        406 => "set `format`, or an `accept` header",
        429 => "ask less often: `source.limits.requests_per_second`, `cadence.min`",
        300..=399 => "put the address it moved to into `source.base_url`",
        500..=599 => "the API is out of order",
        _ => "check the API's documentation",
    };
    let text = snippet(fetch, &response.body);
    let said = if text.is_empty() { String::new() } else { format!(": `{text}`") };
    format!(
        "{}: {} {}{said}; {advice}",
        request.shown(&fetch.env.secrets),
        response.status,
        reason.unwrap_or("unknown status"),
    )
}

/// Length of what is quoted of an answer, in characters.
const SNIPPET: usize = 200;

/// The first characters of a body on one line, without secrets and control characters.
fn snippet(fetch: &Fetch<'_>, body: &[u8]) -> String {
    // A secret that begins within the part must be seen as a whole, so more is redacted than is shown.
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * SNIPPET)]);
    let text = fetch.env.secrets.redact(&text);
    let plain: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SNIPPET + 1).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(SNIPPET) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
