//! The experts: each is a rate of change at time `t`, given the history. Their weighted mix is the predicted hazard.
//!
//! * `Clock`: the long-run rate, times where in the hour changes fall, times how long after the
//!   last one, times the hour of the day and the day of the week. Learns every cron-like publisher, also several phases
//!   in one cycle.
//! * `Poisson`: no period; hour, day of the week, and burst or rest after a change. The fall-back, and the prior favourite.
//! * `Burst`: the same with the rate of the last 60 changes only, for sources that change their pace.
//! * `Beat`, `Cron`: renewal hazards of one period, see [`super::rhythm`].
//!
//! The tables are Poisson regressions (hits over what the other factors expect). Hours are believed as far as they vary
//! by more than chance: a source that knows none is polled evenly. The weights are discounted
//! log-likelihoods, the fixed-share idea of Herbster and Warmuth 1998.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

use super::rhythm::Slots;
use super::state::{State, seconds};

/// Modulus of the wall-clock expert, seconds.
const MODULUS: f64 = 3600.0;
/// Bins of its phase.
pub(crate) const PHASES: usize = 120;

pub(crate) const EXPERTS: usize = NAMES.len();
pub(crate) const CLOCK: usize = 0;
pub(crate) const POISSON: usize = 1;
pub(crate) const BEAT: usize = 2;
pub(crate) const CRON: usize = 3;
pub(crate) const BURST: usize = 4;

/// Names in the state and in explanations, in the order of the indices.
pub(crate) const NAMES: [&str; 5] = ["clock-1h", "poisson", "beat", "cron", "burst"];

/// Bins of time since the last change: the edges grow by 1.7 from 20 s to about 16 days.
pub(crate) const GAP_BINS: usize = 22;
pub(crate) const HOURS: usize = 24;
pub(crate) const DAYS: usize = 7;

/// Pseudo-counts of the phase tables, of the clock's gap table, and of the tables without a period.
const PHASE_PRIOR: f64 = 0.6;
const CLOCK_GAP_PRIOR: f64 = 0.5;
const PLAIN_PRIOR: f64 = 2.0;
const DAY_PRIOR: f64 = 24.0;

/// Nats by which no-period is believed at first, so that rhythms must prove themselves: more where stamps make for
/// sharp evidence, in which a few lucky hits weigh much.
const OCCAM: [f64; 3] = [4.0, 5.0, 5.0];

/// Nats by which a source that had a rhythm is expected to have one again.
const RHYTHM_AGAIN: f32 = 2.0;

/// Share of past log-likelihood kept at each change: silence, however long, makes nothing forgotten.
const MEMORY: f64 = 0.98;

/// No single poll may cost an expert more nats than this, beside one that knows but the long-run rate.
const WORST: f64 = -6.0;

/// Discounted log-likelihoods, written by name so that a later set of experts reads an older state.
#[derive(Clone, Copy, Debug, Default, PartialEq, JsonSchema)]
#[schemars(with = "BTreeMap<String, f32>")]
pub struct Weights([f32; EXPERTS]);

impl Weights {
    /// Shares of the mix; they sum to 1 and none is nil.
    pub(crate) fn shares(&self, level: u8) -> [f64; EXPERTS] {
        let mut shares = self.0.map(f64::from);
        shares[POISSON] += OCCAM[usize::from(level.min(2))];
        let best = shares.iter().copied().fold(f64::MIN, f64::max);
        let exponentials =
            shares.map(|score| if score.is_finite() { (score - best).exp().max(1e-300) } else { 0.0 });
        let total: f64 = exponentials.iter().sum();
        let floored = exponentials.map(|share| if share > 0.0 { (share / total).max(1e-4) } else { 0.0 });
        let total: f64 = floored.iter().sum();
        floored.map(|share| share / total)
    }

    /// Takes an expert out for good: for ablations.
    pub fn silence(&mut self, name: &str) {
        if let Some(expert) = NAMES.iter().position(|&known| known == name) {
            self.0[expert] = f32::NEG_INFINITY;
        }
    }

    /// A declared period is worth as much as three changes that kept to it.
    pub(crate) fn trust_declared_period(&mut self) {
        self.0[BEAT] += 6.0;
        self.0[CRON] += 6.0;
    }

    /// Starts anew with a source that had a rhythm, and so will likely have another.
    pub(crate) fn restart_rhythmic(&mut self) {
        for (expert, weight) in self.0.iter_mut().enumerate().filter(|(_, weight)| weight.is_finite()) {
            *weight = if expert == POISSON || expert == BURST { 0.0 } else { RHYTHM_AGAIN };
        }
    }

    pub(crate) fn learn(&mut self, likelihood: &[f64; EXPERTS]) {
        for (weight, gained) in self.0.iter_mut().zip(likelihood) {
            *weight = (f64::from(*weight) + gained.max(WORST)) as f32;
        }
    }

    /// Forgets a little, once a poll that found a change.
    pub(crate) fn fade(&mut self) {
        self.0.iter_mut().for_each(|weight| *weight = (MEMORY * f64::from(*weight)) as f32);
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(NAMES.iter().zip(self.0))
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = BTreeMap::<String, f32>::deserialize(deserializer)?;
        Ok(Self(
            NAMES.map(|name| named.get(name).copied().filter(|weight| weight.is_finite()).unwrap_or(0.0)),
        ))
    }
}

