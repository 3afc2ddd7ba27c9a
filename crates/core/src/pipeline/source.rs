//! The API: address, headers, credentials, limits.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::Rule;
use super::units::{ByteSize, Span};

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
    /// Credentials.
    #[serde(default)]
    pub auth: Auth,
    /// What an answer means where HTTP alone does not say it, for all streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_actions: Vec<Rule>,
    /// How much and how fast we may ask.
    #[serde(default)]
    pub limits: Limits,
}

/// Credentials, in the words of dlt's rest_api.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// No credentials.
    #[default]
    None,
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        token: Secret,
    },
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// Name of the header, parameter or cookie.
        name: String,
        /// The key, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        api_key: Secret,
        /// Where it goes.
        #[serde(default)]
        location: Location,
    },
    /// RFC 7617.
    HttpBasic {
        /// User name.
        username: Secret,
        /// Password, as `${ENV}` or `${file:…}`.
        #[schemars(extend("format" = "secret"))]
        password: Secret,
    },
}

/// Where an API key goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A request header.
    #[default]
    Header,
    /// A query parameter.
    Query,
    /// A cookie.
    Cookie,
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
        self.0.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
    }
}

/// The values of all secrets of a pipeline, read once at start by the shell. The only holder of them, and the one
/// place that hides them again.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// From pairs of reference (`TOKEN`, `file:/run/token`) and value.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Secrets {
        Secrets(values.into_iter().collect())
    }

    /// The text with its references replaced by values. The error names the first reference without a value.
    pub fn reveal(&self, secret: &Secret) -> Result<String, String> {
        let mut out = String::with_capacity(secret.0.len());
        let mut rest = secret.0.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
            out.push_str(before);
            out.push_str(self.0.get(name).ok_or_else(|| name.to_owned())?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The text with every secret value replaced by `***`, plain and percent-encoded alike.
    pub fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for value in self.0.values().filter(|value| !value.is_empty()) {
            out = out.replace(value.as_str(), "***");
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            out = out.replace(&encoded, "***");
            let encoded =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
            out = out.replace(&encoded, "***");
        }
        out
    }
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

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            timeout: Span::from_secs(60),
            connect_timeout: Span::from_secs(10),
            read_timeout: Span::from_secs(30),
            max_body: ByteSize(64 << 20),
            requests_per_second: None,
            calls_per_day: None,
            concurrency: 4,
            attempts: 5,
            redirects: 5,
            pages: 10_000,
            columns: 2_000,
        }
    }
}
