//! Credentials that change while a source is asked: every kind, renewed when it ends or is refused, and never shown.

mod grants;
mod lost;
mod rotation;
mod signed;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use crate::api::{Api, Hit, answer, json_answer};

/// An API with a token endpoint at `/token`: the n-th token is `access-<n>`; those from `valid` on are let in.
struct Model {
    api: Api,
    granted: Arc<AtomicU64>,
    valid: Arc<AtomicU64>,
}

impl Model {
    /// `rotating`: the refresh token changes with each use, and the one before is void at once.
    async fn serve(rotating: bool) -> Model {
        let (granted, valid) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(1)));
        let (given, least) = (granted.clone(), valid.clone());
        let refresh = Mutex::new("first-refresh".to_owned());
        let api = Api::serve(move |hit| match hit.path_and_query == "/token" {
            true => grant(hit, &given, &mut refresh.lock().expect("refresh"), rotating),
            false => data(hit, least.load(Ordering::SeqCst)),
        })
        .await;
        Model { api, granted, valid }
    }

    fn granted(&self) -> u64 {
        self.granted.load(Ordering::SeqCst)
    }

    /// Voids every token before the n-th.
    fn void_before(&self, n: u64) {
        self.valid.store(n, Ordering::SeqCst);
    }

    fn client(&self) -> Value {
        json!({
            "type": "oauth2_client_credentials", "access_token_url": format!("{}/token", self.api.url),
            "client_id": "me", "client_secret": "${TOKEN}", "scopes": ["a", "b"],
        })
    }
}

fn grant(hit: &Hit, granted: &AtomicU64, refresh: &mut String, rotating: bool) -> Response<Body> {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(hit.body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let known = match field("grant_type") {
        Some("refresh_token") => field("refresh_token") == Some(refresh.as_str()),
        Some("client_credentials") => {
            let basic = hit.header("authorization") == Some("Basic bWU6czNjcjN0");
            (basic || field("client_secret") == Some("s3cr3t")) && field("scope") == Some("a b")
        }
        _ => false,
    };
    if !known {
        let body =
            json!({ "error": "invalid_grant", "error_description": "unknown s3cr3t", "hint": "s3cr3t" });
        return answer(400, &[("content-type", "application/json")], body.to_string());
    }
    let n = granted.fetch_add(1, Ordering::SeqCst) + 1;
    if rotating {
        *refresh = format!("refresh-{n}");
    }
    json_answer(&json!({
        "access_token": format!("access-{n}"), "expires_in": "3600",
        "refresh_token": rotating.then(|| refresh.clone()),
    }))
}

fn data(hit: &Hit, least: u64) -> Response<Body> {
    let token = hit.header("authorization").and_then(|value| value.strip_prefix("Bearer access-"));
    match token.and_then(|n| n.parse::<u64>().ok()) {
        Some(n) if n >= least => json_answer(&json!([{ "id": hit.number }])),
        _ => answer(401, &[], format!("refused {:?}", hit.header("authorization"))),
    }
}
