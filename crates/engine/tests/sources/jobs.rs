//! Asynchronous jobs: created, asked about, read; and every way in which that goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_core::error::Kind;
use tidegate_core::paginate::End;
use tidegate_engine::{Outcome, load_batch};

use crate::api::{Api, Hit, World, answer, json_answer};
use crate::model::ids;

/// A stream whose job is created at `/jobs` and asked about at `/jobs/<id>`.
fn stream(more: &Value) -> Value {
    let mut job = json!({
        "poll": { "path": "/jobs/{creation_response.id}" }, "status_path": "$.state", "urls_path": "$.urls",
    });
    job.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
    json!({ "path": "/jobs", "method": "POST", "body": { "report": "all" }, "job": job })
}

fn made(api: &Api) -> usize {
    api.hits()
        .iter()
        .filter(|hit| (hit.method.as_str(), hit.path_and_query.as_str()) == ("POST", "/jobs"))
        .count()
}

async fn kept(world: &World) -> usize {
    let prefix = object_store::path::Path::from("jobs");
    world.env.staging.list(Some(&prefix)).collect::<Vec<_>>().await.len()
}

/// Every job is `job 1` and done at its third look; its results are a file of CSV and one of JSON.
fn works(hit: &Hit) -> Response<Body> {
    match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": "job 1" })),
        "/jobs/job%201" if hit.method == "DELETE" => answer(204, &[], ""),
        "/jobs/job%201" if hit.number < 3 => json_answer(&json!({ "state": "RUNNING", "urls": [] })),
        "/jobs/job%201" => {
            json_answer(&json!({ "state": "Done", "urls": ["/files/1?sig=s1gn", "/files/2"] }))
        }
        "/files/1?sig=s1gn" => answer(200, &[("content-type", "text/csv")], "id\n1\n2\n"),
        "/files/2" => answer(200, &[("content-type", "application/json")], "[{\"id\":3}]"),
        other => answer(404, &[], other.to_owned()),
    }
}

#[tokio::test]
async fn a_job_is_created_waited_for_read_and_cleared_away() {
    let api = Api::serve(works).await;
    let delete = json!({ "path": "/jobs/{creation_response.id}", "method": "DELETE" });
    let mut world = World::new(&api, &json!({}), &stream(&json!({ "delete": delete })));
    let visit = world.poll().await.expect("a visit");
    assert_eq!(visit.ends, [End::Results(2)]);
    assert_eq!(world.clock.slept(), [5, 10].map(Duration::from_secs));
    let Outcome::Staged { key, records: 3, pages: 2, .. } = &visit.outcome else {
        panic!("{:?}", visit.outcome)
    };
    assert_eq!(load_batch(&world.env, key).await.expect("a load").rows, 3);
    let last = api.hits().pop().expect("a hit");
    assert_eq!((last.method.as_str(), last.path_and_query.as_str()), ("DELETE", "/jobs/job%201"));
    assert_eq!((made(&api), kept(&world).await), (1, 0));
    let shown = &world.batch(1).await.pages[0].request;
    assert!(shown.ends_with("/files/1?sig=***"), "{shown}");
    // The next poll makes a job of its own, which finds nothing new.
    assert!(matches!(world.poll().await.expect("a visit").outcome, Outcome::Unchanged));
    assert_eq!((made(&api), kept(&world).await), (2, 0));
}

#[tokio::test]
async fn a_job_that_runs_on_is_gone_on_with_by_whoever_polls_next() {
    let api = Api::serve(works).await;
    let mut world = World::new(&api, &json!({}), &stream(&json!({ "wait": "7s" })));
    let error = world.poll().await.expect_err("it runs").to_string();
    assert!(error.contains("the job still runs; the next poll goes on with it"), "{error}");
    assert_eq!((made(&api), kept(&world).await), (1, 1));
    // Another process: nothing but the store tells it of the job.
    let mut twin = world.twin();
    assert!(matches!(twin.poll().await.expect("a visit").outcome, Outcome::Staged { records: 3, .. }));
    assert_eq!((made(&api), kept(&world).await), (1, 0));
    assert_eq!(world.head, None);
}

