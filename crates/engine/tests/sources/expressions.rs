//! Expressions in a real poll and load: requests, cursor, columns and records are what they say, secrets stay hidden.

use serde_json::json;
use tidegate_core::keys;
use tidegate_engine::{Outcome, load_batch};

use crate::api::{Api, World, json_answer};

#[tokio::test]
async fn requests_cursor_columns_and_records_follow_expressions() {
    let api = Api::serve(|hit| {
        let after = hit.path_and_query.split("after=").nth(1).and_then(|n| n.parse().ok()).unwrap_or(0u64);
        let items: Vec<_> = (after + 1..=after + 2)
            .map(|n| json!({ "id": n, "kind": if n % 2 == 0 { "b" } else { "a" }, "noise": 1.50 }))
            .collect();
        json_answer(&json!({ "items": items, "left": 6 - after - 2 }))
    })
    .await;
    let source = json!({ "config": { "site": "eu", "key": "${TOKEN}" } });
    let stream = json!({
        "path": "/{{ config.site }}/items",
        "params": { "key": "{{ config.key | base64encode }}", "day": "{{ (now_utc() - duration('P1D')).strftime('%d') }}" },
        "records": "$.items",
        "paginator": { "type": "cursor", "cursor": "{{ last_record.id }}", "stop": "{{ response.left <= 0 }}", "cursor_param": "after" },
        "fields": { "site": "{{ config.site | upper }}", "key": "{{ config.key }}" },
        "transform": [
            { "filter": "{{ record.kind == 'b' }}" },
            { "add": { "twice": "{{ record.id * 2 }}", "at": "{{ site }}" }, "remove": ["kind"] },
        ],
    });
    let mut world = World::new(&api, &source, &stream);
    let visit = world.poll().await.expect("a visit");
    let Outcome::Staged { key, pages: 3, records: 6, .. } = &visit.outcome else { panic!("{visit:?}") };
    let asked: Vec<String> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    assert_eq!(asked[0], "/eu/items?day=22&key=czNjcjN0");
    assert_eq!(asked[2], "/eu/items?day=22&key=czNjcjN0&after=4");
    let batch = world.batch(1).await;
    let text = serde_json::to_string(&batch).expect("JSON");
    assert!(!text.contains("s3cr3t") && !text.contains("czNjcjN0"), "{text}");
    assert_eq!(batch.pages[0].fields["site"], "EU");
    assert!(batch.pages[0].fields["key"].is_null());
    let report = load_batch(&world.env, key).await.expect("a load");
    assert_eq!((report.rows, report.quarantined), (3, 0));
    let schema = tidegate_engine::ledger::current(&world.env, "items").await.expect("a schema");
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["id", "noise", "twice", "at", "key", "site"]);
    assert_eq!(keys::parse_batch(key), Some(("items", 1)));
}

#[tokio::test]
async fn a_record_that_cannot_be_transformed_goes_to_quarantine_with_the_reason() {
    let api = Api::serve(|_| json_answer(&json!([{ "n": 1 }, { "n": "x" }]))).await;
    let stream = json!({ "transform": [{ "add": { "m": "{{ record.n + 1 }}" } }] });
    let mut world = World::new(&api, &json!({}), &stream);
    let Outcome::Staged { key, .. } = world.poll().await.expect("a visit").outcome else { panic!("a batch") };
    let report = load_batch(&world.env, &key).await.expect("a load");
    assert_eq!((report.rows, report.quarantined), (1, 1));
}
