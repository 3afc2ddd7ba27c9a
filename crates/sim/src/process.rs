//! One process: it dies at some operation, in the middle of whatever it does, and its clock may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_engine::Clock;
use tokio::sync::Notify;

use crate::world::World;

/// A running process.
pub(crate) struct Process {
    pub(crate) world: Arc<World>,
    /// Name and number of its start.
    pub(crate) name: String,
    /// Operations left to live; `u64::MAX` = it does not die.
    left: AtomicU64,
    dead: AtomicBool,
    died: Notify,
    /// By how many milliseconds its clock is wrong.
    skew: AtomicI64,
}

/// Whether an operation takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does.
    Lives,
    /// It does, and the process dies before it learns so.
    DiesAfter,
}

impl Process {
    /// Starts a process that dies at a random operation, unless the world is calm.
    pub(crate) fn start(world: &Arc<World>, name: String) -> Arc<Process> {
        let left = {
            let mut state = world.state();
            match world.settings.crash_after {
                mean if mean > 0 && !state.calm => 1 + state.chance.below(2 * mean),
                _ => u64::MAX,
            }
        };
        world.note(&name, "start");
        Arc::new(Process {
            world: world.clone(),
            name,
            left: AtomicU64::new(left),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            skew: AtomicI64::new(0),
        })
    }

    /// Called before each operation: never returns if the process dies there.
    pub(crate) async fn operation(&self) -> Fate {
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == u64::MAX || self.world.state().calm {
            return Fate::Lives;
        }
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        match left {
            2.. => Fate::Lives,
            // The operation after which it was to die went on beside this one, or was given up.
            0 => self.die().await,
            1 if self.world.state().chance.roll(0.5) => Fate::DiesAfter,
            1 => self.die().await,
        }
    }

    /// Ends the process here and now.
    pub(crate) async fn die(&self) -> ! {
        self.dead.store(true, Ordering::Relaxed);
        self.world.note(&self.name, "crash");
        self.world.count("crash");
        self.died.notify_one();
        std::future::pending::<()>().await;
        unreachable!("a dead process does nothing")
    }

    /// Returns when the process has died.
    pub(crate) async fn death(&self) {
        self.died.notified().await;
    }

    /// Writes down what the process did.
    pub(crate) fn note(&self, what: &str) {
        self.world.note(&self.name, what);
    }

    /// By how much its clock is wrong now: when this changes, waits measured by the clock are not what they seem.
    pub(crate) fn skew(&self) -> i64 {
        self.skew.load(Ordering::Relaxed)
    }

    fn step_the_clock(&self) {
        if !self.world.fault(self.world.settings.clock_steps) {
            return;
        }
        let step = self.world.state().chance.within(0..5_400_000) as i64 - 3_600_000;
        self.skew.fetch_add(step, Ordering::Relaxed);
        self.note(&format!("clock steps by {step} ms"));
        self.world.count(if step < 0 { "clock set back" } else { "clock set forth" });
    }
}

/// The clock of one process.
pub(crate) struct SimClock(pub(crate) Arc<Process>);

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.world.now() + SignedDuration::from_millis(self.0.skew())
    }

    async fn sleep(&self, duration: Duration) {
        let fate = self.0.operation().await;
        tokio::time::sleep(duration).await;
        self.0.step_the_clock();
        if fate == Fate::DiesAfter {
            self.0.die().await;
        }
    }
}
