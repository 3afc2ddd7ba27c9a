//! The gate before a source: its rate and its circuit, shared by all its streams in one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::ObjectStore;
use tidegate_core::cadence::Hints;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pace::Pace;
use tidegate_core::pipeline::{Auth, Limits};
use tidegate_core::retry::{Circuit, PATIENCE};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::Tokens;
use crate::share::Shares;
use crate::{Env, Error};

/// The gate before one source. Kept in memory only: losing it costs a request too many, never a record.
#[derive(Debug)]
pub struct Gate {
    /// Requests that may be in flight.
    permits: Semaphore,
    capacity: usize,
    /// What this process holds of limits that several keep together.
    shares: Option<Shares>,
    /// The tokens that the source lets us in by, one for each set of credentials.
    tokens: Mutex<Vec<(Auth, Arc<Tokens>)>>,
    /// Where tokens outlive the process, if not in staging.
    kept_in: Option<Arc<dyn ObjectStore>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    circuit: Circuit,
    pace: Pace,
    /// Until when the source wants to be left alone, and since when.
    held: Option<(Timestamp, Timestamp)>,
}

impl State {
    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held.filter(|(until, since)| now >= *since && now < *until).map(|(until, _)| until)
    }
}

pub(crate) fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// An error where it takes too long until then: the schedule waits instead of us. `who` allows nothing more.
pub(crate) fn patient(since: Timestamp, until: Timestamp, who: &str) -> Result<(), Error> {
    if until_then(since, until) <= PATIENCE {
        return Ok(());
    }
    let message = format!("not asked: {who} nothing more until {until:.0}");
    Err(Error::Unavailable { message, retry_at: Some(until) })
}

impl Gate {
    /// The gate of a source with these limits.
    pub fn new(limits: &Limits) -> Gate {
        let permits = usize::try_from(limits.concurrency.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        let capacity = permits.min(Semaphore::MAX_PERMITS);
        Gate {
            permits: Semaphore::new(capacity),
            capacity,
            shares: limits.shared.then(|| Shares::new(limits)),
            tokens: Mutex::default(),
            kept_in: None,
            state: Mutex::new(State { pace: Pace::new(limits), ..State::default() }),
        }
    }

    /// Tokens that must outlive the process are kept in this store, where `Env::staging` is thrown away.
    pub fn keeping_tokens_in(self, store: Arc<dyn ObjectStore>) -> Gate {
        Gate { kept_in: Some(store), ..self }
    }

    /// The token of these credentials.
    pub(crate) fn tokens(&self, auth: &Auth) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, tokens)) = all.iter().find(|(known, _)| known == auth) {
            return tokens.clone();
        }
        let tokens = Arc::<Tokens>::default();
        all.push((auth.clone(), tokens.clone()));
        tokens
    }

    /// The store of what must outlive the process.
    pub(crate) fn state<'a>(&'a self, env: &'a Env) -> &'a Arc<dyn ObjectStore> {
        self.kept_in.as_ref().unwrap_or(&env.staging)
    }

    /// Waits until no token is being asked for: a refresh token that changes with its use would be lost with the process.
    pub async fn settled(&self) {
        let all: Vec<Arc<Tokens>> = {
            let all = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            all.iter().map(|(_, tokens)| tokens.clone()).collect()
        };
        for tokens in all {
            tokens.settled().await;
        }
    }

    /// When the source may be asked again, if not now: it failed too often, or said so itself.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.lock().circuit.closed_until(now)
    }

    /// Waits for the turn of one request of this weight, which is in flight as long as the permit lives. An error says
    /// until when the source is left alone.
    pub(crate) async fn enter(&self, env: &Env, cost: u32) -> Result<Option<SemaphorePermit<'_>>, Error> {
        // Never closed as long as the gate lives.
        let permit = self.permits.acquire().await.ok();
        let clock = env.clock.as_ref();
        self.check(clock.now())?;
        loop {
            let wait = self.turn(clock.now(), cost)?;
            if !wait.is_zero() {
                clock.sleep(wait).await;
            }
            if let Some(shares) = &self.shares {
                shares.enter(env, self.state(env).as_ref(), cost).await?;
            }
            // Who waits here may be told meanwhile to wait longer, or not to ask at all.
            self.check(clock.now())?;
            if self.lock().held_until(clock.now()).is_none() {
                return Ok(permit);
            }
        }
    }

    fn check(&self, now: Timestamp) -> Result<(), Error> {
        match self.closed_until(now) {
            None => Ok(()),
            Some(until) => Err(Error::Unavailable {
                message: format!("not asked: the source failed before and is left alone until {until:.0}"),
                retry_at: Some(until),
            }),
        }
    }

    /// Books the next turn; returns how long it is until then.
    fn turn(&self, now: Timestamp, cost: u32) -> Result<Duration, Error> {
        let mut state = self.lock();
        if let Some(until) = state.pace.spent_until(now, cost) {
            patient(now, until, "by its last answer the source allows")?;
        }
        // Those before it in the queue are waited for, but no window that stays full.
        let (last, first) = state.pace.windowed(now, cost);
        patient(last, first, "the windows of `source.limits` allow")?;
        let earliest = state.held_until(now).unwrap_or(now);
        Ok(until_then(now, state.pace.book(now, earliest, cost)))
    }

    /// Takes in what an answer says is left of the source's limits.
    pub(crate) fn told(&self, hints: &Hints, now: Timestamp) {
        let in_flight = self.capacity.saturating_sub(self.permits.available_permits());
        self.lock().pace.told(hints, now, u32::try_from(in_flight).unwrap_or(u32::MAX));
    }

    /// No stream of the source asks before this time.
    pub(crate) fn hold(&self, now: Timestamp, until: Timestamp) {
        let mut state = self.lock();
        let longer = state.held.is_none_or(|(held, since)| until > held || now < since);
        if longer {
            state.held = Some((until, now));
        }
    }

    pub(crate) fn succeeded(&self) {
        self.lock().circuit.succeeded();
    }

    /// Takes in a request that failed for good; returns until when the source is left alone, if it is.
    pub(crate) fn failed(&self, now: Timestamp, hold: Option<Timestamp>) -> Option<Timestamp> {
        let mut state = self.lock();
        state.circuit.failed(now, hold);
        state.circuit.closed_until(now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way; and if it did, the numbers would still be usable.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
