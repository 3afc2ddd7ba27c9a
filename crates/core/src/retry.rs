//! How often and how long to wait: retries with full jitter, `Retry-After`, the circuit.

mod rules;

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::request::Response;
use crate::time::{self, http_date};

pub use rules::{Decision, Pause, decide, pause};

/// The longest wait before the first retry; it doubles with each.
pub const BASE: Duration = Duration::from_secs(1);
/// The longest wait before any retry.
pub const CAP: Duration = Duration::from_secs(60);
/// A `Retry-After` longer than this ends the poll; the schedule waits instead of us.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// The longest `Retry-After` that is believed.
pub const LONGEST_HOLD: Duration = Duration::from_secs(86_400);

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this long.
    Wait(Duration),
    /// Give up; with the time before which no one should ask again, where the server named one.
    GiveUp(Option<Timestamp>),
}

/// Whether an answer of this status is worth another attempt.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// What to do after attempt number `attempt` (from 1) of `attempts` failed at `now`. `pause` is what the server or a
/// rule asks for, see [`pause`]; `chance` is a number in `0.0..1.0`, see [`chance`].
pub fn verdict(attempt: u32, attempts: u32, pause: Pause, now: Timestamp, chance: f64) -> Verdict {
    let after = pause.after;
    let hold = after.map(|after| time::after(now, after.min(LONGEST_HOLD)));
    if attempt >= attempts || after.is_some_and(|after| after > PATIENCE) {
        return Verdict::GiveUp(hold);
    }
    match after {
        // A little later than asked, so that not everyone who was told the same comes at the same moment.
        Some(after) => Verdict::Wait(after + BASE.mul_f64(chance)),
        None => Verdict::Wait(backoff(attempt, pause).mul_f64(chance)),
    }
}

/// The longest wait after attempt number `attempt` (from 1).
fn backoff(attempt: u32, pause: Pause) -> Duration {
    pause.base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(pause.cap)
}

/// A number in `0.0..1.0` that looks random and depends on nothing but the arguments.
pub fn chance(seed: u64, stream: &str, attempt: u32, at: Timestamp) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(stream.as_bytes());
    hash.update(attempt.to_le_bytes());
    hash.update(at.as_nanosecond().to_le_bytes());
    let bits = hash.finalize().iter().take(7).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 3;
    // 53 bits: every one of them has its own double.
    bits as f64 / (1u64 << 53) as f64
}

/// How long an answer asks us to stay away: `Retry-After` as seconds or as an HTTP date (against the server's own
/// `Date`, so that its clock may differ from ours). Nothing, zero, the past and nonsense are `None`.
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let server = response.header("date").and_then(http_date).unwrap_or(now);
            http_date(text)?.duration_since(server).as_secs_f64()
        }
    };
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Consecutive failures after which the circuit of a source opens.
pub const FAILURES_TO_OPEN: u32 = 5;

/// The circuit of one source. Closed it lets every request through; after [`FAILURES_TO_OPEN`] failed requests in a row
/// it is open until a time; then one request may try, and closes it or opens it for twice as long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    failures: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    since: Timestamp,
    wait: Duration,
}

impl Circuit {
    /// When the next request may be sent, if not now. A clock that was set back does not keep the circuit open.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        let Open { since, wait } = self.open?;
        let until = time::after(since, wait);
        (now >= since && now < until).then_some(until)
    }

    /// Takes in a request that came through, whatever the answer was.
    pub fn succeeded(&mut self) {
        *self = Circuit::default();
    }

    /// Takes in a request that failed after all its attempts. `hold` is when the server said to come back.
    pub fn failed(&mut self, now: Timestamp, hold: Option<Timestamp>) {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.checked_sub(FAILURES_TO_OPEN);
        let own = doublings.map(|n| CAP.saturating_mul(1 << n.min(16)).min(PATIENCE * 3));
        let held = hold.and_then(|hold| Duration::try_from(hold.duration_since(now)).ok());
        if let Some(wait) = own.max(held) {
            self.open = Some(Open { since: now, wait });
        }
    }
}

#[cfg(test)]
mod tests;
