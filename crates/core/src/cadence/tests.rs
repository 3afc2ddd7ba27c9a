//! What must hold for any sequence of visits, and the goals on fixed seeds.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::conditions::{Conditions, Tick};
use super::metrics::Metrics;
use super::report::{converged_after, row, study_options};
use super::simulate::{Options, Policy, moment, run};
use super::traces::Trace;
use super::*;
use crate::pipeline::Span;

/// A visit that a careless world could make: any time, any headers.
fn any_visit() -> impl Strategy<Value = (i64, Outcome, Hints, u32)> {
    let stamp =
        || (-2_000_000i64..400_000_000).prop_map(|at| Timestamp::from_millisecond(at * 1000).unwrap());
    let outcome = prop_oneof![
        3 => Just(Outcome::Unchanged),
        3 => Just(Outcome::Changed(Stamps::Hidden)),
        1 => Just(Outcome::Failed),
        2 => stamp().prop_map(|at| Outcome::Changed(Stamps::Newest(at))),
        1 => proptest::collection::vec(stamp(), 0..5).prop_map(|all| Outcome::Changed(Stamps::All(all))),
    ];
    let span = || proptest::option::weighted(0.2, prop_oneof![0.0..1e5f64, Just(3e7)]);
    let hints =
        (span(), span(), span(), span(), span(), span(), span(), proptest::option::weighted(0.1, stamp()));
    let hints =
        hints.prop_map(|(retry_after, remaining, reset, poll_interval, max_age, age, interval, date)| {
            Hints {
                server_time: date,
                retry_after,
                remaining,
                reset,
                poll_interval,
                max_age,
                age,
                interval,
                last_modified: None,
            }
        });
    let step = prop_oneof![8 => 1i64..100_000_000, 1 => -50_000_000i64..1, 1 => Just(20_000_000_000i64)];
    (step, outcome, hints, 0u32..4)
}

fn any_visits() -> impl Strategy<Value = Vec<Visit>> {
    proptest::collection::vec(any_visit(), 1..40).prop_map(|steps| {
        let mut at = 1_767_225_600_000;
        let visit = |(step, outcome, hints, calls)| {
            at += step;
            Visit { at: Timestamp::from_millisecond(at).unwrap(), outcome, hints, calls }
        };
        steps.into_iter().map(visit).collect()
    })
}

fn any_spec() -> impl Strategy<Value = CadenceSpec> {
    let seconds = Span::from_secs;
    let stale = proptest::option::of((1u64..200_000).prop_map(seconds));
    (1u64..4000, 1u64..200_000, stale, proptest::option::of(0u32..500), 0.1..20.0f64).prop_map(
        move |(min, max, max_staleness, calls_per_day, polls_per_change)| CadenceSpec {
            min: Some(seconds(min)),
            max: Some(seconds(max)),
            max_staleness,
            calls_per_day,
            polls_per_change,
            ..CadenceSpec::default()
        },
    )
}

