//! Everything the learner remembers of one stream: O(1), at most 4 kB of JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::alias::Alias;
use super::experts::Weights;
use super::floors::Floors;
use super::lag::Lag;
use super::rhythm::{Punctual, Rhythm};
use super::table::Table;

/// The version written into new states. A reader takes every version: fields it lacks start at their defaults, fields
/// it does not know are dropped, and a table of another size is read as far as it goes.
pub const STATE_VERSION: u32 = 1;

/// Rate assumed before anything is known: one change in this many seconds.
const FIRST_GAP: f32 = 900.0;

/// What was learned of one stream. Times are milliseconds since 1970, spans are seconds, both exactly what JSON holds,
/// so writing and reading a state changes no decision. Losing it costs relearning, never data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct State {
    /// Version of the writer.
    pub version: u32,
    /// Seed of the probes; derive it from the stream's name.
    pub seed: u64,
    /// Visits made, failed ones included.
    pub visits: u64,
    /// Changes seen since the start or since the last surprise.
    pub changes: u64,
    /// What polls of this stream reveal: 0 a changed bit, 1 the newest stamp, 2 the stamps of all new records.
    pub level: u8,
    /// First successful visit.
    pub first: Option<i64>,
    /// Last successful visit: everything before it is known.
    pub seen: Option<i64>,
    /// Newest change, as well as it is known.
    pub last_change: Option<i64>,
    /// Level 0: the bracket in which the newest change must lie.
    pub bracket: Option<[i64; 2]>,
    /// Changes expected, but not seen, since the last one.
    pub missed: f32,
    /// Long-run rate.
    pub slow: Rate,
    /// Rate over the last 60 changes.
    pub fast: Rate,
    /// Discounted log-likelihood of each expert.
    pub weights: Weights,
    /// How far a rhythm was believed when the newest change was seen: 0 not at all, 1 for sure.
    pub believed: Option<f32>,
    /// The wall-clock expert. Older states have a list, the clock of an hour last.
    #[serde(alias = "clocks", deserialize_with = "one_or_last")]
    pub clock: Clock,
    /// Hour of the day (UTC) against the long-run rate.
    pub hour: Table,
    /// Day of the week (UTC) against the long-run rate.
    pub day: Table,
    /// Time since the last change against the long-run rate.
    pub gap: Table,
    /// The newest gaps between changes, oldest first.
    pub gaps: Vec<f32>,
    /// A period counted from the last change: a loop that sleeps.
    pub beat: Rhythm,
    /// A period counted from a fixed anchor: a cron line.
    pub cron: Rhythm,
    /// Guard against a locked period that is a multiple of the true one.
    pub alias: Alias,
    /// Publication lag of the stamps.
    pub lag: Lag,
    /// What the server and the budget forbid.
    pub floors: Floors,
    /// Successful polls and changes, recent ones counting most.
    pub effort: Rate,
    /// Mean delay of recent changes as far as it is known, seconds.
    pub delay: f32,
    /// How many of the last changes came on the beat.
    pub punctual: Punctual,
}

/// Counts over exposure, both discounted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rate {
    /// Discounted number of events.
    pub hits: f32,
    /// Discounted exposure.
    pub over: f32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { hits: 1.0, over: FIRST_GAP }
    }
}

impl Rate {
    /// Events for each unit of exposure.
    pub fn value(self) -> f64 {
        f64::from(self.hits) / f64::from(self.over).max(1e-3)
    }

    pub(crate) fn add(&mut self, keep: f64, hits: f64, over: f64) {
        self.hits = (f64::from(self.hits) * keep + hits) as f32;
        self.over = (f64::from(self.over) * keep + over) as f32;
    }
}

/// The wall-clock expert: where in the hour changes fall, and how long after the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Clock {
    /// Phase within the hour.
    pub phase: Table,
    /// Time since the last change.
    pub gap: Table,
}

fn one_or_last<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Clock, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Several(Vec<Clock>),
        One(Clock),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Several(mut clocks) => clocks.pop().unwrap_or_default(),
        Written::One(clock) => clock,
    })
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            seed: 0,
            visits: 0,
            changes: 0,
            level: 0,
            first: None,
            seen: None,
            last_change: None,
            bracket: None,
            missed: 0.0,
            slow: Rate::default(),
            fast: Rate::default(),
            weights: Weights::default(),
            believed: None,
            clock: Clock::default(),
            hour: Table::default(),
            day: Table::default(),
            gap: Table::default(),
            gaps: Vec::new(),
            beat: Rhythm::default(),
            cron: Rhythm::default(),
            alias: Alias::default(),
            lag: Lag::default(),
            floors: Floors::default(),
            effort: Rate { hits: 2.0, over: 1.0 },
            delay: 0.0,
            punctual: Punctual::default(),
        }
    }
}

impl State {
    /// A state that knows nothing. `seed` only decides where probes fall.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Takes a declared interval (seconds) as if three gaps of that length had been seen: a prior that about five
    /// changes overrule.
    pub fn expect_interval(&mut self, interval: f64) {
        let interval = interval as f32;
        self.gaps = vec![interval; 3];
        self.slow = Rate { hits: 1.0, over: interval };
        self.fast = self.slow;
        for rhythm in [&mut self.beat, &mut self.cron] {
            rhythm.period = Some(interval);
            rhythm.spread = interval / 30.0;
        }
    }

    /// Mean seconds between changes, as learned.
    pub fn mean_gap(&self) -> f64 {
        1.0 / self.slow.value()
    }

    /// Enough changes were seen to speak of polls per change.
    pub(crate) fn effort_known(&self) -> bool {
        self.effort.over > 4.0
    }

    /// How many gaps are remembered: at level 0 single gaps are blurred, so more of them are averaged.
    pub(crate) fn gap_memory(&self) -> usize {
        if self.level == 0 { 16 } else { 9 }
    }
}

/// Seconds since 1970 of a stored moment.
pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The stored form of seconds since 1970.
pub(crate) fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
