//! A refresh token that changes with each use: kept before it is used, and lost by no race of processes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::json;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::Secrets;
use tidegate_engine::{Clock, Gate, Outcome};

use super::Model;
use crate::api::World;

fn world(model: &Model) -> World {
    let auth = json!({
        "type": "oauth2_refresh_token", "access_token_url": format!("{}/token", model.api.url),
        "client_id": "me", "refresh_token": "${REFRESH}",
    });
    let mut world = World::new(&model.api, &json!({ "auth": auth }), &json!({}));
    world.env.secrets = Arc::new(Secrets::new([("REFRESH".to_owned(), "first-refresh".to_owned())]));
    world
}

/// Another process: nothing in memory, the same stores.
fn restarted(world: &mut World) {
    world.gate = Gate::new(&world.pipeline.source.limits);
}

async fn objects(store: &dyn ObjectStore) -> Vec<(String, String)> {
    let all: Vec<object_store::ObjectMeta> =
        futures::TryStreamExt::try_collect(store.list(None)).await.expect("a list");
    let mut found = Vec::new();
    for meta in all {
        let bytes = store.get(&meta.location).await.expect("there").bytes().await.expect("bytes");
        found.push((meta.location.to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    found
}

#[tokio::test]
async fn it_outlives_the_process_and_stands_nowhere_in_the_open() {
    let model = Model::serve(true).await;
    let mut world = world(&model);
    for round in 1..=6u64 {
        // A process that begins finds what the last one left.
        restarted(&mut world);
        let visit = world.poll().await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(matches!(visit.outcome, Outcome::Staged { .. }));
        assert_eq!(model.granted(), round);
        restarted(&mut world);
        world.poll().await.expect("a visit");
        assert_eq!(model.granted(), round, "the token that still holds is used");
        model.void_before(round + 1);
    }
    let all = objects(world.env.staging.as_ref()).await;
    let kept = all.iter().filter(|(key, _)| key.starts_with("tokens/") && !key.contains("/lease/")).count();
    assert!((1..=3).contains(&kept), "{kept} documents are kept");
    for (key, text) in all {
        assert!(!text.contains("refresh-") && !text.contains("access-"), "{key}: {text}");
    }
}

#[tokio::test]
async fn where_staging_is_thrown_away_it_is_kept_elsewhere() {
    let model = Model::serve(true).await;
    let kept: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for round in 1..=3u64 {
        let mut world = world(&model);
        world.gate = Gate::new(&world.pipeline.source.limits).keeping_tokens_in(kept.clone());
        model.void_before(round);
        world.poll().await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(objects(world.env.staging.as_ref()).await.iter().all(|(key, _)| !key.starts_with("tokens/")));
    }
    assert_eq!(model.granted(), 3);
}

#[tokio::test]
async fn one_that_is_refused_for_good_says_what_to_do() {
    let model = Model::serve(true).await;
    let mut world = world(&model);
    world.env.secrets = Arc::new(Secrets::new([("REFRESH".to_owned(), "stale-refresh".to_owned())]));
    let error = world.poll().await.expect_err("refused").to_string();
    assert!(error.contains("invalid_grant") && error.contains("get a new one"), "{error}");
    assert!(!error.contains("stale-refresh"), "{error}");
}

/// A clock that runs fifty times as fast as the machine's, so that who waits lets others work.
struct FastClock(tokio::time::Instant);

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start + SignedDuration::try_from(self.0.elapsed() * 50).expect("short")
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / 50).await;
    }
}

#[tokio::test]
async fn processes_that_renew_at_the_same_moment_lose_nothing() {
    let model = Model::serve(true).await;
    let mut first = world(&model);
    first.env.clock = Arc::new(FastClock(tokio::time::Instant::now()));
    let mut worlds = [first.twin(), first.twin(), first.twin(), first.twin()];
    for round in 1..=5u64 {
        model.void_before(round);
        worlds.iter_mut().for_each(restarted);
        let polls = worlds.iter_mut().map(World::poll);
        for visit in futures::future::join_all(polls).await {
            visit.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        assert_eq!(model.granted(), round, "one renewed for all");
    }
}
