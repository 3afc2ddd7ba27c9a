//! The token of a source in one process: got once, shared by all its streams and requests in flight, renewed shortly
//! before it ends and once where it is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Auth;
use tidegate_core::time::after;
use tokio::sync::Mutex;

use super::applicant::Applicant;
use super::vault::Kept;
use super::{grant, jwt, login, vault};
use crate::Error;
use crate::beside::ended;
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
        let expires = life.map(|life| after(now, life.saturating_sub(MARGIN).max(life / 2)));
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
        self.replaces && !self.accepted.load(Ordering::Relaxed) && now < after(self.since, PAUSE)
    }
}

/// Who was refused a token, or with one, is not asked again before this time is over.
const PAUSE: Duration = Duration::from_secs(30);
/// How often those that wait for another process look whether it is done.
const LOOK: Duration = Duration::from_secs(1);
/// Looks after which no one waits any more.
const LOOKS: u32 = 240;

/// The token of one set of credentials. Who finds none has one got while the others wait for it.
#[derive(Default)]
pub(crate) struct Tokens {
    slot: Arc<Mutex<Slot>>,
    /// Held while a token is asked for.
    asking: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Slot {
    current: Option<Arc<Held>>,
    /// The last token that was refused.
    refused: Option<String>,
    failed: Option<Failed>,
    /// What was granted and could not be kept yet.
    unkept: Option<Kept>,
}

/// No token was given.
struct Failed {
    at: Timestamp,
    /// Before this time nobody asks again.
    until: Timestamp,
    message: String,
    /// Whether the source only wants to be left alone until then.
    waits: bool,
}

impl Failed {
    /// None where there may be use in asking again at once.
    fn of(error: &Error, at: Timestamp) -> Option<Failed> {
        match error {
            Error::Source(message) => {
                Some(Failed { at, until: after(at, PAUSE), message: message.clone(), waits: false })
            }
            Error::Unavailable { message, retry_at: Some(until) } => {
                Some(Failed { at, until: *until, message: message.clone(), waits: true })
            }
            _ => None,
        }
    }

    /// The error of who asks at `now`, unless it is time to ask again.
    fn error(&self, now: Timestamp) -> Option<Error> {
        let Failed { at, until, ref message, waits } = *self;
        let message = format!("{message} (not asked again before {until:.0})");
        (now >= at && now < until).then(|| match waits {
            false => Error::Source(message),
            true => Error::Unavailable { message, retry_at: Some(until) },
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The token that holds now; a new one where there is none.
    pub(super) async fn current(&self, fetch: &Fetch<'_>) -> Result<Arc<Held>, Error> {
        let clock = &fetch.env.clock;
        let mut slot = self.slot.clone().lock_owned().await;
        for _ in 0..LOOKS {
            if let Some(held) = slot.held(clock.now())? {
                return Ok(held);
            }
            let (applicant, asking) = (Applicant::of(fetch), self.asking.clone().lock_owned().await);
            // A task of its own: what the source grants is taken in even if nobody waits for it any more.
            let task = tokio::spawn(async move {
                let renewed = slot.renew(&applicant).await;
                drop(asking);
                (slot, renewed)
            });
            let unasked = || Error::Busy("the process ended while a token was asked for".to_owned());
            let (back, renewed) = ended(task.await, unasked)?;
            match renewed? {
                Some(held) => return Ok(held),
                None => clock.sleep(LOOK).await,
            }
            slot = back;
        }
        Err(Error::Busy(
            "another process has been renewing the refresh token of source.auth for minutes".to_owned(),
        ))
    }

    /// Waits until no token is being asked for.
    pub(crate) async fn settled(&self) {
        drop(self.asking.lock().await);
    }

    /// Takes in that a request was refused with this token, which is dropped unless there is another by now. False where
    /// there is no use in trying again.
    pub(crate) async fn refused(&self, held: &Arc<Held>, now: Timestamp) -> bool {
        let mut slot = self.slot.lock().await;
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

impl Slot {
    /// The token that holds; an error as long as there is no use in asking for one.
    fn held(&self, now: Timestamp) -> Result<Option<Arc<Held>>, Error> {
        if let Some(held) = self.current.as_ref().filter(|held| held.token.holds(now)) {
            return Ok(Some(held.clone()));
        }
        match self.failed.as_ref().and_then(|failed| failed.error(now)) {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// Gets a new token; none where another process is at it.
    async fn renew(&mut self, applicant: &Applicant) -> Result<Option<Arc<Held>>, Error> {
        let token = self.token(applicant).await;
        let now = applicant.env.clock.now();
        match token {
            Ok(None) => Ok(None),
            Ok(Some(token)) => {
                applicant.env.secrets.learn(&token.value);
                let replaces = self.refused.is_some() && self.current.is_none();
                let held = Held { token, since: now, replaces, accepted: AtomicBool::default() };
                self.failed = None;
                Ok(Some(self.current.insert(Arc::new(held)).clone()))
            }
            Err(error) => {
                self.failed = Failed::of(&error, now);
                Err(error)
            }
        }
    }

    async fn token(&mut self, applicant: &Applicant) -> Result<Option<Token>, Error> {
        match &applicant.auth {
            Auth::Oauth2ClientCredentials(oauth) => {
                grant::client_credentials(applicant, oauth).await.map(Some)
            }
            Auth::Oauth2RefreshToken(oauth) => {
                vault::renewed(applicant, oauth, self.refused.as_deref(), &mut self.unkept).await
            }
            Auth::Jwt(jwt) => jwt::token(applicant, jwt).await.map(Some),
            Auth::SessionToken(session) => login::token(applicant, session).await.map(Some),
            _ => Err(Error::Config("source.auth: credentials of this type have no token".to_owned())),
        }
    }
}