#[tokio::test]
async fn a_poll_that_dies_on_the_way_leaves_its_job_to_the_next_one() {
    let ends = Arc::new(AtomicBool::new(false));
    let may_end = ends.clone();
    let api = Api::serve(move |hit| match hit.path_and_query.as_str() {
        "/jobs/job%201" if !may_end.load(Ordering::SeqCst) => json_answer(&json!({ "state": "RUNNING" })),
        _ => works(hit),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &stream(&json!({ "wait": "1d", "timeout": "2d" })));
    let mut twin = world.twin();
    // The poll is dropped while it waits for the job, which does not end before that.
    {
        let mut dying = std::pin::pin!(world.poll());
        while api.hits().len() < 2 {
            let step = tokio::time::timeout(Duration::from_millis(1), &mut dying).await;
            assert!(step.is_err(), "{step:?}");
        }
    }
    ends.store(true, Ordering::SeqCst);
    let visit = twin.poll().await.expect("a visit");
    assert!(matches!(visit.outcome, Outcome::Staged { records: 3, .. }), "{:?}", visit.outcome);
    assert_eq!(made(&api), 1);
}

#[tokio::test]
async fn a_job_that_fails_is_tried_anew_no_more_often_than_it_may_be() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": hit.number })),
        _ => json_answer(&json!({ "state": "failed" })),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &stream(&json!({ "attempts": 2 })));
    let error = world.poll().await.expect_err("it fails");
    assert_eq!((error.kind(), made(&api), kept(&world).await), (Kind::Source, 2, 0));
    assert!(error.to_string().contains("the job ended as `failed` (2 jobs were tried)"), "{error}");
}

#[tokio::test]
async fn a_job_that_never_ends_is_given_up() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": 1 })),
        _ => json_answer(&json!({ "state": "queued" })),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &stream(&json!({ "wait": "1d", "timeout": "30m" })));
    let error = world.poll().await.expect_err("it runs").to_string();
    assert!(error.contains("the job has not ended within 30m; raise `job.timeout`"), "{error}");
    assert!(world.clock.slept().iter().max() == Some(&Duration::from_secs(60)));
    assert_eq!((made(&api), kept(&world).await), (1, 0));
    let unknown = json!({ "status": { "running": ["pending"] } });
    let error =
        World::new(&api, &json!({}), &stream(&unknown)).poll().await.expect_err("unknown").to_string();
    assert!(error.contains("the state of the job is `queued`, which `job.status` does not know"), "{error}");
}

#[tokio::test]
async fn results_that_are_gone_are_looked_for_again_and_then_made_anew() {
    // The n-th URL that is given out holds no more than once it is the third: its look, then its job is a new one.
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": hit.number })),
        "/files/1" | "/files/3" => answer(403, &[], "expired"),
        "/files/6" => json_answer(&json!([{ "id": 7 }])),
        path if path.starts_with("/files/") => answer(410, &[], ""),
        _ => json_answer(&json!({ "state": "done", "urls": format!("/files/{}", hit.number) })),
    })
    .await;
    let mut world = World::new(&api, &json!({}), &stream(&json!({})));
    world.poll().await.expect("a visit");
    assert_eq!((made(&api), ids(&world, "items", 1).await), (2, vec![7]));
    // Where they never come, it ends.
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": 1 })),
        path if path.starts_with("/files/") => answer(404, &[], ""),
        _ => json_answer(&json!({ "state": "done", "urls": format!("/files/{}", hit.number) })),
    })
    .await;
    let error = World::new(&api, &json!({}), &stream(&json!({}))).poll().await.expect_err("gone").to_string();
    assert!(error.contains("404") && error.contains("(3 jobs were tried)"), "{error}");
    assert_eq!(made(&api), 3);
}

