//! What is signed here: requests and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use tidegate_core::change::hex;

use crate::api::{Api, World, answer, json_answer};

fn tag(algorithm: hmac::Algorithm, message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, b"s3cr3t"), message.as_bytes()).as_ref().to_vec()
}

#[tokio::test]
async fn a_request_is_signed_at_the_time_it_is_sent() {
    let api = Api::serve(|hit| match hit.number {
        0 => answer(503, &[("retry-after", "100")], ""),
        _ => json_answer(&json!([1])),
    })
    .await;
    let auth = json!({
        "type": "hmac", "key": "${TOKEN}", "message": "{method}|{path}|{query}|{timestamp}|{body}|{body_sha256}",
        "name": "X-Sign", "timestamp_name": "X-Time", "timestamp_format": "%ms", "prefix": "v1=",
    });
    let stream = json!({ "method": "POST", "body": { "a": 1 }, "params": { "q": "x" } });
    World::new(&api, &json!({ "auth": auth }), &stream).poll().await.expect("a visit");
    let times: Vec<i64> = api.hits().iter().filter_map(|hit| hit.header("x-time")?.parse().ok()).collect();
    assert!(times.len() == 2 && times[1] - times[0] >= 100_000, "{times:?}");
    let hit = &api.hits()[1];
    let body_hash = hex(ring::digest::digest(&ring::digest::SHA256, hit.body.as_bytes()).as_ref());
    let message = format!("POST|/items|q=x|{}|{}|{body_hash}", times[1], hit.body);
    let expected = format!("v1={}", hex(&tag(hmac::HMAC_SHA256, &message)));
    assert_eq!(hit.header("x-sign"), Some(expected.as_str()));
}

#[tokio::test]
async fn a_signature_may_go_into_the_query_and_be_of_another_kind() {
    let api = Api::serve(|_| json_answer(&json!([1]))).await;
    for (name, algorithm) in [("sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY), ("sha512", hmac::HMAC_SHA512)] {
        let auth = json!({
            "type": "hmac", "key": "czNjcjN0", "key_encoding": "base64", "algorithm": name, "message": "{query}",
            "location": "query", "name": "signature", "timestamp_name": "timestamp", "encoding": "base64",
        });
        let mut world = World::new(&api, &json!({ "auth": auth }), &json!({ "params": { "q": 1 } }));
        world.poll().await.expect("a visit");
        let hit = api.hits().pop().expect("a hit");
        let signed = "q=1&timestamp=1795428060";
        let signature = STANDARD.encode(tag(algorithm, signed));
        let escaped: String = url::form_urlencoded::byte_serialize(signature.as_bytes()).collect();
        assert_eq!(hit.path_and_query, format!("/items?{signed}&signature={escaped}"));
    }
}

#[tokio::test]
async fn a_request_is_signed_as_aws_wants_it() {
    let api = Api::serve(|_| json_answer(&json!([1]))).await;
    let auth = json!({
        "type": "aws_sigv4", "region": "eu-central-1", "service": "execute-api", "access_key_id": "AKID",
        "secret_access_key": "${TOKEN}", "session_token": "${TOKEN}",
    });
    let stream = json!({ "method": "POST", "body": { "a": 1 }, "params": { "q": "x" } });
    World::new(&api, &json!({ "auth": auth }), &stream).poll().await.expect("a visit");
    let hit = api.hits().remove(0);
    let signature = hit.header("authorization").expect("a signature");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signature}");
    assert!(signature.contains("/eu-central-1/execute-api/aws4_request"), "{signature}");
    assert_eq!(hit.header("x-amz-date"), Some("20261123T100100Z"), "the time of the clock");
    assert_eq!(hit.header("x-amz-security-token"), Some("s3cr3t"));
    let hash = hex(ring::digest::digest(&ring::digest::SHA256, hit.body.as_bytes()).as_ref());
    assert_eq!(hit.header("x-amz-content-sha256"), Some(hash.as_str()));
}

/// The key, the query and the signature are those of the example in Binance's documentation of signed requests.
#[tokio::test]
async fn a_published_example_gets_its_published_signature() {
    let api = Api::serve(|_| json_answer(&json!([1]))).await;
    let auth = json!({
        "type": "hmac", "key": "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j", "message": "{query}",
        "location": "query", "name": "signature",
    });
    let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    let stream = json!({ "path": format!("/api/v3/order?{query}") });
    World::new(&api, &json!({ "auth": auth }), &stream).poll().await.expect("a visit");
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    assert_eq!(api.hits()[0].path_and_query, format!("/api/v3/order?{query}&signature={signature}"));
}

fn read(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

#[tokio::test]
async fn a_token_signed_here_is_sent_as_it_is_or_exchanged() {
    let api = Api::serve(|hit| match hit.path_and_query.as_str() {
        "/token" => json_answer(&json!({ "access_token": "access-1", "expires_in": 3600 })),
        _ => json_answer(&json!([1])),
    })
    .await;
    let mut auth = json!({
        "type": "jwt", "algorithm": "HS256", "private_key": "${TOKEN}", "key_id": "k1", "issuer": "me",
        "lifetime": "5m", "claims": { "role": "reader" },
    });
    World::new(&api, &json!({ "auth": auth }), &json!({})).poll().await.expect("a visit");
    let hit = api.hits().remove(0);
    let token = hit.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(read(parts[0]), json!({ "alg": "HS256", "typ": "JWT", "kid": "k1" }));
    let claims = json!({ "iat": 1_795_428_060, "exp": 1_795_428_360, "iss": "me", "role": "reader" });
    assert_eq!(read(parts[1]), claims);
    let tag = tag(hmac::HMAC_SHA256, &format!("{}.{}", parts[0], parts[1]));
    assert_eq!(parts[2], URL_SAFE_NO_PAD.encode(tag));

    auth["access_token_url"] = json!(format!("{}/token", api.url));
    World::new(&api, &json!({ "auth": auth }), &json!({})).poll().await.expect("a visit");
    let hits = api.hits();
    let form = &hits[1].body;
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    assert!(form.starts_with(grant) && form[grant.len()..].split('.').count() == 3, "{form}");
    assert_eq!(hits[2].header("authorization"), Some("Bearer access-1"));
}
