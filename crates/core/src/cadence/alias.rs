//! The alias guard. A poller locked at 60 minutes sees a change at every poll of a source that has sped up to 15, and
//! never learns that it misses three of four. So after some hits in a row it looks once in mid-gap, where its model
//! expects nothing; a change there means the source is faster than the lock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rng::Rng;
use super::state::{Rate, State};

/// Hits in a row before the first look.
const CALM: u32 = 4;
/// Changes between looks: from, doubling, up to.
const EVERY: (u32, u32) = (4, 16);
/// A look tells something from this share of the period on: just after a change none is due, just before one it is.
const MID_GAP: f64 = 0.15;
/// A hit is a surprise when fewer changes than this were expected.
const SURPRISE: f64 = 0.12;

/// Progress of the alias guard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Alias {
    /// Polls in a row that found a change.
    pub streak: u32,
    /// Changes seen at the last look.
    pub looked_at: u64,
    /// Changes between looks.
    pub every: u32,
    /// The next poll is a look, at this share of the planned wait.
    pub look: Option<f32>,
}

impl Default for Alias {
    fn default() -> Self {
        Self { streak: 0, looked_at: 0, every: EVERY.0, look: None }
    }
}

impl State {
    /// Judges a look that has just been made. `expected` tells how many changes the model expected in the `waited`
    /// seconds.
    pub(crate) fn judge_look(
        &mut self,
        changed: bool,
        expected: impl Fn(&Self) -> f64,
        lock: f64,
        waited: f64,
    ) {
        let looked = self.alias.look.is_some() && self.in_mid_gap(waited);
        // A look in vain is no miss.
        self.alias.streak = match changed {
            true => self.alias.streak + 1,
            false if looked => self.alias.streak,
            false => 0,
        };
        if !looked {
            return;
        }
        self.alias.look = None;
        if changed && lock > 0.5 && expected(self) < SURPRISE {
            self.forget_rhythm(waited);
        } else {
            self.alias.every = (2 * self.alias.every).min(EVERY.1);
        }
    }

    /// Whether a poll so long after the one before lies between two beats.
    pub(crate) fn in_mid_gap(&self, waited: f64) -> bool {
        self.beat.period.is_some_and(|period| waited >= MID_GAP * f64::from(period))
    }

    /// Starts anew at twice the pace that the look has proven: too fast a poller sees its misses, one that is too slow
    /// would lock on another multiple of the true period.
    fn forget_rhythm(&mut self, waited: f64) {
        self.gaps.clear();
        self.beat.period = None;
        self.cron.period = None;
        self.bracket = None;
        self.weights.restart_rhythmic();
        self.slow = Rate { hits: 2.0, over: waited as f32 };
        self.fast = self.slow;
        self.changes = 0;
        self.missed = 0.0;
        self.alias.every = EVERY.0;
    }

    /// Decides whether the next poll is a look. A feed that lists all its records has nothing hidden.
    pub(crate) fn plan_look(&mut self, lock: f64) {
        let due = self.changes.abs_diff(self.alias.looked_at) >= u64::from(self.alias.every);
        if self.level < 2 && self.alias.streak >= CALM && due && lock > 0.5 {
            let share = Rng::at(self.seed, self.visits, 1).between(0.3, 0.6);
            self.alias.look = Some(share as f32);
            self.alias.looked_at = self.changes;
        }
    }
}
