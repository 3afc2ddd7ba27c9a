//! The only way the engine learns the time.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::jiff::Timestamp;

/// A clock: the machine's, or a simulation's.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The point in time now.
    fn now(&self) -> Timestamp;

    /// Returns once `duration` has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one door to the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
