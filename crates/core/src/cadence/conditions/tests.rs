//! What a network does to polls, and sources that go by local time and by weeks, must not cost the gain. The bounds lie
//! well under what `docs/cadence-measured.md` measures, one for each level: a test that fails here is a gain lost.

use super::super::metrics::{Metrics, Poll, measure};
use super::super::report::study_options;
use super::super::simulate::{Policy, run};
use super::super::traces::DAY;
use super::*;

/// The first days of a trace.
fn trace(name: &str, days: f64) -> Trace {
    let whole = Trace::named(name, 1).expect("a known trace");
    Trace::new(name, whole.changes, (days * DAY).min(whole.length), whole.declared)
}

fn polled(trace: &Trace, level: u8, conditions: Conditions) -> Vec<Poll> {
    let options = Options { conditions, seed: 1, ..study_options() };
    run(trace, Policy::tide(1), level, &options).polls
}

/// Each level gains at least so much, over the last three quarters of the first days of a trace.
fn gains(name: &str, days: f64, least: [f64; 3], conditions: &Conditions) -> [Metrics; 3] {
    let trace = trace(name, days);
    [0, 1, 2].map(|level| {
        let metrics = measure(&trace, &polled(&trace, level, conditions.clone()));
        let least = least[usize::from(level)];
        assert!(metrics.gain >= least, "{name} level {level}, at least {least}: {metrics:?}");
        metrics
    })
}

/// A quarter-hour source for two weeks: every version is shown, each at its time.
fn quarter_hours(least: [f64; 3], conditions: &Conditions) -> [Metrics; 3] {
    gains("per15", 14.0, least, conditions)
}

#[test]
fn nothing_wrong() {
    for metrics in quarter_hours([12.0, 13.0, 14.0], &Conditions::default()) {
        assert!(metrics.polls_per_change <= 1.25 && metrics.delay_p95 <= 60.0, "{metrics:?}");
        assert_eq!(metrics.capture, 1.0);
    }
}

#[test]
fn one_poll_in_twenty_fails() {
    for metrics in quarter_hours([10.0, 10.0, 11.0], &Conditions { errors: 0.05, ..Conditions::default() }) {
        assert!(metrics.capture >= 0.99, "a failed poll is made good before the next version: {metrics:?}");
    }
}

#[test]
fn a_refusal_sends_us_away_until_the_hour_ends() {
    let calls = |calls| Conditions { calls_per_hour: Some(calls), ..Conditions::default() };
    quarter_hours([12.0, 12.0, 13.0], &calls(8));
    gains("drift", 14.0, [15.0, 22.0, 24.0], &calls(8));
    quarter_hours([2.3, 8.0, 10.0], &calls(5));
}

#[test]
fn no_poll_is_made_before_the_retry_after_is_over() {
    let trace = trace("per15", 4.0);
    for level in 0..=2 {
        let polls = polled(&trace, level, Conditions { calls_per_hour: Some(4), ..Conditions::default() });
        let refused: Vec<usize> = (0..polls.len()).filter(|&poll| polls[poll].sees.is_none()).collect();
        assert!(refused.len() > 4, "level {level}: {} refusals", refused.len());
        for poll in refused.into_iter().filter(|poll| poll + 1 < polls.len()) {
            let hour_ends = (polls[poll].at / 3600.0).floor() * 3600.0 + 3600.0;
            assert!(polls[poll + 1].at >= hour_ends, "level {level}: {:?}", &polls[poll..=poll + 1]);
        }
    }
}

#[test]
fn a_cache_between_shows_old_copies() {
    let cached = |lifetime| Conditions { cached: Some(lifetime), ..Conditions::default() };
    quarter_hours([10.0, 10.0, 12.0], &cached(60.0));
    quarter_hours([3.0, 5.0, 5.0], &cached(300.0));
}

#[test]
fn stamps_lie_before_visibility() {
    let lag = |least, most| Conditions { lag: Some((least, most)), ..Conditions::default() };
    quarter_hours([9.0, 9.0, 9.0], &lag(244.0, 268.0));
    quarter_hours([9.0, 9.0, 9.0], &lag(60.0, 300.0));
}

#[test]
fn the_clocks_of_server_and_poller_differ() {
    for skew in [-90.0, 90.0] {
        quarter_hours([12.0, 12.0, 13.0], &Conditions { skew, ..Conditions::default() });
    }
}

#[test]
fn a_scheduler_that_only_knows_minutes() {
    let tick = |tick| Conditions { tick, ..Conditions::default() };
    quarter_hours([7.0, 7.0, 7.0], &tick(Tick::Minute));
    quarter_hours([11.0, 11.0, 11.0], &tick(Tick::MinuteAndSleep));
}

#[test]
fn a_source_that_speeds_up_loses_hardly_a_version() {
    for metrics in gains("speedup", 28.0, [4.5, 5.0, 7.0], &Conditions::default()) {
        assert!(metrics.capture >= 0.97, "{metrics:?}");
    }
}

/// A publisher that keeps to local time moves by an hour twice a year; the second time lies in what is measured. Moved
/// back, it is found early; moved forward, a poller that only sees that something has changed comes late for days, and
/// has to find out that it does. After that it is late now and then as before: with which draws is chance, so there are
/// many.
#[test]
fn daylight_saving_is_followed() {
    gains("local", 400.0, [50.0, 100.0, 100.0], &Conditions::default());
    let trace = trace("local", 400.0);
    for (level, days, longest, mean, late) in
        [(0, 14, 5400.0, 600.0, 0.05), (1, 5, 300.0, 150.0, 0.0), (2, 5, 300.0, 120.0, 0.0)]
    {
        let delays: Vec<f64> =
            (1..=12).flat_map(|seed| delays_after_shifts(&trace, level, days, seed)).collect();
        let count = delays.len() as f64;
        let found = delays.iter().sum::<f64>() / count;
        let share = delays.iter().filter(|&&delay| delay >= 1800.0).count() as f64 / count;
        let most = delays.iter().copied().fold(0.0, f64::max);
        let told = format!("level {level}: mean {found:.0} s, {share:.3} late, {most:.0} s at most");
        assert!(found <= mean && share <= late && most <= longest, "{told}");
    }
}

/// Delays of the changes from some days after each shift of the clocks on, for 40 days after it.
fn delays_after_shifts(trace: &Trace, level: u8, days: usize, seed: u64) -> Vec<f64> {
    let options = Options { seed, ..study_options() };
    let polls = run(trace, Policy::tide(seed), level, &options).polls;
    let delay = |change: f64| {
        polls.iter().find(|poll| poll.at >= change).map_or(f64::INFINITY, |poll| poll.at - change)
    };
    let after = |shift: f64| {
        let changes = trace.changes.iter().filter(move |at| (shift..shift + 40.0).contains(&(**at / DAY)));
        changes.skip(days)
    };
    [66.0, 304.0].into_iter().flat_map(after).map(|&change| delay(change)).collect()
}

#[test]
fn a_source_that_rests_at_weekends_and_at_night() {
    gains("weekdays", 56.0, [14.0, 16.0, 18.0], &Conditions::default());
    gains("office", 56.0, [3.0, 20.0, 18.0], &Conditions::default());
}

/// Sources without a rhythm are polled about as well as at a fixed interval.
#[test]
fn where_there_is_no_rhythm_little_is_lost() {
    for name in ["pairs", "push", "release", "rare", "monthly"] {
        gains(name, f64::INFINITY, [0.85; 3], &Conditions::default());
    }
}
