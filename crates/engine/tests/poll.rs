//! The verb `poll` against a loopback API, on a clock of its own and stores in memory.

mod api;

use std::time::Duration;

use api::{Api, World, answer, json_answer};
use serde_json::json;
use tidegate_core::error::Kind;
use tidegate_engine::{Outcome, head};

fn staged(outcome: &Outcome) -> Option<(u64, u64)> {
    match outcome {
        Outcome::Staged { seq, records, .. } => Some((*seq, *records)),
        Outcome::Unchanged => None,
    }
}

#[tokio::test]
async fn what_a_validator_vouches_for_is_not_staged_again() {
    let api = Api::serve(|hit| match hit.header("if-none-match") {
        Some("\"v1\"") => answer(304, &[("etag", "\"v1\"")], ""),
        _ => answer(200, &[("etag", "\"v1\""), ("content-type", "application/json")], "[{\"id\":1}]"),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &json!({}));
    let first = world.poll().await.expect("a visit");
    assert_eq!(staged(&first.outcome), Some((1, 1)));
    let second = world.poll().await.expect("a visit");
    assert_eq!((staged(&second.outcome), second.not_modified, second.requests), (None, 1, 1));
    let batch = world.batch(1).await;
    assert_eq!(
        (batch.pages.len(), batch.checkpoint.elements[""].validators.etag.as_deref()),
        (1, Some("\"v1\""))
    );
    assert_eq!(head(&world.env, "items", None).await.expect("a head").seq, 1);
    assert_eq!(head(&world.env, "items", Some(9)).await.expect("a head in spite of a wrong hint").seq, 1);
}

#[tokio::test]
async fn what_moves_on_every_request_is_no_change() {
    let api = Api::serve(|hit| {
        let value = if hit.number < 3 { 1 } else { 2 };
        json_answer(&json!({ "generated_at": hit.number, "data": [{ "v": value }] }))
    })
    .await;
    let mut world =
        World::new(&api, &json!({}), &json!({ "records": "$.data", "ignore": ["$.generated_at"] }));
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(staged(&world.poll().await.expect("a visit").outcome));
    }
    assert_eq!(seen, [Some((1, 1)), None, None, Some((2, 1)), None]);
}

