//! The clock of a case: it stands still but for those who sleep, so that what is recorded can be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::jiff::Timestamp;
use tidegate_engine::{Clock, SystemClock};

/// A clock that is set, and that sleeping moves on.
pub(super) struct CaseClock {
    now: Mutex<Timestamp>,
    /// Whether sleepers sleep in earnest, because there is an API that wants to be left alone.
    real: bool,
}

impl CaseClock {
    /// For a recording.
    pub(super) fn recording() -> CaseClock {
        CaseClock { now: Mutex::new(SystemClock.now()), real: true }
    }

    /// For a replay.
    pub(super) fn replaying(at: Timestamp) -> CaseClock {
        CaseClock { now: Mutex::new(at), real: false }
    }

    pub(super) fn set(&self, to: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

#[async_trait]
impl Clock for CaseClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, duration: Duration) {
        if self.real {
            SystemClock.sleep(duration).await;
        }
        let now = self.now();
        self.set(now.saturating_add(duration).unwrap_or(now));
    }
}
