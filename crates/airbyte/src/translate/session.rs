//! Session tokens: a login request, and where its token goes.

use serde_json::{Map, Value, json};

use super::Translator;
use super::auth::placed;
use super::component::Component;
use super::incremental::Rounding;

impl Translator<'_> {
    pub(super) fn session(&mut self, at: &Component<'_>) -> Option<Value> {
        self.only(
            at,
            &[
                "login_requester",
                "session_token_path",
                "expiration_duration",
                "request_authentication",
                "decoder",
            ],
        );
        let login = at.get("login_requester")?;
        let mut path = Vec::new();
        for step in at.list("session_token_path") {
            path.push(self.known_text(&step)?);
        }
        let mut auth = Map::new();
        auth.insert("type".to_owned(), "session_token".into());
        auth.insert("login".to_owned(), self.login(&login)?);
        auth.insert("token_path".to_owned(), super::records::json_path(&path).into());
        if let Some(expiration) = at.get("expiration_duration") {
            let span = self.span(&expiration, Rounding::Down)?;
            auth.insert("expiration".to_owned(), super::incremental::written(span).into());
        }
        let request = at.get("request_authentication")?;
        match request.kind() {
            "Bearer" => {}
            "ApiKey" => {
                let option = request.get("inject_into")?;
                let (name, location) = self.option(&option).and_then(placed)?;
                auth.insert("name".to_owned(), name.into());
                auth.insert("location".to_owned(), location.into());
                let prefix = match request.get("api_token") {
                    // `{{ session_token }}` with what stands in front of it.
                    Some(token) => {
                        token.value.as_str().and_then(|text| text.split("{{").next()).unwrap_or_default()
                    }
                    None => "",
                };
                auth.insert("prefix".to_owned(), prefix.into());
            }
            _ => {
                self.unsupported(&request);
                return None;
            }
        }
        Some(auth.into())
    }

    fn login(&mut self, at: &Component<'_>) -> Option<Value> {
        let mut request = Map::new();
        self.requester(at, &mut request, &super::jinja::Slice::default());
        let text = |request: &mut Map<String, Value>, key: &str| match request.shift_remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let base = text(&mut request, "base_url");
        let path = text(&mut request, "path");
        let mut login = Map::new();
        login.insert("path".to_owned(), format!("{base}/{}", path.trim_start_matches('/')).into());
        let method = at.text("http_method").map_or("GET".to_owned(), str::to_ascii_uppercase);
        login.insert("method".to_owned(), method.into());
        for (key, native) in [
            ("request_parameters", "params"),
            ("request_headers", "headers"),
            ("request_body_json", "body"),
            ("request_body_data", "form"),
        ] {
            let fields = self.login_fields(at, key)?;
            if !fields.is_empty() {
                login.insert(native.to_owned(), fields.into());
            }
        }
        match request.shift_remove("auth") {
            None | Some(Value::Null) => {}
            Some(auth) if auth["type"] == "http_basic" => {
                login.insert("username".to_owned(), auth["username"].clone());
                login.insert("password".to_owned(), auth["password"].clone());
            }
            Some(auth) if auth["type"] == "api_key" && auth["location"] == "header" => {
                let name = auth["name"].as_str().unwrap_or_default();
                super::requester::set(&mut login, &["headers", name], auth["api_key"].clone());
            }
            Some(_) => self.refuse(at, "a login with this authenticator is not supported"),
        }
        Some(login.into())
    }

    /// The fields of a part of a login request.
    fn login_fields(&mut self, at: &Component<'_>, key: &str) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        let Some(part) = at.get(key) else { return Some(fields) };
        if !part.value.is_object() && crate::parameters::is_set(part.value) {
            self.refuse(&part, "a login whose body is one text is not supported");
        }
        for (name, value) in part.entries() {
            if value.value.is_object() || value.value.is_array() {
                self.refuse(&value, "a login whose body is nested is not supported");
                continue;
            }
            let text = self.known_text(&value)?;
            fields.insert(name.to_owned(), self.kept(at, name, text).into());
        }
        Some(fields)
    }

    /// A token of the config's, else one that user name and password are given for.
    pub(super) fn legacy_session(&mut self, at: &Component<'_>) -> Option<Value> {
        let known = [
            "header",
            "session_token",
            "session_token_response_key",
            "username",
            "password",
            "login_url",
            "validate_session_url",
        ];
        self.only(at, &known);
        let name = at.get("header").and_then(|header| self.known_text(&header))?;
        let given = at.get("session_token").and_then(|token| self.known_text(&token)).unwrap_or_default();
        if !given.is_empty() {
            let token = self.credential(at, "session_token")?;
            return Some(json!({ "type": "api_key", "name": name, "api_key": token, "location": "header" }));
        }
        let path = at.get("login_url").and_then(|url| self.known_text(&url))?;
        let key = at.get("session_token_response_key").and_then(|key| self.known_text(&key))?;
        let user = at.get("username").and_then(|user| self.known_text(&user))?;
        Some(json!({
            "type": "session_token", "name": name, "location": "header", "prefix": "",
            "login": { "path": path, "method": "POST", "body": { "username": user, "password": self.credential(at, "password")? } },
            "token_path": super::records::json_path(&[key]),
        }))
    }
}
