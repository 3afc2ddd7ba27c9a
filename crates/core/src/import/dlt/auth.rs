//! Credentials and headers. No secret is ever taken over: a reference stands in its place.

use serde_json::{Map, Value, json};

use super::literal::Literal;
use super::reading::{Dict, Reading};
use crate::import::Table;

/// `client.headers`.
pub(super) fn headers(table: &mut Table, client: &Dict<'_>, reading: &mut Reading) {
    if let Some(headers) = client.dict("headers", reading) {
        let headers = values(&headers, reading);
        table.set("headers", if headers.is_empty() { Value::Null } else { headers.into() });
    }
}

/// The headers of the source or of a stream.
pub(super) fn values(headers: &Dict<'_>, reading: &mut Reading) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in headers.fields() {
        let path = headers.at(name);
        let lower = name.to_ascii_lowercase();
        let telling = ["auth", "token", "key", "secret", "cookie"].iter().any(|word| lower.contains(word));
        let value = match value {
            Literal::Null => continue,
            Literal::Text(text) if text.contains('{') => {
                reading.refuse(path, "headers hold no templates; put the value into `params`");
                continue;
            }
            Literal::Text(text) if !telling => Some(text.clone()),
            Literal::Number(number) => Some(number.to_string()),
            value => secret(&path, value, &variable(name), reading),
        };
        all.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    all
}

/// `auth` of the client.
pub(super) fn auth(table: &mut Table, path: &str, auth: &Literal, reading: &mut Reading) {
    let dict = match auth {
        Literal::Null => return,
        Literal::Dict(_) => Dict::of(path, auth),
        other => {
            reading.code(path, other, "write {\"type\": \"bearer\", \"token\": …}, or api_key, http_basic, oauth2_client_credentials");
            None
        }
    };
    let Some(dict) = dict else { return };
    let kind = dict.text("type", reading).unwrap_or_else(|| "bearer".to_owned());
    let mut out = Map::from_iter([("type".to_owned(), Value::from(kind.as_str()))]);
    match kind.as_str() {
        "bearer" => take(&mut out, &dict, &[("token", "API_TOKEN")], reading),
        "api_key" => {
            let name = dict.text("name", reading).unwrap_or_else(|| "Authorization".to_owned());
            let location = match dict.text("location", reading).as_deref() {
                None | Some("header") => "header",
                Some("query" | "param") => "query",
                Some("cookie") => "cookie",
                Some(other) => {
                    reading.refuse(
                        dict.at("location"),
                        format!("`{other}` is not known; one of header, query, cookie"),
                    );
                    "header"
                }
            };
            out.extend([("name".to_owned(), name.into()), ("location".to_owned(), location.into())]);
            take(&mut out, &dict, &[("api_key", "API_KEY")], reading);
        }
        "http_basic" => {
            take(&mut out, &dict, &[("username", "API_USER"), ("password", "API_PASSWORD")], reading)
        }
        "oauth2_client_credentials" => oauth(&mut out, &dict, reading),
        other => reading.refuse(
            dict.at("type"),
            format!("`{other}` is not known; one of bearer, api_key, http_basic, oauth2_client_credentials"),
        ),
    }
    table.set("auth", out);
}

/// The credentials of the endpoints, by where they stand. A pipeline has one set for all its streams: those that all
/// endpoints have, else those of the client.
pub(super) fn of_endpoints(
    table: &mut Table,
    client: Option<&Literal>,
    endpoints: &[(String, Option<Literal>)],
    reading: &mut Reading,
) {
    let common = endpoints.first().and_then(|(path, first)| Some((path, first.as_ref()?)));
    let common = common.filter(|(_, first)| endpoints.iter().all(|(_, auth)| auth.as_ref() == Some(*first)));
    if let Some((path, common)) = common.filter(|(_, common)| Some(*common) != client) {
        return auth(table, path, common, reading);
    }
    for (path, own) in endpoints {
        if own.as_ref().is_some_and(|own| Some(own) != client) {
            let message = "these credentials are its own, and all streams of a pipeline have the same; write a file for each";
            reading.refuse(path, message);
        }
    }
}

