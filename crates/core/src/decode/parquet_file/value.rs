//! The values of a column, and how each of their types is spelled.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, Int96};
use parquet::schema::types::Type;
use serde::Serialize;

use super::{DecodeError, text, unreadable};
use crate::decode::packed::malformed;

/// Most bytes of a decimal: those of 76 digits.
const DECIMAL: usize = 32;

/// A value as it lies in a file.
pub(super) enum Value {
    Bool(bool),
    Int(i32),
    Long(i64),
    /// Since the epoch.
    Nanoseconds(i128),
    Float(f32),
    Double(f64),
    Bytes(ByteArray),
}

/// What the values of a column stand for.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// What the physical type says: truth, a signed or a broken number, bytes.
    Plain,
    Null,
    Unsigned,
    Half,
    /// Digits after the point.
    Decimal(usize),
    Text,
    /// Days since the epoch.
    Date,
    /// In units of so many nanoseconds.
    TimeOfDay(i64),
    /// In units of so many nanoseconds.
    Time(i64),
    Interval,
}

impl Kind {
    /// The kind of a primitive type.
    pub(super) fn of(field: &Type) -> Result<Self, DecodeError> {
        let info = field.get_basic_info();
        let kind = match info.logical_type_ref() {
            Some(logical) => Self::logical(logical),
            None => Self::converted(info.converted_type(), field.get_scale()),
        };
        let kind = match (kind, field.get_physical_type()) {
            (Some(Self::Null), _) => Self::Null,
            (_, Physical::BOOLEAN | Physical::FLOAT | Physical::DOUBLE | Physical::INT96) => Self::Plain,
            (Some(kind), _) => kind,
            (None, _) => {
                return Err(unreadable(format!("column `{}` has a scale that no decimal has", field.name())));
            }
        };
        Ok(kind)
    }

    fn logical(logical: &LogicalType) -> Option<Self> {
        Some(match logical {
            LogicalType::Unknown => Self::Null,
            LogicalType::Integer(int) if !int.is_signed => Self::Unsigned,
            LogicalType::Decimal(decimal) => return Self::decimal(decimal.scale),
            LogicalType::Date => Self::Date,
            LogicalType::Time(time) => Self::TimeOfDay(nanoseconds_of(time.unit)),
            LogicalType::Timestamp(timestamp) => Self::Time(nanoseconds_of(timestamp.unit)),
            LogicalType::String | LogicalType::Json => Self::Text,
            LogicalType::Float16 => Self::Half,
            _ => Self::Plain,
        })
    }

    /// What older writers say.
    fn converted(converted: ConvertedType, scale: i32) -> Option<Self> {
        use ConvertedType as Converted;
        Some(match converted {
            Converted::UINT_8 | Converted::UINT_16 | Converted::UINT_32 | Converted::UINT_64 => {
                Self::Unsigned
            }
            Converted::DECIMAL => return Self::decimal(scale),
            Converted::DATE => Self::Date,
            Converted::TIME_MILLIS => Self::TimeOfDay(1_000_000),
            Converted::TIME_MICROS => Self::TimeOfDay(1_000),
            Converted::TIMESTAMP_MILLIS => Self::Time(1_000_000),
            Converted::TIMESTAMP_MICROS => Self::Time(1_000),
            Converted::UTF8 | Converted::JSON => Self::Text,
            Converted::INTERVAL => Self::Interval,
            _ => Self::Plain,
        })
    }

    fn decimal(scale: i32) -> Option<Self> {
        usize::try_from(scale).ok().filter(|scale| *scale <= 76).map(Self::Decimal)
    }
}

fn nanoseconds_of(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1_000_000,
        TimeUnit::MICROS => 1_000,
        TimeUnit::NANOS => 1,
    }
}

/// The time of Julian days and nanoseconds of a day, as Hive, Impala and Spark once wrote it.
pub(super) fn nanoseconds(time: &Int96) -> i128 {
    let [low, high, day] = time.data() else { return 0 };
    let of_day = i128::from(*high) << 32 | i128::from(*low);
    (i128::from(day.cast_signed()) - 2_440_588) * 86_400_000_000_000 + of_day
}

