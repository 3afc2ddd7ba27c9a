//! Incremental streams: every record once, whatever the windows, the lag, the borders and what the API ignores.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_engine::Outcome;

use crate::api::{Api, Hit, World, answer, json_answer};
use crate::model::ids;

/// Noon of 23 November 2026, the hour of the tests' clock less two.
const START: i64 = 1_795_420_800;

fn param(hit: &Hit, name: &str) -> Option<i64> {
    let (_, query) = hit.path_and_query.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).and_then(|n| n.parse().ok())
}

/// Records with an id and a time; the API gives those of `since <= t <= until`, both ends counted in.
async fn feed(records: Arc<Mutex<Vec<(u64, i64)>>>) -> Api {
    Api::serve(move |hit| {
        let since = param(hit, "since").unwrap_or(i64::MIN);
        let until = param(hit, "until").unwrap_or(i64::MAX);
        let records = records.lock().expect("records");
        let wanted = records.iter().filter(|(_, t)| (since..=until).contains(t));
        json_answer(&wanted.map(|(id, t)| json!({ "id": id, "t": t })).collect())
    })
    .await
}

async fn received(world: &World) -> Vec<u64> {
    let last = world.head.as_ref().map_or(0, |head| head.seq);
    let mut all = Vec::new();
    for seq in 1..=last {
        all.extend(ids(world, "items", seq).await);
    }
    all.sort_unstable();
    all
}

async fn arrive_once(times: Vec<Vec<i64>>, incremental: Value) {
    let records = Arc::new(Mutex::new(Vec::new()));
    let api = feed(records.clone()).await;
    let mut world = World::new(&api, &json!({}), &json!({ "incremental": incremental }));
    let mut id = 0;
    for batch in times {
        for t in batch {
            records.lock().expect("records").push((id, START + t));
            id += 1;
        }
        world.poll().await.unwrap_or_else(|error| panic!("{incremental}: {error}"));
    }
    assert_eq!(received(&world).await, (0..id).collect::<Vec<_>>(), "{incremental}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]
    #[test]
    fn every_record_arrives_once(
        steps in proptest::collection::vec(proptest::collection::vec(0i64..200, 0..8), 1..5),
        step in 50u64..4000, late in 0i64..300,
    ) {
        // Each batch is later than the one before, but for records that are up to the lag too late.
        let spread = |(n, batch): (usize, Vec<i64>)| {
            batch.into_iter().map(|t| (n as i64 * 300 + t - late).max(0)).collect::<Vec<_>>()
        };
        let times: Vec<Vec<i64>> = steps.into_iter().enumerate().map(spread).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let asked = json!({ "cursor_path": "t", "initial_value": START, "lag": "1000s", "start_param": "since" });
        for more in [
            json!({}),
            json!({ "end_param": "until", "step": format!("{step}s") }),
            json!({ "end_param": "until", "step": format!("{step}s"), "granularity": "1s" }),
            json!({ "client_side": true }),
            json!({ "client_side": true, "start_param": "ignored" }),
        ] {
            let mut incremental = asked.clone();
            incremental.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
            runtime.block_on(arrive_once(times.clone(), incremental));
        }
    }
}

#[tokio::test]
async fn windows_are_asked_for_in_the_format_of_the_api_and_end_where_they_should() {
    let api = Api::serve(|_| json_answer(&json!([]))).await;
    let stream = json!({
        "path": "/items/{incremental.end_value}",
        "params": { "from": "{incremental.start_value}" },
        "incremental": {
            "cursor_path": "t", "initial_value": "2026-11-20", "end_value": "2026-11-22", "step": "1d",
            "granularity": "1s", "format": "%Y%m%dT%H%M%S",
        },
    });
    World::new(&api, &json!({}), &stream).poll().await.expect("a visit");
    let asked: Vec<_> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    assert_eq!(
        asked,
        ["/items/20261120T235959?from=20261120T000000", "/items/20261122T000000?from=20261121T000000"]
    );
}

#[tokio::test]
async fn windows_before_one_that_fails_are_staged_and_the_next_poll_goes_on_there() {
    let broken = Arc::new(Mutex::new(true));
    let state = broken.clone();
    let api = Api::serve(move |hit| {
        let since = param(hit, "since").expect("since");
        match since >= START + 200 && *state.lock().expect("state") {
            true => answer(404, &[], "not now"),
            false => json_answer(&json!([{ "id": since - START, "t": since + 50 }])),
        }
    })
    .await;
    let stream = json!({ "incremental": {
        "cursor_path": "t", "initial_value": START, "end_value": START + 400, "step": "100s",
        "start_param": "since", "end_param": "until",
    } });
    let mut world = World::new(&api, &json!({}), &stream);
    let visit = world.poll().await.expect("a visit");
    assert!(matches!(visit.outcome, Outcome::Staged { records: 2, .. }), "{:?}", visit.outcome);
    assert_eq!(visit.failures.len(), 1);
    assert_eq!(world.batch(1).await.checkpoint.elements[""].cursor, Some(json!(START + 150)));
    *broken.lock().expect("state") = false;
    world.poll().await.expect("a visit");
    assert_eq!(world.batch(2).await.checkpoint.elements[""].cursor, Some(json!(START + 400)));
}

#[tokio::test]
async fn a_record_of_a_key_that_comes_on_two_pages_is_landed_once() {
    // Pages shift while they are read: the last record of one comes first on the next.
    let api = Api::serve(|hit| {
        let page = param(hit, "page").expect("page");
        json_answer(&match page {
            0 => json!([{ "id": 1 }, { "id": 2 }]),
            1 => json!([{ "id": 2 }, { "id": 3 }]),
            _ => json!([]),
        })
    })
    .await;
    let stream = json!({ "primary_key": ["id"], "paginator": { "type": "page_number" } });
    let mut world = World::new(&api, &json!({}), &stream);
    world.poll().await.expect("a visit");
    assert_eq!(received(&world).await, [1, 2, 3]);
}
