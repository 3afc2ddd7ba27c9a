//! When to poll next: at the moment that costs least for each change found.
//!
//! A poll has a price `c` (seconds of delay it must save) and brings new data with probability `P(t)`; until then the
//! data that may be there waits for `D(t) = integral of P`. The best moment minimises `(c + D(t)) / P(t)`, the optimum
//! checking procedure of Barlow, Hunter and Proschan 1963 over a learned hazard. A constant hazard gives a fixed
//! interval, a daily rhythm a density like the root of the rate, a period a poll just after the expected change, a late
//! change quick retries, a frozen source a back-off: one rule, no modes.

use super::experts::{Hazard, grid, lock};
use super::learn::PATIENCE;
use super::rng::Rng;
use super::state::{State, seconds};

/// Cells of the search.
const CELLS: usize = 360;

/// Hits in a row that are still luck for a poll that comes at the right moment.
const LUCKY: u32 = 16;

/// Bounds of the search, seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// What one poll is worth: polls per change on a source without rhythm.
    pub(crate) polls_per_change: f64,
    /// Factor on the price of a poll, above 1 when a budget is short.
    pub(crate) dearer: f64,
    /// Least price of a poll, seconds of delay: what polls cost other streams of the same source.
    pub(crate) least: f64,
}

/// The moment chosen, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    /// Seconds since 1970.
    pub(crate) at: f64,
    /// Price of the poll, seconds of delay.
    pub(crate) price: f64,
    /// Probability that new data is there at `at`.
    pub(crate) probability: f64,
    /// Expected delay of what is found at `at`, seconds.
    pub(crate) delay: f64,
    /// The moment is a look for an alias, not the optimum.
    pub(crate) look: bool,
}

impl Choice {
    /// A moment that the file gives.
    pub(crate) fn given(at: f64) -> Self {
        Self { at, price: 0.0, probability: 1.0, delay: 0.0, look: false }
    }
}

/// The search's running sums up to one point.
#[derive(Clone, Copy)]
struct Point {
    at: f64,
    /// Changes expected by now.
    expected: f64,
    /// Probability of new data by now.
    probability: f64,
    /// Expected waiting time of new data so far, seconds.
    waited: f64,
}

/// Chooses the next poll after the last successful one at `now`.
pub(crate) fn choose(state: &State, bounds: &Bounds, now: f64) -> Choice {
    let mean_gap = state.mean_gap();
    if state.seen == state.first {
        let wait = (f64::from(state.slow.over) / 4.0).min(300.0);
        return Choice { at: now + wait, price: 0.0, probability: 0.0, delay: 0.0, look: false };
    }
    let missed = f64::from(state.missed);
    let horizon = (4.0 * mean_gap * (1.0 + missed / 4.0)).max(10.0 * bounds.min).min(bounds.max);
    let hazard = Hazard::new(state, now, now + horizon);
    let price = price(state, bounds, &hazard);
    let path = walk(&hazard, missed, now, horizon, price, bounds.min);
    let best = cheapest(&path, now, price, bounds.min);
    let chosen = look_early(state, bounds, &hazard, &path, best, now);
    let at = path[chosen].at;
    let mut choice = Choice {
        at,
        price,
        probability: path[chosen].probability,
        delay: path[chosen].waited / path[chosen].probability.max(1e-9),
        look: false,
    };
    if let Some(share) = state.alias.look {
        let look_at = now + f64::from(share) * (at - now);
        if look_at >= now + bounds.min && state.in_mid_gap(look_at - now) {
            choice.at = look_at;
            choice.look = true;
        }
    }
    choice.at = choice.at.clamp(now + bounds.min, now + bounds.max.max(bounds.min));
    choice
}

