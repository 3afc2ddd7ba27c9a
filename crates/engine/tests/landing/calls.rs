//! How often the stores are asked: against object stores, calls are what time and money go into.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::memory::InMemory;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Env, Gate, Head, Http, HttpError, Outcome, head, learned, load_batch, poll};

use crate::store::{Fate, Mortal};
use crate::world::{BY_EVENT, env_over, pipeline};

/// An API whose answer is the same for ever.
struct Same(String);

#[async_trait]
impl Http for Same {
    async fn send(&self, _: &Request, _: &Limits) -> Result<Response, HttpError> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status: 200, headers, body: self.0.clone().into() })
    }
}

/// One stream with two stores that count.
struct Counted {
    env: Env,
    staging: Arc<Fate>,
    lake: Arc<Fate>,
}

impl Counted {
    fn new() -> Counted {
        let (staging, lake) = (Arc::new(Fate::default()), Arc::new(Fate::default()));
        let store =
            |fate: &Arc<Fate>| Arc::new(Mortal { inner: Arc::new(InMemory::new()), fate: Arc::clone(fate) });
        Counted { env: env_over(store(&staging), store(&lake)), staging, lake }
    }

    /// Answers of 2 KiB from now on; each number is another content.
    fn serve(&mut self, number: u32) {
        let filler = "x".repeat(1900);
        let record = format!("[{{\"time\":\"2026-11-23T03:05:00Z\",\"n\":{number},\"text\":\"{filler}\"}}]");
        self.env.http = Arc::new(Same(record));
    }

    async fn poll(&self, from: Option<Head>) -> (Option<String>, (u64, u64)) {
        let pipeline = pipeline(BY_EVENT);
        let gate = Gate::new(&pipeline.source.limits);
        let before = self.calls();
        let visit = poll(&self.env, &pipeline, &pipeline.streams[0], &gate, from).await.expect("a visit");
        let staged = match visit.outcome {
            Outcome::Staged { key, .. } => Some(key),
            Outcome::Unchanged => None,
        };
        (staged, self.since(before))
    }

    async fn load(&self, key: &str) -> (u64, u64) {
        let before = self.calls();
        load_batch(&self.env, key).await.expect("loads");
        self.since(before)
    }

    fn calls(&self) -> (u64, u64) {
        (self.staging.calls(), self.lake.calls())
    }

    fn since(&self, (staging, lake): (u64, u64)) -> (u64, u64) {
        (self.staging.calls() - staging, self.lake.calls() - lake)
    }
}

#[tokio::test]
async fn a_poll_and_a_load_make_no_call_that_they_could_spare() {
    let mut counted = Counted::new();
    counted.serve(1);
    let (first, _) = counted.poll(None).await;
    counted.load(&first.expect("staged")).await;
    let known = || async { Some(head(&counted.env, "weather", None).await.expect("a head")) };
    let (nothing, unchanged) = counted.poll(known().await).await;
    assert_eq!((nothing, unchanged), (None, (0, 0)), "an unchanged answer asks no store");
    let from = known().await;
    counted.serve(2);
    let (second, changed) = counted.poll(from).await;
    assert_eq!(changed, (2, 0), "a changed one writes its page and its batch");
    let loaded = counted.load(&second.expect("staged")).await;
    assert_eq!(loaded.0, 2, "a load reads the batch and its page");
    assert_eq!(
        loaded.1, 6,
        "and in the lake claims, looks whether it has ended, finds and reads the schema, writes the file and the manifest"
    );
}

#[tokio::test]
async fn what_was_learned_is_told_by_one_read_a_stream_and_whatever_the_lake_holds() {
    let mut counted = Counted::new();
    counted.serve(1);
    let (staged, _) = counted.poll(None).await;
    counted.load(&staged.expect("staged")).await;
    let before = counted.calls();
    let told = learned(&counted.env, &pipeline(BY_EVENT)).await.expect("told");
    assert!(told[0].line.starts_with("next "), "{told:?}");
    assert_eq!(counted.since(before), (1, 0));
}

#[tokio::test]
async fn a_child_reads_the_last_batch_of_its_parent_once() {
    let mut counted = Counted::new();
    counted.serve(1);
    assert!(counted.poll(None).await.0.is_some());
    let child = "[[streams]]\nname = \"child\"\npath = \"/{parent.n}\"\nparent = { stream = \"weather\", key = \"n\" }";
    let pipeline = pipeline(&format!("{BY_EVENT}\n{child}"));
    let gate = Gate::new(&pipeline.source.limits);
    let before = counted.calls();
    let visit = poll(&counted.env, &pipeline, &pipeline.streams[1], &gate, Some(Head::default())).await;
    assert!(matches!(visit.expect("a visit").outcome, Outcome::Staged { .. }));
    // The parent's state, its list, its batch and its page; a page and a batch are written.
    assert_eq!(counted.since(before), (6, 0));
}
