//! What a run of polls was worth. All times in seconds; definitions as in the study.

use serde::Serialize;

use super::traces::Trace;

/// One poll of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    /// When.
    pub at: f64,
    /// The moment of the source that it showed: `at`, earlier through a cache, none after an error.
    pub sees: Option<f64>,
}

/// The converged figures: over the last 75 % of a trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Changes of the source.
    pub changes: usize,
    /// Polls made.
    pub polls: usize,
    /// `polls / changes`.
    pub polls_per_change: f64,
    /// Polls that found something over changes: the share of versions that a snapshot API would have shown.
    pub capture: f64,
    /// Mean delay from a change to the first poll that shows it.
    pub delay_mean: f64,
    /// Median delay.
    pub delay_p50: f64,
    /// 95th percentile of the delay.
    pub delay_p95: f64,
    /// Time-average of the age of the oldest change not yet ingested (Cho and Garcia-Molina 2003).
    pub age_mean: f64,
    /// Share of polls that found nothing.
    pub waste: f64,
    /// Mean delay of a fixed interval with as many polls on the same trace, averaged over 9 phases, over `delay_mean`; 0 if
    /// nothing was found.
    pub gain: f64,
    /// Changes until the cost stays within 10 % of the converged one; none if it never does.
    pub convergence_changes: Option<usize>,
}

/// Changes over which the cost is averaged when looking for convergence, and for which it must stay.
const WINDOW: usize = 20;
/// Phases of the fixed interval.
const PHASES: u32 = 9;

/// For each change, what it cost to find it.
struct Found {
    /// The change, its delay, and the index of the poll that showed it.
    of: Vec<(f64, f64, usize)>,
}

impl Found {
    fn new(trace: &Trace, polls: &[Poll]) -> Self {
        let mut newest = f64::MIN;
        let views = polls.iter().map(|poll| {
            newest = newest.max(poll.sees.unwrap_or(f64::MIN));
            newest
        });
        let views: Vec<f64> = views.collect();
        let found = trace.changes.iter().map_while(|&change| {
            let poll = views.partition_point(|&view| view < change);
            polls.get(poll).map(|shown| (change, shown.at - change, poll))
        });
        Self { of: found.collect() }
    }

    /// Delay plus an eighth of the mean gap for each poll made, change by change.
    fn costs(&self, mean_gap: f64) -> Vec<f64> {
        let mut before = None;
        let cost = |&(_, delay, poll): &(f64, f64, usize)| {
            let polls = before.replace(poll).map_or(poll + 1, |before| poll - before);
            delay + mean_gap / 8.0 * polls as f64
        };
        self.of.iter().map(cost).collect()
    }
}

/// Measures polls over the last 75 % of the trace.
pub fn measure(trace: &Trace, polls: &[Poll]) -> Metrics {
    let (from, to) = (trace.length * 0.25, trace.length);
    let found = Found::new(trace, polls);
    let window: Vec<(f64, f64, usize)> =
        found.of.iter().copied().filter(|&(change, ..)| change >= from).collect();
    let mut delays: Vec<f64> = window.iter().map(|&(_, delay, _)| delay).collect();
    let firsts = (0..window.len()).filter(|&index| index == 0 || window[index].2 != window[index - 1].2);
    let age = firsts.map(|index| window[index].1.powi(2) / 2.0).fold(0.0, add) / (to - from);
    let made = polls.iter().filter(|poll| poll.at >= from).count();
    let caught = count_hits(trace, polls, from);
    let count = window.len().max(1) as f64;
    let mean = delays.iter().copied().fold(0.0, add) / count;
    delays.sort_by(f64::total_cmp);
    let gain = if delays.is_empty() { 0.0 } else { fixed_delay(trace, made, from, to) / mean.max(SHORTEST) };
    Metrics {
        changes: window.len(),
        polls: made,
        polls_per_change: made as f64 / count,
        capture: caught as f64 / count,
        delay_mean: mean,
        delay_p50: percentile(&delays, 0.5),
        delay_p95: percentile(&delays, 0.95),
        age_mean: age,
        waste: 1.0 - caught as f64 / made.max(1) as f64,
        gain,
        convergence_changes: convergence(&costs(trace, polls)),
    }
}

/// No delay is told from a shorter one, seconds: visits are counted in milliseconds.
const SHORTEST: f64 = 1e-3;

fn add(sum: f64, one: f64) -> f64 {
    sum + one
}

