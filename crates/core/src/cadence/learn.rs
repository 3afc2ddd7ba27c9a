//! What one interval between two successful polls teaches.
//!
//! Stamps cut the interval into pieces that each end with a change, and a last one without; a bare bit leaves it whole.
//! In each piece every expert's expected number of changes is compared with what was revealed: experts are weighed by
//! likelihood, tables are filled, rhythms corrected.

use super::experts::{DAYS, EXPERTS, GAP_BINS, HOURS, PHASES, Rates, lock};
use super::interval::{Cell, Hidden, Interval, scale_to};
use super::rhythm::GapSummary;
use super::rng::Rng;
use super::state::{State, millis, seconds};
use super::table::Increment;

/// Changes after which half of the belief in going on is left when none of them came: 4 / (4 + missed) multiplies
/// every rate (gamma frailty), which is what backs off from a frozen source.
pub(crate) const PATIENCE: f64 = 4.0;

/// Changes remembered by the clock, the gap table, the hours, the days and the fast rate.
const CLOCK_MEMORY: f64 = 120.0;
const GAP_MEMORY: f64 = 300.0;
const HOUR_MEMORY: f64 = 1200.0;
const DAY_MEMORY: f64 = 1200.0;
const FAST_MEMORY: f64 = 60.0;

/// Stamps of one poll that are taken one by one; of more, the oldest are only counted.
const MOST_STAMPS: usize = 256;

/// What the poll at the end of an interval revealed.
pub(crate) enum Evidence {
    /// No change.
    Quiet,
    /// A change, or several, between two moments of the interval.
    Between(f64, f64),
    /// Changes at these moments, ascending; at level 1 the newest alone.
    At(Vec<f64>),
}

/// How a piece of the interval ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Without a change.
    Quiet,
    /// Without a change, after the newest stamp.
    Tail,
    /// With a change at its last moment.
    Change,
    /// The same, and others before it may not have shown.
    Newest,
    /// With one change or more, somewhere in it.
    Bit,
}

/// Mass of changes at one place of the tables.
struct Hit {
    rates: Rates,
    mass: f64,
    /// The part of it that is the first change after the last one known.
    first: f64,
}

/// Learns from the interval (`from`, `to`] between two successful polls.
pub(crate) fn learn(state: &mut State, from: f64, to: f64, evidence: &Evidence) {
    let locked = lock(&state.weights.shares(state.level));
    let expected = |state: &State| {
        let interval = Interval::new(state, from, to);
        interval.expected_mix() / interval.frailty
    };
    let changed = !matches!(evidence, Evidence::Quiet);
    state.judge_look(changed, expected, locked, to - from);
    if changed {
        state.weights.fade();
    }
    state.effort.add(if changed { 0.97 } else { 1.0 }, 1.0, f64::from(u8::from(changed)));
    let first = match evidence {
        Evidence::Quiet => {
            teach(state, from, to, End::Quiet);
            None
        }
        &Evidence::Between(low, high) => {
            if low > from {
                teach(state, from, low, End::Quiet);
            }
            let moment = teach(state, low.max(from), high.min(to), End::Bit);
            if high < to {
                teach(state, high, to, End::Quiet);
            }
            Some(moment)
        }
        Evidence::At(stamps) => at_stamps(state, from, to, stamps),
    };
    if let Some(first) = first {
        state.delay += ((to - first) as f32 - state.delay) / state.effort.over.clamp(1.0, 32.0);
    }
    let lock = lock(&state.weights.shares(state.level));
    if changed {
        state.believed = Some(lock as f32);
    }
    state.plan_look(lock);
}

/// Learns the pieces between stamps, and the one after the last. Returns the first change.
fn at_stamps(state: &mut State, from: f64, to: f64, stamps: &[f64]) -> Option<f64> {
    let skipped = stamps.len().saturating_sub(MOST_STAMPS);
    state.slow.hits += skipped as f32;
    state.fast.hits += skipped as f32;
    let (end, rest) = if state.level == 1 { (End::Newest, End::Tail) } else { (End::Change, End::Quiet) };
    let mut known = from;
    for &stamp in &stamps[skipped..] {
        teach(state, known, stamp, end);
        known = stamp;
    }
    if to > known {
        teach(state, known, to, rest);
    }
    stamps.first().copied()
}

