//! Every way of paging brings every record once, in order.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_core::error::Kind;
use tidegate_core::paginate::End;
use tidegate_engine::Outcome;

use crate::api::{Api, World, json_answer};
use crate::model::{Model, dialects, ids};
use crate::outage::Outage;

fn stream(path: &str, more: &Value, paginator: &Value) -> Value {
    let mut stream = json!({ "path": format!("/{path}"), "records": "$.items", "paginator": paginator });
    stream.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
    stream
}

async fn all_arrive(model: Model, asked: usize, concurrency: u32) {
    let api = model.serve().await;
    for (dialect, more, paginator) in dialects(asked) {
        let source =
            json!({ "auth": model.auth(&api), "limits": { "concurrency": concurrency, "attempts": 9 } });
        let mut world = World::new(&api, &source, &stream(dialect, &more, &paginator));
        let visit = world.poll().await.unwrap_or_else(|error| panic!("{model:?} {paginator}: {error}"));
        let expected: Vec<u64> = (1..=model.total as u64).collect();
        assert_eq!(ids(&world, "items", 1).await, expected, "{model:?} {paginator}");
        assert!(visit.failures.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn records_received_are_records_served(
        total in 1usize..60, asked in 1usize..15, cap in 1usize..15, size in 1usize..15,
        fault_every in prop_oneof![Just(0usize), 3usize..9], concurrency in 1u32..6,
        token_for in prop_oneof![Just(0usize), 20usize..40], threads: bool,
    ) {
        // With several threads answers are read beside the poll.
        let mut runtime = match threads {
            true => tokio::runtime::Builder::new_multi_thread(),
            false => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(all_arrive(Model { total, size, cap, fault_every, token_for }, asked, concurrency));
    }
}

#[tokio::test]
async fn pages_are_asked_for_ahead_where_their_number_is_known() {
    let model = Model { total: 100, size: 10, cap: 10, fault_every: 0, token_for: 0 };
    for (concurrency, total_path, requests) in
        [(1, json!("$.pages"), 10), (8, json!("$.pages"), 10), (8, Value::Null, 11)]
    {
        let api = model.serve().await;
        let paginator = json!({ "type": "page_number", "base_page": 1, "total_path": total_path });
        let source = json!({ "limits": { "concurrency": concurrency } });
        let mut world = World::new(&api, &source, &stream("page", &json!({}), &paginator));
        let visit = world.poll().await.expect("a visit");
        assert_eq!(ids(&world, "items", 1).await.len(), 100);
        let end = if total_path.is_null() { End::EmptyPage } else { End::Total(10) };
        assert_eq!(visit.ends, [end]);
        // Where no total is told, at most as many requests are wasted as pages were read.
        assert!((requests..requests + concurrency as u64).contains(&visit.requests), "{}", visit.requests);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_beyond_what_a_poll_holds_are_staged_in_their_order() {
    // 24 pages of half a MiB: the last of them are put into staging while others are still asked for.
    let filler = "x".repeat(512 << 10);
    let api = Api::serve(move |hit| {
        let page = hit.path_and_query.split_once("page=").and_then(|(_, page)| page.parse::<u64>().ok());
        json_answer(&json!({ "items": [{ "id": page, "filler": filler }], "pages": 24 }))
    })
    .await;
    let paginator = json!({ "type": "page_number", "base_page": 1, "total_path": "$.pages" });
    let source = json!({ "limits": { "concurrency": 6 } });
    let mut world = World::new(&api, &source, &stream("page", &json!({}), &paginator));
    let visit = world.poll().await.expect("a visit");
    assert_eq!((visit.requests, visit.failures.len()), (24, 0));
    assert_eq!(ids(&world, "items", 1).await, (1..=24).collect::<Vec<u64>>());
}

#[tokio::test]
async fn pages_that_a_poll_before_has_left_in_staging_are_not_written_again() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let (filler, last) = ("x".repeat(512 << 10), Arc::new(AtomicU64::new(24)));
    let told = last.clone();
    let api = Api::serve(move |hit| {
        let page = hit.path_and_query.split_once("page=").and_then(|(_, page)| page.parse::<u64>().ok());
        let id = page.map(|page| if page == 24 { told.load(Ordering::SeqCst) } else { page });
        json_answer(&json!({ "items": [{ "id": id, "filler": filler }], "pages": 24 }))
    })
    .await;
    let paginator = json!({ "type": "page_number", "base_page": 1, "total_path": "$.pages" });
    let mut world = World::new(&api, &json!({}), &stream("page", &json!({}), &paginator));
    let staging = Outage::new(|path, _| path.as_ref().starts_with("pages/"));
    world.env.staging = staging.clone();
    assert_ne!(world.poll().await.expect("a visit").outcome, Outcome::Unchanged);
    assert_eq!(world.poll().await.expect("a visit").outcome, Outcome::Unchanged);
    staging.down.store(true, Ordering::SeqCst);
    assert_eq!(world.poll().await.expect("nothing is written").outcome, Outcome::Unchanged);
    staging.down.store(false, Ordering::SeqCst);
    last.store(25, Ordering::SeqCst);
    assert_ne!(world.poll().await.expect("a visit").outcome, Outcome::Unchanged);
    assert_eq!(ids(&world, "items", 2).await, (1..=23).chain([25]).collect::<Vec<u64>>());
    // What has been there for long is written anew: staging may soon remove it.
    assert_eq!(world.poll().await.expect("a visit").outcome, Outcome::Unchanged);
    staging.down.store(true, Ordering::SeqCst);
    world.clock.advance(std::time::Duration::from_secs(100 * 366 * 86_400));
    let error = world.poll().await.expect_err("written");
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let (now, most) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let (inside, highest) = (now.clone(), most.clone());
    let app = axum::Router::new().fallback(move || {
        let (inside, highest) = (inside.clone(), highest.clone());
        async move {
            highest.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            "[{\"id\":1}]"
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let api = Api::serve(|_| json_answer(&json!([]))).await;
    let source = json!({ "base_url": url, "limits": { "concurrency": 3 } });
    let each: Vec<u32> = (0..20).collect();
    let mut world = World::new(&api, &source, &json!({ "path": "/{n}", "for_each": { "n": each } }));
    assert_eq!(world.poll().await.expect("a visit").requests, 20);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn paging_that_would_not_end_is_an_error_that_says_what_to_check() {
    type Answer = fn(usize) -> Value;
    let cases: [(Value, Answer, &str); 4] = [
        (json!({ "type": "page_number" }), |_| json!({ "items": [1] }), "ignore `page`"),
        (json!({ "type": "offset", "limit": 1 }), |_| json!({ "items": [1] }), "ignore `offset`"),
        (
            json!({ "type": "cursor", "cursor_path": "$.next" }),
            |n| json!({ "items": [n], "next": "same" }),
            "in a circle",
        ),
        (
            json!({ "type": "cursor", "cursor_path": "$.next" }),
            |n| json!({ "items": [n], "next": n + 1 }),
            "more than 50 pages",
        ),
    ];
    for (paginator, serve, says) in cases {
        let api = Api::serve(move |hit| json_answer(&serve(hit.number))).await;
        let source = json!({ "limits": { "pages": 50 } });
        let mut world = World::new(&api, &source, &stream("x", &json!({}), &paginator));
        let error = world.poll().await.expect_err("no end");
        assert_eq!(error.kind(), Kind::Source);
        assert!(error.to_string().contains(says), "{error}");
        assert!(api.hits().len() <= 100);
    }
}

#[tokio::test]
async fn pages_that_a_poll_cannot_hold_are_staged_as_they_come() {
    // More bytes than a poll keeps, and more small answers than it keeps.
    let big = |page: u64| json!({ "items": [{ "id": page, "v": "x".repeat(1 << 20) }], "pages": 12 });
    let number = |hit: &crate::api::Hit| {
        hit.path_and_query.split('=').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let api = Api::serve(move |hit| json_answer(&big(number(hit)))).await;
    let paginator = json!({ "type": "page_number", "base_page": 1, "total_path": "$.pages" });
    arrive_and_stay(World::new(&api, &json!({}), &stream("x", &json!({}), &paginator)), 12).await;
    let api = Api::serve(move |hit| json_answer(&json!({ "items": [{ "id": number(hit) }] }))).await;
    let each: Vec<u32> = (1..=80).collect();
    let small =
        json!({ "path": "/x", "params": { "n": "{n}" }, "for_each": { "n": each }, "records": "$.items" });
    arrive_and_stay(World::new(&api, &json!({}), &small), 80).await;
}

/// All records are in the pages that the batch names, and a second poll finds nothing new.
async fn arrive_and_stay(mut world: World, records: u64) {
    world.poll().await.expect("a visit");
    let expected: Vec<u64> = (1..=records).collect();
    let mut found = ids(&world, "items", 1).await;
    found.sort_unstable();
    assert_eq!(found, expected);
    let again = world.poll().await.expect("a visit");
    assert_eq!(again.outcome, tidegate_engine::Outcome::Unchanged);
}
