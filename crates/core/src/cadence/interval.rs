//! The time between two moments at which the source is known, as the experts see it before they know how it ends.

use super::experts::{
    BEAT, BURST, CLOCK, CRON, EXPERTS, GAP_BINS, Hazard, POISSON, Rates, gap_bin, gap_edge, grid,
};
use super::learn::PATIENCE;
use super::state::State;

/// A stretch of time in which each expert's rate is taken as constant.
pub(crate) struct Cell {
    pub(crate) at: f64,
    pub(crate) width: f64,
    pub(crate) rates: Rates,
}

/// The interval (`from`, `to`], cut into cells.
pub(crate) struct Interval {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) cells: Vec<Cell>,
    pub(crate) hazard: Hazard,
    pub(crate) frailty: f64,
    /// Changes that each expert expected.
    pub(crate) expected: [f64; EXPERTS],
}

/// More hidden changes than this are not believed of one poll.
const MOST_HIDDEN: f64 = 3.0;

impl Interval {
    pub(crate) fn new(state: &State, from: f64, to: f64) -> Self {
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

    /// Changes that the mix expected.
    pub(crate) fn expected_mix(&self) -> f64 {
        self.hazard.blend(&self.expected)
    }

    /// Where in the interval one bit's change lies: mass for each cell, 1 in all.
    pub(crate) fn place(&self) -> Vec<f64> {
        let mut place: Vec<f64> =
            self.cells.iter().map(|cell| self.hazard.mix(&cell.rates) * cell.width).collect();
        scale_to(&mut place, 1.0);
        place
    }

    /// How many changes one bit stands for, the first of them placed by `first`: after it, an expert without a period
    /// expects what its gap table says of so short a time. A rhythm brings one change a beat.
    pub(crate) fn expected_behind_bit(&self, first: &[f64]) -> f64 {
        let after = GapIntegral::new(&self.hazard.gap);
        let more = first.iter().zip(&self.cells).map(|(mass, cell)| {
            let seconds = mass * after.until(self.to - cell.at) * self.frailty;
            let season = self.hazard.hour[cell.rates.hour] * self.hazard.day[cell.rates.day];
            [seconds * self.hazard.slow * season, seconds * self.hazard.fast]
        });
        let [poisson, burst] = more.fold([0.0; 2], |sum, more| [sum[0] + more[0], sum[1] + more[1]]);
        let mut counts = self.expected.map(|expected| expected / -(-expected.max(1e-9)).exp_m1());
        counts[POISSON] = 1.0 + poisson;
        counts[BURST] = 1.0 + burst;
        (counts[BEAT], counts[CRON]) = (1.0, 1.0);
        self.hazard.blend(&counts).min(MOST_HIDDEN)
    }

    /// Level 1: the newest stamp, at `to`, hides the changes before it. What each expert expects hidden in each cell:
    /// a change there, and from it to the stamp, over straight to the stamp (Cho and Garcia-Molina 2003 for
    /// Last-Modified, where every expert is Poisson: all of the rate). After a change a rhythm waits for the next
    /// beat, so it hides none.
    pub(crate) fn hidden(&self) -> Hidden {
        let (mut by_cell, mut total) = (vec![0.0; self.cells.len()], [0.0; EXPERTS]);
        let straight = gap_bin(self.to - self.hazard.since);
        let clock_gap = &self.hazard.clock_gap;
        for (mass, cell) in by_cell.iter_mut().zip(&self.cells) {
            let over = gap_bin(self.to - cell.at);
            let seconds = cell.width * self.frailty;
            let mut hidden = [0.0; EXPERTS];
            hidden[CLOCK] = cell.rates.of[CLOCK] * seconds * clock_gap[over] / clock_gap[straight];
            let detour = self.hazard.gap[over] / self.hazard.gap[straight];
            for expert in [POISSON, BURST] {
                hidden[expert] = cell.rates.of[expert] * seconds * detour;
            }
            *mass = self.hazard.blend(&hidden);
            total.iter_mut().zip(hidden).for_each(|(sum, hidden)| *sum += hidden);
        }
        let sum: f64 = by_cell.iter().sum();
        scale_to(&mut by_cell, sum.min(MOST_HIDDEN));
        Hidden { by_cell, by_expert: total.map(|hidden| hidden.min(MOST_HIDDEN)) }
    }
}

/// Changes that a newest stamp is expected to hide.
pub(crate) struct Hidden {
    pub(crate) by_cell: Vec<f64>,
    pub(crate) by_expert: [f64; EXPERTS],
}

/// Scales masses so that they sum to `total`.
pub(crate) fn scale_to(masses: &mut [f64], total: f64) {
    let sum: f64 = masses.iter().sum();
    masses.iter_mut().for_each(|mass| *mass *= total / sum.max(1e-300));
}

/// The integral of a gap table over the time since a change.
struct GapIntegral<'a> {
    factors: &'a [f64],
    /// Up to the lower edge of each bin.
    sums: [f64; GAP_BINS],
}

impl<'a> GapIntegral<'a> {
    fn new(factors: &'a [f64]) -> Self {
        let mut sums = [0.0; GAP_BINS];
        for bin in 1..GAP_BINS {
            sums[bin] = sums[bin - 1] + factors[bin - 1] * (gap_edge(bin) - gap_edge(bin - 1));
        }
        Self { factors, sums }
    }

    fn until(&self, since: f64) -> f64 {
        let bin = gap_bin(since);
        self.sums[bin] + self.factors[bin] * (since - gap_edge(bin)).max(0.0)
    }
}
