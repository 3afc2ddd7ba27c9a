//! One period, its phase and its spread: a phase-locked loop, and the renewal hazard it predicts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{State, millis, seconds};

/// Periods that people write into schedules, seconds.
const NICE: [f64; 18] = [
    60.0, 120.0, 180.0, 300.0, 600.0, 720.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0, 10800.0, 14400.0,
    21600.0, 28800.0, 43200.0, 86400.0, 604_800.0,
];

/// A learned period. Spans in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rhythm {
    /// Seconds from one change to the next.
    pub period: Option<f32>,
    /// A moment on the beat, milliseconds since 1970 (cron only; the other counts from the last change).
    pub anchor: Option<i64>,
    /// Spread of the changes around the beat, seconds.
    pub spread: f32,
    /// Share of beats that bring a change.
    pub hit_share: f32,
    /// Changes in a row that were far off the beat.
    pub off_beat: u32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { period: None, anchor: None, spread: 60.0, hit_share: 0.9, off_beat: 0 }
    }
}

impl Rhythm {
    /// Takes in a change at `at`, `beats` of which followed `anchor`; returns its distance from the beat.
    fn correct(&mut self, at: f64, anchor: f64, beats_since_last: impl Fn(f64) -> f64, weight: f64) -> f64 {
        let period = f64::from(self.period.unwrap_or(900.0));
        let beats = ((at - anchor) / period).round().max(1.0);
        let error = at - anchor - beats * period;
        let served = if beats_since_last(beats) <= 1.0 { 1.0 } else { 0.0 };
        self.hit_share = (self.hit_share + 0.05 * (served - self.hit_share)).clamp(0.5, 0.98);
        let spread = f64::from(self.spread);
        let moved = spread + weight * ((1.25 * error.abs()).min(3.0 * spread + 5.0) - spread);
        self.spread = moved as f32;
        error
    }
}

/// Which of the last 64 changes came on the beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Punctual {
    /// One bit per change, the newest lowest.
    pub bits: u64,
    /// Changes recorded.
    pub seen: u32,
}

impl Punctual {
    fn record(&mut self, on_time: bool) {
        self.bits = self.bits << 1 | u64::from(on_time);
        self.seen = (self.seen + 1).min(64);
    }

    /// How many changes the share counts.
    pub fn count(self) -> u32 {
        self.seen
    }

    /// Share of changes on the beat.
    pub fn share(self) -> f64 {
        f64::from(self.bits.count_ones().min(self.seen)) / f64::from(self.seen.max(1))
    }
}

impl State {
    /// The period on the wall clock and the phase in it (seconds), when the cron expert's period divides a day.
    pub(crate) fn wall_clock(&self) -> Option<(f64, f64)> {
        let (period, anchor) = (f64::from(self.cron.period?), seconds(self.cron.anchor?));
        let divides = NICE.contains(&period) && period <= 86400.0 && 86400.0 % period == 0.0;
        divides.then(|| (period, anchor.rem_euclid(period)))
    }

    /// Whether changes keep to a period that is counted from the last one.
    pub(crate) fn beats(&self) -> bool {
        self.beat.period.is_some_and(|period| self.beat.spread < 0.2 * period)
    }

    /// Period, a moment on it, and spread, for drawing.
    pub(crate) fn drawn_rhythm(&self) -> Option<(f64, f64, f64)> {
        let rhythm = if self.wall_clock().is_some() { &self.cron } else { &self.beat };
        let anchor = rhythm.anchor.or(self.last_change).map(seconds)?;
        Some((f64::from(rhythm.period?), anchor, f64::from(rhythm.spread)))
    }

    /// Level 0: half the half-width of the bracket, the spread below which the change is not known.
    pub(crate) fn blur(&self) -> f64 {
        self.bracket.map_or(0.0, |[low, high]| (seconds(high) - seconds(low)) / 4.0)
    }

    /// Enters a change at `at` (seconds since 1970) into gaps, periods and phases.
    pub(crate) fn enter_change(&mut self, at: f64) {
        self.changes += 1;
        if let Some(last) = self.last_change.map(seconds) {
            self.correct_phases(at, last);
            self.gaps.push((at - last).max(1.0) as f32);
            let excess = self.gaps.len().saturating_sub(self.gap_memory());
            self.gaps.drain(..excess);
            if self.gaps.len() >= 3 {
                self.fit_periods(at, last);
            }
        }
        self.cron.anchor.get_or_insert(millis(at));
        self.last_change = Some(millis(at));
    }