#[tokio::test]
async fn credentials_stay_at_home_and_results_may_lie_elsewhere_or_in_the_answer_itself() {
    let store = Api::serve(|hit| match hit.header("authorization") {
        None => json_answer(&json!([{ "id": 1 }])),
        Some(_) => answer(400, &[], "two ways of signing"),
    })
    .await;
    let url = format!("{}/result?X-Amz-Signature=abc", store.url);
    let api = Api::serve(move |hit| match hit.path_and_query.as_str() {
        _ if hit.header("authorization") != Some("Bearer s3cr3t") => answer(401, &[], ""),
        "/v1/jobs" => answer(202, &[("location", "/v1/states/7")], ""),
        "/v1/states/7" if hit.number < 3 => answer(202, &[], ""),
        "/v1/states/7" => json_answer(&json!({ "url": url })),
        other => answer(404, &[], other.to_owned()),
    })
    .await;
    let source =
        json!({ "base_url": format!("{}/v1", api.url), "auth": { "type": "bearer", "token": "${TOKEN}" } });
    let mut job = json!({ "path": "/jobs", "job": { "poll": { "path": "{creation_headers.location}" }, "urls_path": "$.url" } });
    let mut world = World::new(&api, &source, &job);
    world.poll().await.expect("a visit");
    assert_eq!(ids(&world, "items", 1).await, [1]);
    let shown = &world.batch(1).await.pages[0].request;
    assert!(shown.contains("X-Amz-Signature=***") && !shown.contains("abc"), "{shown}");
    job["job"]["urls_path"] = Value::Null;
    job["records"] = json!("$.url");
    let mut world = World::new(&api, &source, &job);
    world.poll().await.expect("a visit");
    assert_eq!(crate::model::records(&world, "items", 1).await.len(), 1);
}

#[tokio::test]
async fn a_job_may_have_nothing_and_its_address_may_lead_in_a_circle() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/jobs" => json_answer(&json!({ "id": 1 })),
        "/round" => answer(302, &[("location", "/round")], ""),
        _ => json_answer(&json!({ "state": "empty", "urls": ["/round"] })),
    })
    .await;
    let status = json!({ "status": { "skipped": ["empty"] } });
    let mut world = World::new(&api, &json!({}), &stream(&status));
    assert!(matches!(world.poll().await.expect("a visit").outcome, Outcome::Staged { records: 0, .. }));
    let status = json!({ "status": { "completed": ["empty"] } });
    let error = World::new(&api, &json!({}), &stream(&status)).poll().await.expect_err("a circle");
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(api.hits().len() < 60, "{}", api.hits().len());
}

#[tokio::test]
async fn a_job_of_an_incremental_stream_is_gone_on_with_for_what_it_was_asked_for() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        path if path.starts_with("/jobs?since=") => json_answer(&json!({ "id": 1 })),
        "/jobs/1" if hit.number < 3 => json_answer(&json!({ "state": "running" })),
        "/jobs/1" => json_answer(&json!({ "state": "done", "urls": ["/f"] })),
        _ => json_answer(&json!([{ "id": 1, "at": "2026-11-02T00:00:00Z" }])),
    })
    .await;
    let mut stream = stream(&json!({ "wait": "6s" }));
    stream["incremental"] = json!({ "cursor_path": "at", "initial_value": "2026-11-01T00:00:00Z", "start_param": "since", "end_param": "until" });
    let mut world = World::new(&api, &json!({}), &stream);
    world.poll().await.expect_err("it runs");
    // The end of what is asked for has moved on with the clock, and still it is the same job.
    world.poll().await.expect("a visit");
    let creations = api.hits().iter().filter(|hit| hit.path_and_query.starts_with("/jobs?")).count();
    assert_eq!((creations, ids(&world, "items", 1).await), (1, vec![1]));
    let state = &world.batch(1).await.checkpoint.elements[""];
    assert_eq!(state.cursor, Some(json!("2026-11-02T00:00:00Z")));
}
