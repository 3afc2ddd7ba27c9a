//! Times, dates and durations as values of an expression, after Python's `datetime`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};
use minijinja::value::{Kwargs, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::strftime;

/// A point in time, a date or a length of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moment {
    /// `datetime.datetime`, with its offset.
    Instant(Zoned),
    /// `datetime.date`
    Day(Date),
    /// `datetime.timedelta`, and months, which have no length of their own.
    Length {
        months: i64,
        /// Microseconds.
        micros: i64,
    },
}

pub(super) const DAY: i64 = 86_400_000_000;

/// An operation that cannot be done.
pub(super) fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

impl Moment {
    /// A point in time in UTC, to the microsecond.
    pub(super) fn of(time: Timestamp) -> Moment {
        let time = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
        Moment::Instant(time.to_zoned(TimeZone::UTC))
    }

    /// The point in time, or the beginning of the day in UTC.
    pub(super) fn instant(&self) -> Result<Zoned, Error> {
        match self {
            Moment::Instant(time) => Ok(time.clone()),
            Moment::Day(date) => {
                date.to_datetime(Time::midnight()).to_zoned(TimeZone::UTC).map_err(|e| wrong(e.to_string()))
            }
            Moment::Length { .. } => Err(wrong("a duration is no point in time")),
        }
    }

    /// Seconds since 1970; a whole number where it is one.
    pub(super) fn seconds(&self) -> Result<f64, Error> {
        Ok(self.instant()?.timestamp().as_microsecond() as f64 / 1e6)
    }

    /// As Python's `isoformat` writes it, down to what it calls `timespec`.
    fn iso_to(&self, separator: &str, timespec: &str) -> Result<String, Error> {
        let Moment::Instant(time) = self else { return Ok(self.iso(separator)) };
        let clock = match timespec {
            "auto" => return Ok(self.iso(separator)),
            "hours" => "%H",
            "minutes" => "%H:%M",
            "seconds" => "%H:%M:%S",
            "milliseconds" => "%H:%M:%S.%3f",
            "microseconds" => "%H:%M:%S.%6f",
            other => return Err(wrong(format!("`{other}` is no timespec"))),
        };
        Ok(format!("{}{separator}{}{}", time.date(), time.strftime(clock), offset(time.offset())))
    }

    /// As Python's `isoformat` writes it; a duration as its `str`.
    pub(super) fn iso(&self, separator: &str) -> String {
        match self {
            Moment::Instant(time) => {
                let clock = if time.subsec_nanosecond() < 1000 { "%H:%M:%S" } else { "%H:%M:%S.%6f" };
                format!("{}{separator}{}{}", time.date(), time.strftime(clock), offset(time.offset()))
            }
            Moment::Day(date) => date.to_string(),
            Moment::Length { months, micros } => length(*months, *micros),
        }
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        if let Moment::Length { months, micros } = self {
            return match name {
                "days" => Some((micros.div_euclid(DAY)).into()),
                "seconds" => Some((micros.rem_euclid(DAY) / 1_000_000).into()),
                "microseconds" => Some((micros.rem_euclid(1_000_000)).into()),
                "months" => Some((*months).into()),
                _ => None,
            };
        }
        let time = self.instant().ok()?;
        let date = match name {
            "year" => Some(Value::from(time.year())),
            "month" => Some(time.month().into()),
            "day" => Some(time.day().into()),
            _ => None,
        };
        if date.is_some() || matches!(self, Moment::Day(_)) {
            return date;
        }
        match name {
            "hour" => Some(time.hour().into()),
            "minute" => Some(time.minute().into()),
            "second" => Some(time.second().into()),
            "microsecond" => Some((time.subsec_nanosecond() / 1000).into()),
            "tzinfo" => Some("UTC".into()),
            _ => None,
        }
    }

    /// Some parts set to other values.
    fn replaced(&self, parts: &Kwargs) -> Result<Moment, Error> {
        let time = self.instant()?;
        let part = |name: &str, now: i64| -> Result<i64, Error> {
            Ok(parts.get::<Option<i64>>(name)?.unwrap_or(now))
        };
        let small = |value: i64| i8::try_from(value).map_err(|_| wrong("a part of a time is out of range"));
        let year = i16::try_from(part("year", time.year().into())?)
            .map_err(|_| wrong("the year is out of range"))?;
        let (month, day) = (part("month", time.month().into())?, part("day", time.day().into())?);
        let date = Date::new(year, small(month)?, small(day)?).map_err(|e| wrong(e.to_string()))?;
        if matches!(self, Moment::Day(_)) {
            parts.assert_all_used()?;
            return Ok(Moment::Day(date));
        }
        let micros = part("microsecond", (time.subsec_nanosecond() / 1000).into())?;
        let nanos =
            i32::try_from(micros.saturating_mul(1000)).map_err(|_| wrong("microsecond is out of range"))?;
        let (hour, minute) = (part("hour", time.hour().into())?, part("minute", time.minute().into())?);
        let second = part("second", time.second().into())?;
        let clock = Time::new(small(hour)?, small(minute)?, small(second)?, nanos)
            .map_err(|e| wrong(e.to_string()))?;
        parts.get::<Option<Value>>("tzinfo")?;
        parts.assert_all_used()?;
        let zoned = date.to_datetime(clock).to_zoned(time.time_zone().clone());
        zoned.map(Moment::Instant).map_err(|e| wrong(e.to_string()))
    }

