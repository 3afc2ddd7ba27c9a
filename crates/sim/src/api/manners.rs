//! Whether a process keeps the request budget: the rate it was given, and the waits that the API asked for. A request is
//! judged by the moment it was sent: one that was under way when another was told to wait is no breach.

use std::time::Duration;

use tidegate_core::request::Response;

/// Shortest time between two requests of one process: `requests_per_second = 2` in the pipeline file.
const INTERVAL: Duration = Duration::from_millis(500);
/// What may lie between a turn in the gate and the request: the clock counts in milliseconds.
const ROUNDING: Duration = Duration::from_millis(10);

/// `concurrency = 4` in the pipeline file.
const IN_FLIGHT: u32 = 4;

/// What is remembered of one process.
#[derive(Debug, Default)]
pub(super) struct Manners {
    sent: Vec<Duration>,
    /// Until when the API wants to be left alone, by the answers that were received.
    hold_until: Duration,
    skew: i64,
    /// Requests that may still have their turn by the clock as it was, and those that come between them.
    old: u32,
}

impl Manners {
    /// A request is sent. Over any ten requests the rate must be kept; none may be sent before the API said it may.
    pub(super) fn request(&mut self, now: Duration, skew: i64) -> Result<(), String> {
        if self.skew != skew {
            // The clock of the process was set: its waits, the one for the next request too, are right by its clock only.
            *self = Manners { skew, old: 2 * IN_FLIGHT, ..Manners::default() };
            return Ok(());
        }
        if self.old > 0 {
            self.old -= 1;
            return Ok(());
        }
        self.sent.push(now);
        if now + ROUNDING < self.hold_until {
            return Err(format!("asked {:?} before Retry-After was over", self.hold_until - now));
        }
        let Some(&tenth) = self.sent.len().checked_sub(10).and_then(|first| self.sent.get(first)) else {
            return Ok(());
        };
        match now - tenth + ROUNDING < INTERVAL * 9 {
            true => Err(format!("10 requests within {:?}, the rate is 2 a second", now - tenth)),
            false => Ok(()),
        }
    }

    /// An answer is received.
    pub(super) fn response(&mut self, response: &Response, now: Duration, skew: i64) {
        let seconds = response.header("retry-after").and_then(|value| value.parse::<u64>().ok());
        if let Some(seconds) = seconds.filter(|seconds| *seconds <= 86_400) {
            self.hold_until = self.hold_until.max(now + Duration::from_secs(seconds));
            self.skew = skew;
        }
    }
}