/// `m / 2b²` makes a source without rhythm be polled `b` times per change. Start-up is cheaper until a rhythm is
/// found, to learn sooner; a locked rhythm too, since a poll more then saves more than its phase costs. A rhythm is proven
/// by changes: in a silence, experts that expect little gain on those without a rhythm, and no poll gets cheaper by that.
fn price(state: &State, bounds: &Bounds, hazard: &Hazard) -> f64 {
    let lock = lock(&hazard.shares).min(state.believed.map_or(1.0, f64::from));
    // The long-run rate takes days to follow a rhythm that has changed.
    let period = state.beat.period.map_or(state.mean_gap(), f64::from);
    let gap = state.mean_gap().powf(1.0 - lock) * period.powf(lock);
    let plain = gap / (2.0 * bounds.polls_per_change * bounds.polls_per_change);
    let start = if state.changes < 12 { 0.35 + 0.65 * lock } else { 1.0 };
    let locked = 1.0 - 0.85 * lock;
    (plain * start * locked * bounds.dearer).max(bounds.least)
}

fn walk(hazard: &Hazard, missed: f64, now: f64, horizon: f64, price: f64, min: f64) -> Vec<Point> {
    let (mut sum, mut waited, mut before) = (0.0, 0.0, 0.0);
    let (mut path, mut best) = (Vec::with_capacity(CELLS), f64::INFINITY);
    for ends in grid(hazard, now, now + horizon, CELLS).windows(2) {
        let width = ends[1] - ends[0];
        waited += before * width;
        sum += hazard.mix(&hazard.rates(f64::midpoint(ends[0], ends[1]))) * width;
        // The frailty shrinks as expected changes fail to come, also within the search.
        let expected = PATIENCE * (sum / (PATIENCE + missed)).ln_1p();
        let probability = -(-expected).exp_m1();
        path.push(Point { at: ends[1], expected, probability, waited });
        before = probability;
        if ends[1] >= now + min {
            best = best.min((price + waited) / probability.max(1e-9));
        }
        // No later point can be cheaper, since its probability is at most 1.
        if price + waited > best {
            break;
        }
    }
    path
}

fn cheapest(path: &[Point], now: f64, price: f64, min: f64) -> usize {
    let cost = |point: &Point| (price + point.waited) / point.probability.max(1e-9);
    (0..path.len())
        .filter(|&point| path[point].at >= now + min)
        .min_by(|&a, &b| cost(&path[a]).total_cmp(&cost(&path[b])))
        .unwrap_or(path.len() - 1)
}

/// Level 0: now and then poll where half of the expected mass lies before, which bisects the phase; the more often the
/// wider the bracket is. Whoever comes late finds a change at every poll and learns nothing from it, so after too many
/// hits in a row the poll moves forward, each time twice as far, until it misses.
fn look_early(
    state: &State,
    bounds: &Bounds,
    hazard: &Hazard,
    path: &[Point],
    best: usize,
    now: f64,
) -> usize {
    let rhythmic = lock(&hazard.shares) > 0.5 || state.changes < 30;
    if state.level > 0 || state.changes < 2 || !rhythmic {
        return best;
    }
    let width = 4.0 * state.blur();
    let late = state.alias.streak.saturating_sub(LUCKY);
    let early = if late > 0 {
        let forward = width.max(10.0) * f64::from(late.min(20) - 1).exp2();
        path.partition_point(|point| point.at < path[best].at - forward).min(best)
    } else {
        let often = (1.5 * width / state.mean_gap()).clamp(0.084, 0.6);
        if Rng::at(state.seed, state.visits, 3).uniform() >= often {
            return best;
        }
        path.partition_point(|point| point.expected < path[best].expected / 2.0).min(best)
    };
    let at = path[early].at;
    if at >= now + bounds.min && path[best].at - at > 10.0 { early } else { best }
}

/// Up to 3 s after the chosen moment, and no more than a 300th of the wait: pollers that learned the same rhythm do not
/// come in the same instant.
pub(crate) fn jitter(state: &State, wait: f64) -> f64 {
    Rng::at(state.seed, state.visits, 5).between(0.0, (wait / 300.0).clamp(0.0, 3.0))
}

/// The last successful visit, or `now` if there is none.
pub(crate) fn origin(state: &State, now: f64) -> f64 {
    state.seen.map_or(now, seconds)
}

/// How far the stream's rhythm is believed: 0 none, 1 locked.
pub(crate) fn lock_of(state: &State) -> f64 {
    lock(&state.weights.shares(state.level))
}
