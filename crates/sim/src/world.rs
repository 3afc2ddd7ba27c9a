//! What all processes of a run share: the disks, the API's data, the event queue, chance, and the record of what
//! happened.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use object_store::memory::InMemory;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::api::Data;
use crate::chance::Chance;
use crate::events::Queue;
use crate::settings::Settings;

/// More operations than any run that comes to an end makes.
const OPERATIONS: u64 = 400_000;

/// One simulated world.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) staging: Arc<InMemory>,
    pub(crate) lake: Arc<InMemory>,
    pub(crate) data: Data,
    start: Instant,
    state: Mutex<State>,
}

/// What changes as the run goes on.
pub(crate) struct State {
    pub(crate) chance: Chance,
    /// No more faults.
    pub(crate) calm: bool,
    pub(crate) queue: Queue,
    /// Rules that were broken on the way.
    pub(crate) violations: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
    operations: u64,
    trace: DefaultHasher,
    printed: bool,
}

/// What is left of a run besides its disks.
pub(crate) struct Record {
    /// How often each thing happened, faults first of all.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Digest of everything that happened, in order.
    pub(crate) trace: u64,
}

impl World {
    /// A new world; `printed` shows the trace as it comes.
    pub(crate) fn new(settings: Settings, printed: bool) -> Arc<World> {
        let chance = Chance::new(settings.seed, "faults");
        let state = State {
            chance,
            calm: false,
            queue: Queue::default(),
            violations: Vec::new(),
            counts: BTreeMap::new(),
            operations: 0,
            trace: DefaultHasher::new(),
            printed,
        };
        Arc::new(World {
            staging: Arc::default(),
            lake: Arc::default(),
            data: Data::new(&settings),
            start: Instant::now(),
            state: Mutex::new(state),
            settings,
        })
    }

    /// Virtual time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The true time, which no process knows.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).expect("runs last hours");
        epoch() + elapsed
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down one thing that happened.
    pub(crate) fn note(&self, who: &str, what: &str) {
        let elapsed = self.elapsed();
        let mut state = self.state();
        let line = format!("{:>10.3} {who:<12} {what}", elapsed.as_secs_f64());
        state.trace.write(line.as_bytes());
        if state.printed {
            println!("{line}");
        }
        state.operations += 1;
        assert!(state.operations < OPERATIONS, "the run does not come to an end: {OPERATIONS} operations");
    }

    /// Counts one thing.
    pub(crate) fn count(&self, what: &'static str) {
        *self.state().counts.entry(what).or_default() += 1;
    }

    /// Ends the faults.
    pub(crate) fn calm_down(&self) {
        self.state().calm = true;
        self.note("world", "calm");
    }

    /// True in `rate` of all cases while there are faults.
    pub(crate) fn fault(&self, rate: f64) -> bool {
        let mut state = self.state();
        !state.calm && state.chance.roll(rate)
    }

    /// What is left of the run.
    pub(crate) fn record(&self) -> Record {
        let state = self.state();
        Record { counts: state.counts.clone(), trace: state.trace.finish() }
    }
}

/// When every run begins.
pub(crate) fn epoch() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("2026-01-01 is a time")
}
