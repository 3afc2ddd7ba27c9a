//! What answers mean: every action of a rule, and what the API itself says about waiting.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_core::error::Kind;
use tidegate_engine::Outcome;

use crate::api::{Api, Hit, World, answer, json_answer};
use crate::model::ids;

fn ruled(rules: Value) -> Value {
    json!({ "records": "$.items", "response_actions": rules })
}

#[tokio::test]
async fn a_200_that_is_an_error_is_one_when_told_so() {
    let api = Api::serve(|_| json_answer(&json!({ "error": { "code": 17 }, "items": [] }))).await;
    let rules =
        json!([{ "path": "$.error.code", "action": "fail", "message": "the plan does not allow this" }]);
    let error = World::new(&api, &json!({}), &ruled(rules)).poll().await.expect_err("an error");
    assert_eq!(error.kind(), Kind::Source);
    let message = error.to_string();
    assert!(message.contains("17") && message.contains("the plan does not allow this"), "{message}");
    // Not told so it is an answer without records.
    let untold = World::new(&api, &json!({}), &ruled(json!([]))).poll().await.expect("a visit");
    assert!(matches!(untold.outcome, Outcome::Staged { records: 0, .. }));
}

#[tokio::test]
async fn what_is_to_be_ignored_is_a_page_without_records() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/items?page=2" => answer(404, &[("content-type", "text/html")], "<html>no such page"),
        path => json_answer(&json!({ "items": [{ "id": path.len() as u64 + hit.number as u64 }] })),
    })
    .await;
    let mut stream = ruled(json!([{ "status_code": 404, "action": "ignore" }]));
    stream["paginator"] = json!({ "type": "page_number" });
    let mut world = World::new(&api, &json!({}), &stream);
    assert!(matches!(world.poll().await.expect("a visit").outcome, Outcome::Staged { records: 2, .. }));
    assert_eq!(ids(&world, "items", 1).await.len(), 2);
}

#[tokio::test]
async fn a_rule_says_what_is_tried_again_and_how_long_to_wait() {
    let api = Api::serve(|hit| match hit.number {
        0 => json_answer(&json!({ "status": "busy" })),
        1 => answer(403, &[("x-wait", "9")], "quota exceeded"),
        2 => answer(403, &[("x-wait", "0"), ("retry-after", "0")], "quota exceeded"),
        _ => json_answer(&json!({ "items": [1] })),
    })
    .await;
    let rules = json!([
        { "path": "$[?@ == 'busy']", "action": "retry", "backoff": { "type": "constant", "wait": "42s" } },
        { "status_code": 403, "content": "quota", "action": "rate_limited", "backoff": { "type": "header", "name": "X-Wait" } },
    ]);
    let mut world = World::new(&api, &json!({}), &ruled(rules));
    assert_eq!(world.poll().await.expect("a visit").requests, 4);
    let slept = world.clock.slept();
    let within = |at: usize, from: u64, to: u64| {
        assert!((Duration::from_secs(from)..=Duration::from_secs(to)).contains(&slept[at]), "{slept:?}");
    };
    within(0, 42, 43);
    within(1, 9, 10);
    // Nought is no wait: the usual backoff.
    within(2, 0, 4);
    assert_eq!(slept.len(), 3);
}

#[tokio::test]
async fn while_the_api_wants_to_be_left_alone_no_stream_of_it_asks() {
    let api = Api::serve(|hit| match hit.number {
        0 => answer(429, &[("retry-after", "30")], ""),
        _ => json_answer(&json!([{ "n": hit.number }])),
    })
    .await;
    let each = json!({ "path": "/{n}", "for_each": { "n": [1, 2, 3] } });
    let source = json!({ "limits": { "concurrency": 1 } });
    let mut world = World::new(&api, &source, &each);
    assert_eq!(world.poll().await.expect("a visit").requests, 4);
    let slept = world.clock.slept();
    assert!(slept.iter().sum::<Duration>() >= Duration::from_secs(30), "{slept:?}");
}

fn param(hit: &Hit, name: &str) -> u64 {
    let query = hit.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value.and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn paging_begins_again_from_the_cursor_where_the_api_goes_no_deeper() {
    // The API pages no deeper than 20 records; the rest is asked for from the cursor on.
    let api = Api::serve(|hit| {
        let (since, offset) = (param(hit, "since"), param(hit, "offset"));
        match offset >= 20 {
            true => answer(400, &[], "the window is too large"),
            false => {
                let from = since + offset;
                json_answer(&json!({ "items": (from..55.min(from + 10)).map(|t| json!({ "id": t, "t": t })).collect::<Vec<_>>() }))
            }
        }
    })
    .await;
    let mut stream =
        ruled(json!([{ "status_code": 400, "content": "too large", "action": "reset_pagination" }]));
    stream["paginator"] = json!({ "type": "offset", "limit": 10 });
    stream["incremental"] = json!({ "cursor_path": "t", "initial_value": 0, "start_param": "since" });
    let mut world = World::new(&api, &json!({}), &stream);
    world.poll().await.expect("a visit");
    assert_eq!(ids(&world, "items", 1).await, (0..55).collect::<Vec<_>>());
}

#[tokio::test]
async fn paging_that_begins_again_at_the_same_cursor_is_an_error() {
    let api = Api::serve(|hit| match param(hit, "offset") {
        30.. => answer(400, &[], "the window is too large"),
        from => json_answer(
            &json!({ "items": (from..from + 10).map(|id| json!({ "id": id, "t": 7 })).collect::<Vec<_>>() }),
        ),
    })
    .await;
    let mut stream = ruled(json!([{ "status_code": 400, "action": "reset_pagination" }]));
    stream["paginator"] = json!({ "type": "offset", "limit": 10 });
    stream["incremental"] = json!({ "cursor_path": "t", "initial_value": 0, "start_param": "since" });
    let error = World::new(&api, &json!({}), &stream).poll().await.expect_err("no end");
    assert!(error.to_string().contains("again and again"), "{error}");
    assert!(api.hits().len() < 100, "{}", api.hits().len());
}

#[tokio::test]
async fn paging_that_begins_again_and_again_is_an_error() {
    let api = Api::serve(|_| answer(409, &[], "expired")).await;
    let rules = json!([{ "status_code": 409, "action": "reset_pagination" }]);
    let error = World::new(&api, &json!({}), &ruled(rules)).poll().await.expect_err("no end");
    assert!(error.to_string().contains("reset_pagination"), "{error}");
    assert!(api.hits().len() < 10);
}
