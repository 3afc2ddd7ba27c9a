//! The HTTP client against servers that behave, and servers that do not.

mod api;

use std::io::Write as _;
use std::time::Duration;

use api::{Api, answer};
use axum::body::{Body, Bytes};
use tidegate_core::pipeline::{ByteSize, Limits, Method, Span};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Http as _, HttpError, ReqwestHttp};

fn request(url: &str) -> Request {
    Request {
        method: Method::Get,
        url: url.parse().expect("a URL"),
        headers: vec![("authorization".to_owned(), "Bearer s3cr3t".to_owned())],
        body: None,
        secret_body: false,
        away: false,
        form: false,
        secret_params: Vec::new(),
    }
}

async fn get(api: &Api, path: &str, limits: &Limits) -> Result<Response, HttpError> {
    ReqwestHttp::new(limits).send(&request(&format!("{}{path}", api.url)), limits).await
}

const TEXT: &str = r#"{"hello": "wörld"}"#;

fn encoded(coding: &str, data: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        }
        "br" => {
            let mut out = Vec::new();
            let params = brotli::enc::BrotliEncoderParams::default();
            brotli::BrotliCompress(&mut &data[..], &mut out, &params).expect("memory");
            out
        }
        "zstd" => zstd::encode_all(data, 3).expect("memory"),
        _ => data.to_vec(),
    }
}

#[tokio::test]
async fn every_content_coding_is_undone() {
    let api = Api::serve(|hit| {
        let coding = hit.path_and_query.trim_start_matches('/');
        assert!(hit.header("accept-encoding").is_some_and(|codings| codings.contains(coding)));
        answer(200, &[("content-encoding", coding)], encoded(coding, TEXT.as_bytes()))
    })
    .await;
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let response = get(&api, &format!("/{coding}"), &Limits::default()).await.expect(coding);
        assert_eq!(response.body, TEXT.as_bytes(), "{coding}");
    }
}

#[tokio::test]
async fn headers_are_read_whatever_their_bytes() {
    let api = Api::raw(
        b"HTTP/1.1 418 Teapot\r\nX-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let response = get(&api, "/", &Limits::default()).await.expect("an answer");
    assert_eq!((response.status, response.body.as_ref()), (418, b"hi".as_slice()));
    assert_eq!((response.header("x-latin"), response.header("x-utf")), (Some("café"), Some("café")));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_before_it_fills_memory() {
    let limits = Limits { max_body: ByteSize(1 << 20), ..Limits::default() };
    let too_large = |result: Result<Response, HttpError>| matches!(result, Err(HttpError::TooLarge { .. }));
    // It says so: nothing of the body is waited for, which never comes.
    let api = Api::raw(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n").await;
    assert!(too_large(get(&api, "/", &limits).await));
    // It does not say so, and never ends.
    let api = Api::serve(|_| {
        let piece = || Some((Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536])), ()));
        answer(200, &[], Body::from_stream(futures::stream::unfold((), move |()| async move { piece() })))
    })
    .await;
    assert!(too_large(get(&api, "/", &limits).await));
    // 200 kB that would be 200 MB.
    let bomb = encoded("gzip", &vec![0; 200_000_000]);
    assert!(bomb.len() < 1 << 20);
    let api = Api::serve(move |_| answer(200, &[("content-encoding", "gzip")], bomb.clone())).await;
    assert!(too_large(get(&api, "/", &limits).await));
    // Just as large as allowed is allowed.
    let api = Api::serve(|_| answer(200, &[], vec![b' '; 1 << 20])).await;
    assert_eq!(get(&api, "/", &limits).await.map(|r| r.body.len()), Ok(1 << 20));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":".as_slice(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
    ] {
        let api = Api::raw(bytes).await;
        let result = get(&api, "/", &Limits::default()).await;
        assert!(
            matches!(result, Err(HttpError::Connection { .. })),
            "{:?}: {result:?}",
            bytes.escape_ascii()
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_named() {
    let limits = Limits { timeout: Span(Duration::from_millis(50)), ..Limits::default() };
    let http = ReqwestHttp::new(&limits);
    let refused = http.send(&request("http://127.0.0.1:1/"), &limits).await.expect_err("nobody there");
    assert!(matches!(&refused, HttpError::Connection { host, .. } if host == "127.0.0.1:1"), "{refused}");
    assert!(!refused.to_string().contains("s3cr3t"));
    let api = Api::serve(|_| {
        answer(200, &[], Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()))
    })
    .await;
    assert!(
        matches!(get(&api, "/", &limits).await, Err(HttpError::Timeout { limit, .. }) if limit == "50ms")
    );
    let slow = Limits { read_timeout: Span(Duration::from_millis(40)), ..Limits::default() };
    assert!(matches!(get(&api, "/", &slow).await, Err(HttpError::Timeout { limit, .. }) if limit == "40ms"));
}

#[tokio::test]
async fn https_to_a_server_without_it_is_a_connection_error() {
    let api = Api::raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let url = api.url.replace("http://", "https://");
    let limits = Limits::default();
    let error = ReqwestHttp::new(&limits).send(&request(&url), &limits).await.expect_err("no TLS there");
    assert!(matches!(error, HttpError::Connection { .. }), "{error:?}");
    assert!(error.to_string().contains("write http://"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_so_far_and_credentials_stay_at_home() {
    let other = Api::serve(|_| answer(200, &[], "other")).await;
    let elsewhere = other.url.clone();
    let api = Api::serve(move |hit| match hit.path_and_query.as_str() {
        "/relative" => answer(302, &[("location", "/end")], ""),
        "/away" => answer(307, &[("location", &elsewhere)], ""),
        "/loop" => answer(301, &[("location", "/loop")], ""),
        "/file" => answer(301, &[("location", "file:///etc/passwd")], ""),
        "/nowhere" => answer(304, &[("location", "/end")], ""),
        _ => answer(200, &[], "end"),
    })
    .await;
    let limits = Limits::default();
    let body = |path: &'static str| {
        let api = &api;
        let limits = &limits;
        async move { get(api, path, limits).await.map(|r| String::from_utf8_lossy(&r.body).into_owned()) }
    };
    assert_eq!(body("/relative").await, Ok("end".to_owned()));
    assert_eq!(body("/away").await, Ok("other".to_owned()));
    assert_eq!(other.hits()[0].header("authorization"), None);
    assert_eq!(
        api.hits().last().and_then(|hit| hit.header("authorization").map(str::to_owned)),
        Some("Bearer s3cr3t".to_owned())
    );
    let before = api.hits().len();
    assert!(matches!(body("/loop").await, Err(HttpError::Redirect { .. })));
    assert_eq!(api.hits().len() - before, 6, "five redirects follow the first request");
    assert!(matches!(body("/file").await, Err(HttpError::Redirect { .. })));
    assert_eq!(get(&api, "/nowhere", &limits).await.map(|r| r.status), Ok(304));
}

#[tokio::test]
async fn a_post_that_is_sent_on_becomes_a_get_where_http_says_so() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/303" => answer(303, &[("location", "/end")], ""),
        "/308" => answer(308, &[("location", "/end")], ""),
        _ => answer(200, &[], format!("{} {}", hit.method, hit.body)),
    })
    .await;
    let limits = Limits::default();
    for (path, body) in [("/303", "GET "), ("/308", "POST {}")] {
        let mut post = request(&format!("{}{path}", api.url));
        post.method = Method::Post;
        post.body = Some("{}".into());
        let response = ReqwestHttp::new(&limits).send(&post, &limits).await.expect(path);
        assert_eq!(response.body, body.as_bytes());
    }
}
