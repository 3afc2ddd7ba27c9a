//! Whole manifests, as they stand, against an API that speaks their dialects: every record of every stream arrives.

mod credentials;
mod refused;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use object_store::memory::InMemory;
use serde_json::{Value, json};
use tidegate_airbyte::ManifestFile;
use tidegate_core::pipeline::{Pipeline, Secrets};
use tidegate_core::schema::DataType;
use tidegate_engine::{Env, Gate, Outcome, ReqwestHttp, Visit, load_batch, poll};

use crate::api::{Api, Hit, TestClock, answer, json_answer};

/// A manifest, expanded with a config, in a world of its own.
struct Manifest {
    env: Env,
    pipeline: Pipeline,
}

impl Manifest {
    fn of(text: &str, config: Value) -> Manifest {
        let file = "name = \"test\"\nstaging = \"memory://\"\nlake = \"memory://\"\n[source]\nkind = \"airbyte\"\nmanifest = \"m\"\n";
        let file = ManifestFile::read(file).expect("a manifest's file").expect("a right one");
        let clock = TestClock::new();
        let now = tidegate_engine::Clock::now(&clock);
        let expanded =
            file.expand(text, config, &BTreeMap::new(), &[], now).expect("a manifest that can be run");
        let pipeline = expanded.pipeline;
        let env = Env {
            clock: Arc::new(clock),
            http: Arc::new(ReqwestHttp::new(&pipeline.source.limits)),
            staging: Arc::new(InMemory::new()),
            lake: Arc::new(InMemory::new()),
            secrets: Arc::new(Secrets::new(expanded.translation.secrets)),
            seed: 7,
        };
        Manifest { env, pipeline }
    }

    async fn poll(&self, stream: &str) -> Visit {
        let stream = self.pipeline.stream(stream).expect("a stream");
        let gate = Gate::new(&self.pipeline.source.limits);
        let visit = poll(&self.env, &self.pipeline, stream, &gate, None).await;
        let visit = visit.unwrap_or_else(|error| panic!("{}: {error}", stream.name));
        assert!(visit.failures.is_empty(), "{}: {:?}", stream.name, visit.failures);
        visit
    }

    /// Records that a poll brings, and rows that they become.
    async fn brings(&self, stream: &str) -> (u64, u64) {
        match self.poll(stream).await.outcome {
            Outcome::Staged { key, records, .. } => {
                let report = load_batch(&self.env, &key).await.expect("a load");
                assert_eq!(report.quarantined, 0, "{stream}");
                (records, report.rows)
            }
            Outcome::Unchanged => (0, 0),
        }
    }
}

fn query(hit: &Hit) -> BTreeMap<String, String> {
    let url = url::Url::parse(&format!("http://x{}", hit.path_and_query)).expect("a URL");
    url.query_pairs().into_owned().collect()
}

fn path(hit: &Hit) -> &str {
    hit.path_and_query.split('?').next().unwrap_or_default()
}

/// Records behind each stream that pages.
const TOTAL: u64 = 23;

fn slice(from: u64, size: u64) -> Vec<Value> {
    (from..TOTAL.min(from + size)).map(|n| json!({ "id": n + 1 })).collect()
}

fn paged(hit: &Hit) -> Response<Body> {
    let asked = query(hit);
    let number = |name: &str, usual: u64| asked.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let size = number("size", 4);
    let host = hit.header("host").unwrap_or_default().to_owned();
    let after = match path(hit) {
        "/search" => {
            let body: Value = serde_json::from_str(&hit.body).expect("JSON");
            assert!(body["query"]["size"].is_u64() || body["query"]["sort"] == "id", "{body}");
            body["query"]["after"].as_u64().unwrap_or(0)
        }
        "/page" => (number("page", 1) - 1) * size,
        "/offset" => number("skip", 0),
        "/all" => return json_answer(&json!({ "data": { "items": slice(0, TOTAL) } })),
        _ => number("after", 0),
    };
    let linked = path(hit).starts_with("/link");
    if linked && asked.get("kind").is_none_or(|kind| kind != "linked") {
        return answer(400, &[], "kind is missing");
    }
    let items = slice(after, size);
    let next = (after + size < TOTAL).then_some(after + size);
    let url = next.map(|next| format!("http://{host}{}?after={next}", path(hit)));
    let body = json!({ "data": { "items": items }, "meta": { "next": next, "next_url": url } }).to_string();
    let mut headers = vec![("content-type", "application/json".to_owned())];
    headers.extend(next.map(|next| ("x-next", next.to_string())));
    headers.extend(url.map(|url| ("link", format!("<{url}>; rel=\"next\""))));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    answer(200, &headers, body)
}