    /// A calendar's months and a clock's microseconds later.
    pub(super) fn later(&self, months: i64, micros: i64) -> Result<Moment, Error> {
        let beyond = |error: jiff::Error| wrong(format!("the time lies beyond the calendar: {error}"));
        match self {
            Moment::Instant(time) => {
                let span = Span::new()
                    .try_months(months)
                    .and_then(|span| span.try_microseconds(micros))
                    .map_err(beyond)?;
                time.checked_add(span).map(Moment::Instant).map_err(beyond)
            }
            Moment::Day(date) => {
                let span = Span::new()
                    .try_months(months)
                    .and_then(|s| s.try_days(micros.div_euclid(DAY)))
                    .map_err(beyond)?;
                date.checked_add(span).map(Moment::Day).map_err(beyond)
            }
            Moment::Length { months: own, micros: length } => {
                let sum = own.checked_add(months).zip(length.checked_add(micros));
                let (months, micros) = sum.ok_or_else(|| wrong("the duration is too long"))?;
                Ok(Moment::Length { months, micros })
            }
        }
    }
}

/// `+00:00`
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() % 3600 / 60)
}

/// `1 day, 2:00:00`
fn length(months: i64, micros: i64) -> String {
    let plural = |n: i64| if n.abs() == 1 { "" } else { "s" };
    let mut out = String::new();
    for (unit, count) in [("year", months / 12), ("month", months % 12), ("day", micros.div_euclid(DAY))] {
        if count != 0 {
            out.push_str(&format!("{count} {unit}{}, ", plural(count)));
        }
    }
    let rest = micros.rem_euclid(DAY);
    let seconds = rest / 1_000_000;
    out.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if rest % 1_000_000 != 0 {
        out.push_str(&format!(".{:06}", rest % 1_000_000));
    }
    out
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !matches!(**self, Moment::Length { months: 0, micros: 0 })
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.attribute(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<Ordering> {
        match (&**self, other.downcast_ref::<Moment>()?) {
            (Moment::Length { months, micros }, Moment::Length { months: m, micros: u }) => {
                Some((months, micros).cmp(&(m, u)))
            }
            (Moment::Length { .. }, _) => Some(Ordering::Less),
            (_, Moment::Length { .. }) => Some(Ordering::Greater),
            (one, other) => Some(one.instant().ok()?.timestamp().cmp(&other.instant().ok()?.timestamp())),
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (method, &**self) {
            ("total_seconds", Moment::Length { micros, .. }) => {
                from_args::<()>(args)?;
                Ok((*micros as f64 / 1e6).into())
            }
            (_, Moment::Length { .. }) => Err(Error::from(ErrorKind::UnknownMethod)),
            ("strftime" | "format", _) => {
                let (format,): (&str,) = from_args(args)?;
                strftime::format(&self.instant()?, format).map(Value::from)
            }
            ("isoformat", _) => {
                let (separator, parts, options): (Option<&str>, Option<&str>, Kwargs) = from_args(args)?;
                let (sep, timespec): (Option<&str>, Option<&str>) =
                    (options.get("sep")?, options.get("timespec")?);
                options.assert_all_used()?;
                self.iso_to(separator.or(sep).unwrap_or("T"), parts.or(timespec).unwrap_or("auto"))
                    .map(Value::from)
            }
            ("weekday", _) => Ok(self.instant()?.weekday().to_monday_zero_offset().into()),
            ("isoweekday", _) => Ok(self.instant()?.weekday().to_monday_one_offset().into()),
            ("date", Moment::Instant(time)) => Ok(Value::from_object(Moment::Day(time.date()))),
            ("timestamp", Moment::Instant(_)) => Ok(self.seconds()?.into()),
            ("astimezone", Moment::Instant(_)) => Ok(Value::from_object(Moment::clone(self))),
            ("replace", _) => {
                let (parts,): (Kwargs,) = from_args(args)?;
                self.replaced(&parts).map(Value::from_object)
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso(" "))
    }
}
