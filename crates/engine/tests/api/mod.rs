//! A loopback API that answers as a test says, and the world around a poll: a clock that jumps when slept on, stores in
//! memory.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use object_store::memory::InMemory;
use serde_json::{Value, json};
use tidegate_core::batch::Batch;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{Pipeline, Secrets};
use tidegate_engine::{Clock, Env, Error, Gate, Head, ReqwestHttp, Visit, documents, poll};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A request that the API received.
#[derive(Clone, Debug)]
pub struct Hit {
    pub method: String,
    pub path_and_query: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// How many came before it.
    pub number: usize,
}

impl Hit {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// An API on loopback.
pub struct Api {
    pub url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
}

impl Api {
    /// Serves what `answer` gives.
    pub async fn serve(answer: impl Fn(&Hit) -> Response<Body> + Send + Sync + 'static) -> Api {
        let hits = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), hits.clone());
        let app = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), log.clone());
            async move {
                let hit = received(request, &log).await;
                answer(&hit)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Api { url, hits }
    }

    /// Answers every connection with these bytes and closes it.
    pub async fn raw(bytes: &'static [u8]) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                let _ = socket.write_all(bytes).await;
            }
        });
        Api { url, hits: Arc::default() }
    }

    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().expect("hits").clone()
    }
}

async fn received(request: Request, log: &Mutex<Vec<Hit>>) -> Hit {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let header = |(n, v): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let mut log = log.lock().expect("hits");
    let hit = Hit {
        method: parts.method.to_string(),
        path_and_query: parts.uri.to_string(),
        headers: parts.headers.iter().map(header).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        number: log.len(),
    };
    log.push(hit.clone());
    hit
}

/// An answer.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let builder = Response::builder().status(status);
    headers.iter().fold(builder, |b, (n, v)| b.header(*n, *v)).body(body.into()).expect("an answer")
}

/// A JSON answer.
pub fn json_answer(body: &Value) -> Response<Body> {
    answer(200, &[("content-type", "application/json")], body.to_string())
}

/// A clock that stands still, except that sleeping moves it on at once.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<(Timestamp, Vec<Duration>)>>);

impl TestClock {
    pub fn new() -> TestClock {
        TestClock(Arc::new(Mutex::new(("2026-11-23T10:00:00Z".parse().expect("a time"), Vec::new()))))
    }

    pub fn advance(&self, by: Duration) {
        let mut state = self.0.lock().expect("clock");
        state.0 = state.0.checked_add(SignedDuration::try_from(by).expect("short")).expect("a time");
    }

    pub fn slept(&self) -> Vec<Duration> {
        self.0.lock().expect("clock").1.clone()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.lock().expect("clock").0
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().expect("clock").1.push(duration);
        self.advance(duration);
        tokio::task::yield_now().await;
    }
}

/// A pipeline with one stream, polled in a world of its own.
pub struct World {
    pub clock: TestClock,
    pub env: Env,
    pub pipeline: Pipeline,
    pub gate: Gate,
    pub head: Option<Head>,
}

impl World {
    /// `source` and `stream` are laid over the least that a pipeline needs.
    pub fn new(api: &Api, source: &Value, stream: &Value) -> World {
        let mut file = json!({
            "name": "test", "staging": "memory://", "lake": "memory://",
            "source": { "base_url": api.url }, "streams": [{ "name": "items", "path": "/items" }],
        });
        lay(&mut file["source"], source);
        lay(&mut file["streams"][0], stream);
        let pipeline: Pipeline = serde_json::from_value(file).expect("a pipeline");
        let clock = TestClock::new();
        let env = Env {
            clock: Arc::new(clock.clone()),
            http: Arc::new(ReqwestHttp::new(&pipeline.source.limits)),
            staging: Arc::new(InMemory::new()),
            lake: Arc::new(InMemory::new()),
            secrets: Arc::new(Secrets::new([("TOKEN".to_owned(), "s3cr3t".to_owned())])),
            seed: 7,
        };
        let gate = Gate::new(&pipeline.source.limits);
        World { clock, env, pipeline, gate, head: None }
    }

    /// Another poller on the same stores.
    pub fn twin(&self) -> World {
        World {
            clock: self.clock.clone(),
            env: self.env.clone(),
            pipeline: self.pipeline.clone(),
            gate: Gate::new(&self.pipeline.source.limits),
            head: self.head.clone(),
        }
    }

    /// Polls once, a minute after the last time; what was learned is kept.
    pub async fn poll(&mut self) -> Result<Visit, Error> {
        self.clock.advance(Duration::from_secs(60));
        let stream = &self.pipeline.streams[0];
        let visit = poll(&self.env, &self.pipeline, stream, &self.gate, self.head.clone()).await?;
        self.head = Some(visit.head.clone());
        Ok(visit)
    }

    pub async fn batch(&self, seq: u64) -> Batch {
        self.batch_of("items", seq).await
    }

    pub async fn batch_of(&self, stream: &str, seq: u64) -> Batch {
        let key = tidegate_core::keys::batch(stream, seq);
        documents::expect(&self.env, self.env.staging.as_ref(), &key).await.expect("a batch")
    }
}

fn lay(under: &mut Value, over: &Value) {
    let over = over.as_object().cloned().expect("a table");
    under.as_object_mut().expect("a table").extend(over);
}
