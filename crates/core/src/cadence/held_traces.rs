//! Traces that steer nothing: sources of other kinds, to see that a change made for the study's eleven hurts none.

use super::rng::Rng;
use super::traces::{DAY, HOUR, MINUTE, Trace, joined, thinned};

/// Their names.
pub const HELD: [&str; 20] = [
    "glucose", "weekdays", "office", "twice", "hurry", "quicken", "pairs", "monthly", "weekly", "local",
    "push", "release", "quakes", "skips", "minute", "sixhour", "heavy", "rare", "flip", "stops",
];

pub(crate) fn named(name: &str, rng: &mut Rng) -> Option<Trace> {
    let (changes, days, declared) = match name {
        "glucose" => (glucose(rng), 30.0, Some(300.0)),
        "weekdays" => (hourly_on(rng, 56, |day, _| working(day)), 56.0, Some(HOUR)),
        "office" => (beats(rng, 56.0, 1800.0, 15.0, working_hours), 56.0, None),
        "twice" => (twice(rng), 28.0, None),
        "hurry" => (joined(rng, [(0.0, 14.0, HOUR, 1037.0), (14.0, 21.0, 300.0, 40.0)]), 21.0, None),
        "quicken" => (quicken(rng), 28.0, None),
        "pairs" => (pairs(rng), 60.0, None),
        "monthly" => (calendar(rng, 48, 30.4375 * DAY, 2.0 * HOUR), 48.0 * 30.4375, None),
        "weekly" => (calendar(rng, 104, 7.0 * DAY, 0.5 * HOUR), 728.0, None),
        "local" => (local(rng), 400.0, Some(DAY)),
        "push" => (push(rng), 56.0, None),
        "release" => (renewal(rng, 2000.0, |rng| 9.0 * DAY * rng.normal(0.0, 1.2).exp()), 2000.0, None),
        "quakes" => (quakes(rng), 60.0, None),
        "skips" => (beats_with(rng, 20.0, 600.0, 10.0, |_, rng| rng.uniform() > 0.2), 20.0, None),
        "minute" => (beats(rng, 2.0, 60.0, 2.0, |_| true), 2.0, Some(60.0)),
        "sixhour" => (beats(rng, 120.0, 6.0 * HOUR, 900.0, |_| true), 120.0, None),
        "heavy" => (renewal(rng, 60.0, |rng| 600.0 * rng.normal(0.0, 1.5).exp()), 60.0, None),
        "rare" => (renewal(rng, 600.0, |rng| rng.exponential(DAY)), 600.0, None),
        "flip" => (flip(rng), 40.0, None),
        "stops" => {
            (beats_with(rng, 28.0, 900.0, 20.0, |at, _| (at / (6.0 * HOUR)) as u64 % 3 != 1), 28.0, None)
        }
        _ => return None,
    };
    Some(Trace::new(name, changes, days * DAY, declared))
}

/// The simulation starts on a Thursday.
fn working(day: u32) -> bool {
    !matches!(day % 7, 2 | 3)
}

fn working_hours(at: f64) -> bool {
    working((at / DAY) as u32) && (9.0..17.0).contains(&(at % DAY / HOUR))
}

fn beats(rng: &mut Rng, days: f64, period: f64, spread: f64, on: impl Fn(f64) -> bool) -> Vec<f64> {
    beats_with(rng, days, period, spread, |at, _| on(at))
}

fn beats_with(
    rng: &mut Rng,
    days: f64,
    period: f64,
    spread: f64,
    on: impl Fn(f64, &mut Rng) -> bool,
) -> Vec<f64> {
    let offset = rng.between(0.0, period);
    let mut changes = Vec::new();
    for beat in 0..(days * DAY / period) as u32 {
        let at = f64::from(beat) * period + offset;
        if on(at, rng) {
            changes.push(at + rng.normal(0.0, spread).abs());
        }
    }
    changes
}

/// A sensor that reports every five minutes, with its own slow clock, lost readings and outages of hours.
fn glucose(rng: &mut Rng) -> Vec<f64> {
    let (mut at, mut changes) = (0.0, Vec::new());
    while at < 30.0 * DAY {
        at += 300.1 + rng.normal(0.0, 1.5);
        if rng.uniform() < 0.003 {
            at += 300.0 * rng.exponential(20.0).ceil();
        }
        changes.push(at);
    }
    changes
}