fn reload(state: &State) -> State {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn bounds_are_kept_after_any_visits(visits in any_visits(), spec in any_spec()) {
        let mut state = State::new(1);
        for visit in &visits {
            state = observe(state, visit);
            let due = next(&state, &spec, visit.at);
            prop_assert!(due.at >= visit.at);
            let soonest = visit.at.as_millisecond() + (spec.min_seconds() * 1000.0) as i64;
            prop_assert!(due.at.as_millisecond() >= soonest, "min: {due:?}");
            if let Some(wait) = visit.hints.retry_after {
                let end = visit.at + SignedDuration::from_millis((wait * 1000.0) as i64);
                prop_assert!(due.at >= end, "Retry-After");
            }
            if let (Floor::None, Some(seen)) = (due.floor, state.seen) {
                let longest = seen + (spec.max_seconds() * 1000.0) as i64 + 1;
                prop_assert!(due.at.as_millisecond() <= longest.max(visit.at.as_millisecond() + 1), "max");
            }
            prop_assert!(explain(&state, &spec, &due, visit.at).starts_with("next "));
            prop_assert!(forecast(&state, &spec, 1.0).calls_per_day.is_finite());
        }
        prop_assert!(plot("s", &visits, &state).ends_with("</svg>\n"));
    }

    #[test]
    fn a_state_round_trips_at_any_time_without_changing_a_decision(visits in any_visits(), spec in any_spec()) {
        let (mut kept, mut reloaded) = (State::new(2), State::new(2));
        for visit in &visits {
            kept = observe(kept, visit);
            reloaded = reload(&observe(reloaded, visit));
            prop_assert_eq!(&kept, &reloaded);
            prop_assert_eq!(next(&kept, &spec, visit.at), next(&reloaded, &spec, visit.at));
            prop_assert!(bytes(&kept) <= MOST);
        }
    }

    #[test]
    fn more_silence_is_never_a_reason_to_poll_more(seed in 0u64..1000, kind in 0usize..4, level in 0u8..3) {
        let trace = ["per15", "poisson", "metar", "hawkes"][kind];
        let polls = polls_in_silence(run_state(&Trace::named(trace, seed).unwrap(), level), 3);
        // Days cut the waits anywhere, and early looks fall by chance: one poll more or less says nothing.
        prop_assert!(polls[1] <= polls[0] + 1 && polls[2] <= polls[0], "{trace} {level}: {polls:?}");
    }

    #[test]
    fn more_changes_are_never_a_reason_to_poll_less(period in 300.0..20_000.0f64, faster in 2.0..10.0f64, level in 0u8..3) {
        let polls = |period: f64| {
            let length = 14.0 * 86400.0;
            let changes = (1..).map(|beat| f64::from(beat) * period).take_while(|at| *at < length).collect();
            run(&Trace::new("beat", changes, length, None), Policy::tide(1), level, &study_options()).polls.len()
        };
        let (fast, slow) = (polls(period / faster), polls(period));
        prop_assert!(fast >= slow, "a change every {period} s: {slow}, {faster} times as often: {fast}");
    }

    #[test]
    fn the_budget_of_any_24_hours_is_never_exceeded(seed in 0u64..1000, budget in 1u32..40) {
        let trace = Trace::named("per15", seed).unwrap();
        let trace = Trace { length: 5.0 * 86400.0, ..trace };
        let mut options = study_options();
        options.spec.calls_per_day = Some(budget);
        let polls = run(&trace, Policy::tide(seed), 1, &options).polls;
        for (index, poll) in polls.iter().enumerate() {
            let day = polls[index..].iter().take_while(|later| later.at < poll.at + 86400.0).count();
            prop_assert!(day <= budget as usize, "{day} calls of {budget}");
        }
    }
}

/// The learner at the end of a trace.
fn run_state(trace: &Trace, level: u8) -> State {
    *run(trace, Policy::tide(1), level, &study_options()).state.unwrap()
}

fn settled(trace: &str, level: u8) -> State {
    run_state(&Trace::named(trace, 1).unwrap(), level)
}

/// Polls of each day of a source that has fallen silent.
fn polls_in_silence(mut state: State, days: usize) -> Vec<u32> {
    let start = Timestamp::from_millisecond(state.seen.unwrap()).unwrap();
    let mut polls = vec![0; days];
    loop {
        let at =
            next(&state, &study_options().spec, Timestamp::from_millisecond(state.seen.unwrap()).unwrap()).at;
        let Some(day) = polls.get_mut(at.duration_since(start).as_hours() as usize / 24) else {
            return polls;
        };
        *day += 1;
        state = observe(state, &Visit::new(at, Outcome::Unchanged));
    }
}

fn gain(trace: &str, level: u8, conditions: Conditions) -> Metrics {
    let options = Options { conditions, ..study_options() };
    row(trace, level, "tide", 1, &options).unwrap().metrics
}

#[test]
fn a_quarter_hour_source_is_caught_with_few_polls_and_little_delay() {
    for (level, goal) in [(0, 12.0), (1, 13.0), (2, 14.0)] {
        let metrics = gain("per15", level, Conditions::default());
        assert!(metrics.gain >= goal, "{metrics:?}");
        assert!(metrics.polls_per_change <= 1.25 && metrics.delay_p95 <= 60.0, "{metrics:?}");
        assert_eq!(metrics.capture, 1.0);
    }
}

#[test]
fn a_source_that_speeds_up_is_not_aliased() {
    for (level, goal) in [(0, 4.5), (1, 7.0)] {
        let metrics = gain("speedup", level, Conditions::default());
        assert!(metrics.capture >= 0.97 && metrics.gain >= goal, "{metrics:?}");
    }
}

