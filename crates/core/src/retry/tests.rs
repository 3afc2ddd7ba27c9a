use proptest::prelude::*;

use super::*;

fn verdict(attempt: u32, attempts: u32, after: Option<Duration>, now: Timestamp, chance: f64) -> Verdict {
    super::verdict(attempt, attempts, Pause { after, ..Pause::default() }, now, chance)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn answer(headers: &[(&str, &str)]) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status: 429, headers, body: bytes::Bytes::new() }
}

#[test]
fn retry_after_in_every_form_that_was_seen() {
    let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
    for (text, seconds) in [
        ("120", Some(120.0)),
        (" 7 ", Some(7.0)),
        ("1.5", Some(1.5)),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("NaN", None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60.0)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60.0)),
        ("Sun Nov  6 08:50:37 1994", Some(60.0)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:00:00 GMT", None),
    ] {
        let wait = retry_after(&answer(&[("retry-after", text)]), now);
        assert_eq!(wait.map(|w| w.as_secs_f64()), seconds, "{text:?}");
    }
    for text in ["99999999999999999999999999", "inf"] {
        assert_eq!(retry_after(&answer(&[("retry-after", text)]), now), Some(Duration::MAX));
    }
    assert_eq!(retry_after(&answer(&[]), now), None);
}

#[test]
fn a_date_is_read_against_the_clock_of_the_server() {
    let answer = answer(&[
        ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"),
        ("date", "Sun, 06 Nov 1994 08:50:07 GMT"),
    ]);
    assert_eq!(retry_after(&answer, at(0)), Some(Duration::from_secs(30)));
}

#[test]
fn a_long_wait_is_left_to_the_schedule_and_an_absurd_one_is_cut() {
    let secs = Duration::from_secs;
    assert_eq!(verdict(1, 5, Some(secs(300)), at(0), 0.5), Verdict::Wait(secs(300) + BASE / 2));
    assert_eq!(verdict(1, 5, Some(secs(301)), at(0), 0.5), Verdict::GiveUp(Some(at(301))));
    assert_eq!(verdict(1, 5, Some(Duration::MAX), at(0), 0.5), Verdict::GiveUp(Some(at(86_400))));
    assert_eq!(verdict(5, 5, Some(secs(9)), at(0), 0.5), Verdict::GiveUp(Some(at(9))));
    assert_eq!(verdict(5, 5, None, at(0), 0.5), Verdict::GiveUp(None));
    assert_eq!(verdict(3, 5, None, at(0), 0.5), Verdict::Wait(secs(2)));
}

#[test]
fn the_circuit_opens_tries_once_and_closes() {
    let mut circuit = Circuit::default();
    for _ in 1..FAILURES_TO_OPEN {
        circuit.failed(at(0), None);
        assert_eq!(circuit.closed_until(at(0)), None);
    }
    circuit.failed(at(0), None);
    assert_eq!(circuit.closed_until(at(0)), Some(at(60)));
    assert_eq!(circuit.closed_until(at(60)), None, "half open");
    circuit.failed(at(60), None);
    assert_eq!(circuit.closed_until(at(61)), Some(at(180)), "open for twice as long");
    assert_eq!(circuit.closed_until(at(-5)), None, "the clock was set back");
    circuit.succeeded();
    assert_eq!(circuit.closed_until(at(61)), None);
}

#[test]
fn a_server_that_says_when_holds_the_circuit_at_once() {
    let mut circuit = Circuit::default();
    circuit.failed(at(0), Some(at(900)));
    assert_eq!(circuit.closed_until(at(1)), Some(at(900)));
    assert_eq!(circuit.closed_until(at(900)), None);
}

proptest! {
    #[test]
    fn a_wait_is_never_longer_than_it_may_be(
        attempt in 1u32..100, after in proptest::option::of(0u64..1000), seed: u64, second in 0i64..1_000_000,
    ) {
        let chance = chance(seed, "s", attempt, at(second));
        prop_assert!((0.0..1.0).contains(&chance));
        let after = after.map(Duration::from_secs);
        match verdict(attempt, 100, after, at(second), chance) {
            Verdict::Wait(wait) => {
                prop_assert!(wait >= after.unwrap_or_default());
                prop_assert!(wait <= after.map_or(CAP, |after| after + BASE));
            }
            Verdict::GiveUp(hold) => prop_assert!(hold.is_some_and(|hold| hold > at(second))),
        }
    }

    #[test]
    fn chance_repeats_and_varies(seed: u64, second in 0i64..1_000_000) {
        let draw = |seed, attempt| chance(seed, "weather", attempt, at(second));
        prop_assert_eq!(draw(seed, 1), draw(seed, 1));
        prop_assert_ne!(draw(seed, 1), draw(seed, 2));
        prop_assert_ne!(draw(seed, 1), draw(seed.wrapping_add(1), 1));
    }
}

#[test]
fn chance_is_spread_evenly() {
    let draws: Vec<f64> = (0..10_000).map(|n| chance(n, "s", 1, at(0))).collect();
    for tenth in 0..10 {
        let low = f64::from(tenth) / 10.0;
        let count = draws.iter().filter(|draw| (low..low + 0.1).contains(*draw)).count();
        assert!((850..1150).contains(&count), "{count} of 10000 in {low}..");
    }
}