fn hourly_on(rng: &mut Rng, days: u32, on: impl Fn(u32, u32) -> bool) -> Vec<f64> {
    let hours =
        (0..days).flat_map(|day| (0..24).map(move |hour| (day, hour))).filter(|&(day, hour)| on(day, hour));
    hours.map(|(day, hour)| f64::from(day * 24 + hour) * HOUR + 700.0 + rng.normal(0.0, 30.0)).collect()
}

/// Two publications an hour, at :07 and :31.
fn twice(rng: &mut Rng) -> Vec<f64> {
    let phases = |hour: u32| [7.0, 31.0].map(|minute| f64::from(hour) * HOUR + minute * MINUTE);
    (0..24 * 28).flat_map(phases).map(|at| at + rng.normal(0.0, 10.0).abs()).collect()
}

/// The period shrinks from an hour to ten minutes over four weeks.
fn quicken(rng: &mut Rng) -> Vec<f64> {
    let (mut at, mut changes) = (0.0, Vec::new());
    while at < 28.0 * DAY {
        at += 3600.0 - 3000.0 * at / (28.0 * DAY) + rng.normal(0.0, 5.0).abs();
        changes.push(at);
    }
    changes
}

/// Each change is followed by its correction within two minutes.
fn pairs(rng: &mut Rng) -> Vec<f64> {
    let firsts = thinned(rng, 60.0 * DAY, 1.0 / 7200.0, |_| 1.0 / 7200.0);
    firsts.into_iter().flat_map(|at| [at, at + rng.between(30.0, 120.0)]).collect()
}

fn calendar(rng: &mut Rng, count: u32, period: f64, spread: f64) -> Vec<f64> {
    (0..count).map(|index| (f64::from(index) + 0.4) * period + rng.normal(0.0, spread)).collect()
}

/// Daily at 07:00 in New York, so an hour earlier in UTC from March to November (days 66 to 304).
fn local(rng: &mut Rng) -> Vec<f64> {
    let summer = |day: u32| (66..304).contains(&(day % 365));
    let hour = |day: u32| if summer(day) { 11.0 } else { 12.0 };
    (0..400).map(|day| f64::from(day) * DAY + hour(day) * HOUR + rng.normal(0.0, 40.0).abs()).collect()
}

/// Pushes to a repository: sessions in working hours, several within minutes.
fn push(rng: &mut Rng) -> Vec<f64> {
    let starts =
        thinned(rng, 56.0 * DAY, 1.0 / 5400.0, |at| if working_hours(at) { 1.0 / 5400.0 } else { 1.0 / 1e5 });
    let mut changes = Vec::new();
    for start in starts {
        let mut at = start;
        for _ in 0..=rng.poisson(2.0) {
            changes.push(at);
            at += rng.exponential(240.0);
        }
    }
    changes
}

fn renewal(rng: &mut Rng, days: f64, mut gap: impl FnMut(&mut Rng) -> f64) -> Vec<f64> {
    let (mut at, mut changes) = (0.0, Vec::new());
    while at < days * DAY {
        at += gap(rng).max(1.0);
        changes.push(at);
    }
    changes
}

/// Main shocks with aftershocks that thin out like 1/t (Omori).
fn quakes(rng: &mut Rng) -> Vec<f64> {
    let mut changes = thinned(rng, 60.0 * DAY, 1.0 / 1800.0, |_| 1.0 / 1800.0);
    for _ in 0..6 {
        let shock = rng.between(0.0, 60.0 * DAY);
        changes.extend((0..120).map(|_| shock + 60.0 * (rng.uniform() * 8.0).exp()));
    }
    changes
}

/// 15 minutes, then no rhythm, then 20 minutes, ten days each, and back.
fn flip(rng: &mut Rng) -> Vec<f64> {
    let mut changes = joined(rng, [(0.0, 10.0, 900.0, 137.0), (20.0, 30.0, 1200.0, 400.0)]);
    changes
        .extend(thinned(rng, 10.0 * DAY, 1.0 / 900.0, |_| 1.0 / 900.0).into_iter().map(|at| at + 10.0 * DAY));
    changes.extend(joined(rng, [(30.0, 40.0, 900.0, 137.0), (40.0, 40.0, 900.0, 0.0)]));
    changes
}
