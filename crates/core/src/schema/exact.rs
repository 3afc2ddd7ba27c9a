//! Which number type holds a number with every digit.

use super::DataType;
use crate::json::Number;

/// Largest integer up to which doubles hold every integer.
pub(crate) const INT53: i64 = 1 << 53;

/// Digits of a decimal column.
const PRECISION: usize = 38;

/// The narrowest type that holds the number; `None` if none does.
pub(crate) fn number_type(number: &Number<'_>) -> Option<DataType> {
    if number.is_integer() {
        return match number.as_i64() {
            Some(value) if (-INT53..=INT53).contains(&value) => Some(DataType::Int53),
            Some(_) => Some(DataType::Int64),
            None => decimal(number, 0).map(|_| DataType::Decimal(0)),
        };
    }
    match double(number) {
        Some(_) => Some(DataType::Double),
        None => decimal(number, 18).map(|_| DataType::Decimal(18)),
    }
}

/// The double whose shortest decimal spelling has the same value as the number's own. Where two spellings are as short
/// and as near, either counts: the standard library rounds up, most writers of JSON to the even digit.
#[inline]
pub(crate) fn double(number: &Number<'_>) -> Option<f64> {
    let value = number.as_f64();
    // Fifteen digits always survive the way through a double; that is nearly every number.
    if number.fits(15) && number.unscaled().is_some_and(|(_, fraction)| fraction <= 22) {
        return Some(value);
    }
    let own = normal(number.text());
    let spelled = |text: &str| normal(text) == own;
    (value.is_finite()
        && (spelled(&format!("{value:e}")) || spelled(&serde_json::Value::from(value).to_string())))
    .then_some(value)
}

/// The number times ten to the `scale`, if that is an integer of at most 38 digits.
pub(crate) fn decimal(number: &Number<'_>, scale: u8) -> Option<i128> {
    if let Some((mantissa, fraction)) = number.unscaled()
        && let Some(missing) = u32::from(scale).checked_sub(fraction)
        && number.digits() + missing <= 38
    {
        let value = i128::from(mantissa) * 10i128.pow(missing);
        return Some(if number.is_negative() { -value } else { value });
    }
    let (negative, digits, exponent) = normal(number.text());
    if digits.is_empty() {
        return Some(0);
    }
    let zeros = usize::try_from(exponent.checked_add(i64::from(scale))?).ok()?;
    if digits.len().checked_add(zeros)? > PRECISION {
        return None;
    }
    let value = digits.parse::<i128>().ok()? * 10i128.pow(u32::try_from(zeros).ok()?);
    Some(if negative { -value } else { value })
}

/// Sign, digits without zeros at either end, and the power of ten to multiply them with. Equal for equal values.
fn normal(text: &str) -> (bool, String, i64) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0').trim_end_matches('0').to_owned();
    if digits.is_empty() {
        return (negative, digits, 0);
    }
    let trailing = all.len() - all.trim_end_matches('0').len();
    let huge = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse::<i64>().unwrap_or(huge).clamp(i64::MIN / 2, i64::MAX / 2);
    (negative, digits, exponent - length(fraction) + length(&all[..trailing]))
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX / 4)
}
