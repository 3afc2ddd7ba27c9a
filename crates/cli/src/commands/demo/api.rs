//! The recorded year as an HTTP API on loopback, as a weather service would offer it: the last 24 hourly
//! observations of a station, conditional requests, a `generated_at` that moves with every answer.
//!
//! Time is compressed: one second of ours is many of 2013.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_engine::Clock;

use super::record::{Record, STATIONS, Station};

/// Observations in one answer.
pub(super) const WINDOW: usize = 24;

/// The compressed clock of the record.
#[derive(Clone)]
pub(super) struct RecordedTime {
    /// Our clock.
    pub(super) clock: Arc<dyn Clock>,
    /// Our time at the start.
    pub(super) started: Timestamp,
    /// The record's time at the start.
    pub(super) from: Timestamp,
    /// Seconds of the record that pass in one of ours.
    pub(super) speed: f64,
}

impl RecordedTime {
    /// The record's time at a time of ours.
    fn at(&self, ours: Timestamp) -> Timestamp {
        let elapsed = ours.duration_since(self.started).as_secs_f64();
        self.from + SignedDuration::from_millis((elapsed * self.speed * 1000.0).max(0.0) as i64)
    }
}

/// For whoever lives in the record, an hour of it is an hour.
#[async_trait]
impl Clock for RecordedTime {
    fn now(&self) -> Timestamp {
        self.at(self.clock.now())
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration.div_f64(self.speed)).await;
    }
}

/// What the API has told of one station: the times of the oldest and the newest observation.
pub(super) type Told = BTreeMap<&'static str, (Timestamp, Timestamp)>;

/// What the API has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    /// Requests for observations.
    pub(super) requests: u64,
    /// Those answered with 304 Not Modified.
    pub(super) not_modified: u64,
    /// Bytes of the bodies sent.
    pub(super) bytes: u64,
    /// Observations told, by station.
    pub(super) told: Told,
    /// Each observation that came out after the start, as it was told first: when, and how many seconds after it was out.
    pub(super) firsts: Vec<(Timestamp, f64)>,
}

/// The API: the record, its time, and what was served.
pub(super) struct Api {
    record: Record,
    time: RecordedTime,
    served: Mutex<Served>,
}

impl Api {
    /// The API over a record.
    pub(super) fn new(record: Record, time: RecordedTime) -> Api {
        Api { record, time, served: Mutex::default() }
    }

    /// The record's time now.
    pub(super) fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// The record's time at the start.
    pub(super) fn began(&self) -> Timestamp {
        self.time.from
    }

    /// Whether all of the record is told: nothing will change any more.
    pub(super) fn is_over(&self) -> bool {
        self.time.now() > self.record.end() + SignedDuration::from_hours(1)
    }

    /// The record behind it.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// What was served so far.
    pub(super) fn served(&self) -> Served {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes an answer that tells the observations `told`; `sent` is its body's length, `None` for a 304.
    fn note(&self, station: &Station, told: Option<(Timestamp, Timestamp)>, sent: Option<u64>) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.requests += 1;
        match sent {
            None => served.not_modified += 1,
            Some(bytes) => served.bytes += bytes,
        }
        if let Some((oldest, newest)) = told {
            let before = served.told.get(station.id).map(|(_, newest)| *newest);
            served.told.entry(station.id).or_insert((oldest, newest)).1 = newest;
            let now = self.time.now();
            let delay = |out: Timestamp| now.duration_since(out).as_secs_f64();
            let new = self.record.between(station, before.unwrap_or(newest), newest).iter();
            let out = new.map(|observation| (observation.time, station.published(observation.time)));
            let out = out
                .filter(|(time, out)| before.is_some_and(|before| *time > before) && *out > self.time.from);
            served.firsts.extend(out.map(|(_, out)| (now, delay(out))));
        }
    }
}

/// The routes of the API.
pub(super) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/stations", get(stations))
        .route("/v1/observations", get(observations))
        .with_state(api)
}

async fn stations() -> Response {
    answer(StatusCode::OK, &json!({ "stations": STATIONS.map(|station| station.json()) }))
}

async fn observations(
    State(api): State<Arc<Api>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let wanted = query.get("station").map_or("", String::as_str);
    let Some(station) = STATIONS.iter().find(|station| station.id == wanted) else {
        let error = format!("no station `{wanted}`; ask with ?station= and one of EWR, JFK, LGA");
        return answer(StatusCode::NOT_FOUND, &json!({ "error": error }));
    };
    let now = api.time.now();
    let latest = api.record.latest(station, now, WINDOW);
    let told = latest.first().zip(latest.last()).map(|(first, last)| (first.time, last.time));
    let etag = format!("W/\"{}-{}\"", station.id, told.map_or(0, |(_, newest)| newest.as_second()));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        api.note(station, told, None);
        let headers = [(header::ETAG, etag), (header::DATE, http_date(now))];
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let newest_first: Vec<&Value> = latest.iter().rev().map(|observation| &observation.json).collect();
    let body =
        json!({ "station": station.json(), "generated_at": now, "observations": newest_first }).to_string();
    api.note(station, told, Some(body.len() as u64));
    let json = "application/json".to_owned();
    ([(header::ETAG, etag), (header::CONTENT_TYPE, json), (header::DATE, http_date(now))], body)
        .into_response()
}

/// The server lives in the record too.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tidegate_core::jiff::ToSpan;

    use super::super::record::hour;
    use super::*;

    /// A clock that stands still.
    struct Still(Timestamp);

    #[async_trait::async_trait]
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            self.0
        }

        async fn sleep(&self, _: std::time::Duration) {}
    }

    /// The API after `seconds` of ours at an hour a second from the 49th hour of the record on.
    fn api(seconds: i64) -> Arc<Api> {
        let started = Timestamp::UNIX_EPOCH;
        let clock = Arc::new(Still(started + seconds.seconds()));
        Arc::new(Api::new(Record::load(), RecordedTime { clock, started, from: hour(48), speed: 3600.0 }))
    }

    async fn ask(api: &Arc<Api>, station: &str, etag: Option<&str>) -> (StatusCode, String, Value) {
        let query = Query(BTreeMap::from([("station".to_owned(), station.to_owned())]));
        let headers =
            etag.map(|tag| (header::IF_NONE_MATCH, tag.parse().expect("a header"))).into_iter().collect();
        let response = observations(State(api.clone()), query, headers).await;
        let status = response.status();
        let etag =
            response.headers().get(header::ETAG).map_or("", |tag| tag.to_str().expect("ASCII")).to_owned();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, etag, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn the_last_day_is_told_newest_first_and_once() {
        let api = api(2);
        let (status, etag, body) = ask(&api, "JFK", None).await;
        assert_eq!((status, etag.as_str()), (StatusCode::OK, "W/\"JFK-1357174800\""));
        assert_eq!(body["observations"].as_array().map(Vec::len), Some(WINDOW));
        assert_eq!(body["observations"][0]["time"], "2013-01-03T01:00:00Z");
        assert_eq!(body["generated_at"], "2013-01-03T02:00:00Z");
        assert_eq!(ask(&api, "JFK", Some(&etag)).await.0, StatusCode::NOT_MODIFIED);
        let served = api.served();
        assert_eq!((served.requests, served.not_modified), (2, 1));
        assert_eq!(served.told["JFK"].1, hour(49));
    }

    #[tokio::test]
    async fn a_stranger_is_told_who_is_known() {
        let (status, _, body) = ask(&api(0), "SFO", None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body["error"].as_str().expect("a text").contains("EWR, JFK, LGA"));
    }
}
