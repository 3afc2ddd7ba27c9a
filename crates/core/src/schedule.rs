//! When the pipeline file says: fixed intervals and cron.

use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cadence::CadenceSpec;
use crate::time::after;

/// When the file wants a stream polled that was last polled at `last`; `None` where the cadence is learned.
///
/// A stream that was never polled is due now, with `cron` at its next time. A clock that was set back counts as if the
/// last poll were just now: the stream neither stalls until the old time comes round again, nor runs hot.
pub fn next(spec: &CadenceSpec, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let last = last.map(|last| last.min(now));
    let due = match (&spec.cron, spec.every, last) {
        (None, None, _) => return None,
        // An expression that was checked has a next time, within the years that a timestamp holds.
        (Some(expression), _, _) => {
            let cron = parse(expression).ok();
            cron.and_then(|cron| next_time(&cron, last.unwrap_or(now))).unwrap_or(Timestamp::MAX)
        }
        (None, Some(every), Some(last)) => after(last, every.0),
        (None, Some(_), None) => now,
    };
    let Some(last) = last else { return Some(due) };
    let latest = spec.max.map_or(Timestamp::MAX, |max| after(last, max.0));
    let soonest = spec.min.map_or(last, |min| after(last, min.0));
    Some(due.min(latest).max(soonest))
}

/// Polls a day that the file asks for; `None` where the cadence is learned.
pub fn per_day(spec: &CadenceSpec) -> Option<f64> {
    const WEEKS: SignedDuration = SignedDuration::from_hours(4 * 7 * 24);
    const ENOUGH: usize = 2000;
    let day = 86_400.0;
    if let (None, Some(every)) = (&spec.cron, spec.every) {
        return Some(day / every.0.as_secs_f64().max(0.001));
    }
    let cron = parse(spec.cron.as_ref()?).ok()?;
    let start = Timestamp::UNIX_EPOCH;
    let times = std::iter::successors(Some(start), |from| next_time(&cron, *from)).skip(1);
    let times: Vec<Timestamp> = times.take_while(|time| *time <= start + WEEKS).take(ENOUGH).collect();
    let length = if times.len() == ENOUGH { times[ENOUGH - 1].duration_since(start) } else { WEEKS };
    Some(times.len() as f64 * day / length.as_secs_f64())
}

/// Checks a cron expression: five fields, or six with seconds first. The error says what is wrong.
pub fn check_cron(expression: &str) -> Result<(), String> {
    let next = next_time(&parse(expression)?, Timestamp::UNIX_EPOCH);
    next.map(drop).ok_or_else(|| format!("`{expression}` names a time that never comes"))
}

fn parse(expression: &str) -> Result<Cron, String> {
    CronParser::builder().year(Year::Disallowed).build().parse(expression).map_err(|error| {
        format!("`{expression}` is no cron expression ({error}); write five fields such as \"*/15 * * * *\"")
    })
}

/// The first time of the expression after `from`.
fn next_time(cron: &Cron, from: Timestamp) -> Option<Timestamp> {
    let next = cron.find_next_occurrence(&from.to_zoned(TimeZone::UTC), false);
    next.ok().map(|next| next.timestamp())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::Span;

    fn time(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn cron(expression: &str) -> CadenceSpec {
        CadenceSpec { cron: Some(expression.to_owned()), ..CadenceSpec::default() }
    }

    fn every(seconds: u64) -> CadenceSpec {
        CadenceSpec { every: Some(Span::from_secs(seconds)), ..CadenceSpec::default() }
    }

    #[test]
    fn intervals_count_from_the_last_poll() {
        let now = time("2026-11-23T10:00:00Z");
        let last = Some(time("2026-11-23T09:58:00Z"));
        assert_eq!(next(&every(420), None, now), Some(now));
        assert_eq!(next(&every(420), last, now), Some(time("2026-11-23T10:05:00Z")));
        assert_eq!(next(&CadenceSpec::default(), last, now), None);
    }

    #[test]
    fn cron_is_read_in_utc_with_and_without_seconds() {
        let last = Some(time("2026-11-23T09:58:00Z"));
        let now = time("2026-11-23T09:58:30Z");
        assert_eq!(next(&cron("*/15 * * * *"), last, now), Some(time("2026-11-23T10:00:00Z")));
        assert_eq!(next(&cron("30 59 9 * * *"), last, now), Some(time("2026-11-23T09:59:30Z")));
        assert_eq!(next(&cron("0 6 * * MON"), last, now), Some(time("2026-11-30T06:00:00Z")));
        assert_eq!(next(&cron("*/15 * * * *"), None, now), Some(time("2026-11-23T10:00:00Z")));
        for expression in ["", "* * *", "61 * * * *", "never", "0 0 30 2 *"] {
            assert!(check_cron(expression).is_err(), "{expression}");
        }
        assert_eq!(check_cron("*/5 8-18 * * 1-5"), Ok(()));
    }

    #[test]
    fn bounds_hold() {
        let last = Some(time("2026-11-23T10:00:00Z"));
        let now = time("2026-11-23T10:00:01Z");
        let bounds = |cadence: CadenceSpec| CadenceSpec {
            min: Some(Span::from_secs(60)),
            max: Some(Span::from_secs(600)),
            ..cadence
        };
        assert_eq!(next(&bounds(every(1)), last, now), Some(time("2026-11-23T10:01:00Z")));
        assert_eq!(next(&bounds(every(9_000)), last, now), Some(time("2026-11-23T10:10:00Z")));
        assert_eq!(next(&bounds(cron("0 0 * * *")), last, now), Some(time("2026-11-23T10:10:00Z")));
    }

    #[test]
    fn a_clock_set_back_neither_stalls_nor_runs_hot() {
        let last = Some(time("2026-11-23T10:00:00Z"));
        let now = time("2026-11-23T07:00:00Z");
        assert_eq!(next(&every(60), last, now), Some(time("2026-11-23T07:01:00Z")));
        assert_eq!(next(&cron("*/15 * * * *"), last, now), Some(time("2026-11-23T07:15:00Z")));
    }

    proptest! {
        #[test]
        fn the_next_poll_lies_after_the_last_and_within_an_interval(
            interval in 1u64..100_000, last in 0i64..4_000_000_000, now in 0i64..4_000_000_000,
        ) {
            let (last, now) = (Timestamp::from_second(last)?, Timestamp::from_second(now)?);
            let due = next(&every(interval), Some(last), now).expect("fixed");
            prop_assert!(due > last.min(now));
            prop_assert!(due <= after(now, Duration::from_secs(interval)));
        }
    }
}
