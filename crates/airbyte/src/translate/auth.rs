//! Authenticators.

use serde_json::{Map, Value, json};
use tidegate_core::pipeline::tells_a_secret;

use super::Translator;
use super::component::Component;
use super::jinja::shown;
use super::requester::Place;

const OAUTH: [&str; 18] = [
    "token_refresh_endpoint",
    "client_id",
    "client_secret",
    "refresh_token",
    "access_token_name",
    "access_token_value",
    "expires_in_name",
    "grant_type",
    "grant_type_name",
    "scopes",
    "refresh_request_body",
    "refresh_request_headers",
    "token_expiry_date",
    "token_expiry_date_format",
    "client_id_name",
    "client_secret_name",
    "refresh_token_name",
    "refresh_token_updater",
];

impl Translator<'_> {
    pub(crate) fn auth(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        let Some(mut auth) = self.authenticator(at).filter(|auth| !auth.is_null()) else { return };
        if auth["location"] == IN_FORM {
            auth["location"] = "body".into();
            table.entry("form").or_insert_with(|| json!({}));
        }
        table.insert("auth".to_owned(), auth);
    }

    fn authenticator(&mut self, at: &Component<'_>) -> Option<Value> {
        match at.kind() {
            "NoAuth" => Some(Value::Null),
            "BearerAuthenticator" => {
                self.only(at, &["api_token"]);
                Some(json!({ "type": "bearer", "token": self.credential(at, "api_token")? }))
            }
            "BasicHttpAuthenticator" => {
                self.only(at, &["username", "password"]);
                let username = at.get("username").and_then(|username| self.known_text(&username))?;
                Some(
                    json!({ "type": "http_basic", "username": username, "password": self.credential(at, "password")? }),
                )
            }
            "ApiKeyAuthenticator" => self.api_key(at),
            "SelectiveAuthenticator" => self.selected(at),
            "OAuthAuthenticator" => self.oauth(at),
            "SessionTokenAuthenticator" => self.session(at),
            "LegacySessionTokenAuthenticator" => self.legacy_session(at),
            "JwtAuthenticator" => self.jwt(at),
            _ => {
                self.unsupported(at);
                None
            }
        }
    }

    /// A secret value, always as a reference.
    pub(super) fn credential(&mut self, at: &Component<'_>, key: &str) -> Option<String> {
        let value = match at.get(key) {
            Some(value) => self.known_text(&value)?,
            None => String::new(),
        };
        Some(match value.contains("${") {
            true => value,
            false => self.secret(&format!("{}.{key}", at.path), &value),
        })
    }

    fn api_key(&mut self, at: &Component<'_>) -> Option<Value> {
        self.only(at, &["api_token", "header", "inject_into"]);
        let api_key = self.credential(at, "api_token")?;
        let place = match (at.get("inject_into"), at.get("header")) {
            (Some(option), _) => self.option(&option)?,
            (None, Some(header)) => Place::Header(self.known_text(&header)?),
            (None, None) => {
                self.refuse(at, "it says neither `header` nor `inject_into`");
                return None;
            }
        };
        let (name, location) = placed(place)?;
        Some(json!({ "type": "api_key", "name": name, "api_key": api_key, "location": location }))
    }

    /// The authenticator that the config chooses.
    fn selected(&mut self, at: &Component<'_>) -> Option<Value> {
        self.only(at, &["authenticator_selection_path", "authenticators"]);
        let mut value = self.config.values();
        for step in at.list("authenticator_selection_path") {
            value = value.get(step.value.as_str().unwrap_or_default()).unwrap_or(&Value::Null);
        }
        let choice = shown(value);
        let all = at.get("authenticators")?;
        match all.get(&choice) {
            Some(chosen) => self.authenticator(&chosen),
            None => {
                let known: Vec<&str> = all.entries().iter().map(|(name, _)| *name).collect();
                self.refuse(
                    at,
                    format!("the config chooses `{choice}`, which is none of {}", known.join(", ")),
                );
                None
            }
        }
    }

    fn oauth(&mut self, at: &Component<'_>) -> Option<Value> {
        self.only(at, &OAUTH);
        for (key, usual) in [("grant_type_name", "grant_type"), ("refresh_token_name", "refresh_token")] {
            if let Some(name) = at.get(key).filter(|name| name.value != usual) {
                self.refuse(&name, format!("`{key}` is not supported"));
            }
        }
        let grant = match at.get("grant_type") {
            Some(grant) => self.known_text(&grant)?,
            None => "refresh_token".to_owned(),
        };
        let mut auth = Map::new();
        let refreshes = at.get("refresh_token").is_some() && grant != "client_credentials";
        let kind = if refreshes { "oauth2_refresh_token" } else { "oauth2_client_credentials" };
        auth.insert("type".to_owned(), kind.into());
        let Some(url) = at.get("token_refresh_endpoint") else {
            if at.get("access_token_value").is_some() {
                return Some(
                    json!({ "type": "bearer", "token": self.credential(at, "access_token_value")? }),
                );
            }
            self.refuse(at, "it has no `token_refresh_endpoint`");
            return None;
        };
        auth.insert("access_token_url".to_owned(), self.known_text(&url)?.into());
        let mut data = Map::new();
        if !["refresh_token", "client_credentials"].contains(&grant.as_str()) {
            data.insert("grant_type".to_owned(), grant.into());
        }
        self.client(at, &mut auth, &mut data)?;
        if refreshes {
            auth.insert("refresh_token".to_owned(), self.credential(at, "refresh_token")?.into());
        }
        self.token_request(at, &mut auth, data)?;
        Some(auth.into())
    }

    /// Client id and secret; under other names than the standard's they are plain fields.
    fn client(
        &mut self,
        at: &Component<'_>,
        auth: &mut Map<String, Value>,
        data: &mut Map<String, Value>,
    ) -> Option<()> {
        let renamed = ["client_id", "client_secret"]
            .iter()
            .any(|key| at.text(&format!("{key}_name")).is_some_and(|name| name != *key));
        // What a header says of the client is not in the body as well.
        let headers = at.get("refresh_request_headers");
        let in_header = headers.is_some_and(|headers| headers.value.get("Authorization").is_some());
        for key in ["client_id", "client_secret"] {
            if at.get(key).is_none() {
                if key == "client_id" {
                    auth.insert(key.to_owned(), "".into());
                }
                continue;
            }
            let value = self.credential(at, key)?;
            if renamed && !in_header {
                let name = at.text(&format!("{key}_name")).unwrap_or(key);
                data.insert(name.to_owned(), value.clone().into());
            }
            auth.insert(key.to_owned(), value.into());
        }
        if renamed || in_header || at.get("client_id").is_none() {
            auth.insert("client_auth".to_owned(), "none".into());
        }
        Some(())
    }

    /// What else the token request says, and where its answer has the token.
    fn token_request(
        &mut self,
        at: &Component<'_>,
        auth: &mut Map<String, Value>,
        mut data: Map<String, Value>,
    ) -> Option<()> {
        let mut scopes = Vec::new();
        for scope in at.list("scopes") {
            scopes.push(self.known_text(&scope)?);
        }
        if !scopes.is_empty() {
            // Under this name the CDK sends them, where the standard's is `scope`.
            data.insert("scopes".to_owned(), scopes.join(" ").into());
        }
        for (name, value) in at.get("refresh_request_body").map(|body| body.entries()).unwrap_or_default() {
            data.insert(name.to_owned(), self.known_text(&value)?.into());
        }
        if !data.is_empty() {
            auth.insert("access_token_request_data".to_owned(), data.into());
        }
        let mut headers = Map::new();
        for (name, value) in at.get("refresh_request_headers").map(|body| body.entries()).unwrap_or_default()
        {
            let value = self.known_text(&value)?;
            headers.insert(name.to_owned(), self.kept(at, name, value).into());
        }
        if headers.values().any(|value| value.as_str().is_some_and(|text| text.contains("application/json")))
        {
            auth.insert("access_token_request_body".to_owned(), "json".into());
        }
        if !headers.is_empty() {
            auth.insert("access_token_request_headers".to_owned(), headers.into());
        }
        for (key, native) in
            [("access_token_name", "access_token_path"), ("expires_in_name", "expires_in_path")]
        {
            if let Some(name) = at.get(key) {
                let name = self.known_text(&name)?;
                auth.insert(native.to_owned(), super::records::json_path(&[name]).into());
            }
        }
        if at.get("refresh_token_updater").is_some() {
            let updater = at.get("refresh_token_updater")?;
            self.remark(&updater, "a refresh token that changes is kept in staging, not in the config");
        }
        Some(())
    }

    /// What has a telling name is kept as a secret, even where the manifest has it in the open.
    pub(super) fn kept(&mut self, at: &Component<'_>, name: &str, value: String) -> String {
        match !value.contains("${") && tells_a_secret(name) {
            true => self.secret(&format!("{}.{name}", at.path), &value),
            false => value,
        }
    }

    fn jwt(&mut self, at: &Component<'_>) -> Option<Value> {
        self.only(
            at,
            &[
                "secret_key",
                "base64_encode_secret_key",
                "algorithm",
                "token_duration",
                "header_prefix",
                "jwt_headers",
                "additional_jwt_headers",
                "jwt_payload",
                "additional_jwt_payload",
                "passphrase",
            ],
        );
        let mut auth = Map::new();
        auth.insert("type".to_owned(), "jwt".into());
        let algorithm = at.text("algorithm").unwrap_or_default();
        auth.insert("algorithm".to_owned(), algorithm.into());
        auth.insert("private_key".to_owned(), self.credential(at, "secret_key")?.into());
        if at.get("passphrase").is_some() || at.flag("base64_encode_secret_key") {
            self.refuse(at, "a passphrase or an encoded key is not supported");
        }
        if let Some(headers) = at.get("jwt_headers") {
            if let Some(kid) = headers.get("kid") {
                auth.insert("key_id".to_owned(), self.known_text(&kid)?.into());
            }
            self.only(&headers, &["kid", "typ", "cty"]);
        }
        if let Some(payload) = at.get("jwt_payload") {
            for (key, native) in [("iss", "issuer"), ("sub", "subject"), ("aud", "audience")] {
                if let Some(value) = payload.get(key) {
                    auth.insert(native.to_owned(), self.known_text(&value)?.into());
                }
            }
            self.only(&payload, &["iss", "sub", "aud"]);
        }
        for (key, native) in [("additional_jwt_headers", "headers"), ("additional_jwt_payload", "claims")] {
            for (name, value) in at.get(key).map(|table| table.entries()).unwrap_or_default() {
                let value = self.known_value(&value)?;
                super::requester::set(&mut auth, &[native, name], value);
            }
        }
        if let Some(duration) = at.get("token_duration").and_then(|duration| duration.value.as_u64()) {
            auth.insert("lifetime".to_owned(), format!("{duration}s").into());
        }
        if let Some(prefix) = at.get("header_prefix") {
            auth.insert("prefix".to_owned(), format!("{} ", self.known_text(&prefix)?).into());
        }
        Some(auth.into())
    }
}

/// The location of what becomes a field of a form: the body, which is then a form.
const IN_FORM: &str = "form";

/// Name and location of what goes into each request; `None` for what replaces the path.
pub(super) fn placed(place: Place) -> Option<(String, &'static str)> {
    match place {
        Place::Param(name) => Some((name, "query")),
        Place::Header(name) => Some((name, "header")),
        Place::Body(name) => Some((name, "body")),
        Place::Form(name) => Some((name, IN_FORM)),
        Place::Path => None,
    }
}
