//! Sums of times and durations, which [`rewrite`](super::rewrite) makes calls of; of any other values as ever.

use jiff::Unit;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use super::moment::{DAY, Moment, wrong};
use super::rewrite::{ADD, SUBTRACT};

/// Adds the functions.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function(ADD, |a: Value, b: Value| sum(&a, &b, false));
    environment.add_function(SUBTRACT, |a: Value, b: Value| sum(&a, &b, true));
}

fn sum(a: &Value, b: &Value, minus: bool) -> Result<Value, Error> {
    match (a.downcast_object_ref::<Moment>(), b.downcast_object_ref::<Moment>()) {
        (Some(a), Some(b)) => moments(a, b, minus).map(Value::from_object),
        (None, None) => plain(a, b, minus),
        _ => Err(wrong(
            "a time and a value that is neither a time nor a duration cannot be added or subtracted",
        )),
    }
}

fn moments(a: &Moment, b: &Moment, minus: bool) -> Result<Moment, Error> {
    let sign = if minus { -1 } else { 1 };
    match (a, b) {
        // Of a duration a date knows the whole days alone.
        (Moment::Day(_), Moment::Length { months, micros }) => {
            a.later(sign * months, sign * micros.div_euclid(DAY) * DAY)
        }
        (any, Moment::Length { months, micros }) => any.later(sign * months, sign * micros),
        (Moment::Length { months, micros }, time) if !minus => time.later(*months, *micros),
        (Moment::Day(a), Moment::Day(b)) if minus => {
            let days = b.until((Unit::Day, *a)).map_err(|error| wrong(error.to_string()))?.get_days();
            Ok(Moment::Length { months: 0, micros: i64::from(days) * DAY })
        }
        (a, b) if minus => {
            let micros = |moment: &Moment| Ok::<_, Error>(moment.instant()?.timestamp().as_microsecond());
            Ok(Moment::Length { months: 0, micros: micros(a)? - micros(b)? })
        }
        _ => Err(wrong("two times cannot be added")),
    }
}

/// Sums of numbers, texts and lists.
fn plain(a: &Value, b: &Value, minus: bool) -> Result<Value, Error> {
    match (a.kind(), b.kind()) {
        (ValueKind::Number | ValueKind::Bool, ValueKind::Number | ValueKind::Bool) => {
            let is_whole = |value: &Value| value.is_integer() || value.kind() == ValueKind::Bool;
            if is_whole(a) && is_whole(b) {
                let (a, b) = (i128::try_from(a.clone())?, i128::try_from(b.clone())?);
                let sum = if minus { a.checked_sub(b) } else { a.checked_add(b) };
                return sum.map(Value::from).ok_or_else(|| wrong("the sum is too large"));
            }
            let (a, b) = (f64::try_from(a.clone())?, f64::try_from(b.clone())?);
            Ok(Value::from(if minus { a - b } else { a + b }))
        }
        (ValueKind::String, ValueKind::String) if !minus => {
            Ok(Value::from(format!("{}{}", a.as_str().unwrap_or_default(), b.as_str().unwrap_or_default())))
        }
        (ValueKind::Seq, ValueKind::Seq) if !minus => {
            Ok(Value::from(a.try_iter()?.chain(b.try_iter()?).collect::<Vec<_>>()))
        }
        (a, b) => Err(wrong(format!("{a} and {b} cannot be added or subtracted"))),
    }
}