    fn correct_phases(&mut self, at: f64, last: f64) {
        // The first changes count fully, later ones as much as the memory of seven allows.
        let weight = (1.0 / self.changes as f64).max(0.15);
        let mut on_time = false;
        if self.beat.period.is_some() {
            let usual = 3.0 * f64::from(self.beat.spread).max(5.0);
            on_time = self.beat.correct(at, last, |beats| beats, weight).abs() <= usual;
        }
        let (Some(period), Some(anchor)) = (self.cron.period.map(f64::from), self.cron.anchor.map(seconds))
        else {
            return self.punctual.record(on_time);
        };
        let usual = 3.0 * f64::from(self.cron.spread).max(5.0);
        let already = ((last - anchor) / period + 0.5).floor();
        let error = self.cron.correct(at, anchor, |beats| beats - already, weight);
        self.punctual.record(on_time || error.abs() <= usual);
        let spread = f64::from(self.cron.spread);
        let far = error.abs() > (4.0 * spread).max(0.1 * period);
        self.cron.off_beat = if far { self.cron.off_beat + 1 } else { 0 };
        // Three changes far off the beat: the publisher moved (daylight saving, a restart), so follow it at once.
        let held = at - error + 0.15 * error.clamp(-2.0 * spread, 2.0 * spread);
        self.cron.anchor = Some(millis(if self.cron.off_beat >= 3 { at } else { held }));
    }

    fn fit_periods(&mut self, at: f64, last: f64) {
        let gaps = GapSummary::of(&self.gaps);
        let period = if self.level == 0 && gaps.regular { gaps.mean } else { gaps.median };
        let gap = at - last;
        self.beat.period = Some(match self.beat.period.map(f64::from) {
            Some(held) if self.level > 0 && (period - held).abs() <= 2.0 * gaps.spread + 2.0 => {
                held + 0.15 * (gap - held).clamp(-2.0 * gaps.spread - 1.0, 2.0 * gaps.spread + 1.0)
            }
            _ => period,
        } as f32);
        self.fit_cron(at, period, gaps.spread);
    }

    fn fit_cron(&mut self, at: f64, period: f64, spread: f64) {
        let nice = nearest_nice(period);
        let snapped = (nice - period).abs() < spread.min(0.1 * period).max(0.004 * period);
        let held = self.cron.period.map(f64::from);
        let mut wanted = if snapped { nice } else { period };
        let near = |held: &f64| (period - held).abs() < (1.5 * spread).min(0.15 * period);
        if let Some(held) = held.filter(|held| NICE.contains(held) && near(held)) {
            wanted = held;
        }
        match held {
            Some(held) if (wanted - held).abs() <= 0.02 * held => {
                // A written period is taken at once, a measured one is approached.
                let moved = if NICE.contains(&wanted) { wanted } else { held + 0.1 * (wanted - held) };
                self.cron.period = Some(moved as f32);
            }
            _ => {
                self.cron.period = Some(wanted as f32);
                self.cron.anchor = Some(millis(at));
                self.cron.spread = spread.max(5.0) as f32;
            }
        }
    }
}

fn nearest_nice(period: f64) -> f64 {
    NICE.into_iter().min_by(|a, b| (a - period).abs().total_cmp(&(b - period).abs())).unwrap_or(period)
}

/// Order statistics of the remembered gaps.
pub(crate) struct GapSummary {
    pub(crate) median: f64,
    pub(crate) mean: f64,
    /// Median distance from the period.
    pub(crate) spread: f64,
    /// No gap is far from the median: safe to average.
    pub(crate) regular: bool,
}

impl GapSummary {
    pub(crate) fn of(gaps: &[f32]) -> Self {
        let gaps: Vec<f64> = gaps.iter().copied().map(f64::from).collect();
        let middle = median(gaps.clone());
        let mean = trimmed_mean(gaps.clone());
        let spread = median(gaps.iter().map(|gap| (gap - middle).abs()).collect());
        let regular = gaps.len() >= 3 && gaps.iter().all(|&gap| gap < 1.6 * middle && gap > 0.5 * middle);
        Self { median: middle, mean, spread, regular }
    }
}

