//! The functions of an expression: the macros of the Airbyte CDK.

use jiff::Zoned;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::moment::{DAY, Moment, wrong};
use super::scope::NOW;
use super::{Dialect, dates, strftime};

/// Their names.
pub(super) const NAMES: [&str; 13] = [
    "now_utc",
    "today_utc",
    "today_with_timezone",
    "timestamp",
    "max",
    "min",
    "day_delta",
    "duration",
    "format_datetime",
    "str_to_datetime",
    "dict",
    "namespace",
    "super",
];

/// Adds all of them.
pub(super) fn add(environment: &mut Environment<'static>, dialect: Dialect) {
    environment.add_function("now_utc", |state: &State<'_, '_>| {
        now(state).map(Moment::Instant).map(Value::from_object)
    });
    environment.add_function("today_utc", |state: &State<'_, '_>| today(state, TimeZone::UTC));
    environment.add_function("today_with_timezone", |state: &State<'_, '_>, name: &str| {
        let zone = TimeZone::get(name);
        today(
            state,
            zone.map_err(|_| {
                wrong("there is no such time zone; write an IANA name such as `Europe/Berlin`")
            })?,
        )
    });
    environment.add_function("timestamp", move |value: Value| timestamp(&value, dialect));
    environment
        .add_function("max", |state: &mut State<'_, '_>, values: Rest<Value>| extreme(state, "max", values));
    environment
        .add_function("min", |state: &mut State<'_, '_>, values: Rest<Value>| extreme(state, "min", values));
    environment.add_function("day_delta", day_delta);
    environment.add_function("duration", |text: &str| dates::duration(text).map(Value::from_object));
    environment.add_function("format_datetime", format_datetime);
    environment.add_function("str_to_datetime", |value: Value| {
        dates::time(&value, None).map(Moment::Instant).map(Value::from_object)
    });
}

fn now(state: &State<'_, '_>) -> Result<Zoned, Error> {
    let now = state.lookup(NOW).ok_or_else(|| wrong("there is no time here"))?;
    now.downcast_object_ref::<Moment>().ok_or_else(|| wrong("there is no time here"))?.instant()
}

fn today(state: &State<'_, '_>, zone: TimeZone) -> Result<Value, Error> {
    Ok(Value::from_object(Moment::Day(now(state)?.with_time_zone(zone).date())))
}

/// Seconds since 1970; in the CDK's dialect that of a text is a float, as Python has it.
fn timestamp(value: &Value, dialect: Dialect) -> Result<Value, Error> {
    if value.kind() == ValueKind::Number {
        let number = f64::try_from(value.clone())?;
        return Ok(Value::from(number.trunc() as i64));
    }
    let seconds = Moment::Instant(dates::time(value, None)?).seconds()?;
    let is_whole = dialect.is_native() && seconds.fract() == 0.0;
    Ok(if is_whole { Value::from(seconds as i64) } else { seconds.into() })
}

fn extreme(state: &mut State<'_, '_>, which: &str, values: Rest<Value>) -> Result<Value, Error> {
    let values = match &values[..] {
        [one] => one.clone(),
        many => Value::from(many.to_vec()),
    };
    state.apply_filter(which, &[values])
}

fn day_delta(
    state: &State<'_, '_>,
    days: f64,
    format: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let format = format.or(options.get("format")?).unwrap_or("%Y-%m-%dT%H:%M:%S.%f%z");
    options.assert_all_used()?;
    let later = Moment::Instant(now(state)?).later(0, (days * DAY as f64) as i64)?;
    strftime::format(&later.instant()?, format)
}

fn format_datetime(
    value: Value,
    format: Option<&str>,
    input: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let format = format.or(options.get("format")?).ok_or_else(|| wrong("format_datetime needs a format"))?;
    let input = input.or(options.get("input_format")?);
    options.assert_all_used()?;
    strftime::format(&dates::time(&value, input)?, format)
}