#[test]
fn publication_lag_is_learned() {
    let metrics = gain("per15", 1, Conditions { lag: Some((244.0, 268.0)), ..Conditions::default() });
    assert!(metrics.gain >= 9.0, "{metrics:?}");
}

#[test]
fn a_source_without_rhythm_is_polled_as_well_as_at_a_fixed_interval() {
    assert!(gain("poisson", 1, Conditions::default()).gain >= 0.95);
    assert!(gain("diurnal", 1, Conditions::default()).gain >= 1.15);
}

#[test]
fn a_one_minute_tick_keeps_half_the_gain_and_sleeping_nearly_all() {
    assert!(gain("per15", 1, Conditions { tick: Tick::Minute, ..Conditions::default() }).gain >= 7.0);
    assert!(
        gain("per15", 1, Conditions { tick: Tick::MinuteAndSleep, ..Conditions::default() }).gain >= 11.0
    );
}

#[test]
fn a_truthful_hint_is_believed_from_the_start() {
    let converged = converged_after("per15", 0, 1, true, &(1..=40).collect::<Vec<u64>>());
    assert!(converged.is_some_and(|changes| changes <= 2), "{converged:?}");
}

#[test]
fn an_old_state_is_still_read() {
    let old: State = serde_json::from_str(include_str!("fixtures/state-v1.json")).unwrap();
    assert_eq!(old.version, 1);
    let now = Timestamp::from_millisecond(old.seen.unwrap()).unwrap();
    let line = explain(&old, &study_options().spec, &next(&old, &study_options().spec, now), now);
    assert!(line.contains("changes every 15m00s at about :02:"), "{line}");
    assert_ne!(old.clock, Default::default(), "the clock of an hour was the last of a list");
}

#[test]
fn a_state_of_another_version_is_read_as_far_as_it_goes() {
    let text = r#"{"version": 9, "changes": 3, "invented": {"x": [1]}, "weights": {"cron": 2.5, "moon": 1.0},
        "hour": "AAAA", "clocks": [{"phase": ""}, {}]}"#;
    let state: State = serde_json::from_str(text).unwrap();
    assert_eq!(state.changes, 3);
    let state = observe(state, &Visit::new(moment(0.0), Outcome::Unchanged));
    let state = observe(state, &Visit::new(moment(900.0), Outcome::Changed(Stamps::Hidden)));
    assert!(next(&state, &CadenceSpec::default(), moment(900.0)).at > moment(900.0));
}

/// The most JSON that a state may take, bytes.
const MOST: usize = 4096;

fn bytes(state: &State) -> usize {
    serde_json::to_string(state).unwrap().len()
}

#[test]
fn a_state_stays_small_on_every_trace_and_level() {
    for trace in report::study() {
        for level in 0..3 {
            let drawn = Trace::named(trace, 3).unwrap();
            let state = run(&drawn, Policy::tide(u64::MAX), level, &study_options()).state.unwrap();
            assert!(bytes(&state) <= MOST, "{trace} {level}: {} bytes", bytes(&state));
        }
    }
}

/// Visits that no honest source makes: stamps from anywhere, many at once, and a clock that jumps by up to three years
/// either way.
fn wild_visits(seed: u64, count: u32) -> impl Iterator<Item = Visit> {
    let mut rng = super::Rng::new(seed);
    let mut now = 1_767_225_600_000.0;
    (0..count).map(move |_| {
        let mut jump = |back: f64| {
            let sign = if rng.uniform() < back { -1.0 } else { 1.0 };
            sign * 10f64.powf(rng.between(0.0, 11.0))
        };
        now += jump(0.2);
        let mut stamp = || Timestamp::from_millisecond((now + jump(0.8)) as i64).unwrap();
        let stamps: Vec<Timestamp> = std::iter::repeat_with(&mut stamp).take(12).collect();
        let (interval, skewed) = (jump(0.1) / 1000.0, jump(0.5) / 1000.0);
        let outcome = match rng.next_u64() % 8 {
            0 => Outcome::Failed,
            1 | 2 => Outcome::Unchanged,
            3 => Outcome::Changed(Stamps::Hidden),
            4 | 5 => Outcome::Changed(Stamps::Newest(stamps[0])),
            _ => Outcome::Changed(Stamps::All(stamps.clone())),
        };
        let mut visit = Visit::new(Timestamp::from_millisecond(now as i64).unwrap(), outcome);
        visit.hints.interval = Some(interval);
        visit.hints.age = Some(skewed.abs());
        visit.hints.server_time = (rng.uniform() < 0.1).then_some(stamps[1]);
        visit
    })
}

