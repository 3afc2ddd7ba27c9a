//! What one interval between two successful polls teaches.
//!
//! The interval is cut into cells; every expert's expected number of changes in each cell is compared with what the
//! poll revealed: nothing, one bit, or stamps. Experts are weighed by likelihood, tables are filled, rhythms corrected.

use super::experts::{BURST, CLOCKS, EXPERTS, GAP_BINS, HOURS, Hazard, POISSON, Rates, grid, lock};
use super::rhythm::GapSummary;
use super::rng::Rng;
use super::state::{State, millis, seconds};

/// Changes after which half of the belief in going on is left when none of them came: 4 / (4 + missed) multiplies
/// every rate (gamma frailty), which is what backs off from a frozen source.
pub(crate) const PATIENCE: f64 = 4.0;

/// Changes remembered by the gap table, the hours and the fast rate.
const GAP_MEMORY: f64 = 300.0;
const HOUR_MEMORY: f64 = 1200.0;
const FAST_MEMORY: f64 = 60.0;

/// A stretch of time in which each expert's rate is taken as constant.
struct Cell {
    at: f64,
    width: f64,
    rates: Rates,
}

/// The time between two polls as the experts saw it before they knew its outcome.
struct Interval {
    from: f64,
    to: f64,
    cells: Vec<Cell>,
    hazard: Hazard,
    frailty: f64,
    /// Changes that each expert expected.
    expected: [f64; EXPERTS],
}

/// What the poll at the end of an interval revealed.
pub(crate) struct Evidence {
    pub(crate) changed: bool,
    /// Moments of changes in the interval, ascending; empty when the poll gave only the bit.
    pub(crate) stamps: Vec<f64>,
}

impl Interval {
    fn new(state: &State, from: f64, to: f64) -> Self {
        let hazard = Hazard::new(state, from, to);
        let points = grid(&hazard, from, to, ((to - from) / 12.0).clamp(8.0, 300.0) as usize);
        let cells: Vec<Cell> = points
            .windows(2)
            .map(|ends| {
                let (at, width) = (f64::midpoint(ends[0], ends[1]), ends[1] - ends[0]);
                Cell { at, width, rates: hazard.rates(at) }
            })
            .collect();
        let frailty = PATIENCE / (PATIENCE + f64::from(state.missed));
        let mut expected = [0.0; EXPERTS];
        for cell in &cells {
            for (sum, rate) in expected.iter_mut().zip(cell.rates.of) {
                *sum += rate * cell.width * frailty;
            }
        }
        Self { from, to, cells, hazard, frailty, expected }
    }

    fn expected_mix(&self) -> f64 {
        self.hazard.shares.iter().zip(self.expected).map(|(share, expected)| share * expected).sum()
    }

    fn cell_of(&self, moment: f64) -> usize {
        let after = self.cells.partition_point(|cell| cell.at + cell.width / 2.0 < moment);
        after.min(self.cells.len() - 1)
    }

    fn log_likelihood(&self, evidence: &Evidence) -> [f64; EXPERTS] {
        let stamped: Vec<usize> = evidence.stamps.iter().map(|&stamp| self.cell_of(stamp)).collect();
        std::array::from_fn(|expert| {
            let expected = self.expected[expert];
            if !evidence.changed {
                -expected
            } else if stamped.is_empty() {
                (-(-expected.max(1e-9)).exp_m1()).ln()
            } else {
                let at_stamps = stamped.iter().map(|&cell| self.cells[cell].rates.of[expert].max(1e-9).ln());
                at_stamps.sum::<f64>() - expected
            }
        })
    }
}

/// Learns from the interval (`from`, `to`] between two successful polls.
pub(crate) fn learn(state: &mut State, from: f64, to: f64, evidence: &Evidence) {
    let mut interval = Interval::new(state, from, to);
    let (expected, locked) = (interval.expected_mix() / interval.frailty, lock(&interval.hazard.shares));
    if state.judge_look(evidence.changed, expected, locked, to - from) {
        interval = Interval::new(state, from, to);
    }
    count_hidden_changes(state, from, evidence);
    let (hits, moment) = spread_hits(state, &interval, evidence);
    state.weights.learn(&interval.log_likelihood(evidence));
    fill_tables(state, &interval, &hits, evidence.changed);
    count_rates(state, &interval, hits.iter().sum(), evidence.changed);
    state.effort.add(if evidence.changed { 0.97 } else { 1.0 }, 1.0, f64::from(u8::from(evidence.changed)));
    if evidence.changed {
        state.missed = 0.0;
        let stamps = if evidence.stamps.is_empty() { &[moment][..] } else { &evidence.stamps };
        let late = (to - stamps[0]) as f32;
        state.delay += (late - state.delay) / state.effort.over.clamp(1.0, 32.0);
        stamps.iter().for_each(|&stamp| state.enter_change(stamp));
    } else {
        state.missed += interval.expected_mix() as f32;
    }
    state.plan_look(lock(&state.weights.shares(state.level)));
}

/// Level 1: the newest stamp hides the changes before it. Expect there what the experts without a period expect
/// (Cho and Garcia-Molina 2003 for Last-Modified: nothing is known about that stretch).
fn count_hidden_changes(state: &mut State, from: f64, evidence: &Evidence) {
    let [stamp] = evidence.stamps[..] else { return };
    if state.level != 1 || stamp - from <= 2.0 {
        return;
    }
    let hidden = Interval::new(state, from, stamp);
    let expected = [POISSON, BURST].map(|expert| hidden.hazard.shares[expert] * hidden.expected[expert]);
    let expected = expected.iter().sum::<f64>().min(2.0);
    state.slow.hits += expected as f32;
    state.fast.hits += expected as f32;
}