/// Learns one piece. Returns the moment of its change, its end if it had none.
fn teach(state: &mut State, from: f64, to: f64, end: End) -> f64 {
    let interval = Interval::new(state, from, to);
    let hidden = (end == End::Newest).then(|| interval.hidden());
    let (hits, moment) = match end {
        End::Quiet | End::Tail => (Vec::new(), to),
        End::Change | End::Newest => (at_end(&interval, hidden.as_ref()), to),
        End::Bit => somewhere(state, &interval),
    };
    let hidden = hidden.map_or([0.0; EXPERTS], |hidden| hidden.by_expert);
    state.weights.learn(&log_likelihood(&interval, end, &hidden));
    fill_tables(state, &interval, &hits, end);
    count_rates(state, &interval, &hits);
    if hits.is_empty() {
        state.missed += interval.expected_mix() as f32;
    } else {
        state.missed = 0.0;
        state.enter_change(moment);
    }
    moment
}

/// The change at the end, after those that it may hide.
fn at_end(interval: &Interval, hidden: Option<&Hidden>) -> Vec<Hit> {
    let (mut hits, mut none) = (Vec::new(), 1.0);
    for (&mass, cell) in hidden.iter().flat_map(|hidden| hidden.by_cell.iter().zip(&interval.cells)) {
        let first = none * -(-mass).exp_m1();
        none -= first;
        hits.push(Hit { rates: cell.rates, mass, first });
    }
    hits.push(Hit { rates: interval.hazard.rates(interval.to), mass: 1.0, first: none });
    hits
}

/// One bit's change or changes, spread over where they may lie, and the best single moment.
fn somewhere(state: &mut State, interval: &Interval) -> (Vec<Hit>, f64) {
    let mut place = interval.place();
    let mean = place.iter().zip(&interval.cells).map(|(mass, cell)| mass * cell.at).sum();
    let moment = narrow_bracket(state, interval, &mut place).unwrap_or(mean);
    let count = if state.changes > 20 { interval.expected_behind_bit(&place) } else { 1.0 };
    let hit = |(mass, cell): (f64, &Cell)| Hit { rates: cell.rates, mass: mass * count, first: mass * count };
    (place.into_iter().zip(&interval.cells).map(hit).collect(), moment)
}

/// The density of a stamp is told in units of the long-run rate, so that slow sources weigh evidence as fast ones do.
fn log_likelihood(interval: &Interval, end: End, hidden: &[f64; EXPERTS]) -> [f64; EXPERTS] {
    let usual = interval.hazard.slow.max(1e-30);
    let at_end = interval.hazard.rates(interval.to).of.map(|rate| rate / usual);
    std::array::from_fn(|expert| {
        let expected = interval.expected[expert];
        match end {
            End::Quiet | End::Tail => -expected,
            End::Bit => (-(-expected.max(1e-9)).exp_m1()).ln(),
            End::Change | End::Newest => at_end[expert].max(1e-9).ln() - expected + hidden[expert],
        }
    })
}

/// Level 0: the change lies between two polls, and, if there is a beat, also where the last bracket would have it now.
/// Intersecting the two bisects the phase. Returns the middle when that narrowed the interval.
fn narrow_bracket(state: &mut State, interval: &Interval, place: &mut [f64]) -> Option<f64> {
    let (from, to) = (interval.from, interval.to);
    let (mut low, mut high) = (from, to);
    if let (Some(period), Some([old_low, old_high])) = (state.beat.period.map(f64::from), state.bracket) {
        let (old_low, old_high) = (seconds(old_low), seconds(old_high));
        let beats = ((f64::midpoint(from, to) - f64::midpoint(old_low, old_high)) / period).round().max(1.0);
        // The period is known as well as a bracket's half width, shared by the gaps that it was taken from.
        let unsure = (old_high - old_low) / (4 * state.gaps.len().max(1)) as f64;
        let slack = beats * unsure.max(0.004 * period / 3.0) + 2.0;
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
        for (mass, cell) in place.iter_mut().zip(&interval.cells) {
            *mass *= if (low..=high).contains(&cell.at) { 1.15 } else { 0.15 };
        }
        scale_to(place, 1.0);
    }
    Some(f64::midpoint(low, high))
}