#[tokio::test]
async fn every_record_arrives_by_every_way_of_paging() {
    let api = Api::serve(paged).await;
    let manifest =
        Manifest::of(include_str!("../../../airbyte/tests/manifests/paging.yaml"), json!({ "url": api.url }));
    assert_eq!(manifest.pipeline.streams.len(), 11);
    for stream in &manifest.pipeline.streams {
        assert_eq!(manifest.brings(&stream.name).await, (TOTAL, TOTAL), "{}", stream.name);
    }
    let first = |path: &str| {
        let hits = api.hits().into_iter().find(|hit| hit.path_and_query.starts_with(path));
        hits.map(|hit| hit.path_and_query).unwrap_or_default()
    };
    assert_eq!(first("/page"), "/page?kind=page&page=1&size=5");
    assert!(api.hits().iter().any(|hit| hit.path_and_query == "/page?kind=plain"));
}

fn family(hit: &Hit) -> Response<Body> {
    let ids = |names: &[String]| {
        json_answer(&names.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>().into())
    };
    let asked = query(hit);
    let steps: Vec<&str> = path(hit).trim_matches('/').split('/').collect();
    match steps.as_slice() {
        ["accounts"] => ids(&["a1".to_owned(), "a2".to_owned(), "a3".to_owned()]),
        ["accounts", account, "contacts"] => ids(&[format!("{account}-c1"), format!("{account}-c2")]),
        ["accounts", account, "contacts", contact, "notes"] if contact.starts_with(account) => {
            ids(&[format!("{contact}-n1"), format!("{contact}-n2"), format!("{contact}-n3")])
        }
        ["kinds"] => ids(&[format!("{}-1", asked["kind"])]),
        ["pairs"] => ids(&[format!("{}-{}", asked["account"], asked["kind"])]),
        ["products", account, contact] => ids(&[format!("{account}-{contact}")]),
        other => answer(404, &[], format!("{other:?}")),
    }
}

#[tokio::test]
async fn every_child_of_every_parent_and_list_arrives() {
    let api = Api::serve(family).await;
    let text = include_str!("../../../airbyte/tests/manifests/parents.yaml");
    let manifest = Manifest::of(text, json!({ "url": api.url }));
    for (stream, expected) in [
        ("accounts", 3),
        ("contacts", 6),
        ("contact_notes", 18),
        ("by_kind", 3),
        ("pairs", 6),
        ("products", 18),
    ] {
        assert_eq!(manifest.brings(stream).await, (expected, expected), "{stream}");
    }
    // A child finds its parents by itself, too.
    let alone = Manifest::of(text, json!({ "url": api.url }));
    assert_eq!(alone.brings("contact_notes").await, (18, 18));
}

/// One event a day from 2026-10-20 on, 35 of them: the last is one of the morning of the test's day.
fn events(hit: &Hit) -> Response<Body> {
    let asked = query(hit);
    let bound = |name: &str, usual: i64| asked.get(name).map_or(usual, |n| n.parse().expect("seconds"));
    let (since, until) = (bound("since", 0), bound("until", i64::MAX));
    let first = 1_792_454_400;
    let days = (0..35).map(|day| first + day * 86_400).filter(|at| (since..=until).contains(at));
    let event = |at: i64| {
        let time = tidegate_core::jiff::Timestamp::from_second(at).expect("a time");
        json!({ "id": at, "at": time.to_string() })
    };
    json_answer(&days.map(event).collect::<Vec<_>>().into())
}

