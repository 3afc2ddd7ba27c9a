//! Credentials that sign: tokens and requests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Location, bearer};
use crate::pipeline::{Secret, Span};

/// A JSON Web Token signed here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// Key: PEM for RS256 and ES256, any text for HS256; as `${ENV}` or `${file:…}`.
    #[schemars(extend("format" = "secret"))]
    pub private_key: Secret,
    /// Whether an HS256 key is written in base64 or hex.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// Id of the key, the `kid` of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Secret>,
    /// Further fields of the header.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub headers: serde_json::Map<String, serde_json::Value>,
    /// Claim `iss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Secret>,
    /// Claim `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Secret>,
    /// Claim `aud`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Secret>,
    /// Further claims; one of a name that is there already takes its place.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// How long the token holds; claims `iat` and `exp`.
    #[serde(default = "ten_minutes")]
    pub lifetime: Span,
    /// Where the token is exchanged for an OAuth 2 token; it is sent itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "http-url"))]
    pub access_token_url: Option<String>,
    /// Scopes asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Further fields of the exchange.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access_token_request_data: BTreeMap<String, Secret>,
    /// What stands before the token in the `Authorization` header.
    #[serde(default = "bearer")]
    pub prefix: String,
}

/// How a JSON Web Token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

impl Jwt {
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        std::iter::once(&self.private_key)
            .chain([&self.key_id, &self.issuer, &self.subject, &self.audience].into_iter().flatten())
            .chain(self.access_token_request_data.values())
            .collect()
    }
}

/// A signature over each request by a shared key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// Key, as `${ENV}` or `${file:…}`.
    #[schemars(extend("format" = "secret"))]
    pub key: Secret,
    /// How the key is written.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// Hash.
    #[serde(default)]
    pub algorithm: HmacAlgorithm,
    /// What is signed, a template of `{timestamp}`, `{method}`, `{host}`, `{path}`, `{query}`, `{body}` and
    /// `{body_sha256}`.
    #[serde(default = "message")]
    pub message: String,
    /// Where signature and time go.
    #[serde(default)]
    pub location: Location,
    /// Name of the header or parameter that takes the signature.
    #[serde(default = "signature")]
    pub name: String,
    /// What stands before the signature.
    #[serde(default)]
    pub prefix: String,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// Name of the header or parameter that takes the time (of `{timestamp}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_name: Option<String>,
    /// strftime format of the time, in UTC; `%s` for seconds, `%ms` for milliseconds since 1970.
    #[serde(default = "seconds")]
    pub timestamp_format: String,
}

/// Hash of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HmacAlgorithm {
    /// SHA-1, for APIs that know no other.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// As it is.
    #[default]
    Plain,
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// Hexadecimal digits, lower case.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSigv4 {
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// Service, such as `execute-api`.
    pub service: String,
    /// Access key id.
    pub access_key_id: Secret,
    /// Secret access key, as `${ENV}` or `${file:…}`.
    #[schemars(extend("format" = "secret"))]
    pub secret_access_key: Secret,
    /// Session token of temporary credentials, as `${ENV}` or `${file:…}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "secret"))]
    pub session_token: Option<Secret>,
}

fn ten_minutes() -> Span {
    Span::from_secs(600)
}

fn message() -> String {
    "{timestamp}{method}{path}{body}".to_owned()
}

fn signature() -> String {
    "X-Signature".to_owned()
}

fn seconds() -> String {
    "%s".to_owned()
}
