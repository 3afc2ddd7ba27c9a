//! Tokens that are given: for a client's secret, for a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_core::error::Kind;

use super::Model;
use crate::api::{Api, World, answer, json_answer};

#[tokio::test]
async fn a_token_is_got_once_for_all_requests_and_renewed_when_it_ends_or_is_refused() {
    let model = Model::serve(false).await;
    let each = json!({ "path": "/{n}", "for_each": { "n": [1, 2, 3, 4, 5] } });
    let mut world = World::new(&model.api, &json!({ "auth": model.client() }), &each);
    world.poll().await.expect("a visit");
    world.poll().await.expect("a visit");
    assert_eq!(model.granted(), 1, "one token for all requests, those in flight at once too");
    // It is refused in mid-run, by all requests in flight.
    model.void_before(2);
    assert!(world.poll().await.expect("a visit").failures.is_empty());
    assert_eq!(model.granted(), 2);
    // It is about to end.
    world.clock.advance(Duration::from_secs(3600 - 30 - 60));
    world.poll().await.expect("a visit");
    assert_eq!(model.granted(), 3);
}

#[tokio::test]
async fn a_new_token_that_is_refused_as_well_is_an_error_that_shows_none() {
    let model = Model::serve(false).await;
    model.void_before(u64::MAX);
    let each = json!({ "path": "/{n}", "for_each": { "n": (0..20).collect::<Vec<_>>() } });
    let mut world = World::new(&model.api, &json!({ "auth": model.client() }), &each);
    let error = world.poll().await.expect_err("refused");
    assert_eq!((error.kind(), model.granted()), (Kind::Source, 2), "one renewal, not one for each request");
    let message = error.to_string();
    assert!(message.contains("401") && message.contains("a new token was refused as well"), "{message}");
    assert!(message.contains("source.auth") && !message.contains("access-"), "{message}");
}

#[tokio::test]
async fn a_401_without_a_token_to_renew_is_an_error_at_once() {
    let api = Api::serve(|hit| answer(401, &[], format!("no {:?}", hit.header("authorization")))).await;
    let auth = json!({ "type": "bearer", "token": "${TOKEN}" });
    let error = World::new(&api, &json!({ "auth": auth }), &json!({})).poll().await.expect_err("refused");
    let message = error.to_string();
    assert!(message.contains("check `source.auth`") && !message.contains("s3cr3t"), "{message}");
    assert_eq!(api.hits().len(), 1);
}

#[tokio::test]
async fn where_no_token_is_given_the_error_says_what_the_api_said() {
    let model = Model::serve(false).await;
    let mut auth = model.client();
    auth["scopes"] = json!(["other"]);
    let each = json!({ "path": "/{n}", "for_each": { "n": [1, 2, 3] } });
    let error = World::new(&model.api, &json!({ "auth": auth }), &each).poll().await.expect_err("refused");
    let message = error.to_string();
    assert!(message.contains("invalid_grant") && message.contains("unknown ***"), "{message}");
    assert!(!message.contains("s3cr3t") && message.contains("/token"), "{message}");
    assert_eq!(model.api.hits().len(), 1, "asked once for all elements");
}