#[tokio::test]
async fn every_time_is_asked_for_and_arrives_once() {
    let api = Api::serve(events).await;
    let config = json!({ "url": api.url, "start_date": "2026-10-20T00:00:00Z" });
    let manifest = Manifest::of(include_str!("../../../airbyte/tests/manifests/incremental.yaml"), config);
    assert_eq!(manifest.brings("in_windows").await, (35, 35));
    let asked: Vec<String> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert_eq!(asked[0], "/events?since=1792454400&until=1793059199");
    // A day is looked back, and what it brings again lands once.
    assert_eq!(manifest.brings("in_windows").await, (0, 0));
    assert_eq!(manifest.brings("by_expression").await, (35, 35));
    assert_eq!(manifest.brings("on_this_side").await, (9, 9));
}

#[tokio::test]
async fn records_are_found_filtered_and_changed() {
    let api = Api::serve(|_| {
        let member = |id: u64| json!({ "id": id, "secret": "s", "more": { "noise": 1, "kept": 2 } });
        let groups =
            [1, 5].map(|from| json!({ "members": (from..from + 4).map(member).collect::<Vec<_>>() }));
        json_answer(&json!({ "groups": groups }))
    })
    .await;
    let config = json!({ "url": api.url });
    let manifest = Manifest::of(include_str!("../../../airbyte/tests/manifests/records.yaml"), config);
    // Staged as they came; loaded are the even ones and those that the config wants.
    assert_eq!(manifest.brings("nested").await, (8, 6));
    let schema = tidegate_engine::ledger::current(&manifest.env, "nested").await.expect("a schema");
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["id", "more", "twice", "site"]);
}

/// What is sent, held against what airbyte-cdk 7.39.1 sends for the same manifest.
#[tokio::test]
async fn values_are_sent_and_added_as_the_cdk_does() {
    let api = Api::serve(|_| {
        let item = |id: u64, code: &str| json!({ "id": id, "code": code });
        json_answer(&json!({ "groups": [{ "items": [item(1, "12345"), item(2, "00501")] }] }))
    })
    .await;
    let config = json!({ "url": api.url, "ids": [1, 2], "csv": "11,22", "live": true, "hex": "0x1F", "num": 5, "key": "dyn" });
    let manifest = Manifest::of(include_str!("airbyte/values.yaml"), config);
    assert_eq!(manifest.brings("params").await, (4, 4));
    let mut sent: Vec<String> = api.hits().iter().map(|hit| hit.path_and_query.clone()).collect();
    sent.sort();
    let expected = |partition: &str| {
        format!(
            "/v1/?csv=11%2C22&dyn=1&each=1&each=2&hex=0x1F&ids=1%2C2&live=True&none=None&of={partition}\
             &partition={partition}&plain=1.50"
        )
    };
    assert_eq!(sent, [expected("-5"), expected("1e5")]);
    assert_eq!(manifest.brings("form").await, (2, 2));
    assert_eq!(api.hits()[2].body, "csv=11%2C22&hex=0x1F&live=True");
    assert_eq!(manifest.brings("json").await, (2, 2));
    let hit = &api.hits()[3];
    assert_eq!(path(hit), "/-5/json/");
    let body: Value = serde_json::from_str(&hit.body).expect("JSON");
    let expected = json!({ "number": 5, "text": "5", "list": "[1, 2]", "dyn": 1, "deep": { "opt": "-5" } });
    assert_eq!(body, expected);
    let schema = tidegate_engine::ledger::current(&manifest.env, "json").await.expect("a schema");
    let of = |name: &str| schema.fields.iter().find(|field| field.name == name).map(|field| &field.data_type);
    assert_eq!((of("zip"), of("five")), (Some(&DataType::String), Some(&DataType::String)));
}

