//! Requests for a token: what is sent, and what is read from the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use tidegate_core::decode;
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{ClientAuth, Method, Oauth2, Secret, TokenBody};
use tidegate_core::request::{Request, Response};
use tidegate_core::retry::{self, Pause, Verdict};
use tidegate_core::time::after;
use url::Url;

use super::applicant::Applicant;
use super::config;
use super::token::Token;
use crate::Error;

/// What a token endpoint gave.
pub(super) struct Granted {
    /// An error where it is not where it should be.
    pub(super) token: Result<Token, Error>,
    /// The refresh token for the next time, where it changes.
    pub(super) refresh_token: Option<String>,
}

/// Why no token was given.
pub(super) enum Denied {
    /// The refresh token, or what else was to be exchanged, is not good (any more): `invalid_grant` of RFC 6749, section 5.2.
    Grant(String),
    /// Anything else. It says nothing of the refresh token.
    Other(Error),
}

impl From<Error> for Denied {
    fn from(error: Error) -> Denied {
        Denied::Other(error)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Error {
        match denied {
            Denied::Grant(message) => Error::Source(message),
            Denied::Other(error) => error,
        }
    }
}

pub(super) async fn client_credentials(applicant: &Applicant, oauth: &Oauth2) -> Result<Token, Error> {
    let form = Form::of(applicant, oauth, "client_credentials", &[])?;
    form.send(applicant, oauth, None).await?.token
}

/// Asks for a token with a refresh token; no request begins after `until`.
pub(super) async fn refresh(
    applicant: &Applicant,
    oauth: &Oauth2,
    refresh_token: &str,
    until: Timestamp,
) -> Result<Granted, Denied> {
    applicant.env.secrets.learn(refresh_token);
    Form::of(applicant, oauth, "refresh_token", &[("refresh_token", refresh_token)])?
        .send(applicant, oauth, Some(until))
        .await
}

/// The fields and headers of a token request.
struct Form {
    fields: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Form {
    fn of(
        applicant: &Applicant,
        oauth: &Oauth2,
        grant_type: &str,
        fields: &[(&str, &str)],
    ) -> Result<Form, Error> {
        let mut form = Form { fields: Vec::new(), headers: Vec::new() };
        form.put("grant_type", grant_type);
        fields.iter().for_each(|(name, value)| form.put(name, value));
        if !oauth.scopes.is_empty() {
            form.put("scope", &oauth.scopes.join(" "));
        }
        form.client(applicant, oauth)?;
        let (data, headers) = (&oauth.access_token_request_data, &oauth.access_token_request_headers);
        for (name, value) in revealed(applicant, "access_token_request_data", data)? {
            form.put(&name, &value);
        }
        form.headers.extend(revealed(applicant, "access_token_request_headers", headers)?);
        Ok(form)
    }

    fn put(&mut self, name: &str, value: &str) {
        self.fields.retain(|(n, _)| n != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    fn client(&mut self, applicant: &Applicant, oauth: &Oauth2) -> Result<(), Error> {
        let id = applicant.reveal("client_id", &oauth.client_id)?;
        let secret = oauth
            .client_secret
            .as_ref()
            .map(|secret| applicant.reveal("client_secret", secret))
            .transpose()?;
        match (oauth.client_auth, secret) {
            (ClientAuth::None, _) => {}
            (ClientAuth::Basic, secret) => {
                // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
                let encoded =
                    |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let secret = secret.unwrap_or_default();
                self.headers.push(basic(applicant, &encoded(&id), &encoded(&secret)));
            }
            (ClientAuth::Body, secret) => {
                self.put("client_id", &id);
                secret.iter().for_each(|secret| self.put("client_secret", secret));
            }
        }
        Ok(())
    }

    async fn send(
        self,
        applicant: &Applicant,
        oauth: &Oauth2,
        until: Option<Timestamp>,
    ) -> Result<Granted, Denied> {
        let mut request = request(Method::Post, &oauth.access_token_url)?;
        for (name, value) in self.headers {
            request
                .set_sound_header("source.auth.access_token_request_headers", &name, value)
                .map_err(config)?;
        }
        match oauth.access_token_request_body {
            TokenBody::Form => request.set_form(self.fields),
            TokenBody::Json => json_body(&mut request, self.fields),
        }
        let help = "check the id, the secret, the scopes and the refresh token of source.auth";
        let response = send(applicant, &request, help, until).await?;
        Ok(granted(applicant, &request, &response, oauth))
    }
}

/// What an answer gives. The refresh token is read first: the one before it may be void by now, whatever else is wrong.
fn granted(applicant: &Applicant, request: &Request, response: &Response, oauth: &Oauth2) -> Granted {
    let refresh_token = at(&response.body, "$.refresh_token").and_then(text);
    refresh_token.iter().for_each(|token| applicant.env.secrets.learn(token));
    let life = life_at(response, &oauth.expires_in_path).unwrap_or(oauth.default_token_expiration.0);
    let token = token_at(applicant, request, response, &oauth.access_token_path);
    let now = applicant.env.clock.now();
    Granted { token: token.map(|value| Token::new(value, now, Some(life))), refresh_token }
}

/// The value at a path of an answer.
fn at(body: &[u8], path: &str) -> Option<Value> {
    let ranges = decode::locate(body, path).ok()?;
    serde_json::from_slice(&body[ranges.first()?.clone()]).ok()
}

/// A text, or a number as text.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number of seconds, in quotes or not; nothing and less is none.
fn seconds(value: Value) -> Option<Duration> {
    let seconds: f64 = text(value)?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|life| !life.is_zero())
}

/// The life at a path of an answer.
pub(super) fn life_at(response: &Response, path: &str) -> Option<Duration> {
    at(&response.body, path).and_then(seconds)
}

/// The token at a path of an answer.
pub(super) fn token_at(
    applicant: &Applicant,
    request: &Request,
    response: &Response,
    path: &str,
) -> Result<String, Error> {
    let token = at(&response.body, path).and_then(text).ok_or_else(|| {
        let shown = request.shown(&applicant.env.secrets);
        Error::Source(format!(
            "{shown}: the answer ({}) has no token at `{path}`; check source.auth{}",
            response.status,
            told(applicant, response)
        ))
    })?;
    applicant.env.secrets.learn(&token);
    Ok(token)
}

/// The values of a table of secrets; `key` is the table's in `source.auth`.
pub(super) fn revealed(
    applicant: &Applicant,
    key: &str,
    values: &BTreeMap<String, Secret>,
) -> Result<Vec<(String, String)>, Error> {
    let reveal = |(name, value): (&String, &Secret)| {
        Ok((name.clone(), applicant.reveal(&format!("{key}.{name}"), value)?))
    };
    values.iter().map(reveal).collect()
}

/// A header of RFC 7617.
pub(super) fn basic(applicant: &Applicant, user: &str, password: &str) -> (String, String) {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    applicant.env.secrets.learn(&pair);
    ("authorization".to_owned(), format!("Basic {pair}"))
}

/// A request for a token, without credentials.
pub(super) fn request(method: Method, url: &str) -> Result<Request, Error> {
    let url = Url::parse(url).map_err(|error| Error::Config(format!("source.auth: `{url}`: {error}")))?;
    Ok(Request {
        method,
        url,
        headers: vec![
            ("user-agent".to_owned(), tidegate_core::request::USER_AGENT.to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ],
        body: None,
        form: false,
        secret_params: Vec::new(),
        secret_body: true,
        away: false,
    })
}

pub(super) fn json_body(request: &mut Request, fields: Vec<(String, String)>) {
    request.set_header("content-type", "application/json".to_owned());
    let table: serde_json::Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name, value.into())).collect();
    request.body = Some(Value::Object(table).to_string().into());
}

/// Sends a request for a token, tried again as long as that makes sense and none begins after `until`. `help` says what to
/// check where none is given.
pub(super) async fn send(
    applicant: &Applicant,
    request: &Request,
    help: &str,
    until: Option<Timestamp>,
) -> Result<Response, Denied> {
    let (env, limits) = (&applicant.env, &applicant.source.limits);
    let shown = request.shown(&env.secrets);
    let is_over = |at: Timestamp| until.is_some_and(|until| at > until);
    let unavailable = |message, retry_at| Denied::Other(Error::Unavailable { message, retry_at });
    let mut attempt = 0;
    loop {
        if is_over(env.clock.now()) {
            let message = format!("{shown}: not asked: what came before took all the time there was");
            return Err(unavailable(message, None));
        }
        attempt += 1;
        let (pause, failure) = match env.http.send(request, limits).await {
            Ok(response) if (200..300).contains(&response.status) => return Ok(response),
            Ok(response) if !retry::is_transient(response.status) => {
                let said = told(applicant, &response);
                let message = format!("{shown}: no token was given ({}{said}); {help}", response.status);
                let is_grant = Refusal::of(&response).error == Some("invalid_grant".into());
                return Err(if is_grant { Denied::Grant(message) } else { Error::Source(message).into() });
            }
            Ok(response) => {
                let failure = format!("{shown}: {} when asked for a token", response.status);
                (retry::pause(None, &response, env.clock.now()), failure)
            }
            Err(error) if error.kind() != Kind::Transient => return Err(Error::from(error).into()),
            Err(error) => (Pause::default(), error.to_string()),
        };
        let now = env.clock.now();
        let chance = retry::chance(env.seed, "token", attempt, now);
        match retry::verdict(attempt, limits.attempts, pause, now, chance) {
            Verdict::Wait(wait) if is_over(after(now, wait)) => {
                return Err(unavailable(failure, Some(after(now, wait))));
            }
            Verdict::Wait(wait) => {
                tracing::info!(attempt, ?wait, "trying again: {failure}");
                env.clock.sleep(wait).await;
            }
            Verdict::GiveUp(retry_at) => return Err(unavailable(failure, retry_at)),
        }
    }
}

/// A refusal in the words that RFC 6749 gives for it; no other part of such an answer is ever quoted.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    error: Option<Value>,
    error_description: Option<Value>,
}

impl Refusal {
    fn of(response: &Response) -> Refusal {
        serde_json::from_slice(&response.body).unwrap_or_default()
    }
}

/// What a refusal says.
fn told(applicant: &Applicant, response: &Response) -> String {
    let Refusal { error, error_description } = Refusal::of(response);
    let words: Vec<String> = [error, error_description].into_iter().flatten().filter_map(text).collect();
    let said = applicant.env.secrets.redact(&words.join(", "));
    let plain: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    if plain.is_empty() { String::new() } else { format!(": {plain}") }
}
