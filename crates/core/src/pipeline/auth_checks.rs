//! Credentials must be whole, must find the place they are put into, and must not stand in the file in the open.

use std::collections::BTreeMap;

use super::auth::{Auth, ClientAuth, Hmac, Location, Oauth2, SessionToken};
use super::checks::{Checks, tells_a_secret};
use super::{Method, Pipeline, Secret, Source, Template, words};
use crate::expr::Dialect;

/// What the message of a signature may name.
const SIGNED: [&str; 7] = ["timestamp", "method", "host", "path", "query", "body", "body_sha256"];

/// Every mistake of `source.tls` and `source.proxy`.
pub(super) fn transport(source: &Source, checks: &mut Checks<'_>) {
    if source.tls.as_ref().is_some_and(|tls| tls.client_cert.is_some() != tls.client_key.is_some()) {
        let help = "give both, as \"${file:client.pem}\" and \"${file:client.key}\"";
        checks.wrong(&["source", "tls"], "`client_cert` and `client_key` go together", help);
    }
    let Some(proxy) = &source.proxy else { return };
    if let Some((user, _)) = proxy.0.rsplit_once('@')
        && user
            .rsplit_once(':')
            .is_some_and(|(_, password)| !password.starts_with("//") && !password.contains("${"))
    {
        let help = "put it into an environment variable and write \"http://user:${NAME}@host:port\"";
        checks.wrong(&["source", "proxy"], "`proxy` holds a password in the open", help);
    }
    if !["http://", "https://", "${"].iter().any(|start| proxy.0.starts_with(start)) {
        let help = "such as \"http://proxy.example.org:3128\"";
        checks.wrong(&["source", "proxy"], "a proxy is the URL of an http or https server", help);
    }
}

/// Every mistake of `source.auth`, and of the credentials that streams have of their own.
pub(super) fn check(pipeline: &Pipeline, checks: &mut Checks<'_>) {
    let shared = pipeline.streams.iter().filter(|stream| stream.auth.is_none());
    let get = shared.into_iter().any(|stream| stream.method == Method::Get);
    one(&pipeline.source.auth, get, &["source", "auth"], checks);
    for (index, stream) in pipeline.streams.iter().enumerate() {
        if let Some(auth) = &stream.auth {
            let get = stream.method == Method::Get;
            one(auth, get, &["streams", &index.to_string(), "auth"], checks);
        }
    }
}

/// Every mistake of the credentials at a place; `get` says whether GET requests are sent with them.
fn one(auth: &Auth, get: bool, at: &[&str], checks: &mut Checks<'_>) {
    match auth {
        Auth::Oauth2ClientCredentials(oauth) => client_credentials(oauth, at, checks),
        Auth::Oauth2RefreshToken(oauth) => refresh_token(oauth, at, checks),
        Auth::SessionToken(session) => self::session(session, at, checks),
        Auth::Hmac(hmac) => self::hmac(hmac, at, checks),
        _ => {}
    }
    if auth.location() == Some(Location::Body) && get {
        let help = "add method = \"POST\" to every stream, or put the key into a header or a parameter";
        wrong(checks, at, &["location"], "a GET request has no body", help);
    }
}

fn wrong(checks: &mut Checks<'_>, at: &[&str], steps: &[&str], message: impl Into<String>, help: &str) {
    let steps: Vec<&str> = at.iter().chain(steps).copied().collect();
    checks.wrong(&steps, message, help);
}

fn client_credentials(oauth: &Oauth2, at: &[&str], checks: &mut Checks<'_>) {
    if oauth.refresh_token.is_some() {
        let help = "a refresh token belongs to type = \"oauth2_refresh_token\"";
        wrong(checks, at, &["refresh_token"], "client credentials have no refresh token", help);
    }
    if oauth.client_secret.is_none() && oauth.client_auth != ClientAuth::None {
        let help = "add client_secret = \"${NAME}\"";
        wrong(checks, at, &["type"], "`client_secret` is missing in `auth`", help);
    }
    request(oauth, at, checks);
}

fn refresh_token(oauth: &Oauth2, at: &[&str], checks: &mut Checks<'_>) {
    if oauth.refresh_token.is_none() {
        let help = "add refresh_token = \"${NAME}\"";
        wrong(checks, at, &["type"], "`refresh_token` is missing in `auth`", help);
    }
    request(oauth, at, checks);
}

fn request(oauth: &Oauth2, at: &[&str], checks: &mut Checks<'_>) {
    if oauth.client_auth == ClientAuth::Basic && oauth.client_secret.is_none() {
        let help = "add `client_secret`, or leave out client_auth = \"basic\"";
        wrong(checks, at, &["client_auth"], "a Basic header needs a client secret", help);
    }
    nested(at, &["access_token_request_data"], &oauth.access_token_request_data, checks);
    nested(at, &["access_token_request_headers"], &oauth.access_token_request_headers, checks);
}

fn session(session: &SessionToken, at: &[&str], checks: &mut Checks<'_>) {
    let login = &session.login;
    for (name, values) in [("headers", &login.headers), ("params", &login.params)] {
        nested(at, &["login", name], values, checks);
    }
    for (name, values) in [("body", &login.body), ("form", &login.form)] {
        nested(at, &["login", name], values, checks);
        if !values.is_empty() && login.method == Method::Get {
            wrong(checks, at, &["login", name], "a GET request has no body", "leave out method = \"GET\"");
        }
    }
    if !login.body.is_empty() && !login.form.is_empty() {
        wrong(checks, at, &["login", "form"], "a login has a JSON body or a form", "leave one of them out");
    }
    if login.username.is_some() != login.password.is_some() {
        let help = "give both for a Basic header, or put them into `body` or `form`";
        wrong(checks, at, &["login"], "`username` and `password` go together", help);
    }
}

fn hmac(hmac: &Hmac, at: &[&str], checks: &mut Checks<'_>) {
    if !matches!(hmac.location, Location::Header | Location::Query) {
        let help = "write \"header\" or \"query\"";
        wrong(checks, at, &["location"], "a signature goes into a header or a parameter", help);
    }
    match Template::parse(&hmac.message, Dialect::Native) {
        Err(error) => {
            wrong(checks, at, &["message"], error.to_string(), "write a space after a brace that is text")
        }
        Ok(template) => {
            for unknown in template.references().filter(|name| !SIGNED.contains(name)) {
                let help = words::instead(unknown, &SIGNED);
                wrong(
                    checks,
                    at,
                    &["message"],
                    format!("there is nothing called `{unknown}` to sign"),
                    &help,
                );
            }
        }
    }
}

/// A value whose name says that it is a secret must not stand there in the open.
fn nested(at: &[&str], below: &[&str], values: &BTreeMap<String, Secret>, checks: &mut Checks<'_>) {
    for (name, value) in values {
        if tells_a_secret(name) && value.references().is_empty() {
            let steps: Vec<&str> = below.iter().copied().chain([name.as_str()]).collect();
            let help = "put it into an environment variable and write \"${NAME}\"";
            wrong(checks, at, &steps, format!("`{name}` holds a secret in the open"), help);
        }
    }
}