#[tokio::test]
async fn a_client_may_send_its_secret_in_a_header_and_a_request_as_json() {
    let model = Model::serve(false).await;
    let mut auth = model.client();
    auth["client_auth"] = json!("basic");
    World::new(&model.api, &json!({ "auth": auth }), &json!({})).poll().await.expect("a visit");
    assert!(!model.api.hits()[0].body.contains("s3cr3t"));

    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/token" => {
            let body: Value = serde_json::from_str(&hit.body).expect("JSON");
            let expected = json!({ "grant_type": "password", "app": "me", "pass": "s3cr3t" });
            assert_eq!((body, hit.header("x-app")), (expected, Some("1")));
            json_answer(&json!({ "data": { "key": "k-1", "ttl": 60 } }))
        }
        _ if hit.header("authorization") == Some("Token k-1") => json_answer(&json!([1])),
        _ => answer(401, &[], ""),
    })
    .await;
    let auth = json!({
        "type": "oauth2_client_credentials", "access_token_url": format!("{}/token", api.url), "client_id": "",
        "client_auth": "none", "access_token_request_body": "json", "prefix": "Token ",
        "access_token_request_data": { "grant_type": "password", "app": "me", "pass": "${TOKEN}" },
        "access_token_request_headers": { "X-App": "1" },
        "access_token_path": "$.data.key", "expires_in_path": "$.data.ttl",
    });
    let mut world = World::new(&api, &json!({ "auth": auth }), &json!({}));
    world.poll().await.expect("a visit");
    world.poll().await.expect("a visit");
    assert_eq!(
        api.hits().iter().filter(|hit| hit.path_and_query == "/token").count(),
        2,
        "it lives a minute"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_is_out_of_order_is_asked_again_and_one_that_moved_gets_no_secret() {
    let elsewhere = Api::serve(|_| json_answer(&json!({ "access_token": "stolen" }))).await;
    let moved = format!("{}/token", elsewhere.url);
    let api = Api::serve(move |hit| match (hit.path_and_query.as_str(), hit.number) {
        ("/token", 0) => answer(503, &[("retry-after", "7")], ""),
        ("/token", 1) => json_answer(&json!({ "access_token": "access-1" })),
        ("/token", _) => answer(307, &[("location", &moved)], ""),
        _ => json_answer(&json!([hit.number])),
    })
    .await;
    let auth = json!({
        "type": "oauth2_client_credentials", "access_token_url": format!("{}/token", api.url), "client_id": "me",
        "client_secret": "${TOKEN}", "default_token_expiration": "1m",
    });
    let mut world = World::new(&api, &json!({ "auth": auth }), &json!({}));
    world.poll().await.expect("a visit");
    assert!(world.clock.slept().iter().any(|slept| *slept >= Duration::from_secs(7)));
    let error = world.poll().await.expect_err("it moved").to_string();
    assert!(error.contains("another host") && !error.contains("s3cr3t"), "{error}");
    assert!(elsewhere.hits().is_empty());
}

#[tokio::test]
async fn a_login_gives_a_session_and_a_new_one_when_it_is_over() {
    let logins = Arc::new(AtomicU64::new(0));
    let count = logins.clone();
    let api = Api::serve(move |hit| {
        if hit.path_and_query == "/login" {
            let body: Value = serde_json::from_str(&hit.body).expect("JSON");
            assert_eq!(body, json!({ "user": "me", "password": "s3cr3t" }));
            let key = format!("session-{}", count.fetch_add(1, Ordering::SeqCst));
            return json_answer(&json!({ "data": { "key": key } }));
        }
        match hit.header("x-session") == Some(format!("session-{}", u64::from(hit.number > 3)).as_str()) {
            true => json_answer(&json!([1])),
            false => answer(401, &[], ""),
        }
    })
    .await;
    let auth = json!({
        "type": "session_token", "token_path": "$.data.key", "name": "X-Session", "prefix": "",
        "login": { "path": "/login", "body": { "user": "me", "password": "${TOKEN}" } },
    });
    let mut world = World::new(&api, &json!({ "auth": auth }), &json!({}));
    for _ in 0..5 {
        world.poll().await.expect("a visit");
    }
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_login_may_be_a_form_and_the_session_a_cookie_a_parameter_or_a_field_of_the_body() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/auth/login" => {
            assert_eq!(
                (hit.body.as_str(), hit.header("authorization")),
                ("a=b+c", Some("Basic bWU6czNjcjN0"))
            );
            answer(200, &[("x-token", "t-1")], "")
        }
        "/items?sid=t-1" => json_answer(&json!([1])),
        _ if hit.header("cookie") == Some("sid=t-1") => json_answer(&json!([2])),
        _ if hit.body == r#"{"q":1,"auth":{"sid":"t-1"}}"# => json_answer(&json!([3])),
        _ if hit.body == "q=1&sid=t-1" => json_answer(&json!([4])),
        other => answer(401, &[], format!("{other} {}", hit.body)),
    })
    .await;
    let login =
        json!({ "path": "/auth/login", "form": { "a": "b c" }, "username": "me", "password": "${TOKEN}" });
    let body = json!({ "body": { "q": 1 } });
    let form = json!({ "form": { "q": 1 } });
    for (location, name, sent) in [
        ("query", "sid", &body),
        ("cookie", "sid", &body),
        ("body", "auth.sid", &body),
        ("body", "sid", &form),
    ] {
        let auth = json!({
            "type": "session_token", "token_header": "X-Token", "location": location, "name": name, "prefix": "",
            "login": login,
        });
        let mut stream = sent.clone();
        stream["method"] = json!("POST");
        let mut world = World::new(&api, &json!({ "auth": auth }), &stream);
        world.poll().await.unwrap_or_else(|error| panic!("{location}: {error}"));
        let request = world.batch(1).await.pages[0].request.clone();
        assert!(!request.contains("t-1"), "{request}");
    }
}

#[tokio::test]
async fn a_login_lies_below_a_base_that_is_an_expression() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/eu/login" => json_answer(&json!({ "token": "t-1" })),
        "/eu/items" if hit.header("authorization") == Some("Bearer t-1") => json_answer(&json!([1])),
        other => answer(404, &[], other.to_owned()),
    })
    .await;
    let source = json!({
        "base_url": format!("{}/{{{{ config.site }}}}", api.url), "config": { "site": "eu" },
        "auth": { "type": "session_token", "login": { "path": "login" } },
    });
    World::new(&api, &source, &json!({})).poll().await.expect("a visit");
}