impl Value {
    /// Writes it as JSON.
    pub(super) fn write(&self, kind: Kind, out: &mut String) -> Result<(), DecodeError> {
        match (self, kind) {
            (_, Kind::Null) => out.push_str("null"),
            (_, Kind::Interval) => {
                return Err(malformed("a column has the type INTERVAL, which is not read"));
            }
            (Self::Bool(value), _) => out.push_str(if *value { "true" } else { "false" }),
            (Self::Int(value), Kind::Unsigned) => out.push_str(&value.cast_unsigned().to_string()),
            (Self::Long(value), Kind::Unsigned) => out.push_str(&value.cast_unsigned().to_string()),
            (Self::Int(value), _) => whole(i64::from(*value), kind, out)?,
            (Self::Long(value), _) => whole(*value, kind, out)?,
            (Self::Nanoseconds(value), _) => shown(time(*value), *value, out),
            (Self::Float(value), _) => number(*value, out),
            (Self::Double(value), _) => number(*value, out),
            (Self::Bytes(value), _) => bytes(value.data(), kind, out)?,
        }
        Ok(())
    }
}

/// The shortest spelling that stands for the same number of its width.
fn number(value: impl Serialize, out: &mut String) {
    out.push_str(&serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned()));
}

fn bytes(value: &[u8], kind: Kind, out: &mut String) -> Result<(), DecodeError> {
    match (kind, value) {
        (Kind::Text, _) => text(std::str::from_utf8(value).map_err(unreadable)?, out),
        (Kind::Half, &[low, high]) => number(half::f16::from_le_bytes([low, high]).to_f32(), out),
        (Kind::Decimal(scale), _) => out.push_str(&decimal(value, scale)?),
        _ => text(&STANDARD.encode(value), out),
    }
    Ok(())
}

fn whole(value: i64, kind: Kind, out: &mut String) -> Result<(), DecodeError> {
    let words = match kind {
        Kind::Decimal(scale) => {
            out.push_str(&decimal(&value.to_be_bytes(), scale)?);
            return Ok(());
        }
        Kind::Date => date(value),
        Kind::TimeOfDay(unit) => of_day(value, unit),
        Kind::Time(unit) => time(i128::from(value) * i128::from(unit)),
        _ => None,
    };
    shown(words, value, out);
    Ok(())
}

/// Writes a date, a time of day or a point in time. One outside of the calendar stays the number that it is, which fits
/// no column of times and so goes to quarantine.
fn shown(words: Option<String>, number: impl ToString, out: &mut String) {
    match words {
        Some(words) => text(&words, out),
        None => out.push_str(&number.to_string()),
    }
}

fn date(days: i64) -> Option<String> {
    let since = jiff::Span::new().try_days(days).ok()?;
    Some(Date::constant(1970, 1, 1).checked_add(since).ok()?.to_string())
}

fn of_day(value: i64, unit: i64) -> Option<String> {
    let nanoseconds = value.checked_mul(unit).filter(|nanoseconds| *nanoseconds >= 0)?;
    let since = jiff::Span::new().try_nanoseconds(nanoseconds).ok()?;
    Some(Time::midnight().checked_add(since).ok()?.to_string())
}

fn time(nanoseconds: i128) -> Option<String> {
    Some(Timestamp::from_nanosecond(nanoseconds).ok()?.to_string())
}

/// A number of any length, the most significant byte first, with so many digits after the point.
fn decimal(bytes: &[u8], scale: usize) -> Result<String, DecodeError> {
    if bytes.len() > DECIMAL {
        return Err(unreadable(format!("a decimal has {} bytes", bytes.len())));
    }
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    let mut carry = negative;
    for byte in magnitude.iter_mut().rev().filter(|_| negative) {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
    let digits = format!("{:0>width$}", digits(magnitude), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let (minus, point) = (if negative { "-" } else { "" }, if scale == 0 { "" } else { "." });
    Ok(format!("{minus}{whole}{point}{fraction}"))
}

/// The decimal digits of a number, nine at a time.
fn digits(mut magnitude: Vec<u8>) -> String {
    const BILLION: u64 = 1_000_000_000;
    let mut digits = String::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let rest = magnitude.iter_mut().fold(0, |rest, byte| {
            let part = rest << 8 | u64::from(*byte);
            // What is left is below the divisor, so the quotient is below 256.
            *byte = u8::try_from(part / BILLION).unwrap_or(u8::MAX);
            part % BILLION
        });
        digits.insert_str(0, &format!("{rest:09}"));
    }
    digits.trim_start_matches('0').to_owned()
}