/// Where in the interval the change or changes lie: mass for each cell, and the best single moment.
fn spread_hits(state: &mut State, interval: &Interval, evidence: &Evidence) -> (Vec<f64>, f64) {
    let mut hits = vec![0.0; interval.cells.len()];
    if !evidence.changed {
        return (hits, interval.to);
    }
    if let Some(&newest) = evidence.stamps.last() {
        evidence.stamps.iter().for_each(|&stamp| hits[interval.cell_of(stamp)] += 1.0);
        return (hits, newest);
    }
    for (hit, cell) in hits.iter_mut().zip(&interval.cells) {
        *hit = interval.hazard.mix(&cell.rates) * cell.width;
    }
    scale_to(&mut hits, 1.0);
    let mean = hits.iter().zip(&interval.cells).map(|(hit, cell)| hit * cell.at).sum();
    let moment = narrow_bracket(state, interval, &mut hits).unwrap_or(mean);
    if state.changes > 20 {
        // One bit may stand for several changes: E[N | N >= 1].
        let expected = interval.expected_mix();
        scale_to(&mut hits, (expected / -(-expected.max(1e-9)).exp_m1()).min(3.0));
    }
    (hits, moment)
}

fn scale_to(hits: &mut [f64], total: f64) {
    let sum: f64 = hits.iter().sum();
    hits.iter_mut().for_each(|hit| *hit *= total / sum.max(1e-300));
}

/// Level 0: the change lies between two polls, and, if there is a beat, also where the last bracket would have it now.
/// Intersecting the two bisects the phase. Returns the middle when that narrowed the interval.
fn narrow_bracket(state: &mut State, interval: &Interval, hits: &mut [f64]) -> Option<f64> {
    let (from, to) = (interval.from, interval.to);
    let (mut low, mut high) = (from, to);
    if let (Some(period), Some([old_low, old_high])) = (state.beat.period.map(f64::from), state.bracket) {
        let (old_low, old_high) = (seconds(old_low), seconds(old_high));
        let beats = ((f64::midpoint(from, to) - f64::midpoint(old_low, old_high)) / period).round().max(1.0);
        let slack = 0.004 * period * beats / 3.0 + 2.0;
        let narrowed =
            (from.max(old_low + beats * period - slack), to.min(old_high + beats * period + slack));
        if narrowed.1 > narrowed.0 {
            (low, high) = narrowed;
        }
    }
    state.bracket = Some([millis(low), millis(high)]);
    if high - low >= 0.7 * (to - from) {
        return None;
    }
    if GapSummary::of(&state.gaps).regular && state.missed < PATIENCE as f32 {
        for (hit, cell) in hits.iter_mut().zip(&interval.cells) {
            *hit *= if (low..=high).contains(&cell.at) { 1.15 } else { 0.15 };
        }
        scale_to(hits, 1.0);
    }
    Some(f64::midpoint(low, high))
}

/// Poisson regression by coordinates: each table compares its hits with what all the other factors expected.
fn fill_tables(state: &mut State, interval: &Interval, hits: &[f64], changed: bool) {
    let keep = |memory: f64| if changed { 1.0 - 1.0 / memory } else { 1.0 };
    let mut rng = Rng::at(state.seed, state.visits, 2);
    let hazard = &interval.hazard;
    for (clock, (_, bins, memory)) in CLOCKS.into_iter().enumerate() {
        let mut phase = super::table::Increment::new(bins);
        let mut gap = super::table::Increment::new(GAP_BINS);
        for (cell, &hit) in interval.cells.iter().zip(hits) {
            let base = hazard.slow * hazard.hour[cell.rates.hour] * cell.width * interval.frailty;
            let (phase_bin, gap_bin) = (cell.rates.phase[clock], cell.rates.gap);
            phase.add(phase_bin, hit, base * hazard.clock_gap[clock][gap_bin]);
            gap.add(gap_bin, hit, base * hazard.phase[clock][phase_bin]);
        }
        state.clocks[clock].phase.absorb(keep(memory), &phase, &mut rng);
        state.clocks[clock].gap.absorb(keep(memory), &gap, &mut rng);
    }
    let mut hour = super::table::Increment::new(HOURS);
    let mut gap = super::table::Increment::new(GAP_BINS);
    for (cell, &hit) in interval.cells.iter().zip(hits) {
        let base = hazard.slow * cell.width * interval.frailty;
        hour.add(cell.rates.hour, hit, base * hazard.gap[cell.rates.gap]);
        gap.add(cell.rates.gap, hit, base * hazard.hour[cell.rates.hour]);
    }
    state.hour.absorb(keep(HOUR_MEMORY), &hour, &mut rng);
    state.gap.absorb(keep(GAP_MEMORY), &gap, &mut rng);
}

fn count_rates(state: &mut State, interval: &Interval, hits: f64, changed: bool) {
    let span = interval.to - interval.from;
    let memory = (5.0 * 86400.0f64).max(60.0 / interval.hazard.slow);
    state.slow.add((-span / memory).exp(), hits, span * interval.frailty);
    let keep = if changed { 1.0 - 1.0 / FAST_MEMORY } else { 1.0 };
    state.fast.add(keep, hits, span * interval.frailty);
}
