//! The credentials of manifests: each kind, in each place, and none of them in what is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use tidegate_engine::Outcome;

use super::{Manifest, path, query};
use crate::api::{Api, Hit, answer, json_answer};

fn things() -> axum::http::Response<axum::body::Body> {
    json_answer(&json!([{ "id": 1 }, { "id": 2 }]))
}

fn allowed(is: bool) -> axum::http::Response<axum::body::Body> {
    if is { things() } else { answer(401, &[], "") }
}

fn form(hit: &Hit) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(hit.body.as_bytes()).into_owned().collect()
}

impl Manifest {
    /// Everything that staging holds, as text.
    async fn staged(&self) -> String {
        use futures::TryStreamExt as _;
        use object_store::{ObjectStore as _, ObjectStoreExt as _};
        let found: Vec<_> = self.env.staging.list(None).try_collect().await.expect("objects");
        let mut text = String::new();
        for meta in found {
            let bytes = self.env.staging.get(&meta.location).await.expect("an object").bytes().await;
            text.push_str(&String::from_utf8_lossy(&bytes.expect("bytes")));
        }
        text
    }
}

#[tokio::test]
async fn a_refresh_token_that_changes_goes_on_from_poll_to_poll() {
    let api = Api::serve(|hit| match path(hit) {
        "/token" => {
            let asked = form(hit);
            let right = asked["client_secret"] == "s3cret" && asked["audience"] == "things" && asked["scopes"] == "read";
            match asked["refresh_token"].strip_prefix("refresh-").and_then(|number| number.parse::<u64>().ok()) {
                Some(number) if right => json_answer(&json!({
                    "key": format!("access-{}", number + 1), "life": 60, "refresh_token": format!("refresh-{}", number + 1),
                })),
                _ => answer(400, &[], "{}"),
            }
        }
        _ => allowed(hit.header("authorization").is_some_and(|value| value.starts_with("Bearer access-"))),
    })
    .await;
    let config =
        json!({ "url": api.url, "client_id": "me", "client_secret": "s3cret", "refresh_token": "refresh-0" });
    let text = include_str!("../../../../airbyte/tests/manifests/oauth.yaml");
    let manifest = Manifest::of(text, config);
    assert_eq!(manifest.brings("things").await, (2, 2));
    // Its life is over: a new one is got with the token that came with the last.
    tidegate_engine::Clock::sleep(manifest.env.clock.as_ref(), std::time::Duration::from_secs(90)).await;
    manifest.poll("things").await;
    let asked: Vec<String> = api
        .hits()
        .iter()
        .filter(|hit| path(hit) == "/token")
        .map(|hit| form(hit)["refresh_token"].clone())
        .collect();
    assert_eq!(asked, ["refresh-0", "refresh-1"]);
    let staged = manifest.staged().await;
    assert!(!staged.contains("access-") && !staged.contains("refresh-") && !staged.contains("s3cret"));
}

#[tokio::test]
async fn a_login_by_json_or_a_form_gives_the_token_of_its_stream() {
    let api = Api::serve(|hit| match path(hit) {
        "/login/json" => {
            let body: Value = serde_json::from_str(&hit.body).unwrap_or_default();
            match body == json!({ "username": "me", "password": "p4ss" }) {
                true => json_answer(&json!({ "data": { "session": "session-1" } })),
                false => answer(403, &[], "{}"),
            }
        }
        "/login/form" => {
            let asked = form(hit);
            // `me:p4ss` in base64.
            let basic = hit.header("authorization") == Some("Basic bWU6cDRzcw==");
            match basic && asked["grant_type"] == "password" && asked["scope"] == "all" {
                true => json_answer(&json!({ "access_token": "session-2" })),
                false => answer(403, &[], "{}"),
            }
        }
        "/by_header" => allowed(hit.header("x-session") == Some("session-1")),
        _ => allowed(hit.header("authorization") == Some("Bearer session-2")),
    })
    .await;
    let config = json!({ "url": api.url, "user": "me", "password": "p4ss" });
    let manifest = Manifest::of(include_str!("../../../../airbyte/tests/manifests/session.yaml"), config);
    for stream in ["by_header", "as_bearer"] {
        assert_eq!(manifest.brings(stream).await, (2, 2), "{stream}");
    }
    let staged = manifest.staged().await;
    assert!(!staged.contains("session-1") && !staged.contains("p4ss"), "{staged}");
}

