//! The way to a source: a server that wants a certificate of ours, and a proxy in between.

mod api;

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tidegate_core::pipeline::{Secrets, Source};
use tidegate_engine::{Error, Proxies, ProxyVariable, ReqwestHttp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use api::World;

const CA: &str = include_str!("tls/ca.pem");
const SERVER: [&str; 2] = [include_str!("tls/server.pem"), include_str!("tls/server.key")];
const CLIENT: [&str; 2] = [include_str!("tls/client.pem"), include_str!("tls/client.key")];

fn secrets() -> Secrets {
    let values = [("CA", CA), ("CERT", CLIENT[0]), ("KEY", CLIENT[1]), ("PASS", "p4ss")];
    Secrets::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn client(source: &Value, environment: &Proxies) -> (ReqwestHttp, Source) {
    let source: Source = serde_json::from_value(source.clone()).expect("a source");
    (ReqwestHttp::of(&source, &secrets(), environment).expect("a client"), source)
}

/// Polls a source once with its client.
async fn poll(source: Value, environment: &Proxies) -> Result<(), Error> {
    let (http, source) = client(&source, environment);
    let api = api::Api::raw(b"").await;
    let mut world = World::new(&api, &json!({ "limits": { "attempts": 1 } }), &json!({}));
    world.pipeline.source.base_url = source.base_url;
    world.env.http = Arc::new(http);
    world.poll().await.map(drop)
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.unwrap_or(0);
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]")
        .await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&head[..length]).into_owned()
}

/// A server that wants a certificate of our authority.
async fn mutual() -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CA.as_bytes()).expect("a certificate")).expect("an authority");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let certificate = CertificateDer::from_pem_slice(SERVER[0].as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(SERVER[1].as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(vec![certificate], key)
        .expect("a server");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(socket).await {
                answer(stream).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_wants_our_certificate_gets_it() {
    let base = format!("https://localhost:{}", mutual().await);
    let tls = json!({ "client_cert": "${CERT}", "client_key": "${KEY}", "ca": "${CA}" });
    poll(json!({ "base_url": base, "tls": tls }), &Proxies::default()).await.expect("a visit");
    // Without ours, and where theirs is not trusted.
    for tls in [json!({ "ca": "${CA}" }), json!({ "client_cert": "${CERT}", "client_key": "${KEY}" })] {
        let error = poll(json!({ "base_url": base, "tls": tls }), &Proxies::default()).await;
        let error = error.expect_err("no connection").to_string();
        assert!(error.contains("localhost") && !error.contains("PRIVATE"), "{error}");
    }
}

#[tokio::test]
async fn requests_go_through_the_proxy_unless_they_stay_on_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = sender.send(answer(socket).await);
        }
    });
    let far = "http://api.invalid";
    poll(json!({ "base_url": far, "proxy": format!("http://me:${{PASS}}@{address}") }), &Proxies::default())
        .await
        .expect("a visit");
    let head = seen.recv().await.expect("a request").to_lowercase();
    assert!(head.starts_with("get http://api.invalid/items "), "{head}");
    assert!(head.contains("proxy-authorization: basic bwu6cdrzcw=="), "{head}");

    let named = ProxyVariable { name: "HTTP_PROXY", url: address.to_string() };
    let environment = Proxies { http: Some(named), none: Some("direct.invalid".into()), https: None };
    poll(json!({ "base_url": far }), &environment).await.expect("a visit");
    assert!(seen.recv().await.expect("a request").starts_with("GET http://api.invalid/items "));
    let here = api::Api::serve(|_| api::json_answer(&json!([1]))).await;
    poll(json!({ "base_url": here.url }), &environment).await.expect("a visit");
    assert_eq!(here.hits().len(), 1);
    let error =
        poll(json!({ "base_url": "http://direct.invalid" }), &environment).await.expect_err("no such host");
    assert!(!error.to_string().contains("p4ss") && seen.try_recv().is_err(), "{error}");
}
