//! Runs a policy over a trace and measures it.

use jiff::Timestamp;
use serde::Serialize;

use super::baselines::{Baseline, Shown};
use super::traces::Trace;
use super::{CadenceSpec, Hints, Outcome, Stamps, State, Visit, next, observe};

/// The moment of simulated time 0: Thursday 2026-01-01T00:00Z, so that `t % 3600` is the minute on the wall clock.
pub const EPOCH: f64 = 1_767_225_600.0;

/// Who polls.
#[derive(Clone, Debug)]
pub enum Policy {
    /// The learner.
    Tide(Box<State>),
    /// One of the others.
    Baseline(Baseline),
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Limits of the learner.
    pub spec: CadenceSpec,
    /// An interval (seconds) that the first answer declares.
    pub hint: Option<f64>,
}

/// The converged figures: the last 75 % of a trace. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Changes of the source.
    pub changes: usize,
    /// Polls made.
    pub polls: usize,
    /// `polls / changes`.
    pub polls_per_change: f64,
    /// Share of changes that a snapshot API would have shown: polls that found something over changes.
    pub capture: f64,
    /// Mean seconds from a change to the first poll after it.
    pub delay_mean: f64,
    /// Median of it.
    pub delay_p50: f64,
    /// 95th percentile of it.
    pub delay_p95: f64,
    /// Time-average of the age of the oldest change not yet ingested (Cho and Garcia-Molina).
    pub age_mean: f64,
    /// Share of polls that found nothing.
    pub waste: f64,
    /// Mean delay of a fixed interval with as many polls on the same trace (mean of 9 phases) over `delay_mean`.
    pub gain: f64,
    /// Changes until the cost stays within 10 % of the converged one; none if it never does.
    pub convergence_changes: Option<usize>,
}

/// Poll times of a policy on a trace at a level of knowledge.
pub fn run(trace: &Trace, policy: &mut Policy, level: u8, options: &Options) -> Vec<f64> {
    let (mut at, mut shown, mut polls) = (0.0, 0, Vec::new());
    while at < trace.length {
        let visible = trace.changes.partition_point(|&change| change <= at);
        let first = polls.is_empty();
        let changed = visible > shown && !first;
        let stamps: &[f64] = match level {
            0 => &[],
            1 => &trace.changes[visible.saturating_sub(1).max(if first { 0 } else { shown.min(visible) })..visible],
            _ => &trace.changes[if first { visible.saturating_sub(1) } else { shown }..visible],
        };
        polls.push(at);
        shown = visible;
        at = after(policy, &Shown { at, changed, stamps }, level, options, first).max(at + 1.0);
    }
    polls
}

fn moment(at: f64) -> Timestamp {
    Timestamp::from_millisecond(((EPOCH + at) * 1000.0).round() as i64).unwrap_or(Timestamp::MAX)
}

fn after(policy: &mut Policy, shown: &Shown, level: u8, options: &Options, first: bool) -> f64 {
    match policy {
        Policy::Baseline(baseline) => baseline.next(shown),
        Policy::Tide(state) => {
            let mut visit = Visit::new(moment(shown.at), outcome(shown, level, first));
            visit.hints = Hints { interval: options.hint.filter(|_| first), ..Hints::default() };
            **state = observe(std::mem::take(&mut **state), &visit);
            let due = next(state, &options.spec, visit.at);
            due.at.as_millisecond() as f64 / 1000.0 - EPOCH
        }
    }
}

fn outcome(shown: &Shown, level: u8, first: bool) -> Outcome {
    if !(shown.changed || first && !shown.stamps.is_empty()) {
        return Outcome::Unchanged;
    }
    Outcome::Changed(match (level, shown.stamps) {
        (1, [.., newest]) => Stamps::Newest(moment(*newest)),
        (2, [_, ..]) => Stamps::All(shown.stamps.iter().copied().map(moment).collect()),
        _ => Stamps::Hidden,
    })
}

/// Runs and measures.
pub fn simulate(trace: &Trace, policy: &mut Policy, level: u8, options: &Options) -> Metrics {
    let polls = run(trace, policy, level, options);
    measure(trace, &polls)
}

/// Measures poll times over the last 75 % of the trace.
pub fn measure(trace: &Trace, polls: &[f64]) -> Metrics {
    let from = trace.length * 0.25;
    let mut metrics = window(trace, polls, from, trace.length);
    let fixed = fixed_delay(trace, metrics.polls, from, trace.length);
    metrics.gain = fixed / metrics.delay_mean.max(1e-9);
    metrics
}

fn window(trace: &Trace, polls: &[f64], from: f64, to: f64) -> Metrics {
    let last = polls.last().copied().unwrap_or(0.0);
    let changes: Vec<f64> =
        trace.changes.iter().copied().filter(|&at| at >= from && at < to && at <= last).collect();
    let found: Vec<usize> = changes.iter().map(|&at| polls.partition_point(|&poll| poll < at)).collect();
    let mut delays: Vec<f64> = changes.iter().zip(&found).map(|(at, &poll)| polls[poll] - at).collect();
    let in_window = |poll: f64| poll >= from && poll < to;
    let made = polls.iter().filter(|&&poll| in_window(poll)).count();
    let (mut caught, mut before) = (0, 0);
    for &poll in polls {
        let visible = trace.changes.partition_point(|&change| change <= poll);
        caught += usize::from(visible > before && in_window(poll));
        before = visible;
    }
    let oldest = (0..found.len()).filter(|&index| index == 0 || found[index] != found[index - 1]);
    let age = oldest.map(|index| delays[index].powi(2) / 2.0).sum::<f64>() / (to - from);
    let mean = delays.iter().sum::<f64>() / delays.len().max(1) as f64;
    delays.sort_by(f64::total_cmp);
    let count = changes.len().max(1) as f64;
    Metrics {
        changes: changes.len(),
        polls: made,
        polls_per_change: made as f64 / count,
        capture: caught as f64 / count,
        delay_mean: mean,
        delay_p50: percentile(&delays, 0.5),
        delay_p95: percentile(&delays, 0.95),
        age_mean: age,
        waste: 1.0 - caught as f64 / made.max(1) as f64,
        gain: 0.0,
        convergence_changes: None,
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let (low, rest) = (place.floor() as usize, place.fract());
    match (sorted.get(low), sorted.get(low + 1)) {
        (Some(low), Some(high)) => low + rest * (high - low),
        (Some(only), None) => *only,
        _ => 0.0,
    }
}

fn fixed_delay(trace: &Trace, polls: usize, from: f64, to: f64) -> f64 {
    let interval = (to - from) / polls.max(1) as f64;
    let phases = 9;
    let delay = |phase: u32| {
        let start = -interval * (f64::from(phase) + 0.5) / f64::from(phases);
        let count = ((trace.length + interval - start) / interval).ceil() as usize;
        let (mut sum, mut seen) = (0.0, 0usize);
        let last = start + (count.max(1) - 1) as f64 * interval;
        for &at in trace.changes.iter().filter(|&&at| at >= from && at < to && at <= last) {
            sum += start + ((at - start) / interval).ceil() * interval - at;
            seen += 1;
        }
        sum / seen.max(1) as f64
    };
    (0..phases).map(delay).sum::<f64>() / f64::from(phases)
}
