//! The token of a source in one process: got once, shared by all its streams and requests in flight, renewed shortly
//! before it ends and once where it is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::Auth;

use super::{grant, jwt, login, vault};
use crate::Error;
use crate::fetch::Fetch;

/// A token as it was given.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) value: String,
    /// From when on it is renewed; `None` if it is used until it is refused.
    pub(super) expires: Option<Timestamp>,
}

/// A token this close to its end is renewed; one that lives shorter, at half its life.
const MARGIN: Duration = Duration::from_secs(30);

impl Token {
    /// A token that was given at `now` and holds for so long.
    pub(super) fn new(value: String, now: Timestamp, life: Option<Duration>) -> Token {
        let expires = life.map(|life| later(now, life.saturating_sub(MARGIN).max(life / 2)));
        Token { value, expires }
    }

    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// A token that requests are sent with.
pub(crate) struct Held {
    token: Token,
    since: Timestamp,
    /// Whether it was got because the one before was refused.
    replaces: bool,
    /// Whether any request was answered with it.
    accepted: AtomicBool,
}

impl Held {
    pub(super) fn value(&self) -> &str {
        &self.token.value
    }

    /// Takes in that a request was let in with it.
    pub(crate) fn accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// Whether there is no use in another one: it was got in place of a refused one just now, and was refused as well.
    fn is_hopeless(&self, now: Timestamp) -> bool {
        self.replaces && !self.accepted.load(Ordering::Relaxed) && now < later(self.since, PAUSE)
    }
}

/// Who was refused a token, or with one, is not asked again before this time is over.
const PAUSE: Duration = Duration::from_secs(30);

/// The token of a source. Who finds none gets one while the others wait for it.
#[derive(Default)]
pub(crate) struct Tokens(tokio::sync::Mutex<Slot>);

#[derive(Default)]
struct Slot {
    current: Option<Arc<Held>>,
    /// The last token that was refused.
    refused: Option<String>,
    /// When no token was given, and what was said.
    failed: Option<(Timestamp, String)>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The token that holds now; a new one where there is none.
    pub(super) async fn current(&self, fetch: &Fetch<'_>) -> Result<Arc<Held>, Error> {
        let mut slot = self.0.lock().await;
        let now = fetch.env.clock.now();
        if let Some(held) = slot.current.as_ref().filter(|held| held.token.holds(now)) {
            return Ok(held.clone());
        }
        if let Some((at, failure)) =
            slot.failed.as_ref().filter(|(at, _)| now >= *at && now < later(*at, PAUSE))
        {
            return Err(Error::Source(format!(
                "{failure} (not asked again before {:.0})",
                later(*at, PAUSE)
            )));
        }
        match token(fetch, slot.refused.as_deref()).await {
            Ok(token) => {
                fetch.env.secrets.learn(&token.value);
                let replaces = slot.refused.is_some() && slot.current.is_none();
                let held = Held { token, since: now, replaces, accepted: AtomicBool::default() };
                slot.failed = None;
                Ok(slot.current.insert(Arc::new(held)).clone())
            }
            Err(error) => {
                if let Error::Source(failure) = &error {
                    slot.failed = Some((now, failure.clone()));
                }
                Err(error)
            }
        }
    }

    /// Takes in that a request was refused with this token, which is dropped unless there is another by now. False where
    /// there is no use in trying again.
    pub(crate) async fn refused(&self, held: &Arc<Held>, now: Timestamp) -> bool {
        let mut slot = self.0.lock().await;
        if !slot.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, held)) {
            return true;
        }
        if held.is_hopeless(now) {
            return false;
        }
        slot.refused = Some(held.token.value.clone());
        slot.current = None;
        true
    }
}

/// A new token; `refused` is one that must not be taken again.
async fn token(fetch: &Fetch<'_>, refused: Option<&str>) -> Result<Token, Error> {
    match &fetch.pipeline.source.auth {
        Auth::Oauth2ClientCredentials(oauth) => grant::client_credentials(fetch, oauth).await,
        Auth::Oauth2RefreshToken(oauth) => vault::renewed(fetch, oauth, refused).await,
        Auth::Jwt(jwt) => jwt::token(fetch, jwt).await,
        Auth::SessionToken(session) => login::token(fetch, session).await,
        _ => Err(Error::Config("source.auth: credentials of this type have no token".to_owned())),
    }
}

pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
