//! The sound answer to each request, and the pipeline file that asks for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_core::pipeline::{Pipeline, read};
use tidegate_core::request::{Request, Response};

use super::data::{Data, STATIONS};

/// Newest events that the feed shows.
pub(crate) const FEED_WINDOW: u64 = 150;
/// Records on a page.
const PAGE: u64 = 20;

/// The pipeline of every run.
pub(crate) fn pipeline() -> Pipeline {
    read(PIPELINE, &[]).unwrap_or_else(|mistakes| panic!("the pipeline of the simulation: {mistakes:#?}"))
}

const PIPELINE: &str = r#"
name = "model"
staging = "memory://staging"
lake = "memory://lake"

[source]
base_url = "https://api.test"
[source.limits]
requests_per_second = 2.0
concurrency = 4

[[streams]]
name = "reading"
path = "/reading"
records = "$.readings[*]"
event_time = "time"
partition_by = "hour"
cadence = "5m"

[[streams]]
name = "city"
path = "/city/{city.number}"
for_each = { city = [{ name = "a/b", number = 1 }, { name = "São Paulo", number = 2 }, { name = "東京", number = 3 }] }
fields = { city = "{city.name}" }
records = "$.reading"
event_time = "time"
ignore = ["$.generated_at"]
partition_by = "day"
cadence = "5m"

[[streams]]
name = "feed"
path = "/feed"
records = "$.events[*]"
paginator = { type = "json_link", next_url_path = "$.next" }
primary_key = ["id"]
event_time = "at"
partition_by = "hour"
cadence = "5m"

[[streams]]
name = "log"
path = "/log"
records = "$.events[*]"
paginator = { type = "page_number", page_param = "page", base_page = 1, total_path = "$.pages" }
primary_key = ["id"]
partition_by = "minute"
cadence = "7m"

[[streams]]
name = "change"
path = "/changes"
params = { since = "{incremental.start_value}" }
records = "$[*]"
incremental = { cursor_path = "id", initial_value = 0 }
event_time = "at"
partition_by = "hour"
cadence = "5m"
"#;

/// What the API says, when nothing goes wrong.
pub(super) fn answer(data: &Data, now: Duration, request: &Request) -> Response {
    let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<u64>().ok());
    match request.url.path() {
        "/reading" => reading(data, now, request),
        "/feed" => {
            feed(data, number("until").unwrap_or_else(|| data.events(now)), number("offset").unwrap_or(0))
        }
        "/log" => log(data, now, number("page").unwrap_or(1)),
        "/changes" => changes(data, now, number("since").unwrap_or(0)),
        path => match path.strip_prefix("/city/").and_then(|number| number.parse::<usize>().ok()) {
            Some(station) if (1..STATIONS.len()).contains(&station) => city(data, now, station),
            _ => not_found(),
        },
    }
}

/// One reading with a strong ETag; 304 where it has not changed.
fn reading(data: &Data, now: Duration, request: &Request) -> Response {
    let (version, record) = data.reading(0, now);
    let etag = format!("\"v{version}\"");
    let known = request.headers.iter().any(|(name, value)| name == "if-none-match" && *value == etag);
    let mut response = match known {
        true => Response { status: 304, headers: Vec::new(), body: Bytes::new() },
        false => json(&json!({ "readings": [record] })),
    };
    response.headers.push(("etag".to_owned(), etag));
    response
}

/// One reading without a validator, and a time in it that moves with every request.
fn city(data: &Data, now: Duration, station: usize) -> Response {
    let (_, record) = data.reading(station, now);
    json(&json!({ "generated_at": now.as_millis() as u64, "reading": record }))
}

/// The newest events, newest first, over linked pages that stay as they were when the first was asked for.
fn feed(data: &Data, until: u64, offset: u64) -> Response {
    let ids: Vec<u64> = (1..=until).rev().take(FEED_WINDOW as usize).collect();
    let page: Vec<Value> =
        ids.iter().skip(offset as usize).take(PAGE as usize).map(|id| data.event(*id)).collect();
    let more = offset + PAGE < ids.len() as u64;
    let next = more.then(|| format!("/feed?until={until}&offset={}", offset + PAGE));
    json(&json!({ "events": page, "next": next }))
}

/// All events, oldest first, by page number; the last page grows.
fn log(data: &Data, now: Duration, page: u64) -> Response {
    let all = data.events(now);
    let ids = (page.max(1) - 1) * PAGE + 1..=(page.max(1) * PAGE).min(all);
    let events: Vec<Value> = ids.map(|id| data.event(id)).collect();
    json(&json!({ "events": events, "pages": all.div_ceil(PAGE) }))
}

/// The events after an id, at most a page of them.
fn changes(data: &Data, now: Duration, since: u64) -> Response {
    let ids = since + 1..=data.events(now).min(since + 3 * PAGE);
    json(&Value::Array(ids.map(|id| data.event(id)).collect()))
}

fn json(value: &Value) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    Response { status: 200, headers, body: value.to_string().into() }
}

fn not_found() -> Response {
    Response { status: 404, headers: Vec::new(), body: Bytes::new() }
}
