//! Points in time as APIs write them: ISO 8601, RFC 2822, epoch numbers, and what a stream names.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::json::{Kind, Number, Reader, utf8};
use crate::pipeline::{EventTime, TimeUnit};
use crate::schema::decimal;

/// The point in time that a JSON value (its raw text) names under the rules of an `event_time`; `None` if it names
/// none, or one before the year 1 or after 9999-12-30T22:00Z, the last that has a date in every time zone.
///
/// A text without an offset is in the rules' time zone, else UTC; a local time that does not exist is moved forward by
/// the gap, one that exists twice is the first. A leap second (:60) counts as the second before it.
pub fn parse(value: &[u8], rules: &EventTime) -> Option<Timestamp> {
    Times::new(rules).parse(utf8(value).ok()?)
}

/// The point in time that a header names: any of the three forms of RFC 9110 (section 5.6.7), and what servers write in
/// their place: a wrong weekday, an offset other than GMT, RFC 3339.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let standard = httpdate::parse_http_date(text).ok().and_then(|time| Timestamp::try_from(time).ok());
    standard.or_else(|| mail_date(text)).or_else(|| text.parse().ok())
}

fn mail_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

/// The rules of an `event_time` made ready: its time zone looked up.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    unit: Option<TimeUnit>,
    format: Option<String>,
    /// `None` if there is no such zone; then no text without an offset can be read.
    zone: Option<TimeZone>,
}

impl Times {
    pub(crate) fn new(rules: &EventTime) -> Times {
        let zone = rules.timezone.as_deref().map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok());
        Times { unit: rules.unit, format: rules.format.clone(), zone }
    }

    /// Rules that name nothing.
    pub(crate) fn plain() -> Times {
        Times { unit: None, format: None, zone: Some(TimeZone::UTC) }
    }

    /// The point in time that a JSON value (its raw text) names.
    pub(crate) fn parse(&self, value: &str) -> Option<Timestamp> {
        let mut reader = Reader::new(value);
        let time = match reader.peek().ok()? {
            Kind::Number => {
                let number = reader.number().ok()?;
                self.digits(number.text()).or_else(|| epoch(&number, self.unit))
            }
            Kind::String => self.text(reader.string().ok()?.value().trim()),
            _ => None,
        };
        time.filter(in_range)
    }

    /// Microseconds since 1970 of a text that is RFC 3339, unless another format is named; a short cut for most.
    #[inline]
    pub(crate) fn plain_rfc3339(&self, text: &str) -> Option<i64> {
        if self.format.is_some() {
            return None;
        }
        // Times of the first and the last day are left to the full check of the range.
        rfc3339(text).filter(|micros| (-62_135_510_400_000_000..253_402_128_000_000_000).contains(micros))
    }

    /// A number that is a time in the format named, such as 20261123 in `%Y%m%d`.
    fn digits(&self, text: &str) -> Option<Timestamp> {
        self.format.as_ref().and_then(|format| self.formatted(format, text))
    }

    fn text(&self, text: &str) -> Option<Timestamp> {
        if let Some(format) = &self.format {
            return self.formatted(format, text);
        }
        let zoned = || self.local(text.parse::<DateTime>().ok()?);
        rfc3339(text)
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .or_else(|| Number::parse(text).and_then(|number| self.number_text(&number)))
            .or_else(|| text.parse::<Timestamp>().ok())
            .or_else(|| universal(text))
            .or_else(zoned)
            .or_else(|| mail_date(text))
    }

    /// A text of digits: an epoch number, unless it is a date such as `20261123` and no unit is named.
    fn number_text(&self, number: &Number<'_>) -> Option<Timestamp> {
        let text = number.text();
        if self.unit.is_none() && text.len() == 8 && text.parse::<Date>().is_ok() {
            return self.local(text.parse::<Date>().ok()?.to_datetime(civil::Time::midnight()));
        }
        epoch(number, self.unit)
    }

    fn formatted(&self, format: &str, text: &str) -> Option<Timestamp> {
        let parsed = strtime::parse(format, text).ok()?;
        if let Ok(time) = parsed.to_timestamp() {
            return Some(time);
        }
        let date = || Some(parsed.to_date().ok()?.to_datetime(civil::Time::midnight()));
        self.local(parsed.to_datetime().ok().or_else(date)?)
    }

    fn local(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.as_ref()?.to_ambiguous_timestamp(time).compatible().ok()
    }
}

/// The moment that is `wait` after another; the last there is where that lies beyond.
pub fn after(from: Timestamp, wait: Duration) -> Timestamp {
    from.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// `2026-11-23 10:00:00 UTC`
fn universal(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT"))?;
    TimeZone::UTC.to_timestamp(text.trim_end().parse::<DateTime>().ok()?).ok()
}

/// Whether the time lies in the years 1 to 9999 (UTC).
pub(crate) fn in_range(time: &Timestamp) -> bool {
    (-62_135_596_800..253_402_300_800).contains(&time.as_second())
        && time.as_nanosecond() >= -62_135_596_800_000_000_000
}

/// An epoch number of a unit; by its size where none is named.
fn epoch(number: &Number<'_>, unit: Option<TimeUnit>) -> Option<Timestamp> {
    let value = decimal(number, 18)?;
    let unit = unit.unwrap_or_else(|| epoch_unit(value.unsigned_abs() / 10u128.pow(18)));
    let per_nano = i128::from(unit.per_second()) * 10i128.pow(9);
    Timestamp::from_nanosecond(value.div_euclid(per_nano)).ok()
}

/// The unit of an epoch number by its size: seconds below 10¹¹, then milliseconds below 10¹⁴, microseconds below 10¹⁷,
/// nanoseconds.
pub(crate) fn epoch_unit(size: u128) -> TimeUnit {
    match size {
        0..100_000_000_000 => TimeUnit::S,
        100_000_000_000..100_000_000_000_000 => TimeUnit::Ms,
        100_000_000_000_000..100_000_000_000_000_000 => TimeUnit::Us,
        _ => TimeUnit::Ns,
    }
}

impl TimeUnit {
    /// How many of them make a second.
    pub(crate) fn per_second(self) -> i64 {
        match self {
            TimeUnit::S => 1,
            TimeUnit::Ms => 1_000,
            TimeUnit::Us => 1_000_000,
            TimeUnit::Ns => 1_000_000_000,
        }
    }
}

/// Microseconds since 1970, cut downwards.
pub(crate) fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// Microseconds since 1970 of a full RFC 3339 date-time with its offset and at most six digits of a second.
#[inline]
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let days = civil_days(bytes.get(..10)?)?;
    let [t, h1, h2, b':', m1, m2, b':', s1, s2] = bytes.get(10..19)? else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    if !matches!(t, b'T' | b't' | b' ') || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(&bytes[19..])?;
    let seconds = i64::from(days) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset(rest)?;
    Some(seconds * 1_000_000 + fraction)
}

/// Microseconds of `.123456`, and what follows.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 6 {
        return None;
    }
    let value = rest[..digits].iter().fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    Some((value * 10i64.pow(6 - u32::try_from(digits).ok()?), &rest[digits..]))
}

/// Seconds of `Z` or `+02:00`.
fn offset(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Days since 1970 of `YYYY-MM-DD`, years 1 to 9999.
pub(crate) fn date(text: &str) -> Option<i32> {
    if text.len() == 10 { civil_days(text.as_bytes()) } else { None }
}

#[inline]
fn civil_days(bytes: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else { return None };
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Howard Hinnant's days_from_civil, the year beginning in March.
    let shifted = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    i32::try_from(days).ok()
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
