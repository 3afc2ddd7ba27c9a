//! What one request asks for: from the cursor on, in steps.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{per_second, start_value};
use crate::pipeline::{Incremental, Values};
use crate::time::Times;

/// The part that one walk of pages asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// `{incremental.start_value}`, null where there is none.
    pub start: Value,
    /// `{incremental.end_value}`, null where there is none.
    pub end: Value,
    /// Records before this cursor are not wanted; null for no bound.
    pub from: Value,
    /// Records from this cursor on are not wanted; null for no bound.
    pub to: Value,
}

/// Why there are no windows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The cursor is no time, and windows or a format need one.
    #[error(
        "the cursor `{0}` is no time, which `incremental.step` and `incremental.format` need; leave them out, or check `cursor_path` and `initial_value`"
    )]
    NoTime(String),
    /// There is nowhere to start.
    #[error("`incremental.step` needs `incremental.initial_value` to start from")]
    NoStart,
    /// Too many windows for one poll.
    #[error("{0} windows for one poll are too many; set a larger `incremental.step`")]
    TooMany(u64),
}

/// Most windows of one poll.
const MOST: u64 = 100_000;

impl Window {
    /// What `{incremental.…}` stands for in this window.
    pub fn values(&self) -> Value {
        serde_json::json!({ "start_value": self.start, "end_value": self.end })
    }

    /// The values of an element with those of this window.
    pub fn with(&self, values: &Values) -> Values {
        let mut values = values.clone();
        values.insert("incremental".to_owned(), self.values());
        values
    }
}

/// The windows from a cursor to the end value or to `now`, in order; one alone where there is no `step`.
pub fn windows(
    incremental: &Incremental,
    cursor: Option<&Value>,
    now: Timestamp,
) -> Result<Vec<Window>, WindowError> {
    let start = start_value(incremental, cursor);
    let like = cursor.or(incremental.initial_value.as_ref()).cloned().unwrap_or(Value::Null);
    let written = |value: &Value| match &incremental.format {
        Some(format) if !value.is_null() => {
            time_of(value).map(|time| formatted(time, format)).ok_or_else(|| no_time(value))
        }
        _ => Ok(value.clone()),
    };
    let Some(step) = incremental.step else {
        let end = match &incremental.end_value {
            Some(end) => written(end)?,
            None => write(now, &like, incremental.format.as_deref()).unwrap_or(Value::Null),
        };
        let to = incremental.end_value.clone().unwrap_or(Value::Null);
        return Ok(vec![Window { start: written(&start)?, end, from: start, to }]);
    };
    if start.is_null() {
        return Err(WindowError::NoStart);
    }
    let from = time_of(&start).ok_or_else(|| no_time(&start))?;
    let to = match &incremental.end_value {
        Some(end) => time_of(end).ok_or_else(|| no_time(end))?.min(now),
        None => now,
    };
    let written = |time| write(time, &start, incremental.format.as_deref()).ok_or_else(|| no_time(&start));
    let plain = |time| write(time, &start, None).ok_or_else(|| no_time(&start));
    let mut windows = Vec::new();
    for (from, to, last) in steps(from, to, step.0)? {
        let gap = incremental.granularity.filter(|_| !last).unwrap_or_default();
        windows.push(Window {
            start: written(from)?,
            end: written(to.saturating_sub(gap.0).unwrap_or(to))?,
            from: plain(from)?,
            // What lies ahead of the clock is wanted all the same.
            to: if last && incremental.end_value.is_none() { Value::Null } else { plain(to)? },
        });
    }
    Ok(windows)
}