#[test]
fn a_state_stays_small_and_sound_after_ten_thousand_wild_visits() {
    let spec = CadenceSpec::default();
    let mut state = State::new(u64::MAX);
    for (number, visit) in wild_visits(1, 10_000).enumerate() {
        state = observe(state, &visit);
        if number % 16 == 0 {
            assert!(bytes(&state) <= MOST, "visit {number}: {} bytes", bytes(&state));
            assert_eq!(reload(&state), state, "visit {number}");
            assert!(next(&state, &spec, visit.at).at >= visit.at);
        }
    }
}

#[test]
fn a_failure_is_never_unchanged() {
    let state = settled("per15", 0);
    let now = Timestamp::from_millisecond(state.seen.unwrap()).unwrap() + SignedDuration::from_mins(15);
    let failed = observe(state.clone(), &Visit::new(now, Outcome::Failed));
    assert_eq!((failed.seen, failed.missed, failed.effort), (state.seen, state.missed, state.effort));
    assert_eq!(failed.weights, state.weights);
    assert_eq!(next(&failed, &CadenceSpec::default(), now).floor, Floor::Backoff);
}

#[test]
fn floors_are_named_in_their_order() {
    let spec = CadenceSpec { max_staleness: Some(Span::from_secs(300)), ..CadenceSpec::default() };
    let state = settled("daily", 1);
    let now = Timestamp::from_millisecond(state.seen.unwrap()).unwrap();
    assert_eq!(next(&state, &spec, now).floor, Floor::MaxStaleness);
    let mut visit = Visit::new(now + SignedDuration::from_mins(1), Outcome::Unchanged);
    visit.hints.poll_interval = Some(400.0);
    let state = observe(state, &visit);
    let due = next(&state, &spec, visit.at);
    assert_eq!((due.floor, due.stale), (Floor::PollInterval, true));
    visit.hints.retry_after = Some(86_400.0);
    let due = next(&observe(state, &visit), &spec, visit.at);
    assert_eq!(due.floor, Floor::RetryAfter);
    assert_eq!(due.at, visit.at + SignedDuration::from_hours(24));
}

#[test]
fn the_longer_a_source_is_silent_the_less_it_is_polled() {
    let polls = polls_in_silence(settled("per15", 1), 3);
    assert!(polls[0] > polls[1] && polls[1] >= polls[2], "{polls:?}");
    assert!(polls.iter().sum::<u32>() <= 230, "{polls:?}");
}

#[test]
fn the_explanations_are_lines_a_human_believes() {
    let line = |state: &State| {
        let now = Timestamp::from_millisecond(state.seen.unwrap()).unwrap();
        explain(state, &study_options().spec, &next(state, &study_options().spec, now), now)
    };
    assert!(line(&settled("per15", 1)).contains("changes every 15m00s at about :02:"));
    assert!(line(&settled("drift", 1)).contains("counted from the last one"));
    assert!(line(&settled("poisson", 1)).contains("no period found, about 1 change per "));
    let mut state = settled("per15", 1);
    for hours in 1..40 {
        let at = Timestamp::from_millisecond(state.last_change.unwrap()).unwrap()
            + SignedDuration::from_hours(hours);
        state = observe(state, &Visit::new(at, Outcome::Unchanged));
    }
    assert!(line(&state).contains("source looks frozen"), "{}", line(&state));
    let fresh = observe(State::new(1), &Visit::new(moment(0.0), Outcome::Unchanged));
    assert!(line(&fresh).contains("no change seen yet"));
}

#[test]
fn the_planner_keeps_the_budget_and_starves_none() {
    let budget = plan::Budget { calls: 400, window: 3600.0 };
    let scale = plan_bench::scale(200, 5.0, Some(budget), || std::time::Duration::ZERO);
    assert!((1500..=5 * 400 + 8).contains(&scale.polls), "{scale:?}");
    assert!(scale.longest <= plan_bench::STALE.0.as_secs_f64(), "{scale:?}");
}