#[tokio::test]
async fn an_answer_without_a_place_for_records_is_remarked_on_and_an_empty_one_is_not() {
    let api = Api::serve(|hit| match hit.number {
        0 => json_answer(&json!({ "error": { "message": "quota of s3cr3t exceeded" } })),
        1 => json_answer(&json!({ "data": { "items": [] } })),
        _ => json_answer(&json!({ "data": { "items": [1] } })),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &json!({ "records": "$.data.items[*]" }));
    let visit = world.poll().await.expect("a visit");
    let [remark] = visit.remarks.as_slice() else { panic!("one remark, not {:?}", visit.remarks) };
    assert!(remark.contains("$.data.items[*]") && remark.contains("quota of *** exceeded"), "{remark}");
    for _ in 0..2 {
        assert!(world.poll().await.expect("a visit").remarks.is_empty());
    }
}

#[tokio::test]
async fn records_of_the_poll_before_are_marked_and_an_answer_of_nothing_else_is_unchanged() {
    let api = Api::serve(|hit| {
        let records = [vec![1, 2], vec![2, 1], vec![3, 2]];
        json_answer(&json!(records[hit.number].iter().map(|id| json!({ "id": id })).collect::<Vec<_>>()))
    })
    .await;
    let mut world = World::new(&api, &json!({}), &json!({ "primary_key": ["id"] }));
    assert_eq!(staged(&world.poll().await.expect("a visit").outcome), Some((1, 2)));
    assert_eq!(staged(&world.poll().await.expect("a visit").outcome), None);
    assert_eq!(staged(&world.poll().await.expect("a visit").outcome), Some((2, 1)));
    assert_eq!(world.batch(2).await.pages[0].repeats, [(1, 1)]);
}

#[tokio::test]
async fn an_incremental_stream_asks_from_its_cursor_on() {
    let api = Api::serve(|hit| {
        let since: i64 =
            hit.path_and_query.rsplit('=').next().and_then(|n| n.parse().ok()).expect("a number");
        json_answer(&json!([{ "n": since }, { "n": since + 5 }]))
    })
    .await;
    let stream = json!({ "params": { "since": "{incremental.start_value}" }, "incremental": { "cursor_path": "n", "initial_value": 10 } });
    let mut world = World::new(&api, &json!({}), &stream);
    assert_eq!(staged(&world.poll().await.expect("a visit").outcome), Some((1, 2)));
    assert_eq!(
        staged(&world.poll().await.expect("a visit").outcome),
        Some((2, 1)),
        "the record at the border came twice"
    );
    let asked: Vec<_> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    assert_eq!(asked, ["/items?since=10", "/items?since=15"]);
    assert_eq!(world.batch(2).await.checkpoint.elements[""].cursor, Some(json!(20)));
}

#[tokio::test]
async fn one_element_that_fails_does_not_take_the_others_with_it() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/items/b" => answer(404, &[], "no\x07 such\ncity, token s3cr3t"),
        path => json_answer(&json!({ "path": path, "turn": hit.number })),
    })
    .await;
    let stream = json!({ "path": "/items/{city}", "for_each": { "city": ["a", "b", "c"] }, "fields": { "city": "{city}" } });
    let mut world = World::new(&api, &json!({}), &stream);
    let visit = world.poll().await.expect("a visit");
    assert_eq!(staged(&visit.outcome), Some((1, 2)));
    let [(element, error)] = visit.failures.as_slice() else { panic!("one failure") };
    assert_eq!((element.as_str(), error.kind()), ("b", Kind::Source));
    let message = error.to_string();
    assert!(message.contains("404 Not Found: `no such city, token ***`"), "{message}");
    let pages = world.batch(1).await.pages;
    assert_eq!(pages.iter().map(|page| page.fields["city"].clone()).collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_after_a_while() {
    let api = Api::serve(|hit| match hit.number {
        0 => answer(503, &[], ""),
        1 => answer(429, &[("retry-after", "7")], ""),
        2 => answer(429, &[("retry-after", "0")], ""),
        _ => json_answer(&json!([1])),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &json!({}));
    let visit = world.poll().await.expect("a visit");
    assert_eq!((visit.requests, staged(&visit.outcome)), (4, Some((1, 1))));
    let slept = world.clock.slept();
    assert_eq!(slept.len(), 3);
    assert!(slept[0] <= Duration::from_secs(1) && slept[2] <= Duration::from_secs(4), "{slept:?}");
    assert!((Duration::from_secs(7)..=Duration::from_secs(8)).contains(&slept[1]), "{slept:?}");
}

#[tokio::test]
async fn a_long_retry_after_is_left_to_the_schedule_and_nobody_asks_before() {
    let api = Api::serve(|_| answer(429, &[("retry-after", "3600")], "slow down")).await;
    let mut world = World::new(&api, &json!({}), &json!({}));
    let error = world.poll().await.expect_err("told to stay away");
    let until = "2026-11-23T11:01:00Z".parse().ok();
    assert_eq!((error.kind(), error.retry_at()), (Kind::Transient, until));
    let again = world.poll().await.expect_err("still away");
    assert_eq!((again.retry_at(), api.hits().len()), (until, 1));
    world.clock.advance(Duration::from_secs(3600));
    assert!(world.poll().await.is_err());
    assert_eq!(api.hits().len(), 2);
}

#[tokio::test]
async fn the_rate_is_kept_over_all_requests_of_a_source() {
    let api = Api::serve(|hit| json_answer(&json!(hit.number))).await;
    let stream = json!({ "path": "/{n}", "for_each": { "n": [1, 2, 3] } });
    let mut world = World::new(&api, &json!({ "limits": { "requests_per_second": 0.5 } }), &stream);
    world.poll().await.expect("a visit");
    assert_eq!(world.clock.slept(), [Duration::from_secs(2); 2]);
}

#[tokio::test]
async fn pages_are_followed_to_the_last_and_staged_in_order() {
    let api = Api::serve(|hit| {
        let next = (hit.number < 2).then(|| format!("/items?after={}", hit.number));
        json_answer(&json!({ "next": next, "data": [{ "n": hit.number }] }))
    })
    .await;
    let stream =
        json!({ "records": "$.data", "paginator": { "type": "json_link", "next_url_path": "$.next" } });
    let mut world = World::new(&api, &json!({}), &stream);
    assert_eq!(staged(&world.poll().await.expect("a visit").outcome), Some((1, 3)));
    let pages = world.batch(1).await.pages;
    assert_eq!(pages.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(pages[1].request.ends_with("/items?after=0"), "{}", pages[1].request);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_whole() {
    for (content_type, body, says) in [
        ("application/json", "{\"a\": [1, 2", "begins with `{\"a\": [1, 2`"),
        ("text/html", "<html>\n<b>Sign in", "begins with `<html> <b>Sign in`"),
        ("application/json", "", "page 0 is not JSON"),
        ("application/json", "<html>", "page 0 is not JSON"),
    ] {
        let api = Api::serve(move |_| answer(200, &[("content-type", content_type)], body)).await;
        let mut world = World::new(&api, &json!({}), &json!({}));
        let error = world.poll().await.expect_err(body);
        assert_eq!(error.kind(), Kind::Source, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(head(&world.env, "items", None).await.expect("a head").seq, 0);
    }
}

#[tokio::test]
async fn the_format_is_told_by_the_answer_or_by_its_look() {
    for (content_type, body, format, records) in [
        ("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", "ndjson", 2),
        ("text/csv; charset=iso-8859-1", "a,b\n1,2\n3,4\n", "csv", 2),
        ("text/plain", "{\"a\":1}\n{\"a\":2}\n", "ndjson", 2),
        ("application/octet-stream", " [1,2,3]", "json", 3),
    ] {
        let api = Api::serve(move |_| answer(200, &[("content-type", content_type)], body)).await;
        let mut world = World::new(&api, &json!({}), &json!({}));
        assert_eq!(staged(&world.poll().await.expect(body).outcome), Some((1, records)), "{body}");
        let page = world.batch(1).await.pages.swap_remove(0);
        assert_eq!(page.format.extension(), format);
        assert_eq!(page.charset.is_some(), content_type.contains("charset"));
    }
}

#[tokio::test]
async fn of_two_pollers_at_once_each_content_is_staged_once() {
    let api = Api::serve(|hit| json_answer(&json!([{ "v": hit.number / 2 }]))).await;
    let mut one = World::new(&api, &json!({}), &json!({}));
    let mut two = one.twin();
    one.head = Some(tidegate_engine::Head::default());
    two.head = Some(tidegate_engine::Head::default());
    // Both see the same content: the second finds its number taken by just that.
    assert_eq!(staged(&one.poll().await.expect("a visit").outcome), Some((1, 1)));
    assert_eq!(staged(&two.poll().await.expect("a visit").outcome), None);
    // The content changes; the second believes that it is still at the first batch.
    two.head = one.head.clone();
    assert_eq!(staged(&one.poll().await.expect("a visit").outcome), Some((2, 1)));
    assert_eq!(staged(&two.poll().await.expect("a visit").outcome), None);
    assert_eq!(head(&one.env, "items", None).await.expect("a head").seq, 2);
}

#[tokio::test]
async fn the_loser_of_a_race_stages_other_content_as_the_next_batch() {
    let api = Api::serve(|hit| json_answer(&json!([{ "v": hit.number }]))).await;
    let mut one = World::new(&api, &json!({}), &json!({}));
    let mut two = one.twin();
    two.head = Some(tidegate_engine::Head::default());
    assert_eq!(staged(&one.poll().await.expect("a visit").outcome), Some((1, 1)));
    assert_eq!(staged(&two.poll().await.expect("a visit").outcome), Some((2, 1)));
    assert_eq!(api.hits().len(), 2, "what was fetched stays good");
    assert!(two.batch(2).await.pages[0].key.starts_with("pages/items/000000000002/"));
}

#[tokio::test]
async fn an_incremental_poll_that_lost_the_race_asks_from_the_winners_cursor() {
    let api = Api::serve(|hit| {
        let since: i64 =
            hit.path_and_query.rsplit('=').next().and_then(|n| n.parse().ok()).expect("a number");
        json_answer(&json!([{ "n": since + 1, "turn": hit.number }]))
    })
    .await;
    let stream = json!({ "params": { "since": "{incremental.start_value}" }, "incremental": { "cursor_path": "n", "initial_value": 0 } });
    let mut one = World::new(&api, &json!({}), &stream);
    let mut two = one.twin();
    two.head = Some(tidegate_engine::Head::default());
    assert_eq!(staged(&one.poll().await.expect("a visit").outcome), Some((1, 1)));
    assert_eq!(staged(&two.poll().await.expect("a visit").outcome), Some((2, 1)));
    let asked: Vec<_> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    assert_eq!(asked, ["/items?since=0", "/items?since=0", "/items?since=1"]);
}
