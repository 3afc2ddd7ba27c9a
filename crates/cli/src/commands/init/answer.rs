//! The one answer that `init` looks at.

use serde_json::Value;
use tidegate_core::decode::{self, Form};
use tidegate_core::error::Kind;
use tidegate_core::pipeline::{Format, Limits, Method};
use tidegate_core::request::{Request, Response};
use tidegate_core::schema::{DataType, Widened, infer, widen};
use tidegate_engine::{Http, ReqwestHttp};
use url::Url;

use crate::failure::Failure;

/// A decoded answer.
pub(super) struct Answer {
    /// How it is decoded.
    pub(super) format: Format,
    /// How `body` is read: that format, or what it unpacks to.
    read_as: Format,
    body: Vec<u8>,
}

/// Asks once.
pub(super) async fn fetch(url: &Url) -> Result<Answer, Failure> {
    let limits = Limits::default();
    let request = Request {
        method: Method::Get,
        url: url.clone(),
        headers: Vec::new(),
        body: None,
        secret_body: false,
        away: false,
        form: false,
        secret_params: Vec::new(),
    };
    let response =
        ReqwestHttp::new(&limits).send(&request, &limits).await.map_err(tidegate_engine::Error::from)?;
    let host = url.host_str().unwrap_or_default();
    match response.status {
        200..=299 => read(&response),
        401 | 403 => Err(Failure::source(format!(
            "{host} answered {}: it wants credentials; write a file with `tidegate init` and add source.auth",
            response.status
        ))),
        429 | 500..=599 => Err(Failure::Other {
            kind: Kind::Transient,
            message: format!(
                "{host} answered {}: it is out of order, or wants to be left alone for a while",
                response.status
            ),
        }),
        status => Err(Failure::source(format!("{host} answered {status}; is the address right?"))),
    }
}

fn read(response: &Response) -> Result<Answer, Failure> {
    if let Some(format) = decode::packed_by_look(&response.body) {
        let form = Form { format, charset: None, archive: None, most: Limits::default().max_body.0 };
        let plain = decode::plain(&response.body, &form, "$")
            .map_err(|error| Failure::source(format!("the answer is packed, and cannot be read: {error}")))?;
        return Ok(Answer { format, read_as: plain.format, body: plain.text.into_owned() });
    }
    let body = decode::to_utf8(&response.body, response.charset().as_deref())
        .map_err(|error| Failure::source(error.to_string()))?
        .into_owned();
    if body.trim_ascii().is_empty() {
        return Err(Failure::source("the answer is empty; is the address complete?"));
    }
    let told = response.header("content-type").and_then(Format::of_content_type);
    let format = told.or_else(|| sniff(&body)).ok_or_else(|| Failure::source(A_PAGE))?;
    Ok(Answer { format, read_as: format, body })
}

const A_PAGE: &str = "the answer is HTML or XML; is this the address of the API, and not of its page?";

/// The format of a body whose type says nothing; `None` for HTML and XML.
fn sniff(body: &[u8]) -> Option<Format> {
    let text = String::from_utf8_lossy(body);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_json = |line: Option<&str>| {
        line.is_some_and(|line| serde_json::from_str::<Value>(line).is_ok_and(|v| v.is_object()))
    };
    match text.trim_start().chars().next() {
        Some('<') => None,
        Some('{') if is_json(lines.next()) && is_json(lines.next()) => Some(Format::Ndjson),
        Some('{' | '[') | None => Some(Format::Json),
        Some(_) => Some(Format::Csv),
    }
}

impl Answer {
    /// The answer as one JSON value; NDJSON and CSV as the list of their records.
    pub(super) fn value(&self) -> Result<Value, Failure> {
        let wrong = |error: String| Failure::source(format!("the answer cannot be read: {error}"));
        if self.read_as == Format::Json {
            return serde_json::from_slice(&self.body).map_err(|error| {
                match self.body.trim_ascii_start().first() {
                    Some(b'<') => Failure::source(A_PAGE),
                    _ => wrong(error.to_string()),
                }
            });
        }
        let records =
            decode::records(&self.body, self.read_as, "$").map_err(|error| wrong(error.to_string()))?;
        let parsed: Result<Vec<Value>, _> =
            records.iter().map(|record| serde_json::from_slice(record)).collect();
        parsed.map(Value::Array).map_err(|error| wrong(error.to_string()))
    }

    /// The columns that the records have, and their types; empty where there is no record.
    pub(super) fn columns(&self, path: &str) -> Vec<(String, String)> {
        let records = decode::records(&self.body, self.read_as, path).unwrap_or_default();
        let all = records.iter().map(|record| infer(record)).reduce(|a, b| match widen(&a, &b) {
            Widened::To(joined) => joined,
            Widened::Conflict => a,
        });
        match all {
            Some(DataType::Struct(fields)) => {
                fields.iter().map(|field| (field.name.clone(), type_name(&field.data_type))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The name of a type, as a person reads it.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Unknown => "null so far".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int53 | DataType::Int64 => "int64".to_owned(),
        DataType::Decimal(_) => "decimal".to_owned(),
        DataType::Double => "double".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Timestamp => "timestamp".to_owned(),
        DataType::String => "string".to_owned(),
        DataType::Json => "json".to_owned(),
        DataType::Struct(fields) => {
            let names: Vec<&str> = fields.iter().take(4).map(|field| field.name.as_str()).collect();
            let more = if fields.len() > 4 { ", …" } else { "" };
            format!("struct of {}{more}", names.join(", "))
        }
        DataType::List(item) => format!("list of {}", type_name(item)),
    }
}