/// The mean without the two extremes: a phase found to be wrong makes one gap short or long, not all.
fn trimmed_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let cut = usize::from(values.len() >= 5);
    let kept = &values[cut..values.len() - cut];
    kept.iter().sum::<f64>() / kept.len().max(1) as f64
}

/// The middle value; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

/// The next beats of a rhythm over a span: where the next change is expected, with what weight and width.
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Probability that none of the listed beats brings the change.
    beyond: f64,
    /// Mean of the late tail, seconds.
    late: f64,
    /// Spread and period behind the slots.
    spread: f64,
    first: f64,
    period: f64,
}

struct Slot {
    at: f64,
    weight: f64,
    scale: f64,
}

/// Logistic core, a shoulder four times as wide, and an exponential late tail (which has its own form).
const CORE: [(f64, f64); 2] = [(0.82, 1.0), (0.13, 4.0)];
const TAIL: f64 = 0.05;
/// Widths beyond which a logistic is flat.
const FAR: f64 = 40.0;

impl Slots {
    /// `None` when period or anchor are unknown.
    pub(crate) fn new(
        rhythm: &Rhythm,
        anchor: Option<f64>,
        last: Option<f64>,
        counted_from_last: bool,
        blur: f64,
        (from, to): (f64, f64),
    ) -> Option<Self> {
        let (period, anchor, last) = (f64::from(rhythm.period?), anchor?, last?);
        let spread = f64::from(rhythm.spread).max(blur).max(3.0).min(period / 3.0);
        let served = if counted_from_last { 0.0 } else { ((last - anchor) / period + 0.5).floor() };
        // Beats long past carry no mass: start near the span.
        let near = ((from - anchor) / period).floor();
        let start = (served + 1.0).max(1.0).max(near - 1.0);
        let (mut slots, mut beyond, hit_share) = (Vec::with_capacity(7), 1.0, f64::from(rhythm.hit_share));
        for beat in 0..7 {
            let count = start + f64::from(beat);
            let at = anchor + count * period;
            if at > to + period {
                break;
            }
            // Counting from the last change, the errors of the beats in between add up.
            let drift = if counted_from_last { count.min(16.0).sqrt() } else { 1.0 };
            slots.push(Slot { at, weight: beyond * hit_share, scale: 0.55 * spread * drift });
            beyond *= 1.0 - hit_share;
        }
        let first = anchor + near * period;
        Some(Self {
            slots,
            beyond,
            late: (period / 12.0).max(2.0 * spread),
            spread: spread.max(4.0),
            first,
            period,
        })
    }

    /// Density over survival of the next change.
    pub(crate) fn hazard(&self, at: f64) -> f64 {
        let (mut density, mut survival) = (0.0, self.beyond);
        for slot in &self.slots {
            for (share, width) in CORE {
                let (mass, scale) = (slot.weight * share, slot.scale * width);
                let z = (at - slot.at) / scale;
                // Far from the slot nothing is due, and everything is still to come or nothing.
                if z.abs() > FAR {
                    survival += if z < 0.0 { mass } else { 0.0 };
                    continue;
                }
                let e = (-z.abs()).exp();
                density += mass * e / (scale * (1.0 + e) * (1.0 + e));
                survival += mass * (if z > 0.0 { e } else { 1.0 }) / (1.0 + e);
            }
            let past = at - slot.at;
            if past > 0.0 {
                let e = (-(past / self.late).min(60.0)).exp();
                density += slot.weight * TAIL * e / self.late;
                survival += slot.weight * TAIL * e;
            } else {
                survival += slot.weight * TAIL;
            }
        }
        density / survival.max(1e-6)
    }

    pub(crate) fn sharp_points(&self) -> impl Iterator<Item = f64> {
        (0..4).flat_map(move |beat| {
            let at = self.first + f64::from(beat) * self.period;
            (-4..6).map(move |step| at + self.spread * f64::from(step))
        })
    }
}
