//! A refresh token that changes with each use is void once it was sent: whatever happens then, the next one is not lost,
//! and none is sent that is older than it has to be.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use object_store::PutMode;
use serde_json::{Value, json};
use tidegate_core::error::Kind;
use tidegate_core::pipeline::Secrets;
use tidegate_engine::Gate;
use tokio::sync::Notify;

use crate::api::{Api, World, answer, json_answer};
use crate::outage::Outage;

/// What a token endpoint answers instead of, or with, what it has granted.
type Answer = dyn Fn(u64, Value) -> Response<Body> + Send + Sync;

/// A token endpoint at `/token` at which only the latest refresh token is good. It notes those that it is sent.
struct Endpoint {
    api: Api,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// `answer` is given the number of the request (from 1) and what is granted.
    async fn serve(answer: impl Fn(u64, Value) -> Response<Body> + Send + Sync + 'static) -> Endpoint {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer, latest): (_, Box<Answer>, _) =
            (sent.clone(), Box::new(answer), Mutex::new("first-refresh".to_owned()));
        let api = Api::serve(move |hit| match hit.path_and_query == "/token" {
            true => {
                let form = url::form_urlencoded::parse(hit.body.as_bytes());
                let token = form.into_owned().find(|(name, _)| name == "refresh_token");
                let token = token.expect("a refresh token").1;
                let number = {
                    let mut noted = noted.lock().expect("sent");
                    noted.push(token.clone());
                    noted.len() as u64
                };
                exchange(&mut latest.lock().expect("latest"), &token, number, &answer)
            }
            false if hit.header("authorization").is_some_and(|value| value.starts_with("Bearer access-")) => {
                json_answer(&json!([{ "id": hit.number }]))
            }
            false => self::answer(401, &[], ""),
        })
        .await;
        Endpoint { api, sent }
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().expect("sent").clone()
    }

    fn world(&self) -> World {
        let auth = json!({
            "type": "oauth2_refresh_token", "access_token_url": format!("{}/token", self.api.url),
            "client_id": "me", "refresh_token": "${REFRESH}",
        });
        let mut world = World::new(&self.api, &json!({ "auth": auth }), &json!({}));
        world.env.secrets = Arc::new(Secrets::new([("REFRESH".to_owned(), "first-refresh".to_owned())]));
        world
    }
}

/// The latest token is exchanged for the next one, unless the answer is no success.
fn exchange(latest: &mut String, token: &str, number: u64, answer: &Answer) -> Response<Body> {
    if token != latest {
        return self::answer(400, &[], json!({ "error": "invalid_grant" }).to_string());
    }
    let next = format!("refresh-{number}");
    let granted =
        json!({ "access_token": format!("access-{number}"), "expires_in": 3600, "refresh_token": next });
    let answer = answer(number, granted);
    if answer.status().is_success() {
        *latest = next;
    }
    answer
}

/// Another process: nothing in memory, the same stores.
fn restarted(world: &mut World) {
    world.gate = Gate::new(&world.pipeline.source.limits);
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_even_where_no_access_token_came_with_it() {
    let endpoint = Endpoint::serve(|number, mut granted| {
        if number == 1 {
            granted["access_token"] = Value::Null;
        }
        json_answer(&granted)
    })
    .await;
    let mut world = endpoint.world();
    let error = world.poll().await.expect_err("no token").to_string();
    assert!(error.contains("has no token at `$.access_token`") && !error.contains("refresh-1"), "{error}");
    assert_eq!(endpoint.sent(), ["first-refresh"], "no other one is tried");
    restarted(&mut world);
    world.poll().await.expect("a visit");
    assert_eq!(endpoint.sent(), ["first-refresh", "refresh-1"]);
}

#[tokio::test]
async fn a_renewal_goes_on_when_nobody_waits_for_it_any_more() {
    let (asked, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, waits) = (asked.clone(), goes_on.clone());
    let endpoint = Endpoint::serve(move |_, granted| {
        told.notify_one();
        let waits = waits.clone();
        let body = futures::stream::once(async move {
            waits.notified().await;
            Ok::<_, std::convert::Infallible>(granted.to_string())
        });
        answer(200, &[("content-type", "application/json")], Body::from_stream(body))
    })
    .await;
    let mut world = endpoint.world();
    tokio::select! {
        visit = world.poll() => panic!("the token is not there yet: {:?}", visit.map(|visit| visit.outcome)),
        () = asked.notified() => {}
    }
    goes_on.notify_one();
    world.gate.settled().await;
    restarted(&mut world);
    world.poll().await.expect("a visit");
    assert_eq!(endpoint.sent(), ["first-refresh"], "what was granted is kept");
}

#[tokio::test]
async fn what_could_not_be_kept_is_kept_before_anything_else_is_sent() {
    let outage = Outage::new(|path, _| path.as_ref().starts_with("tokens/"));
    let begins = outage.down.clone();
    let endpoint = Endpoint::serve(move |_, granted| {
        begins.store(true, Ordering::SeqCst);
        json_answer(&granted)
    })
    .await;
    let mut world = endpoint.world();
    world.env.staging = outage.clone();
    for _ in 0..2 {
        assert_eq!(world.poll().await.expect_err("the store is down").kind(), Kind::Transient);
    }
    assert_eq!(endpoint.sent(), ["first-refresh"]);
    outage.down.store(false, Ordering::SeqCst);
    world.poll().await.expect("a visit");
    restarted(&mut world);
    world.poll().await.expect("a visit");
    assert_eq!(endpoint.sent(), ["first-refresh"], "the token that came with it still holds");
}

#[tokio::test]
async fn a_token_is_used_though_the_right_to_renew_it_could_not_be_given_back() {
    let outage = Outage::new(|path, mode| path.as_ref().contains("/lease/") && *mode != PutMode::Create);
    outage.down.store(true, Ordering::SeqCst);
    let endpoint = Endpoint::serve(|_, granted| json_answer(&granted)).await;
    let mut world = endpoint.world();
    world.env.staging = outage;
    world.poll().await.expect("a visit");
}

#[tokio::test]
async fn older_ones_are_tried_only_where_the_latest_is_not_good() {
    for (status, error, sent) in [
        (401, "invalid_client", vec!["refresh-1"]),
        (404, "", vec!["refresh-1"]),
        (400, "invalid_grant", vec!["refresh-1", "first-refresh"]),
    ] {
        let endpoint = Endpoint::serve(move |number, granted| match number {
            1 => json_answer(&granted),
            _ => answer(status, &[], json!({ "error": error }).to_string()),
        })
        .await;
        let mut world = endpoint.world();
        world.poll().await.expect("a visit");
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(world.poll().await.expect_err("refused").kind(), Kind::Source);
        assert_eq!(endpoint.sent()[1..], sent, "{status} {error}");
    }
}

#[tokio::test]
async fn a_renewal_is_over_before_another_process_may_begin_one() {
    let endpoint = Endpoint::serve(|_, _| answer(503, &[("retry-after", "200")], "")).await;
    let mut world = endpoint.world();
    let error = world.poll().await.expect_err("out of order");
    let now = tidegate_engine::Clock::now(&world.clock);
    assert!(error.retry_at().is_some_and(|at| at.duration_since(now).as_secs() >= 199), "{error}");
    assert!(world.clock.slept().iter().sum::<Duration>() < Duration::from_secs(100));
    // Until then nobody asks again.
    world.poll().await.expect_err("out of order");
    assert_eq!(endpoint.sent().len(), 1);
    world.clock.advance(Duration::from_secs(200));
    world.poll().await.expect_err("out of order");
    assert_eq!(endpoint.sent().len(), 2);
}
