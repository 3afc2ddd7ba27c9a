//! The gate before a source: its rate and its circuit, shared by all its streams in one process.

use std::sync::Mutex;
use std::time::Duration;

use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::Limits;
use tidegate_core::retry::Circuit;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{Clock, Error};

/// The gate before one source. Kept in memory only: losing it costs a request too many, never a record.
#[derive(Debug)]
pub struct Gate {
    /// Time between two requests; zero where the rate is not limited.
    interval: Duration,
    /// Requests that may be in flight.
    permits: Semaphore,
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

impl Gate {
    /// The gate of a source with these limits.
    pub fn new(limits: &Limits) -> Gate {
        let rate = limits.requests_per_second.filter(|rate| *rate > 0.0);
        let interval = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()).unwrap_or_default();
        let permits = usize::try_from(limits.concurrency.max(1)).unwrap_or(Semaphore::MAX_PERMITS);
        Gate {
            interval,
            permits: Semaphore::new(permits.min(Semaphore::MAX_PERMITS)),
            state: Mutex::default(),
        }
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
        let now = clock.now();
        if let Some(until) = self.closed_until(now) {
            return Err(Error::Unavailable {
                message: format!("not asked: the source failed before and is left alone until {until:.0}"),
                retry_at: Some(until),
            });
        }
        let wait = self.turn(now);
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
        Ok(permit)
    }

    /// Books the next turn; returns how long it is until then.
    fn turn(&self, now: Timestamp) -> Duration {
        let interval = SignedDuration::try_from(self.interval).unwrap_or(SignedDuration::MAX);
        let mut state = self.lock();
        let held = state.held.filter(|(until, since)| now >= *since && now < *until).map(|(until, _)| until);
        if self.interval.is_zero() {
            return held.map_or(Duration::ZERO, |until| {
                Duration::try_from(until.duration_since(now)).unwrap_or_default()
            });
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
        Duration::try_from(mine.duration_since(now)).unwrap_or_default()
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
