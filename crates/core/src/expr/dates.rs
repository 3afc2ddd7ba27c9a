//! From texts and numbers to times and durations.

use jiff::civil::{self, Date};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::moment::{DAY, Moment, wrong};
use crate::time::Times;

/// Forms that are no standard, and are written all the same.
const FORMS: [&str; 9] = [
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d %B %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%b %d, %Y",
];

/// The time that a value names; a text in a format, if one is given.
pub(super) fn time(value: &Value, format: Option<&str>) -> Result<Zoned, Error> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return moment.instant();
    }
    let text = match value.kind() {
        ValueKind::String | ValueKind::Number => value.to_string(),
        kind => return Err(wrong(format!("a time is expected, not {kind}"))),
    };
    let text = text.trim();
    let found = match format {
        Some(format) => formatted(format, text),
        None => plain(text),
    };
    found.ok_or_else(|| match format {
        Some(format) => wrong(format!("the text is no time of the format `{format}`")),
        None => wrong("the text is no time; name its form: format_datetime(value, '%Y-%m-%d', '%d.%m.%Y')"),
    })
}

fn plain(text: &str) -> Option<Zoned> {
    let quoted = serde_json::Value::from(text).to_string();
    let utc = |time: Timestamp| time.to_zoned(TimeZone::UTC);
    Times::plain().parse(&quoted).map(utc).or_else(|| FORMS.iter().find_map(|form| formatted(form, text)))
}

/// The time of a text in a format.
fn formatted(format: &str, text: &str) -> Option<Zoned> {
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite());
    let micros = |scale: f64| Timestamp::from_microsecond((number()? * scale).round() as i64).ok();
    let epoch = match format {
        "%s" | "%s_as_float" => micros(1e6),
        "%ms" => micros(1e3),
        "%epoch_microseconds" => micros(1.0),
        _ => None,
    };
    if let Some(time) = epoch {
        return Some(time.to_zoned(TimeZone::UTC));
    }
    let format = format.replace("%_ms", "%f");
    // Python reads every spelling of an offset by `%z`.
    let spellings = [format.clone(), format.replace("%z", "%:z"), format.replace("%z", "Z")];
    let parsed = spellings.iter().find_map(|format| strtime::parse(format, text).ok())?;
    if let Ok(zoned) = parsed.to_zoned() {
        return Some(zoned.with_time_zone(TimeZone::UTC));
    }
    let date = || Some(parsed.to_date().ok()?.to_datetime(civil::Time::midnight()));
    let month =
        || Some(Date::new(parsed.year()?, parsed.month()?, 1).ok()?.to_datetime(civil::Time::midnight()));
    parsed.to_datetime().ok().or_else(date).or_else(month)?.to_zoned(TimeZone::UTC).ok()
}

/// An ISO 8601 duration: `P1D`, `PT12H`, `P1Y2M`, `-P1W`.
pub(super) fn duration(text: &str) -> Result<Moment, Error> {
    parse_duration(text.trim())
        .ok_or_else(|| wrong("that is no ISO 8601 duration; write such as `P1D` or `PT12H`"))
}

fn parse_duration(text: &str) -> Option<Moment> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (days, clock) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let (mut months, mut micros) = (0.0, 0.0);
    for (number, unit) in quantities(days)? {
        match unit {
            'Y' => months += 12.0 * number,
            'M' => months += number,
            'W' => micros += 7.0 * number * DAY as f64,
            'D' => micros += number * DAY as f64,
            _ => return None,
        }
    }
    for (number, unit) in quantities(clock)? {
        micros += number
            * match unit {
                'H' => 3.6e9,
                'M' => 6e7,
                'S' => 1e6,
                _ => return None,
            };
    }
    let whole = |number: f64| (number.abs() < 9e17).then_some((sign * number).round() as i64);
    Some(Moment::Length { months: whole(months)?, micros: whole(micros)? })
}

/// `1Y2M` as numbers and units.
fn quantities(text: &str) -> Option<Vec<(f64, char)>> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))?;
        let unit = rest[end..].chars().next()?;
        found.push((rest[..end].replace(',', ".").parse().ok()?, unit));
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(found)
}