#[tokio::test]
async fn a_token_is_signed_as_the_manifest_says() {
    let api = Api::serve(|hit| {
        let token =
            hit.header("authorization").and_then(|value| value.strip_prefix("JWT ")).unwrap_or_default();
        let Some((content, signature)) = token.rsplit_once('.') else { return answer(401, &[], "") };
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a-key-of-our-own");
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let part = |part: Option<&str>| {
            let bytes = URL_SAFE_NO_PAD.decode(part.unwrap_or_default()).unwrap_or_default();
            serde_json::from_slice::<Value>(&bytes).unwrap_or_default()
        };
        let mut parts = content.split('.');
        let (head, claims) = (part(parts.next()), part(parts.next()));
        let life = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
        let said = head["kid"] == "k1"
            && claims["iss"] == "us"
            && claims["aud"] == "things"
            && claims["role"] == "reader";
        allowed(said && life == 600 && hmac::verify(&key, content.as_bytes(), &signature).is_ok())
    })
    .await;
    let config = json!({ "url": api.url, "issuer": "us", "key": "a-key-of-our-own" });
    let manifest = Manifest::of(include_str!("../../../../airbyte/tests/manifests/jwt.yaml"), config);
    assert_eq!(manifest.brings("things").await, (2, 2));
    assert!(!manifest.staged().await.contains("a-key-of-our-own"));
}

#[tokio::test]
async fn a_key_goes_into_the_place_that_its_stream_says() {
    let api = Api::serve(|hit| {
        let body: Value = serde_json::from_str(&hit.body).unwrap_or_default();
        match path(hit) {
            "/in_a_header" => allowed(hit.header("x-key") == Some("k3y")),
            "/in_a_parameter" => allowed(query(hit).get("key").is_some_and(|key| key == "k3y")),
            "/in_the_body" => allowed(body == json!({ "q": "all", "auth": { "key": "k3y" } })),
            "/in_a_form" => {
                let asked = form(hit);
                let page = asked.get("page").map_or(1, |page| page.parse().unwrap_or(0));
                match asked["key"] == "k3y" && asked["q"] == "all" && asked["size"] == "2" && page <= 2 {
                    true if page == 1 => things(),
                    true => json_answer(&json!([{ "id": 3 }])),
                    false => answer(401, &[], ""),
                }
            }
            _ => allowed(hit.header("x-key").is_none() && hit.header("authorization").is_none()),
        }
    })
    .await;
    let config = json!({ "url": api.url, "key": "k3y" });
    let manifest = Manifest::of(include_str!("../../../../airbyte/tests/manifests/keys.yaml"), config);
    for (stream, expected) in
        [("in_a_header", 2), ("in_a_parameter", 2), ("in_the_body", 2), ("in_a_form", 3), ("without", 2)]
    {
        assert_eq!(manifest.brings(stream).await, (expected, expected), "{stream}");
    }
    assert!(!manifest.staged().await.contains("k3y"));
}

#[tokio::test]
async fn the_config_chooses_the_credentials_and_no_secret_is_written_down() {
    let api = Api::serve(|hit| {
        let asked = query(hit);
        let allowed = ["Bearer t0ken", "Basic dXNlcjp0MGtlbg=="];
        let by_header = hit.header("authorization").is_some_and(|value| allowed.contains(&value));
        let by_key =
            hit.header("x-key") == Some("Key t0ken") || asked.get("key").is_some_and(|key| key == "t0ken");
        // `eu:p1n` in base64.
        let signed = hit.header("x-signed") == Some("ZXU6cDFu") && hit.header("x-site") == Some("eu");
        match (by_header || by_key) && signed && asked["pin"] == "p1n" {
            true => json_answer(&json!([{ "id": 1 }, { "id": 2 }])),
            false => answer(401, &[], ""),
        }
    })
    .await;
    for kind in ["bearer", "basic", "header", "query"] {
        let credentials = json!({ "kind": kind, "user": "user", "token": "t0ken" });
        let config = json!({ "url": api.url, "pin": "p1n", "credentials": credentials });
        let manifest =
            Manifest::of(include_str!("../../../../airbyte/tests/manifests/credentials.yaml"), config);
        let written = serde_json::to_string(&manifest.pipeline).expect("JSON");
        assert!(
            !written.contains("t0ken") && !written.contains("p1n") && !written.contains("ZXU6cDFu"),
            "{written}"
        );
        let visit = manifest.poll("things").await;
        let Outcome::Staged { key, records: 2, .. } = visit.outcome else {
            panic!("{kind}: {:?}", visit.outcome)
        };
        let batch: Value =
            tidegate_engine::documents::expect(&manifest.env, manifest.env.staging.as_ref(), &key)
                .await
                .expect("a batch");
        let batch = batch.to_string();
        assert!(!batch.contains("t0ken") && !batch.contains("p1n"), "{kind}: {batch}");
    }
}
