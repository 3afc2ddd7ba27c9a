//! The API: address, headers, credentials, limits.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::rules::Rule;
use super::units::{ByteSize, Span};
use crate::expr::Dialect;

/// The API that all streams of a pipeline ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What every stream's `path` is appended to, such as `https://api.open-meteo.com`.
    #[schemars(extend("format" = "http-url"))]
    pub base_url: String,
    /// Headers sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Values that expressions name: `config = { site = "eu", key = "${KEY}" }` and `{{ config.key }}`.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// How expressions are evaluated. `cdk` is for imported manifests.
    #[serde(default, skip_serializing_if = "Dialect::is_native")]
    pub expressions: Dialect,
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// Certificates of the connection, where the API asks for one of ours or is known by one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Proxy that all requests go through: `http://proxy.example.org:3128`, with `${USER}:${PASSWORD}@` in front of the
    /// host where it asks for them. The command line takes `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` where
    /// this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Secret>,
    /// What an answer means where HTTP alone does not say it, for all streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_actions: Vec<Rule>,
    /// How much and how fast we may ask.
    #[serde(default)]
    pub limits: Limits,
}

/// Certificates of the connection, each a PEM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Our certificate and those above it (mutual TLS), as `${file:…}` or `${ENV}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<Secret>,
    /// The key to it (PKCS #8, PKCS #1 or SEC 1), as `${file:…}` or `${ENV}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "secret"))]
    pub client_key: Option<Secret>,
    /// Certificates to trust besides those of this machine, as `${file:…}` or `${ENV}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<Secret>,
}

/// Text that may hold references to secrets: `${ENV}` or `${file:/path}`. It is kept as written; only
/// [`Secrets::reveal`] puts the values in, at the moment a request is built.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(description = "Text that may hold `${ENV}` or `${file:/path}`.", extend("format" = "secret-text"))]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.contains("${") { &self.0 } else { "***" })
    }
}

impl Secret {
    /// The references in the text, without `${` and `}`.
    pub fn references(&self) -> Vec<&str> {
        references(&self.0)
    }
}

/// The references to secrets in a text, without `${` and `}`.
pub(super) fn references(text: &str) -> Vec<&str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

/// How much and how fast we may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From the first byte sent to the last byte received of one request.
    pub timeout: Span,
    /// To open a connection.
    pub connect_timeout: Span,
    /// Between two pieces of an answer.
    pub read_timeout: Span,
    /// Largest answer, after decompression.
    pub max_body: ByteSize,
    /// Requests a second over all streams of the source; none where it is absent.
    pub requests_per_second: Option<f64>,
    /// Requests that may go at once after a pause, before `requests_per_second` counts.
    #[schemars(range(min = 1))]
    pub burst: u32,
    /// Requests in any span of a length, over all streams of the source: `[{ requests = 100, per = "1m" }]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Whether `requests_per_second` and `windows` are kept together with other processes on the same `staging`: needed
    /// where several ask the same source. It costs a small object in staging for every share of requests that is taken.
    pub shared: bool,
    /// Requests allowed in any 24 hours over all streams of the source; spent where they save most delay.
    #[schemars(range(min = 1))]
    pub calls_per_day: Option<u32>,
    /// Requests in flight at the same time, over all streams of the source: elements of a fan-out, and pages that can
    /// be asked for before the one in front of them is read.
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Attempts for one request, the first included, on connection errors, 429 and 5xx.
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// Redirects followed for one request.
    pub redirects: u32,
    /// Pages of one element in one poll; more is an error, never a silent cut.
    #[schemars(range(min = 1))]
    pub pages: u32,
    /// Columns of a table; a record that would add more goes to quarantine.
    #[schemars(range(min = 1))]
    pub columns: u32,
}

/// So many requests in any span of such a length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Requests; one of a stream with a `cost` counts as so many.
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// Length of the span.
    pub per: Span,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            timeout: Span::from_secs(60),
            connect_timeout: Span::from_secs(10),
            read_timeout: Span::from_secs(30),
            max_body: ByteSize(64 << 20),
            requests_per_second: None,
            burst: 1,
            windows: Vec::new(),
            shared: false,
            calls_per_day: None,
            concurrency: 4,
            attempts: 5,
            redirects: 5,
            pages: 10_000,
            columns: 2_000,
        }
    }
}
