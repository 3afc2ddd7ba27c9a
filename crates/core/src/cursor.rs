//! The incremental cursor: its highest value in a page, and where the next poll starts.

mod window;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::json;
use crate::pipeline::{EventTime, Incremental};
use crate::time::{Times, epoch_unit};

pub use window::{Window, WindowError, formatted, windows};

/// What stands in the records of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// Highest cursor.
    pub cursor: Option<Value>,
    /// Event time of each record that has one, with its place in the page.
    pub times: Vec<(u64, Timestamp)>,
}

/// Looks through the records of a page. Records without a cursor or an event time are passed over.
pub fn marks(
    records: &[Cow<'_, [u8]>],
    cursor: Option<&Incremental>,
    event_time: Option<&EventTime>,
) -> Marks {
    let formats = cursor.map(Formats::of).unwrap_or_default();
    let cursor = cursor.map(|cursor| cursor.cursor_path.as_str());
    let mut marks = Marks::default();
    let times = event_time.map(|rules| (rules.path.as_str(), Times::new(rules)));
    marks.times.reserve_exact(if times.is_some() { records.len() } else { 0 });
    for (place, record) in (0..).zip(records) {
        if let Some(value) = cursor.and_then(|path| field(record, path)) {
            let value = serde_json::from_str(value).ok().filter(|value: &Value| !value.is_null());
            let value = value.map(|value| formats.plain(value));
            marks.cursor = max(marks.cursor, value);
        }
        if let Some((path, times)) = &times {
            let time = field(record, path).and_then(|value| times.parse(value));
            marks.times.extend(time.map(|time| (place, time)));
        }
    }
    // They are kept for each page of a poll.
    marks.times.shrink_to_fit();
    marks
}

/// The forms that a cursor may be written in besides the usual ones.
#[derive(Default)]
struct Formats(Vec<Times>);

impl Formats {
    fn of(incremental: &Incremental) -> Formats {
        let rules = |format: &String| EventTime {
            path: String::new(),
            unit: None,
            format: Some(format.clone()),
            timezone: None,
        };
        Formats(incremental.cursor_formats.iter().map(|format| Times::new(&rules(format))).collect())
    }

    /// A cursor as it is compared and kept: the time that a text says in one of the forms, in RFC 3339.
    fn plain(&self, cursor: Value) -> Value {
        let Value::String(text) = &cursor else { return cursor };
        if self.0.is_empty() || text.is_empty() {
            return cursor;
        }
        let raw = cursor.to_string();
        match self.0.iter().find_map(|times| times.parse(&raw)) {
            Some(time) => Value::String(time.to_string()),
            None => cursor,
        }
    }
}

/// The value of a field of a record, by name or dotted path.
pub fn value(record: &[u8], path: &str) -> Option<Value> {
    field(record, path).and_then(|value| serde_json::from_str(value).ok())
}

/// Of each record whether it lies outside a window. Records without a cursor lie within, and so does what cannot be
/// compared.
pub fn outside(records: &[Cow<'_, [u8]>], incremental: &Incremental, window: &Window) -> Vec<bool> {
    let formats = Formats::of(incremental);
    let found = |record: &[u8]| {
        let cursor = value(record, &incremental.cursor_path).filter(|cursor| !cursor.is_null());
        cursor.map(|cursor| formats.plain(cursor))
    };
    let bound = |value| (value, window::time_of(value));
    let (from, to) = (bound(&window.from), bound(&window.to));
    let is = |cursor: &Value, bound, wanted: fn(Ordering) -> bool| order(cursor, bound).is_some_and(wanted);
    let out = |cursor: Value| is(&cursor, from, Ordering::is_lt) || is(&cursor, to, Ordering::is_ge);
    records.iter().map(|record| found(record).is_some_and(out)).collect()
}

/// How a cursor lies to a bound, given with the time that it names; they may be written in different forms.
fn order(a: &Value, (b, time): (&Value, Option<Timestamp>)) -> Option<Ordering> {
    if a.is_number() && b.is_number() {
        return Some(compare(a, b));
    }
    match time.and_then(|time| Some((window::time_of(a)?, time))) {
        Some((a, b)) => Some(a.cmp(&b)),
        None => (a.is_string() && b.is_string()).then(|| compare(a, b)),
    }
}

/// The raw JSON text of a field, by name or dotted path.
fn field<'a>(record: &'a [u8], path: &str) -> Option<&'a str> {
    json::field(json::utf8(record).ok()?, path)
}

