//! When the next poll is due: fixed intervals and cron.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::pipeline::Cadence;

/// The interval of a stream whose cadence says nothing.
pub const DEFAULT_EVERY: Duration = Duration::from_secs(15 * 60);

/// When a stream is due that was last polled at `last`. `hold` is when the server said to come back: never sooner.
///
/// A stream that was never polled is due now, with `cron` at its next time. A clock that was set back counts as if the
/// last poll were just now: the stream neither stalls until the old time comes round again, nor runs hot.
pub fn next(
    cadence: &Cadence,
    last: Option<Timestamp>,
    now: Timestamp,
    hold: Option<Timestamp>,
) -> Timestamp {
    let last = last.map(|last| last.min(now));
    let due = match (&cadence.cron, last) {
        (Some(expression), _) => next_time(expression, last.unwrap_or(now)),
        (None, None) => Some(now),
        (None, Some(last)) => Some(after(last, cadence.every.map_or(DEFAULT_EVERY, |every| every.0))),
    };
    let due = due.unwrap_or_else(|| after(last.unwrap_or(now), DEFAULT_EVERY));
    let bounded = match last {
        None => due,
        Some(last) => {
            let latest = cadence.max.map_or(Timestamp::MAX, |max| after(last, max.0));
            let soonest = cadence.min.map_or(last, |min| after(last, min.0));
            due.min(latest).max(soonest)
        }
    };
    hold.map_or(bounded, |hold| bounded.max(hold))
}

/// Checks a cron expression: five fields, or six with seconds first. The error says what is wrong.
pub fn check_cron(expression: &str) -> Result<(), String> {
    let cron = parse(expression)?;
    match cron.find_next_occurrence(&Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC), false) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("`{expression}` names a time that never comes")),
    }
}

fn parse(expression: &str) -> Result<Cron, String> {
    CronParser::builder().year(Year::Disallowed).build().parse(expression).map_err(|error| {
        format!("`{expression}` is no cron expression ({error}); write five fields such as \"*/15 * * * *\"")
    })
}

/// The first time of the expression after `from`.
fn next_time(expression: &str, from: Timestamp) -> Option<Timestamp> {
    let next = parse(expression).ok()?.find_next_occurrence(&from.to_zoned(TimeZone::UTC), false);
    next.ok().map(|next| next.timestamp())
}

fn after(from: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| from.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::Span;

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn cron(expression: &str) -> Cadence {
        Cadence { cron: Some(expression.to_owned()), ..Cadence::default() }
    }

    fn every(seconds: u64) -> Cadence {
        Cadence { every: Some(Span::from_secs(seconds)), ..Cadence::default() }
    }

    #[test]
    fn intervals_count_from_the_last_poll() {
        let now = time("2026-11-23T10:00:00Z");
        let last = Some(time("2026-11-23T09:58:00Z"));
        assert_eq!(next(&every(420), None, now, None), now);
        assert_eq!(next(&every(420), last, now, None), time("2026-11-23T10:05:00Z"));
        assert_eq!(next(&Cadence::default(), last, now, None), time("2026-11-23T10:13:00Z"));
        let hold = Some(time("2026-11-23T11:00:00Z"));
        assert_eq!(next(&every(420), last, now, hold), time("2026-11-23T11:00:00Z"));
    }

    #[test]
    fn cron_is_read_in_utc_with_and_without_seconds() {
        let last = Some(time("2026-11-23T09:58:00Z"));
        let now = time("2026-11-23T09:58:30Z");
        assert_eq!(next(&cron("*/15 * * * *"), last, now, None), time("2026-11-23T10:00:00Z"));
        assert_eq!(next(&cron("30 59 9 * * *"), last, now, None), time("2026-11-23T09:59:30Z"));
        assert_eq!(next(&cron("0 6 * * MON"), last, now, None), time("2026-11-30T06:00:00Z"));
        assert_eq!(next(&cron("*/15 * * * *"), None, now, None), time("2026-11-23T10:00:00Z"));
        for expression in ["", "* * *", "61 * * * *", "never", "0 0 30 2 *"] {
            assert!(check_cron(expression).is_err(), "{expression}");
        }
        assert_eq!(check_cron("*/5 8-18 * * 1-5"), Ok(()));
    }

    #[test]
    fn bounds_hold() {
        let last = Some(time("2026-11-23T10:00:00Z"));
        let now = time("2026-11-23T10:00:01Z");
        let bounds = |cadence: Cadence| Cadence {
            min: Some(Span::from_secs(60)),
            max: Some(Span::from_secs(600)),
            ..cadence
        };
        assert_eq!(next(&bounds(every(1)), last, now, None), time("2026-11-23T10:01:00Z"));
        assert_eq!(next(&bounds(every(9_000)), last, now, None), time("2026-11-23T10:10:00Z"));
        assert_eq!(next(&bounds(cron("0 0 * * *")), last, now, None), time("2026-11-23T10:10:00Z"));
    }

    #[test]
    fn a_clock_set_back_neither_stalls_nor_runs_hot() {
        let last = Some(time("2026-11-23T10:00:00Z"));
        let now = time("2026-11-23T07:00:00Z");
        assert_eq!(next(&every(60), last, now, None), time("2026-11-23T07:01:00Z"));
        assert_eq!(next(&cron("*/15 * * * *"), last, now, None), time("2026-11-23T07:15:00Z"));
    }

    proptest! {
        #[test]
        fn the_next_poll_lies_after_the_last_and_within_an_interval(
            interval in 1u64..100_000, last in 0i64..4_000_000_000, now in 0i64..4_000_000_000,
        ) {
            let (last, now) = (Timestamp::from_second(last)?, Timestamp::from_second(now)?);
            let due = next(&every(interval), Some(last), now, None);
            prop_assert!(due > last.min(now));
            prop_assert!(due <= after(now, Duration::from_secs(interval)));
        }
    }
}
