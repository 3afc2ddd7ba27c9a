//! An API on loopback.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const THINGS: &str = r#"{ "generated": 1, "results": [
  { "id": 1, "created_at": "2026-11-23T08:59:00Z", "value": 0.5 },
  { "id": 2, "created_at": "2026-11-23T09:00:00Z", "value": 1.5 },
  { "id": 3, "created_at": "2026-11-23T09:01:00Z", "value": null }
] }"#;

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
                .route("/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
            axum::serve(listener, routes).await.expect("it serves");
        });
    });
    format!("http://{}", told.recv().expect("the server starts"))
}
