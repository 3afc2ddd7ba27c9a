//! No span of a window's length ever holds more than the window allows, whoever asks when.

use proptest::prelude::*;

use super::*;
use crate::pipeline::Span;

fn start() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("a time")
}

fn after(milliseconds: u64) -> Timestamp {
    start() + SignedDuration::from_millis(i64::try_from(milliseconds).expect("short"))
}

fn window(requests: u32, seconds: u64) -> Window {
    Window { requests, per: Span::from_secs(seconds) }
}

fn limits(rate: Option<f64>, burst: u32, windows: &[Window]) -> Limits {
    Limits { requests_per_second: rate, burst, windows: windows.to_vec(), ..Limits::default() }
}

/// The most that any span of `per` holds.
fn most(booked: &[(Timestamp, u32)], per: SignedDuration) -> u32 {
    let within = |from: Timestamp| {
        booked
            .iter()
            .filter(|(at, _)| *at >= from && at.duration_since(from) < per)
            .map(|(_, cost)| cost)
            .sum()
    };
    booked.iter().map(|(at, _)| within(*at)).max().unwrap_or(0)
}

fn seconds(pace: &mut Pace, count: usize) -> Vec<i64> {
    (0..count).map(|_| pace.book(start(), start(), 1).duration_since(start()).as_secs()).collect()
}

#[test]
fn a_bucket_lets_a_burst_through_and_then_keeps_its_rate() {
    assert_eq!(seconds(&mut Pace::new(&limits(Some(0.5), 1, &[])), 4), [0, 2, 4, 6]);
    let mut pace = Pace::new(&limits(Some(0.5), 3, &[]));
    assert_eq!(seconds(&mut pace, 5), [0, 0, 0, 2, 4]);
    // A weight of three waits for three.
    assert_eq!(pace.book(start(), start(), 3), after(10_000));
    assert_eq!(seconds(&mut Pace::new(&limits(None, 1, &[])), 3), [0, 0, 0]);
}

#[test]
fn a_window_is_full_until_its_first_request_leaves_it() {
    let mut pace = Pace::new(&limits(None, 1, &[window(3, 60), window(2, 10)]));
    assert_eq!(seconds(&mut pace, 8), [0, 0, 10, 60, 60, 70, 120, 120]);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_it_wait_for_the_old_time() {
    let mut pace = Pace::new(&limits(Some(1.0), 1, &[window(2, 60)]));
    let late = after(86_400_000);
    pace.book(late, late, 1);
    let next = pace.book(start(), start(), 1);
    assert_eq!(next, after(1_000));
    assert_eq!(pace.book(start(), start(), 1), after(60_000));
}

fn hints(remaining: f64, reset: f64) -> Hints {
    Hints { remaining: Some(remaining), reset: Some(reset), ..Hints::default() }
}

#[test]
fn what_is_left_is_used_up_and_then_its_renewal_waited_for() {
    let mut pace = Pace::new(&Limits::default());
    // An API that says nothing is left when there is: not believed.
    pace.told(&hints(0.0, 3600.0), start(), 0);
    assert_eq!(pace.book(start(), start(), 1), start());
    pace.told(&hints(4.0, 30.0), start(), 1);
    assert_eq!(seconds(&mut pace, 4), [0, 0, 0, 30]);
    pace.told(&hints(0.0, 20.0), after(30_000), 0);
    assert_eq!(pace.book(after(30_000), start(), 1), after(50_000));
    assert_eq!(pace.book(after(50_000), start(), 1), after(50_000));
}

#[test]
fn a_wide_window_is_kept_in_few_entries() {
    let mut windows = Windows::of(&[window(1_000_000, 86_400)]);
    let mut at = start();
    for _ in 0..100_000 {
        at = windows.room(at, 7);
        windows.take(at, at, 7);
        at += SignedDuration::from_millis(700);
    }
    assert!(windows.0[0].booked.len() <= 2 * ENTRIES as usize, "{}", windows.0[0].booked.len());
}

#[test]
fn what_several_processes_share_is_the_whole_rate() {
    for rate in [0.01, 0.15, 0.19, 0.29, 1.0, 1.5, 7.25] {
        let Windows(windows) = Windows::shared(&limits(Some(rate), 1, &[]));
        let [window] = windows.as_slice() else { panic!("{rate}: one window") };
        let shared = f64::from(window.requests) / window.per.as_secs_f64();
        assert!((shared / rate - 1.0).abs() < 1e-6, "{rate}: {shared}");
    }
}

proptest! {
    #[test]
    fn no_span_holds_more_than_its_window(
        sizes in prop::collection::vec((1u32..700, 1u64..90), 1..4),
        rate in prop::option::of(0.2f64..50.0),
        burst in 1u32..9,
        asked in prop::collection::vec((0u64..4_000, 1u32..6), 1..400),
    ) {
        let windows: Vec<Window> = sizes.iter().map(|(requests, per)| window(*requests, *per)).collect();
        let mut pace = Pace::new(&limits(rate, burst, &windows));
        let (mut now, mut booked) = (start(), Vec::new());
        for (pause, cost) in asked {
            now += SignedDuration::from_millis(i64::try_from(pause).expect("short"));
            let least = sizes.iter().map(|(requests, _)| *requests).min().unwrap_or(1);
            let cost = cost.min(least);
            booked.push((pace.book(now, now, cost), cost));
        }
        prop_assert!(booked.is_sorted_by_key(|(at, _)| *at));
        for (requests, per) in &sizes {
            let per = SignedDuration::from_secs(i64::try_from(*per).expect("short"));
            prop_assert!(most(&booked, per) <= *requests);
        }
    }

    #[test]
    fn shares_keep_the_window_whenever_they_are_used(
        requests in 1u32..300,
        per in 1u64..200,
        takers in prop::collection::vec((0u64..3_000, 0.0f64..1.0), 1..200),
    ) {
        let mut windows = Windows::of(&[window(requests, per)]);
        let (mut now, mut used) = (start(), Vec::new());
        for (pause, when) in takers {
            now += SignedDuration::from_millis(i64::try_from(pause).expect("short"));
            let share = windows.share(now, 1);
            prop_assert!(share.from >= now && share.until > share.from && share.requests <= requests);
            let life = share.until.duration_since(share.from);
            used.push((share.from + life.mul_f64(when), share.requests));
        }
        used.sort();
        prop_assert!(most(&used, SignedDuration::from_secs(i64::try_from(per).expect("short"))) <= requests);
    }
}