/// From and to of every window, and whether it is the last; one, though empty, where there is nothing to step over.
fn steps(
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> Result<Vec<(Timestamp, Timestamp, bool)>, WindowError> {
    let count = to.duration_since(from).as_nanos().max(0) as u128 / step.as_nanos().max(1);
    if count > u128::from(MOST) {
        return Err(WindowError::TooMany(u64::try_from(count).unwrap_or(u64::MAX)));
    }
    let mut steps = Vec::new();
    let mut start = from;
    loop {
        let end = start.saturating_add(step).unwrap_or(to).min(to).max(start);
        let last = end >= to;
        steps.push((start, end, last));
        if last {
            return Ok(steps);
        }
        start = end;
    }
}

fn no_time(value: &Value) -> WindowError {
    WindowError::NoTime(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The point in time that a cursor names.
pub(super) fn time_of(value: &Value) -> Option<Timestamp> {
    Times::plain().parse(&value.to_string())
}

/// A time in the format given, else in the form that `like` has.
fn write(time: Timestamp, like: &Value, format: Option<&str>) -> Option<Value> {
    if let Some(format) = format {
        return Some(formatted(time, format));
    }
    match like {
        Value::Number(number) => {
            let nanos = time.as_nanosecond() * i128::from(per_second(number)?) / 1_000_000_000;
            Some(i64::try_from(nanos).ok()?.into())
        }
        Value::String(text) => {
            time_of(like)?;
            let zoned = time.to_zoned(TimeZone::UTC);
            Some(Value::String(match text.len() {
                10 if text.parse::<jiff::civil::Date>().is_ok() => zoned.date().to_string(),
                _ if text.parse::<Timestamp>().is_err() && text.parse::<jiff::civil::DateTime>().is_ok() => {
                    super::spelled(&zoned.datetime().to_string(), text)
                }
                _ if text.parse::<Timestamp>().is_ok() => super::spelled(&time.to_string(), text),
                _ => time.to_string(),
            }))
        }
        _ => None,
    }
}

/// A time by a strftime format; a number of seconds (`%s`) or milliseconds (`%ms`) is a number.
pub fn formatted(time: Timestamp, format: &str) -> Value {
    match format {
        "%s" => time.as_second().into(),
        "%ms" => time.as_millisecond().into(),
        _ => Value::String(time.to_zoned(TimeZone::UTC).strftime(format).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::pipeline::Span;

    fn incremental(more: Value) -> Incremental {
        let mut table = json!({ "cursor_path": "t" });
        table.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        serde_json::from_value(table).expect("incremental")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn pairs(windows: Vec<Window>) -> Vec<(Value, Value)> {
        windows.into_iter().map(|window| (window.start, window.end)).collect()
    }

    #[test]
    fn without_a_step_there_is_one_window_up_to_now() {
        let now = at("2026-11-23T10:00:00Z");
        for (more, cursor, start, end) in [
            (json!({}), None, json!(null), json!(null)),
            (json!({ "initial_value": "2026-11-01" }), None, json!("2026-11-01"), json!("2026-11-23")),
            (json!({}), Some(json!(1_700_000_000)), json!(1_700_000_000), json!(1_795_428_000)),
            (json!({}), Some(json!("abc")), json!("abc"), json!(null)),
            (json!({ "end_value": 9 }), Some(json!(5)), json!(5), json!(9)),
            (
                json!({ "format": "%ms", "lag": "1h" }),
                Some(json!("2026-11-23T09:00:00Z")),
                json!(1_795_420_800_000_i64),
                json!(1_795_428_000_000_i64),
            ),
            (
                json!({ "format": "%d.%m.%Y" }),
                Some(json!(1_795_424_400)),
                json!("23.11.2026"),
                json!("23.11.2026"),
            ),
        ] {
            let windows = windows(&incremental(more.clone()), cursor.as_ref(), now).expect("windows");
            assert_eq!(pairs(windows), [(start, end)], "{more}");
        }
    }

    #[test]
    fn a_step_cuts_the_time_and_granularity_keeps_the_borders_apart() {
        let now = at("2026-11-04T12:00:00Z");
        let of = |more| windows(&incremental(more), None, now).map(pairs);
        assert_eq!(
            of(json!({ "initial_value": "2026-11-01", "step": "2d", "granularity": "1d" })),
            Ok(vec![(json!("2026-11-01"), json!("2026-11-02")), (json!("2026-11-03"), json!("2026-11-04")),])
        );
        assert_eq!(
            of(
                json!({ "initial_value": "2026-11-01T00:00:00Z", "step": "36h", "end_value": "2026-11-03T00:00:00Z" })
            ),
            Ok(vec![
                (json!("2026-11-01T00:00:00Z"), json!("2026-11-02T12:00:00Z")),
                (json!("2026-11-02T12:00:00Z"), json!("2026-11-03T00:00:00Z")),
            ])
        );
        assert_eq!(of(json!({ "step": "1d" })), Err(WindowError::NoStart));
        assert!(matches!(of(json!({ "initial_value": "x", "step": "1d" })), Err(WindowError::NoTime(_))));
        assert!(matches!(of(json!({ "initial_value": 0, "step": "1s" })), Err(WindowError::TooMany(_))));
        // The cursor is ahead of the clock: one empty window, no error.
        assert_eq!(of(json!({ "initial_value": "2027-01-01", "step": "1d" })).map(|all| all.len()), Ok(1));
    }

    proptest! {
        #[test]
        fn windows_join_without_gap_or_overlap(start in 0i64..2_000_000_000, length in 0i64..5_000_000, step in 1u64..400_000) {
            let incremental = Incremental {
                cursor_path: "t".to_owned(), initial_value: Some(start.into()),
                step: Some(Span::from_secs(step.max(length as u64 / 50))), ..Incremental::default()
            };
            let now = Timestamp::from_second(start + length).expect("a time");
            let all = windows(&incremental, None, now).expect("windows");
            prop_assert_eq!(&all[0].start, &json!(start));
            prop_assert_eq!(&all[all.len() - 1].end, &json!(start + length));
            prop_assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