/// Poisson regression by coordinates: each table compares its hits with what all the other factors expected. The gap
/// tables learn from the first change after the last one known: what follows it has another gap.
fn fill_tables(state: &mut State, interval: &Interval, hits: &[Hit], end: End) {
    let keep = |memory: f64| if hits.is_empty() { 1.0 } else { 1.0 - 1.0 / memory };
    let mut rng = Rng::at(state.seed, state.visits, 2);
    let hazard = &interval.hazard;
    let none_yet = none_yet(interval, hits, end);
    let (mut phase, mut gap) = (Increment::new(PHASES), Increment::new(GAP_BINS));
    for (cell, none_yet) in interval.cells.iter().zip(&none_yet) {
        let season = hazard.hour[cell.rates.hour] * hazard.day[cell.rates.day];
        let base = hazard.slow * season * cell.width * interval.frailty;
        phase.add(cell.rates.phase, 0.0, base * hazard.clock_gap[cell.rates.gap]);
        gap.add(cell.rates.gap, 0.0, base * hazard.phase[cell.rates.phase] * none_yet);
    }
    for hit in hits {
        phase.add(hit.rates.phase, hit.mass, 0.0);
        gap.add(hit.rates.gap, hit.first, 0.0);
    }
    state.clock.phase.absorb(keep(CLOCK_MEMORY), &phase, &mut rng);
    state.clock.gap.absorb(keep(CLOCK_MEMORY), &gap, &mut rng);
    let mut hour = Increment::new(HOURS);
    let mut day = Increment::new(DAYS);
    let mut gap = Increment::new(GAP_BINS);
    for (cell, none_yet) in interval.cells.iter().zip(&none_yet) {
        let base = hazard.slow * cell.width * interval.frailty;
        let (of_hour, of_day) = (hazard.hour[cell.rates.hour], hazard.day[cell.rates.day]);
        let of_gap = hazard.gap[cell.rates.gap];
        hour.add(cell.rates.hour, 0.0, base * of_day * of_gap);
        day.add(cell.rates.day, 0.0, base * of_hour * of_gap);
        gap.add(cell.rates.gap, 0.0, base * of_hour * of_day * none_yet);
    }
    for hit in hits {
        hour.add(hit.rates.hour, hit.mass, 0.0);
        day.add(hit.rates.day, hit.mass, 0.0);
        gap.add(hit.rates.gap, hit.first, 0.0);
    }
    state.hour.absorb(keep(HOUR_MEMORY), &hour, &mut rng);
    state.day.absorb(keep(DAY_MEMORY), &day, &mut rng);
    state.gap.absorb(keep(GAP_MEMORY), &gap, &mut rng);
}

/// For each cell, the probability that no change hidden behind the newest stamp came before it.
fn none_yet(interval: &Interval, hits: &[Hit], end: End) -> Vec<f64> {
    let mut left = 1.0f64;
    let before = |hit: &Hit| {
        left -= hit.first;
        (left + hit.first).max(0.0)
    };
    match end {
        End::Newest => hits.iter().map(before).collect(),
        // That the newest stamp is the newest says nothing about the time after it.
        End::Tail => vec![0.0; interval.cells.len()],
        End::Quiet | End::Change | End::Bit => vec![1.0; interval.cells.len()],
    }
}

fn count_rates(state: &mut State, interval: &Interval, hits: &[Hit]) {
    let count = hits.iter().map(|hit| hit.mass).sum();
    let span = interval.to - interval.from;
    let memory = (5.0 * 86400.0f64).max(60.0 / interval.hazard.slow);
    state.slow.add((-span / memory).exp(), count, span * interval.frailty);
    let keep = if hits.is_empty() { 1.0 } else { 1.0 - 1.0 / FAST_MEMORY };
    state.fast.add(keep, count, span * interval.frailty);
}
