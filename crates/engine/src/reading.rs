//! What an answer holds, found out beside the poll where there are threads for it: pages that came at the same time are
//! read at the same time.

use std::sync::Arc;

use tidegate_core::cadence::{Declared, declared};
use tidegate_core::change::{self, Content};
use tidegate_core::cursor::{self, Marks, Window};
use tidegate_core::decode::{self, DecodeError, Form, Frame};
use tidegate_core::pipeline::{Archive, EventTime, Format, Incremental, Stream};
use tidegate_core::request::Response;
use tokio::task;

use crate::Error;
use crate::beside::{ended, several_threads};
use crate::fetch::Fetch;
use crate::page::Part;

/// Bytes from which on an answer gets a thread of its own, so that the connections do not wait for it.
const LARGE: usize = 1 << 20;

/// Bytes up to which an answer is read where it came: to hand it to another thread would take longer.
const SMALL: usize = 4 << 10;

/// How the answers of one walk are read.
pub(crate) struct Reading {
    format: Option<Format>,
    members: Option<String>,
    records: String,
    ignore: Vec<String>,
    /// Whether records are told apart: where the same one may come twice, by key or at the border of two polls.
    with_hashes: bool,
    incremental: Option<Incremental>,
    /// Where a record has its time.
    times: Option<EventTime>,
    goes_on_from_last_record: bool,
    /// Most bytes that a page unpacks to.
    most: u64,
    window: Window,
}

/// An answer, and what it holds.
pub(crate) struct Looked {
    pub(crate) response: Response,
    pub(crate) read: Result<Understood, Unread>,
}

/// What a page holds.
pub(crate) struct Understood {
    pub(crate) format: Format,
    pub(crate) charset: Option<String>,
    pub(crate) archive: Option<Archive>,
    pub(crate) content: Content,
    pub(crate) marks: Marks,
    pub(crate) declared: Declared,
    pub(crate) last_record: Option<Vec<u8>>,
    pub(crate) outside: Vec<bool>,
    pub(crate) frame: Option<Frame>,
    /// Whether there is no record because nothing stands where they should be.
    pub(crate) leads_nowhere: bool,
}

/// Why a page cannot be read, and as what, if that is known.
pub(crate) struct Unread {
    pub(crate) format: Option<Format>,
    pub(crate) error: DecodeError,
}

impl Reading {
    pub(crate) fn of(fetch: &Fetch<'_>, part: &Part) -> Reading {
        let Stream { incremental, event_time, .. } = fetch.stream;
        // A cursor that is a time says as well when its record was changed.
        let cursor = || incremental.as_ref().and_then(|incremental| incremental.cursor_path.parse().ok());
        Reading {
            format: fetch.stream.format,
            members: fetch.stream.members.clone(),
            records: fetch.stream.records.clone(),
            ignore: fetch.stream.ignore.clone(),
            with_hashes: !fetch.stream.primary_key.is_empty() || incremental.is_some(),
            incremental: incremental.clone(),
            times: event_time.clone().or_else(cursor),
            goes_on_from_last_record: fetch.stream.paginator.goes_on_from_last_record(),
            most: fetch.pipeline.source.limits.max_body.0,
            window: part.window.clone(),
        }
    }

    /// Looks at an answer: on another thread of the runtime, if it has several and that is worth it.
    pub(crate) async fn beside(self: &Arc<Self>, response: Response) -> Result<Looked, Error> {
        if !several_threads() || response.body.len() <= SMALL {
            return Ok(self.look(response));
        }
        let reading = Arc::clone(self);
        let looked = match response.body.len() {
            LARGE.. => task::spawn_blocking(move || reading.look(response)).await,
            _ => task::spawn(async move { reading.look(response) }).await,
        };
        ended(looked, || Error::Unavailable {
            message: "an answer was not read to its end, as the process ends".to_owned(),
            retry_at: None,
        })
    }

    /// Looks at an answer.
    fn look(&self, response: Response) -> Looked {
        let charset = response.charset();
        let read = match self.form_of(&response, charset.as_deref()) {
            Err(error) => Err(Unread { format: None, error }),
            Ok((format, archive)) => self
                .understand(&response.body, format, charset, archive)
                .map_err(|error| Unread { format: Some(format), error }),
        };
        Looked { response, read }
    }

    fn understand(
        &self,
        body: &[u8],
        format: Format,
        charset: Option<String>,
        archive: Option<Archive>,
    ) -> Result<Understood, DecodeError> {
        let form = Form { format, charset: charset.as_deref(), archive: archive.as_ref(), most: self.most };
        let plain = decode::plain(body, &form, &self.records)?;
        let text = plain.text.as_ref();
        let (records, content) =
            change::read(text, plain.format, plain.records, &self.ignore, self.with_hashes)?;
        let is_json = plain.format == Format::Json;
        let frame = is_json.then(|| Frame::of(text, &records, plain.records)).flatten();
        let marks = cursor::marks(&records, self.incremental.as_ref(), self.times.as_ref());
        let sole = if let [record] = &records[..] { Some(record.as_ref()) } else { None };
        let beside = frame.as_ref().map_or(text, Frame::text);
        let declared = if is_json { declared(beside, sole) } else { Declared::default() };
        let outside = match &self.incremental {
            Some(incremental) if incremental.client_side => {
                cursor::outside(&records, incremental, &self.window)
            }
            _ => Vec::new(),
        };
        let last = records.last().filter(|_| self.goes_on_from_last_record);
        let last_record = last.map(|record| record.to_vec());
        let leads_nowhere =
            is_json && records.is_empty() && decode::leads_nowhere(text, &self.records).unwrap_or(false);
        drop(plain);
        Ok(Understood {
            format,
            charset,
            archive,
            content,
            marks,
            declared,
            last_record,
            outside,
            frame,
            leads_nowhere,
        })
    }

    /// The format: packed by its first bytes, else as the stream says, as the answer says, or by its look. Where it is
    /// packed, what the stream or the answer says besides is how its members are read.
    fn form_of(
        &self,
        response: &Response,
        charset: Option<&str>,
    ) -> Result<(Format, Option<Archive>), DecodeError> {
        if matches!(response.status, 204 | 205) {
            // No content: no line.
            return Ok((Format::Ndjson, None));
        }
        let told = || response.header("content-type").and_then(Format::of_content_type);
        let said = self.format.or_else(told);
        if let Some(packed) = decode::packed_by_look(&response.body) {
            let format = said.filter(|format| !format.is_packed());
            let archive = Archive { format, members: self.members.clone() };
            return Ok((packed, (packed != Format::Parquet).then_some(archive)));
        }
        if let Some(format) = said {
            return Ok((format, None));
        }
        let body = decode::to_utf8(&response.body, charset)?;
        let unknown = || DecodeError::Malformed { at: 0, message: "it has no form that we know".to_owned() };
        sniff(response, &body).map(|format| (format, None)).ok_or_else(unknown)
    }
}

fn sniff(response: &Response, body: &[u8]) -> Option<Format> {
    match body.trim_ascii_start().first()? {
        b'{' | b'[' if decode::records(body, Format::Json, "$").is_err() => {
            // Either broken JSON or one document a line; the error of the likelier one is the better one.
            let lines = decode::records(body, Format::Ndjson, "$").is_ok();
            Some(if lines { Format::Ndjson } else { Format::Json })
        }
        b'{' | b'[' => Some(Format::Json),
        b'<' => None,
        _ if response.header("content-type").is_some_and(|t| t.starts_with("text/plain")) => {
            Some(Format::Csv)
        }
        _ => None,
    }
}
