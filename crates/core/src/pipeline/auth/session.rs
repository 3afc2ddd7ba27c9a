//! A token that a login request answers with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Location, bearer};
use crate::pipeline::{Method, Secret, Span};

/// A token that a login request answers with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionToken {
    /// The request that is answered with the token.
    pub login: Login,
    /// JSONPath of the token in the login's answer.
    #[serde(default = "token_path")]
    #[schemars(extend("format" = "jsonpath"))]
    pub token_path: String,
    /// Header of the login's answer that holds the token, in place of `token_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_header: Option<String>,
    /// Where the token goes.
    #[serde(default)]
    pub location: Location,
    /// Name of the header, parameter or cookie that takes the token; in the body a dotted path.
    #[serde(default = "authorization")]
    pub name: String,
    /// What stands before the token.
    #[serde(default = "bearer")]
    pub prefix: String,
    /// How long a token holds; until it is refused where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Span>,
}

/// A login request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Its path below `base_url`, or an address of its own.
    pub path: String,
    /// Its method.
    #[serde(default = "post")]
    pub method: Method,
    /// Its headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// Its query parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Secret>,
    /// Fields of its JSON body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub body: BTreeMap<String, Secret>,
    /// Fields of its form, in place of a JSON body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, Secret>,
    /// User name of a Basic header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Secret>,
    /// Password of a Basic header, as `${ENV}` or `${file:…}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "secret"))]
    pub password: Option<Secret>,
}

impl Login {
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let tables = [&self.headers, &self.params, &self.body, &self.form];
        tables.into_iter().flat_map(BTreeMap::values).chain(&self.username).chain(&self.password).collect()
    }
}

fn token_path() -> String {
    "$.token".to_owned()
}

fn authorization() -> String {
    "Authorization".to_owned()
}

fn post() -> Method {
    Method::Post
}