#[tokio::test]
async fn records_come_into_the_shape_that_the_transformations_say() {
    let api = Api::serve(|_| {
        let record = |id: u64| {
            let attributes = json!({ "colorCode": "c", "size": { "x y": 1 } });
            json!({ "id": id, "userName": "n", "is on": true, "attributes": attributes })
        };
        json_answer(&json!({ "data": [record(1), record(2)] }))
    })
    .await;
    let config = json!({ "url": api.url });
    let manifest = Manifest::of(include_str!("../../../airbyte/tests/manifests/reshaped.yaml"), config);
    for (stream, columns) in [
        ("lower", "id username is on attributes site"),
        ("snake", "id user_name is_on attributes"),
        ("replaced", "id userName is_on attributes"),
        ("flat", "x y colorCode is on userName id"),
        ("unnested", "id userName is on a_colorCode a_size"),
        ("on_a_condition", "id userName is on color"),
    ] {
        assert_eq!(manifest.brings(stream).await, (2, 2), "{stream}");
        let schema = tidegate_engine::ledger::current(&manifest.env, stream).await.expect("a schema");
        let known = schema.fields.iter().filter(|field| field.data_type != DataType::Unknown);
        let names: Vec<&str> = known.map(|field| field.name.as_str()).collect();
        assert_eq!(names.join(" "), columns, "{stream}");
    }
}

/// Two lines of JSON, `{"id":1}` and `{"id":2}`, as gzip.
const RESULT: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 76, 81, 178, 50, 172, 229, 170, 6, 51, 140, 106, 185, 0,
    6, 44, 165, 4, 18, 0, 0, 0,
];

fn jobs(hit: &Hit) -> Response<Body> {
    assert_eq!(hit.header("authorization"), Some("Bearer t-12345678"), "{}", hit.path_and_query);
    let host = hit.header("host").unwrap_or_default().to_owned();
    match (path(hit), hit.number % 2) {
        ("/jobs", _) => {
            let asked: Value = serde_json::from_str(&hit.body).expect("JSON");
            json_answer(&json!({ "id": asked["kind"] }))
        }
        ("/jobs/urls" | "/jobs/id", 1) => json_answer(&json!({ "job": { "state": "RUNNING" } })),
        ("/jobs/urls" | "/jobs/id", _) => {
            let files = [1, 3].map(|from| json!({ "url": format!("http://{host}/files/{from}") }));
            json_answer(&json!({ "job": { "state": "DONE", "files": files, "result": 7 } }))
        }
        ("/files/1", _) => json_answer(&json!({ "rows": [{ "id": 1 }, { "id": 2 }] })),
        ("/files/3", _) => json_answer(&json!({ "rows": [{ "id": 3 }] })),
        ("/results/7", _) if query(hit)["of"] == "id" => answer(200, &[], RESULT),
        other => answer(404, &[], format!("{other:?}")),
    }
}

#[tokio::test]
async fn every_result_of_an_asynchronous_job_arrives() {
    let api = Api::serve(jobs).await;
    let config = json!({ "url": api.url, "token": "t-12345678" });
    let manifest = Manifest::of(include_str!("../../../airbyte/tests/jobs.yaml"), config);
    let timeout = |stream: &str| {
        manifest.pipeline.stream(stream).and_then(|one| one.job.as_ref()).map(|job| job.timeout.0)
    };
    assert_eq!(timeout("by_urls"), Some(std::time::Duration::from_secs(300)));
    assert_eq!(manifest.brings("by_urls").await, (3, 2));
    assert!(api.hits().iter().any(|hit| hit.method == "DELETE" && hit.path_and_query == "/jobs/urls"));
    assert_eq!(manifest.brings("by_id").await, (2, 1));
}

#[tokio::test]
async fn answers_mean_what_the_handlers_say() {
    let api = Api::serve(|hit| match (path(hit), hit.number % 4) {
        ("/gone", _) => answer(403, &[], "there is no such thing here"),
        ("/flaky", 0..2) => answer(503, &[], ""),
        ("/busy", 3) => answer(200, &[("x-wait", "11")], "{\"code\": 17}"),
        _ => json_answer(&json!([{ "id": 1 }])),
    })
    .await;
    let config = json!({ "url": api.url });
    let manifest = Manifest::of(include_str!("../../../airbyte/tests/manifests/failures.yaml"), config);
    assert_eq!(manifest.pipeline.source.limits.attempts, 4);
    for stream in ["flaky", "told_by_the_body"] {
        assert_eq!(manifest.brings(stream).await, (1, 1), "{stream}");
    }
    assert_eq!(manifest.brings("gone").await, (0, 0));
}
