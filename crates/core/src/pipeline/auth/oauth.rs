//! OAuth 2 as a client without a browser speaks it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{bearer, hour};
use crate::pipeline::{Secret, Span};

/// OAuth 2 client credentials or refresh token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Where tokens are given.
    #[schemars(extend("format" = "http-url"))]
    pub access_token_url: String,
    /// Client id.
    pub client_id: Secret,
    /// Client secret, as `${ENV}` or `${file:…}`; a client with a refresh token may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "secret"))]
    pub client_secret: Option<Secret>,
    /// The first refresh token, as `${ENV}` or `${file:…}`; for `oauth2_refresh_token` alone. A new one here starts anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "secret"))]
    pub refresh_token: Option<Secret>,
    /// Scopes asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Further fields of the token request; one of the standard's name (`grant_type`) takes its place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access_token_request_data: BTreeMap<String, Secret>,
    /// Headers of the token request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access_token_request_headers: BTreeMap<String, Secret>,
    /// How the token request is written.
    #[serde(default)]
    pub access_token_request_body: TokenBody,
    /// Where client id and secret go.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// JSONPath of the token in the answer.
    #[serde(default = "access_token")]
    #[schemars(extend("format" = "jsonpath"))]
    pub access_token_path: String,
    /// JSONPath of its life in the answer, in seconds.
    #[serde(default = "expires_in")]
    #[schemars(extend("format" = "jsonpath"))]
    pub expires_in_path: String,
    /// Life of a token whose answer names none.
    #[serde(default = "hour")]
    pub default_token_expiration: Span,
    /// What stands before the token in the `Authorization` header.
    #[serde(default = "bearer")]
    pub prefix: String,
}

/// Where client id and secret go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Into the body.
    #[default]
    Body,
    /// Into a Basic header.
    Basic,
    /// Nowhere: `access_token_request_data` or `access_token_request_headers` hold what is needed.
    None,
}

/// How a token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenBody {
    /// As a form, as the standard has it.
    #[default]
    Form,
    /// As JSON.
    Json,
}

impl Oauth2 {
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        std::iter::once(&self.client_id)
            .chain(&self.client_secret)
            .chain(&self.refresh_token)
            .chain(self.access_token_request_data.values())
            .chain(self.access_token_request_headers.values())
            .collect()
    }
}

fn access_token() -> String {
    "$.access_token".to_owned()
}

fn expires_in() -> String {
    "$.expires_in".to_owned()
}