/// The share of the mix that believes in a rhythm: 0 none, 1 locked.
pub(crate) fn lock(shares: &[f64; EXPERTS]) -> f64 {
    1.0 - shares[POISSON] - shares[BURST]
}

/// The rate at one moment, with the table bins that made it.
#[derive(Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) of: [f64; EXPERTS],
    pub(crate) phase: usize,
    pub(crate) gap: usize,
    pub(crate) hour: usize,
    pub(crate) day: usize,
}

/// All experts' factors, taken out of the state once for a whole span of time.
pub(crate) struct Hazard {
    pub(crate) slow: f64,
    pub(crate) fast: f64,
    pub(crate) phase: Vec<f64>,
    pub(crate) clock_gap: Vec<f64>,
    pub(crate) hour: Vec<f64>,
    pub(crate) day: Vec<f64>,
    pub(crate) gap: Vec<f64>,
    pub(crate) shares: [f64; EXPERTS],
    /// The last change.
    pub(crate) since: f64,
    beat: Option<Slots>,
    cron: Option<Slots>,
}

impl Hazard {
    /// The hazard over the span from `from` to `to`, seconds since 1970.
    pub(crate) fn new(state: &State, from: f64, to: f64) -> Self {
        let (last, blur) = (state.last_change.map(seconds), state.blur());
        let slots = |rhythm: &super::rhythm::Rhythm, anchor, counted_from_last| {
            Slots::new(rhythm, anchor, last, counted_from_last, blur, (from, to))
        };
        Self {
            slow: state.slow.value(),
            fast: state.fast.value(),
            phase: state.clock.phase.factors(PHASES, PHASE_PRIOR),
            clock_gap: state.clock.gap.factors(GAP_BINS, CLOCK_GAP_PRIOR),
            hour: state.hour.proven_factors(HOURS, PLAIN_PRIOR),
            day: state.day.factors(DAYS, DAY_PRIOR),
            gap: state.gap.factors(GAP_BINS, PLAIN_PRIOR),
            shares: state.weights.shares(state.level),
            since: last.or(state.first.map(seconds)).unwrap_or(from),
            beat: slots(&state.beat, last, true),
            cron: slots(&state.cron, state.cron.anchor.map(seconds), false),
        }
    }

    pub(crate) fn rates(&self, at: f64) -> Rates {
        let gap = gap_bin(at - self.since);
        let (hour, day) = ((at / 3600.0) as usize % HOURS, (at / 86400.0) as usize % DAYS);
        let season = self.hour[hour] * self.day[day];
        let phase = ((at % MODULUS) / MODULUS * PHASES as f64) as usize;
        let mut of = [0.0; EXPERTS];
        of[CLOCK] = self.slow * self.phase[phase] * self.clock_gap[gap] * season;
        of[POISSON] = self.slow * season * self.gap[gap];
        of[BURST] = self.fast * self.gap[gap];
        of[BEAT] = self.rhythm(self.beat.as_ref(), at);
        of[CRON] = self.rhythm(self.cron.as_ref(), at);
        Rates { of: of.map(|rate| rate.min(1.0)), phase, gap, hour, day }
    }

    /// A rhythm always admits a change out of step, at a fiftieth of the long-run rate.
    fn rhythm(&self, slots: Option<&Slots>, at: f64) -> f64 {
        slots.map_or(self.slow, |slots| slots.hazard(at) + 0.02 * self.slow)
    }

    pub(crate) fn mix(&self, rates: &Rates) -> f64 {
        self.blend(&rates.of)
    }

    /// One figure of each expert, weighed by their shares.
    pub(crate) fn blend(&self, figures: &[f64; EXPERTS]) -> f64 {
        self.shares.iter().zip(figures).map(|(share, figure)| share * figure).sum()
    }

    /// Points that a grid over the span must hold so that no sharp slot falls between two cells.
    pub(crate) fn sharp_points(&self) -> impl Iterator<Item = f64> {
        self.beat.iter().chain(&self.cron).flat_map(Slots::sharp_points)
    }
}

pub(crate) fn gap_bin(since: f64) -> usize {
    ((since.max(20.0) / 20.0).ln() / 1.7f64.ln()).min((GAP_BINS - 1) as f64) as usize
}

/// The lower edge of a bin, seconds.
pub(crate) fn gap_edge(bin: usize) -> f64 {
    if bin == 0 { 0.0 } else { 20.0 * 1.7f64.powi(bin as i32) }
}

/// Ascending points from `from` to `to`: `cells` even ones and the sharp ones.
pub(crate) fn grid(hazard: &Hazard, from: f64, to: f64, cells: usize) -> Vec<f64> {
    let mut points: Vec<f64> =
        (0..=cells).map(|cell| from + (to - from) * cell as f64 / cells as f64).collect();
    points.extend(hazard.sharp_points().filter(|&point| point > from && point < to));
    points.sort_by(f64::total_cmp);
    points.dedup();
    points
}