/// The higher of two cursors; one is higher than none.
pub fn max(a: Option<Value>, b: Option<Value>) -> Option<Value> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if compare(&a, &b) == Ordering::Less { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Order of cursors: numbers by size, times by time, other texts by letter.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i128(), y.as_i128()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x.as_f64().partial_cmp(&y.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Value::String(x), Value::String(y)) => match (x.parse::<Timestamp>(), y.parse::<Timestamp>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => x.cmp(y),
        },
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// What `{incremental.start_value}` is: the cursor less the lag, else the initial value, else null.
pub fn start_value(incremental: &Incremental, cursor: Option<&Value>) -> Value {
    match (cursor, incremental.lag) {
        (None, _) => incremental.initial_value.clone().unwrap_or(Value::Null),
        (Some(cursor), None) => cursor.clone(),
        (Some(cursor), Some(lag)) => earlier(cursor, lag.0).unwrap_or_else(|| cursor.clone()),
    }
}

/// How many of the units of an epoch number make a second, by its size.
fn per_second(number: &serde_json::Number) -> Option<i64> {
    Some(epoch_unit(number.as_f64()?.abs() as u128).per_second())
}

/// A time, in whatever form it came, `lag` earlier in the same form; `None` for what is no time.
fn earlier(cursor: &Value, lag: Duration) -> Option<Value> {
    match cursor {
        Value::Number(number) => {
            let per_second = per_second(number)?;
            match number.as_i64() {
                Some(whole) => {
                    let units = lag.as_nanos() / u128::from(1_000_000_000u64 / per_second.unsigned_abs());
                    Some(whole.checked_sub(i64::try_from(units).ok()?)?.into())
                }
                None => Some((number.as_f64()? - lag.as_secs_f64() * per_second as f64).into()),
            }
        }
        Value::String(text) => earlier_text(text, lag).map(Value::String),
        _ => None,
    }
}

fn earlier_text(text: &str, lag: Duration) -> Option<String> {
    let lag = SignedDuration::try_from(lag).ok()?;
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(spelled(&time.checked_sub(lag).ok()?.to_string(), text));
    }
    if text.len() == "2026-11-23".len() {
        let date: jiff::civil::Date = text.parse().ok()?;
        // A part of a day counts as a day: rather ask for too much.
        let days = lag.as_secs().saturating_add(86_399) / 86_400;
        return Some(date.checked_sub(jiff::Span::new().try_days(days).ok()?).ok()?.to_string());
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(spelled(&time.checked_sub(lag).ok()?.to_string(), text))
}

/// A time, given in RFC 3339 with or without its `Z`, as another one is spelled: its sign between date and time, and as
/// many digits of a second. An API may compare them as texts.
fn spelled(time: &str, like: &str) -> String {
    let fraction = |text: &str| {
        let digits = text.split_once('.').map_or("", |(_, rest)| rest);
        digits.bytes().take_while(u8::is_ascii_digit).count()
    };
    let sign = like.chars().nth(10).filter(|sign| matches!(sign, 'T' | 't' | ' '));
    let (Some((date, clock)), Some(sign)) = (time.split_once('T'), sign) else { return time.to_owned() };
    let (clock, zone) = clock.strip_suffix('Z').map_or((clock, ""), |clock| (clock, "Z"));
    let zone = ["+00:00", "+0000", "+00"].into_iter().find(|zero| like.ends_with(zero)).unwrap_or(zone);
    let (seconds, digits) = clock.split_once('.').unwrap_or((clock, ""));
    let digits: String = digits.chars().chain(std::iter::repeat('0')).take(fraction(like)).collect();
    let point = if digits.is_empty() { "" } else { "." };
    format!("{date}{sign}{seconds}{point}{digits}{zone}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pipeline::Span;

    fn marked(records: &[&str], path: &str) -> Option<Value> {
        let records: Vec<Cow<'_, [u8]>> = records.iter().map(|r| Cow::Borrowed(r.as_bytes())).collect();
        let incremental = Incremental { cursor_path: path.to_owned(), ..Incremental::default() };
        marks(&records, Some(&incremental), None).cursor
    }

    #[test]
    fn the_highest_cursor_is_found_by_what_it_is() {
        assert_eq!(
            marked(&[r#"{"a":{"n":9}}"#, r#"{"a":{"n":10}}"#, r#"{"a":null}"#, "7"], "a.n"),
            Some(json!(10))
        );
        assert_eq!(
            marked(&[r#"{"t":"2026-01-01T00:00:00+02:00"}"#, r#"{"t":"2025-12-31T23:00:00Z"}"#], "t"),
            Some(json!("2025-12-31T23:00:00Z"))
        );
        assert_eq!(marked(&[r#"{"t":"b"}"#, r#"{"t":"a"}"#], "t"), Some(json!("b")));
        assert_eq!(marked(&[r#"{"t":null}"#, "[]"], "t"), None);
        assert_eq!(
            max(Some(json!(9_007_199_254_740_993_i64)), Some(json!(9_007_199_254_740_992_i64))),
            Some(json!(9_007_199_254_740_993_i64))
        );
    }

    #[test]
    fn a_cursor_in_a_form_of_its_own_is_the_time_it_says() {
        let incremental = Incremental {
            cursor_path: "t".to_owned(),
            cursor_formats: vec!["%d/%m/%Y %H:%M".to_owned(), "%Y%m%d%H".to_owned()],
            ..Incremental::default()
        };
        let records = [
            r#"{"t":"30/01/2026 10:00"}"#,
            r#"{"t":"01/02/2026 09:30"}"#,
            r#"{"t":"2026013123"}"#,
            r#"{"t":""}"#,
        ];
        let records = records.map(|record| Cow::Borrowed(record.as_bytes()));
        assert_eq!(marks(&records, Some(&incremental), None).cursor, Some(json!("2026-02-01T09:30:00Z")));
        let window = Window { from: json!("2026-01-31T00:00:00Z"), ..Window::default() };
        assert_eq!(outside(&records[..3], &incremental, &window), [true, false, false]);
    }

    #[test]
    fn the_lag_is_taken_off_in_the_form_the_cursor_has() {
        let incremental = |lag: Option<u64>| Incremental {
            cursor_path: "t".to_owned(),
            initial_value: Some(json!("2020-01-01")),
            lag: lag.map(Span::from_secs),
            ..Incremental::default()
        };
        assert_eq!(start_value(&incremental(None), None), json!("2020-01-01"));
        assert_eq!(start_value(&incremental(None), Some(&json!(5))), json!(5));
        for (cursor, start) in [
            (json!("2026-11-23T10:00:00Z"), json!("2026-11-23T09:00:00Z")),
            (json!("2026-11-23T10:00:00+02:00"), json!("2026-11-23T07:00:00Z")),
            (json!("2026-11-23T10:00:00"), json!("2026-11-23T09:00:00")),
            (json!("2026-11-23T10:00:00.000Z"), json!("2026-11-23T09:00:00.000Z")),
            (json!("2026-11-23T10:00:00.25+00:00"), json!("2026-11-23T09:00:00.25+00:00")),
            (json!("2026-11-23 10:00:00"), json!("2026-11-23 09:00:00")),
            (json!("2026-11-23 10:00:00.5"), json!("2026-11-23 09:00:00.5")),
            (json!("2026-11-23"), json!("2026-11-22")),
            (json!(1_800_000_000), json!(1_799_996_400)),
            (json!(1_800_000_000_000_i64), json!(1_799_996_400_000_i64)),
            (json!(1_800_000_000.5), json!(1_799_996_400.5)),
            (json!("item-7"), json!("item-7")),
        ] {
            assert_eq!(start_value(&incremental(Some(3600)), Some(&cursor)), start, "{cursor}");
        }
    }
}
