//! The gate before a source: its rate and its circuit, shared by all its streams in one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::ObjectStore;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::Limits;
use tidegate_core::retry::Circuit;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::Tokens;
use crate::{Clock, Env, Error};

/// The gate before one source. Kept in memory only: losing it costs a request too many, never a record.
#[derive(Debug)]
pub struct Gate {
    /// Time between two requests; zero where the rate is not limited.
    interval: Duration,
    /// Requests that may be in flight.
    permits: Semaphore,
    /// The token that the source lets us in by.
    pub(crate) tokens: Tokens,
    /// Where tokens outlive the process, if not in staging.
    kept_in: Option<Arc<dyn ObjectStore>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    circuit: Circuit,
    /// When the next request may go, and when that was decided.
    next: Option<(Timestamp, Timestamp)>,
    /// Until when the source wants to be left alone, and since when.
    held: Option<(Timestamp, Timestamp)>,
}

impl State {
    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held.filter(|(until, since)| now >= *since && now < *until).map(|(until, _)| until)
    }
}

fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

impl Gate {
    /// The gate of a source with these limits.
    pub fn new(limits: &Limits) -> Gate {
        let rate = limits.requests_per_second.filter(|rate| *rate > 0.0);
        let interval = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()).unwrap_or_default();
        let permits = usize::try_from(limits.concurrency.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Gate {
            interval,
            permits: Semaphore::new(permits.min(Semaphore::MAX_PERMITS)),
            tokens: Tokens::default(),
            kept_in: None,
            state: Mutex::default(),
        }
    }

    /// Tokens that must outlive the process are kept in this store, where `Env::staging` is thrown away.
    pub fn keeping_tokens_in(self, store: Arc<dyn ObjectStore>) -> Gate {
        Gate { kept_in: Some(store), ..self }
    }

    /// The store of what must outlive the process.
    pub(crate) fn state<'a>(&'a self, env: &'a Env) -> &'a dyn ObjectStore {
        self.kept_in.as_ref().unwrap_or(&env.staging).as_ref()
    }

    /// When the source may be asked again, if not now: it failed too often, or said so itself.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.lock().circuit.closed_until(now)
    }

    /// Waits for the turn of one request, which is in flight as long as the permit lives. An error says until when the
    /// source is left alone.
    pub(crate) async fn enter(&self, clock: &dyn Clock) -> Result<Option<SemaphorePermit<'_>>, Error> {
        // Never closed as long as the gate lives.
        let permit = self.permits.acquire().await.ok();
        self.check(clock.now())?;
        let mut wait = self.turn(clock.now());
        // Who waits here may be told meanwhile to wait longer, or not to ask at all.
        while !wait.is_zero() {
            clock.sleep(wait).await;
            self.check(clock.now())?;
            wait = self.held_for(clock.now());
        }
        Ok(permit)
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

    /// How long the source still wants to be left alone.
    fn held_for(&self, now: Timestamp) -> Duration {
        self.lock().held_until(now).map_or(Duration::ZERO, |until| until_then(now, until))
    }

    /// Books the next turn; returns how long it is until then.
    fn turn(&self, now: Timestamp) -> Duration {
        let interval = SignedDuration::try_from(self.interval).unwrap_or(SignedDuration::MAX);
        let mut state = self.lock();
        let held = state.held_until(now);
        if self.interval.is_zero() {
            return held.map_or(Duration::ZERO, |until| until_then(now, until));
        }
        let mine = match state.next {
            // The clock was set back: what was booked moves along with it.
            Some((next, decided)) if now < decided => now.saturating_add(next.duration_since(decided)),
            Some((next, _)) => Ok(next.max(now)),
            None => Ok(now),
        }
        .unwrap_or(now)
        .max(held.unwrap_or(now));
        state.next = Some((mine.saturating_add(interval).unwrap_or(mine), now));
        until_then(now, mine)
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
