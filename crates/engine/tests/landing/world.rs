//! A staging store filled by hand, and an environment over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidegate_core::batch::{Batch, Checkpoint, Page};
use tidegate_core::change::{hex, sha256};
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;
use tidegate_core::pipeline::{Format, LoadSpec, Pipeline, Secrets};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Clock, Env, Http, HttpError};

/// A clock that passes only by being slept on.
pub struct Slept(AtomicI64);

#[async_trait]
impl Clock for Slept {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).expect("a time")
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).expect("a short sleep"), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// No API: these tests stage by hand.
struct NoApi;

#[async_trait]
impl Http for NoApi {
    async fn send(&self, _: &Request, _: &tidegate_core::pipeline::Limits) -> Result<Response, HttpError> {
        Err(HttpError::Connection { host: "nowhere".to_owned(), reason: "there is no API".to_owned() })
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A clock that stands at this time.
pub fn slept(at: Timestamp) -> Arc<Slept> {
    Arc::new(Slept(AtomicI64::new(at.as_millisecond())))
}

pub fn env_over(staging: Arc<dyn ObjectStore>, lake: Arc<dyn ObjectStore>) -> Env {
    Env {
        clock: slept(at("2026-11-23T12:00:00Z")),
        http: Arc::new(NoApi),
        staging,
        lake,
        secrets: Arc::new(Secrets::default()),
        seed: 7,
    }
}

/// Stores in memory, and a clock that says `now`.
pub fn memory_at(now: Timestamp) -> Env {
    Env { clock: Arc::new(Slept(AtomicI64::new(now.as_millisecond()))), ..memory() }
}

pub fn memory() -> Env {
    env_over(Arc::new(InMemory::new()), Arc::new(InMemory::new()))
}

/// The pipeline of the tests: stream `weather` with these lines in its table.
pub fn pipeline(lines: &str) -> Pipeline {
    let text = format!(
        "name = \"test\"\n[source]\nbase_url = \"http://127.0.0.1:1\"\n[[streams]]\nname = \"weather\"\npath = \"/weather\"\n{lines}\n"
    );
    tidegate_core::pipeline::read(&text, &[]).expect("a good pipeline file")
}

pub fn spec(lines: &str) -> LoadSpec {
    let pipeline = pipeline(lines);
    LoadSpec::of(&pipeline.streams[0], &pipeline.source)
}

pub const BY_EVENT: &str = "event_time = \"time\"";

/// Stages a batch whose one page holds these records.
pub async fn stage(env: &Env, seq: u64, polled_at: &str, spec: &LoadSpec, records: &str) -> String {
    let body = records.as_bytes().to_vec();
    let sha = hex(&sha256(&body));
    let page = Page {
        key: keys::page("weather", seq, &sha, "json"),
        element: String::new(),
        number: 0,
        request: "GET http://127.0.0.1:1/weather".to_owned(),
        status: 200,
        fetched_at: at(polled_at),
        bytes: body.len() as u64,
        sha256: sha,
        format: Format::Json,
        charset: None,
        archive: None,
        records: 0,
        repeats: Vec::new(),
        fields: serde_json::Map::new(),
        values: serde_json::Map::new(),
    };
    let batch = Batch {
        version: Batch::VERSION,
        pipeline: "test".to_owned(),
        stream: "weather".to_owned(),
        seq,
        polled_at: at(polled_at),
        config_hash: String::new(),
        load: spec.clone(),
        pages: vec![page.clone()],
        checkpoint: Checkpoint::default(),
    };
    put(env.staging.as_ref(), &page.key, body).await;
    let key = keys::batch("weather", seq);
    put(env.staging.as_ref(), &key, serde_json::to_vec(&batch).expect("JSON")).await;
    key
}

async fn put(store: &dyn ObjectStore, key: &str, bytes: Vec<u8>) {
    store.put(&Path::parse(key).expect("a key"), bytes.into()).await.expect("staged");
}

/// Four batches whose fields widen twice: an integer becomes a double, and a column appears. Two hours of event time,
/// and one late record each.
pub const BATCHES: [(&str, &str); 4] = [
    (
        "2026-11-23T03:10:00Z",
        r#"[{"time":"2026-11-23T03:05:00Z","t":1},{"time":"2026-11-23T02:55:00Z","t":2}]"#,
    ),
    ("2026-11-23T03:20:00Z", r#"[{"time":"2026-11-23T03:15:00Z","t":2.5}]"#),
    (
        "2026-11-23T03:30:00Z",
        r#"[{"time":"2026-11-23T03:25:00Z","t":3,"wind":{"kn":7}},{"time":"2026-11-23T02:50:00Z","t":4}]"#,
    ),
    ("2026-11-23T04:10:00Z", r#"[{"time":"2026-11-23T04:05:00Z","t":5,"wind":{"kn":8}}]"#),
];

/// The rows of [`BATCHES`] by lineage.
pub fn expected() -> Vec<(String, i64)> {
    [(1, 2), (2, 1), (3, 2), (4, 1)]
        .into_iter()
        .flat_map(|(seq, rows)| (0..rows).map(move |row| (format!("weather/{seq:012}"), row)))
        .collect()
}

pub async fn stage_all(env: &Env) -> Vec<String> {
    let mut staged = Vec::new();
    for (seq, (polled_at, records)) in (1..).zip(BATCHES) {
        staged.push(stage(env, seq, polled_at, &spec(BY_EVENT), records).await);
    }
    staged
}
