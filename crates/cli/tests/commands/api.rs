//! An API on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

const THINGS: &str = r#"{ "generated": 1, "results": [
  { "id": 1, "created_at": "2026-11-23T08:59:00Z", "value": 0.5 },
  { "id": 2, "created_at": "2026-11-23T09:00:00Z", "value": 1.5 },
  { "id": 3, "created_at": "2026-11-23T09:01:00Z", "value": null }
] }"#;

/// Three pages of two records. The answer repeats what the caller authenticated with, as careless APIs do.
async fn pages(Query(query): Query<BTreeMap<String, String>>, headers: HeaderMap) -> impl IntoResponse {
    let page: u64 = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let record = |id: u64| json!({ "id": id, "at": format!("2026-11-23T0{page}:00:00Z"), "n": id * 10 });
    let data: Vec<Value> = if page <= 3 { vec![record(page * 2), record(page * 2 + 1)] } else { Vec::new() };
    let caller = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = query.get("key").cloned().unwrap_or_default();
    let body =
        json!({ "data": data, "total_pages": 3, "caller": caller, "key": key, "session_token": "s3ss10n" });
    ([(CONTENT_TYPE, "application/json"), (SET_COOKIE, "id=c00kie")], body.to_string())
}

/// Two parts of a thing.
async fn parts(Path(id): Path<u64>) -> impl IntoResponse {
    let body = json!([{ "part": id * 100 }, { "part": id * 100 + 1 }]);
    ([(CONTENT_TYPE, "application/json")], body.to_string())
}

/// The file of a case.
fn parquet() -> &'static [u8] {
    let exchange = include_bytes!("../../../../cases/parquet_trips/responses/1.http");
    let head = exchange.windows(2).position(|two| two == b"\n\n").expect("an empty line");
    &exchange[head + 2..]
}

/// Serves until the test process ends; returns the address.
pub(crate) fn serve() -> String {
    let (tell, told) = std::sync::mpsc::channel::<SocketAddr>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("somebody listens");
            let things = get(|| async { ([(CONTENT_TYPE, "application/json")], THINGS) });
            let page = get(|| async { "<html>not found</html>" });
            let error =
                get(|| async { ([(CONTENT_TYPE, "application/json")], r#"{"error":"no such place"}"#) });
            let routes = Router::new()
                .route("/v1/things", things)
                .route("/page", page)
                .route("/error", error)
                .route("/rows.parquet", get(|| async { parquet() }))
                .route("/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
            let routes = routes.route("/v1/pages", get(pages)).route("/v1/things/{id}/parts", get(parts));
            axum::serve(listener, routes).await.expect("it serves");
        });
    });
    format!("http://{}", told.recv().expect("the server starts"))
}
