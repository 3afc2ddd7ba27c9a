//! Publication lag: a record stamped 12:00 that becomes visible at 12:04. Taken at its word, such a stamp is worse than
//! none: the poller comes four minutes early, every time. Each poll brackets the lag: the change was not yet visible at
//! the poll before (`lag > before - stamp`) and visible now (`lag <= now - stamp`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Brackets kept of each side.
const KEPT: usize = 16;
/// Lower bounds older than this many changes are dropped, so that a lag that vanished is forgotten.
const LIFETIME: u64 = 64;
/// Lower bounds needed before a lag is believed: one may be a stray stamp.
const ENOUGH: usize = 2;

/// Brackets that disagree by more seconds than this prove that the lag varies.
const DISAGREE: f64 = 20.0;

/// Learned lag. Seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Lag {
    /// Lags that were proven to be exceeded, with the change that proved it.
    pub above: Vec<(u64, f32)>,
    /// Lags that were proven not to be exceeded.
    pub below: Vec<f32>,
}

impl Lag {
    /// Takes in change number `change`, stamped `stamp`, not visible at `before`, visible at `now`.
    pub(crate) fn learn(&mut self, change: u64, stamp: f64, before: f64, now: f64) {
        push(&mut self.below, (now - stamp).max(0.0) as f32);
        if before > stamp {
            push(&mut self.above, (change, (before - stamp) as f32));
        }
        self.above.retain(|&(seen, _)| seen <= change && change - seen <= LIFETIME);
    }

    /// Seconds from stamp to visibility, about.
    pub fn seconds(&self) -> f64 {
        let (least, most) = self.range();
        f64::midpoint(least, most)
    }

    /// Seconds from stamp to visibility: at least, at most. One number twice where the brackets agree; where some
    /// changes were provably slower than others, the range that they prove.
    pub fn range(&self) -> (f64, f64) {
        if self.above.len() < ENOUGH {
            return (0.0, 0.0);
        }
        let slow = quantile(self.above.iter().map(|&(_, low)| low).collect(), 0.9);
        let fast = quantile(self.below.clone(), 0.1).max(0.0);
        if slow - fast > DISAGREE {
            let beyond = 0.5 * (slow - fast);
            return ((fast - beyond).max(0.0), slow + beyond);
        }
        let lag = f64::midpoint(slow, fast);
        (lag, lag)
    }
}

fn push<T>(kept: &mut Vec<T>, value: T) {
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(value);
}

fn quantile(mut values: Vec<f32>, share: f64) -> f64 {
    values.sort_by(f32::total_cmp);
    let index = (share * (values.len().saturating_sub(1)) as f64).round() as usize;
    values.get(index).copied().map_or(0.0, f64::from)
}
