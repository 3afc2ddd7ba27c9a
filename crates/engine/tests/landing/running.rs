//! `run`: several streams, polled when due and loaded at once, against an API in memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::error::Kind;
use tidegate_core::pipeline::{Limits, Pipeline};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Env, Event, Http, HttpError, LoadMode, RunOptions, Summary, run, status};

use crate::reading::lake;
use crate::world::{at, env_over, memory, slept};

/// `/counter` counts its requests, `/still` never changes, `/broken` is not there.
#[derive(Default)]
struct Counting(AtomicU64);

#[async_trait]
impl Http for Counting {
    async fn send(&self, request: &Request, _: &Limits) -> Result<Response, HttpError> {
        let (status, body) = match request.url.path() {
            "/counter" => (200, format!("[{{\"n\":{}}}]", self.0.fetch_add(1, Ordering::SeqCst))),
            "/still" => (200, "[{\"n\":0}]".to_owned()),
            _ => (404, "{}".to_owned()),
        };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, headers, body: Bytes::from(body) })
    }
}

fn three_streams() -> Pipeline {
    let mut text = "name = \"test\"\n[source]\nbase_url = \"http://127.0.0.1:1\"\n".to_owned();
    for (name, every) in [("counter", "10m"), ("still", "15m"), ("broken", "20m")] {
        text += &format!(
            "[[streams]]\nname = \"{name}\"\npath = \"/{name}\"\ncadence = {{ every = \"{every}\" }}\n"
        );
    }
    tidegate_core::pipeline::read(&text, &[]).expect("a good pipeline file")
}

fn world() -> Env {
    Env { http: Arc::new(Counting::default()), ..memory() }
}

const ONCE: RunOptions = RunOptions { once: true, until: None, load: LoadMode::Event };

async fn go(env: &Env, options: RunOptions) -> Summary {
    run(env, &three_streams(), options, std::future::pending(), &|_| {}).await.expect("runs")
}

#[tokio::test]
async fn once_polls_each_stream_and_one_that_fails_stops_no_other() {
    let env = world();
    let summary = go(&env, ONCE).await;
    assert_eq!((summary.polls, summary.changed, summary.loads, summary.rows), (2, 2, 2, 2));
    assert_eq!((summary.failures, summary.worst), (1, Some(Kind::Source)));
    let again = go(&env, ONCE).await;
    assert_eq!((again.polls, again.changed, again.loads), (2, 1, 1), "only the counter has moved");
    let status = status(&env, &three_streams()).await.expect("looks");
    let polls = |i: usize| &status.streams[i].polls;
    assert_eq!((polls(0).changed, polls(1).changed, polls(1).unchanged, polls(2).failed), (2, 1, 1, 2));
    assert!(polls(2).failure.is_some() && status.streams.iter().all(|stream| stream.lag == 0));
}

#[tokio::test]
async fn streams_are_polled_when_due_until_the_end() {
    let env = world();
    let until = at("2026-11-23T13:05:00Z");
    let summary = go(&env, RunOptions { once: false, until: Some(until), load: LoadMode::Event }).await;
    // The clock of the test moves for all when one sleeps, so only the order of magnitude is the schedule's.
    assert!((3..=14).contains(&summary.polls), "{summary:?}");
    assert!(summary.loads >= 2 && summary.loads == summary.changed, "{summary:?}");
    assert_eq!(lake(&env).await.0.len() as u64, summary.rows);
}

#[tokio::test]
async fn told_to_stop_it_ends_with_all_that_was_staged_loaded() {
    let env = world();
    let (stop, told) = tokio::sync::oneshot::channel::<()>();
    let stop = Mutex::new(Some(stop));
    let loads = AtomicU64::new(0);
    let observer = |event: Event<'_>| {
        if matches!(event, Event::Loaded(_)) && loads.fetch_add(1, Ordering::SeqCst) == 2 {
            stop.lock().expect("one thread").take().map(|stop| stop.send(()));
        }
    };
    let options = RunOptions { once: false, until: None, load: LoadMode::Event };
    let summary =
        run(&env, &three_streams(), options, async { drop(told.await) }, &observer).await.expect("runs");
    assert!(summary.loads >= 3 && summary.loads == summary.changed, "{summary:?}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_stalls_nothing_and_loses_nothing() {
    let today = world();
    go(&today, ONCE).await;
    let stores = env_over(Arc::clone(&today.staging), Arc::clone(&today.lake));
    let yesterday = Env { clock: slept(at("2026-11-22T12:00:00Z")), http: today.http.clone(), ..stores };
    let until = at("2026-11-22T13:05:00Z");
    let summary = go(&yesterday, RunOptions { once: false, until: Some(until), load: LoadMode::Event }).await;
    assert!(summary.polls >= 3, "it does not wait for tomorrow: {summary:?}");
    let status = status(&yesterday, &three_streams()).await.expect("looks");
    let counter = &status.streams[0];
    assert_eq!((counter.batches, counter.lag, counter.polls.head), (1 + summary.changed, 0, counter.batches));
    let (rows, _) = lake(&yesterday).await;
    let distinct: BTreeSet<_> = rows.iter().collect();
    assert_eq!((rows.len() as u64, distinct.len()), (2 + summary.rows, rows.len()), "each record once");
}

#[tokio::test]
async fn windows_are_loaded_when_they_have_closed() {
    let env = world();
    let options = RunOptions {
        once: false,
        until: Some(at("2026-11-23T15:00:00Z")),
        load: LoadMode::Window(Duration::from_secs(3_600)),
    };
    let summary = go(&env, options).await;
    assert!(summary.changed > summary.loads && summary.loads >= 2, "{summary:?}");
    assert_eq!(lake(&env).await.0.len() as u64, summary.rows);
}

/// An API that takes the request and never answers.
struct Silent;

#[async_trait]
impl Http for Silent {
    async fn send(&self, _: &Request, _: &Limits) -> Result<Response, HttpError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_api_that_never_answers_does_not_keep_it_from_stopping() {
    let env = Env { http: Arc::new(Silent), ..memory() };
    let stop = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let summary = run(&env, &three_streams(), ONCE, stop, &|_| {}).await.expect("stops");
    assert_eq!((summary.polls, summary.failures), (0, 0));
}