/// Polls from `from` on that showed something new.
fn count_hits(trace: &Trace, polls: &[Poll], from: f64) -> usize {
    let (mut hits, mut before) = (0, 0);
    for poll in polls {
        let Some(sees) = poll.sees else { continue };
        let visible = trace.changes.partition_point(|&change| change <= sees);
        hits += usize::from(visible > before && poll.at >= from);
        before = visible.max(before);
    }
    hits
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

/// Mean delay of a fixed interval that makes as many polls, averaged over its phases.
fn fixed_delay(trace: &Trace, polls: usize, from: f64, to: f64) -> f64 {
    let interval = (to - from) / polls.max(1) as f64;
    let delay = |phase: u32| {
        let start = -interval * (f64::from(phase) + 0.5) / f64::from(PHASES);
        let last = start + (((to + interval - start) / interval).ceil() - 1.0) * interval;
        let (mut sum, mut count) = (0.0, 0u32);
        for &at in trace.changes.iter().filter(|&&at| at >= from && at <= last) {
            sum += start + ((at - start) / interval).ceil() * interval - at;
            count += 1;
        }
        sum / f64::from(count.max(1))
    };
    (0..PHASES).map(delay).sum::<f64>() / f64::from(PHASES)
}

/// Cost of each change of a run, in order: its delay plus an eighth of the mean gap for each poll.
pub fn costs(trace: &Trace, polls: &[Poll]) -> Vec<f64> {
    Found::new(trace, polls).costs(trace.mean_gap())
}

/// Changes until the cost, averaged over 20 changes, is within 10 % of that of the last 75 % and stays there for 20
/// more. None if it never does.
pub fn convergence(costs: &[f64]) -> Option<usize> {
    let mean = |window: &[f64]| window.iter().sum::<f64>() / window.len().max(1) as f64;
    let converged = mean(&costs[costs.len() / 4..]);
    let good: Vec<bool> = costs.windows(WINDOW).map(|window| mean(window) <= 1.1 * converged).collect();
    (0..good.len()).find(|&start| good[start..(start + WINDOW).min(good.len())].iter().all(|&good| good))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(times: &[f64]) -> Vec<Poll> {
        times.iter().map(|&at| Poll { at, sees: Some(at) }).collect()
    }

    #[test]
    fn a_fixed_interval_gains_about_one_over_itself() {
        let trace = Trace::named("poisson", 1).unwrap();
        let times: Vec<f64> =
            (0..(trace.length / 300.0) as u32).map(|poll| f64::from(poll) * 300.0).collect();
        let metrics = measure(&trace, &polls(&times));
        assert!((metrics.gain - 1.0).abs() < 0.03, "{metrics:?}");
        assert!((metrics.capture - 0.787).abs() < 0.03, "{metrics:?}");
    }

    #[test]
    fn delay_counts_from_the_change_to_the_poll_that_shows_it() {
        let trace = Trace::new("three", vec![50.0, 60.0, 90.0], 100.0, None);
        let mut made = polls(&[0.0, 55.0, 70.0, 95.0]);
        made[2].sees = None;
        let metrics = measure(&trace, &made);
        assert_eq!((metrics.changes, metrics.polls), (3, 3));
        assert_eq!(metrics.delay_mean, (5.0 + 35.0 + 5.0) / 3.0);
        assert_eq!(metrics.delay_p50, 5.0);
        assert_eq!(metrics.capture, 2.0 / 3.0);
    }

    #[test]
    fn where_nothing_was_found_nothing_was_gained() {
        let trace = Trace::new("two", vec![10.0, 90.0], 100.0, None);
        let nothing = Metrics { waste: 1.0, ..Metrics::default() };
        assert_eq!(measure(&trace, &[]), nothing);
        assert!(!serde_json::to_string(&measure(&trace, &polls(&[0.0]))).unwrap().contains("-0"));
        assert!(measure(&trace, &polls(&[0.0, 10.0, 90.0])).gain < 1e6);
    }

    /// The same figures second by second, straight from their definitions, on whole seconds.
    #[test]
    fn the_figures_are_those_of_a_walk_through_every_second() {
        let mut rng = crate::cadence::Rng::new(5);
        let length = 4000usize;
        let mut times = |share: f64| (0..length).filter(|_| rng.uniform() < share).collect::<Vec<usize>>();
        let (changes, mut made) = (times(0.02), times(0.03));
        made.extend([0, length / 4, length - 1]);
        made.sort_unstable();
        made.dedup();
        let seconds = |at: &[usize]| at.iter().map(|&at| at as f64).collect::<Vec<f64>>();
        let trace = Trace::new("walk", seconds(&changes), length as f64, None);
        let metrics = measure(&trace, &polls(&seconds(&made)));

        let (mut waiting, mut delays, mut age, mut hits, mut count) = (Vec::new(), Vec::new(), 0.0, 0, 0);
        for second in 0..length {
            let counted = second >= length / 4;
            waiting.extend(changes.contains(&second).then_some(second));
            if made.contains(&second) {
                count += usize::from(counted);
                hits += usize::from(counted && !waiting.is_empty());
                delays.extend(waiting.drain(..).filter(|&at| at >= length / 4).map(|at| second - at));
            }
            if let Some(oldest) = waiting.first().filter(|_| counted) {
                age += (second - oldest) as f64 + 0.5;
            }
        }
        let mean = delays.iter().sum::<usize>() as f64 / delays.len() as f64;
        assert_eq!((metrics.changes, metrics.polls), (delays.len(), count));
        assert_eq!(metrics.capture, hits as f64 / delays.len() as f64);
        assert!((metrics.waste - (1.0 - hits as f64 / count as f64)).abs() < 1e-12);
        assert!((metrics.delay_mean - mean).abs() < 1e-9, "{metrics:?} {mean}");
        assert!((metrics.age_mean - age / (0.75 * length as f64)).abs() < 1e-9, "{metrics:?} {age}");
    }

    #[test]
    fn constant_cost_has_converged_from_the_start() {
        assert_eq!(convergence(&[1.0; 100]), Some(0));
        let late = [vec![5.0; 10], vec![1.0; 400]].concat();
        assert_eq!(convergence(&late), Some(10));
        let restless: Vec<f64> = (0..400).map(|index| if index % 30 == 0 { 40.0 } else { 0.0 }).collect();
        assert_eq!(convergence(&restless), None);
    }
}
