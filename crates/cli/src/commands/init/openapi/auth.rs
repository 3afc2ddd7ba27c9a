//! Credentials, from the security schemes.

use serde_json::{Value, json};
use tidegate_core::import::Table;

use super::document::Document;
use super::text;

/// Sets `auth`: by the scheme that the description asks for everywhere, else by the first that there is.
pub(super) fn propose(document: &Document, source: &mut Table) {
    let root = &document.root;
    let schemes =
        root["components"]["securitySchemes"].as_object().or(root["securityDefinitions"].as_object());
    let Some(schemes) = schemes.filter(|schemes| !schemes.is_empty()) else { return };
    let asked = root["security"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
    let asked = asked.filter_map(|(name, _)| schemes.get(name));
    let found = asked.chain(schemes.values()).map(|scheme| document.resolved(scheme)).find_map(credentials);
    match found {
        Some(auth) => {
            source.say("Secrets never stand in this file: export the variable before `tidegate run`.");
            source.set("auth", auth);
        }
        None => source.say(format!(
            "The description asks for {}, which has no proposal: see `auth` in docs/reference/pipeline-file.md.",
            schemes.keys().cloned().collect::<Vec<_>>().join(", ")
        )),
    }
    if schemes.len() > 1 {
        source.say(format!(
            "It knows {}; one is chosen.",
            schemes.keys().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
}

fn credentials(scheme: &Value) -> Option<Value> {
    let bearer = json!({ "type": "bearer", "token": "${API_TOKEN}" });
    let basic = json!({ "type": "http_basic", "username": "${API_USER}", "password": "${API_PASSWORD}" });
    match (text(scheme, "type"), text(scheme, "scheme").to_ascii_lowercase().as_str()) {
        ("http", "bearer") => Some(bearer),
        ("http", "basic") | ("basic", _) => Some(basic),
        ("apiKey", _) => {
            let location = match text(scheme, "in") {
                place @ ("query" | "cookie") => place,
                _ => "header",
            };
            let name = text(scheme, "name");
            Some(json!({ "type": "api_key", "name": name, "location": location, "api_key": "${API_KEY}" }))
        }
        ("oauth2", _) => Some(oauth(scheme).unwrap_or(bearer)),
        _ => None,
    }
}

/// The flow that needs no browser, where there is one.
fn oauth(scheme: &Value) -> Option<Value> {
    let flow = scheme["flows"]
        .get("clientCredentials")
        .or_else(|| (scheme["flow"] == "application").then_some(scheme))?;
    let url = text(flow, "tokenUrl");
    url.starts_with("http").then(|| {
        json!({
            "type": "oauth2_client_credentials",
            "access_token_url": url,
            "client_id": "${CLIENT_ID}",
            "client_secret": "${CLIENT_SECRET}",
        })
    })
}