fn oauth(out: &mut Map<String, Value>, dict: &Dict<'_>, reading: &mut Reading) {
    out.extend(dict.text("access_token_url", reading).map(|url| ("access_token_url".to_owned(), url.into())));
    take(out, dict, &[("client_id", "CLIENT_ID"), ("client_secret", "CLIENT_SECRET")], reading);
    if let Some(data) = dict.dict("access_token_request_data", reading) {
        let fields: Map<String, Value> = data
            .fields()
            .filter_map(|(name, value)| {
                let value = match value {
                    Literal::Text(text) if !name.contains("secret") && !name.contains("password") => {
                        Some(text.clone())
                    }
                    Literal::Number(number) => Some(number.to_string()),
                    value => secret(&data.at(name), value, &variable(name), reading),
                };
                value.map(|value| (name.to_owned(), value.into()))
            })
            .collect();
        out.insert("access_token_request_data".to_owned(), fields.into());
    }
    if let Some(seconds) = dict.number("default_token_expiration", reading) {
        out.insert("default_token_expiration".to_owned(), json!(format!("{seconds}s")));
    }
    for key in ["session", "access_token"] {
        if let Some(value) = dict.given(key) {
            reading.code(&dict.at(key), value, "leave it out: the token is asked for when it is needed");
        }
    }
}

fn take(out: &mut Map<String, Value>, dict: &Dict<'_>, keys: &[(&str, &str)], reading: &mut Reading) {
    for (key, fallback) in keys {
        let path = dict.at(key);
        match dict.given(key) {
            None => reading.refuse(path, "it is missing"),
            // A user's name is no secret.
            Some(Literal::Text(text)) if *key == "username" => {
                out.insert((*key).to_owned(), text.as_str().into());
            }
            Some(value) => out.extend(
                secret(&path, value, fallback, reading).map(|value| ((*key).to_owned(), value.into())),
            ),
        }
    }
}

/// A reference to the secret in the place of its value.
fn secret(path: &str, value: &Literal, fallback: &str, reading: &mut Reading) -> Option<String> {
    let name = match value {
        Literal::Text(text) if text.starts_with("${") => return Some(text.clone()),
        Literal::Text(_) => {
            reading.note(path, format!("the value was not taken over, a secret has no place in the file; export {fallback}=… before a run"));
            fallback.to_owned()
        }
        Literal::Code(code) => {
            let Some(name) = variable_of(code, fallback) else {
                reading.code(path, value, "write dlt.secrets[\"name\"] or os.environ[\"NAME\"] there");
                return None;
            };
            reading.note(path, format!("`{code}` is the environment variable {name} here"));
            name
        }
        other => {
            reading.code(path, other, "write a text");
            return None;
        }
    };
    Some(format!("${{{name}}}"))
}

/// The environment variable that holds what `dlt.secrets["a.b"]`, `os.environ["A"]` or a plain name stands for: the one
/// that dlt itself would read.
fn variable_of(code: &str, fallback: &str) -> Option<String> {
    let quoted = || code.split(['"', '\'']).nth(1).filter(|text| !text.is_empty());
    let is = |beginnings: &[&str]| beginnings.iter().any(|beginning| code.starts_with(beginning));
    if is(&["os.environ", "os.getenv", "environ[", "getenv("]) {
        return quoted().map(str::to_owned);
    }
    if code == "dlt.secrets.value" || code == "dlt.config.value" {
        return Some(fallback.to_owned());
    }
    if is(&["dlt.secrets", "dlt.config"]) {
        return quoted().map(|name| variable(&name.replace('.', "__")));
    }
    code.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| variable(code))
}

/// A name as environment variables have them.
fn variable(name: &str) -> String {
    name.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}
