//! `DatetimeBasedCursor` and `IncrementingCountCursor`.

use std::time::Duration;

use serde_json::{Map, Value};
use tidegate_core::jiff::tz::TimeZone;
use tidegate_core::jiff::{SignedDuration, Timestamp, civil, fmt::strtime};
use tidegate_core::pipeline::Span;

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, Text, shown};
use super::requester::Place;

const CURSOR: [&str; 17] = [
    "cursor_field",
    "cursor_datetime_formats",
    "datetime_format",
    "start_datetime",
    "end_datetime",
    "start_time_option",
    "end_time_option",
    "step",
    "cursor_granularity",
    "lookback_window",
    "is_client_side_incremental",
    "is_data_feed",
    "global_substream_cursor",
    "partition_field_start",
    "partition_field_end",
    "lookback_window_in_seconds",
    "is_compare_strictly",
];

/// Which way a month or a year is taken for days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Never longer than the calendar's.
    Down,
    /// Never shorter than the calendar's.
    Up,
}

/// The names that start and end of a window have in expressions.
pub(crate) fn window_names(sync: &Component<'_>) -> Option<(String, String)> {
    let name =
        |key: &str, usual: &str| sync.text(key).filter(|text| !text.is_empty()).unwrap_or(usual).to_owned();
    (sync.kind() == "DatetimeBasedCursor")
        .then(|| (name("partition_field_start", "start_time"), name("partition_field_end", "end_time")))
}

impl Translator<'_> {
    pub(crate) fn incremental(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        match at.kind() {
            "DatetimeBasedCursor" => self.by_time(at, table),
            "IncrementingCountCursor" => self.by_count(at, table),
            _ => self.unsupported(at),
        }
    }

    fn by_count(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        self.only(at, &["cursor_field", "start_value", "start_value_option"]);
        let Some(path) = at.get("cursor_field").and_then(|path| self.known_text(&path)) else { return };
        let mut incremental = Map::new();
        incremental.insert("cursor_path".to_owned(), path.into());
        if let Some(start) = at.get("start_value").and_then(|start| self.known_value(&start)) {
            incremental.insert("initial_value".to_owned(), start);
        }
        self.bound(at, "start_value_option", "start", &mut incremental, table);
        table.insert("incremental".to_owned(), incremental.into());
    }

    fn by_time(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        self.only(at, &CURSOR);
        let Some(path) = at.get("cursor_field").and_then(|path| self.known_text(&path)) else {
            return self.refuse(at, "it has no `cursor_field`");
        };
        let mut incremental = Map::new();
        incremental.insert("cursor_path".to_owned(), path.into());
        self.start(at, &mut incremental);
        self.end(at, &mut incremental);
        self.formats(at, &mut incremental);
        self.bound(at, "start_time_option", "start", &mut incremental, table);
        self.bound(at, "end_time_option", "end", &mut incremental, table);
        for (key, native, rounding) in [
            ("step", "step", Rounding::Down),
            ("lookback_window", "lag", Rounding::Up),
            ("cursor_granularity", "granularity", Rounding::Down),
        ] {
            let span =
                at.get(key).and_then(|span| self.span(&span, rounding)).filter(|span| span.as_millis() > 0);
            // Never more than the times in requests can tell apart: what lies between two windows would be missed.
            let finest = at.text("datetime_format").and_then(finest).filter(|_| key == "cursor_granularity");
            let span = span.map(|span| finest.map_or(span, |finest| span.min(finest)));
            // A window cannot end less than a millisecond before the next: their border is asked for twice then.
            if let Some(span) = span.filter(|_| key != "cursor_granularity" || at.get("step").is_some()) {
                incremental.insert(native.to_owned(), written(span).into());
            }
        }
        if incremental.get("initial_value").is_none() {
            incremental.shift_remove("step");
            incremental.shift_remove("granularity");
        }
        if at.flag("is_client_side_incremental") || at.flag("is_data_feed") {
            incremental.insert("client_side".to_owned(), true.into());
        }
        table.insert("incremental".to_owned(), incremental.into());
    }

    fn start(&mut self, at: &Component<'_>, incremental: &mut Map<String, Value>) {
        let Some(start) = at.get("start_datetime") else {
            return self.refuse(at, "it has no `start_datetime`");
        };
        if let Some(value) = self.time(&start) {
            incremental.insert("initial_value".to_owned(), value);
        }
    }

    /// The end of what is asked for, where it is any other than now.
    fn end(&mut self, at: &Component<'_>, incremental: &mut Map<String, Value>) {
        let Some(end) = at.get("end_datetime") else { return };
        let text = end.text("datetime").or(end.value.as_str()).unwrap_or_default();
        let ahead =
            |days: i64| self.now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(self.now);
        let is_now = [0, 400].into_iter().all(|days| {
            let now = ahead(days);
            let value = self.value_at(text, &end.parameters(), now);
            let Some(value) = value.map(|value| shown(&value)) else { return false };
            let format = end.text("datetime_format");
            let written = format.and_then(native_format).map(|format| now.strftime(&format).to_string());
            let near = |found: Timestamp| now.duration_since(found).abs() < SignedDuration::from_hours(25);
            written.as_ref() == Some(&value) || parsed(&value, format).is_some_and(near)
        });
        if is_now && end.get("max_datetime").is_none() {
            return;
        }
        if let Some(value) = self.time(&end) {
            incremental.insert("end_value".to_owned(), value);
        }
    }

    /// A point in time: fixed by the config, or an expression of the clock.
    fn time(&mut self, at: &Component<'_>) -> Option<Value> {
        let part = at.get("datetime").unwrap_or_else(|| at.clone());
        if at.value.is_object() {
            self.only(at, &["datetime", "datetime_format", "min_datetime", "max_datetime"]);
        }
        let format = at.text("datetime_format").filter(|format| !format.is_empty());
        let mut time = match self.text(&part, &Slice::default(), &[])? {
            Text::Open(text) => {
                if at.get("min_datetime").is_some() || at.get("max_datetime").is_some() {
                    self.refuse(at, "a bound of a time that moves is not supported");
                }
                let value = self.value_at(&text, &part.parameters(), self.now);
                let plain = value.as_ref().and_then(|value| parsed(&shown(value), None));
                if plain.is_none() {
                    self.refuse(&part, format!("`{text}` gives no time that can be read"));
                }
                return Some(text.into());
            }
            Text::Known(value) if !crate::parameters::is_set(&value) => return None,
            Text::Known(value) => self.point(&part, &shown(&value), format)?,
        };
        for (key, later) in [("min_datetime", true), ("max_datetime", false)] {
            let Some(bound) = at.get(key) else { continue };
            let value = match self.text(&bound, &Slice::default(), &[])? {
                Text::Open(text) => self.value_at(&text, &bound.parameters(), self.now)?,
                Text::Known(value) => value,
            };
            let bound = self.point(&bound, &shown(&value), format)?;
            time = if later { time.max(bound) } else { time.min(bound) };
        }
        Some(time.to_string().into())
    }

    fn point(&mut self, at: &Component<'_>, text: &str, format: Option<&str>) -> Option<Timestamp> {
        let found = parsed(text, format);
        if found.is_none() {
            self.refuse(at, format!("`{text}` is no time in the form `{}`", format.unwrap_or("ISO 8601")));
        }
        found
    }

    /// How times are written in requests and read in records.
    fn formats(&mut self, at: &Component<'_>, incremental: &mut Map<String, Value>) {
        let Some(format) = at.get("datetime_format").and_then(|format| self.known_text(&format)) else {
            return self.refuse(at, "it has no `datetime_format`");
        };
        match native_format(&format) {
            Some(native) => incremental.insert("format".to_owned(), native.into()),
            None => return self.refuse(at, format!("the time format `{format}` is not supported")),
        };
        let mut in_records = Vec::new();
        for one in at.list("cursor_datetime_formats") {
            in_records.extend(self.known_text(&one));
        }
        if in_records.is_empty() {
            in_records.push(format);
        }
        let odd: Vec<String> = in_records.into_iter().filter(|format| !is_plain(format)).collect();
        let mut forms: Vec<Value> = Vec::new();
        for format in &odd {
            match readable(format) {
                Some(form) => forms.push(form.into()),
                None => {
                    self.refuse(at, format!("the time format `{format}` in records is not supported"));
                }
            }
        }
        if !forms.is_empty() {
            incremental.insert("cursor_formats".to_owned(), forms.into());
        }
    }

    fn bound(
        &mut self,
        at: &Component<'_>,
        key: &str,
        which: &str,
        incremental: &mut Map<String, Value>,
        table: &mut Map<String, Value>,
    ) {
        let Some(option) = at.get(key) else { return };
        match self.option(&option) {
            Some(Place::Param(name)) => {
                incremental.insert(format!("{which}_param"), name.into());
            }
            Some(Place::Path) => self.refuse(&option, "a time that is the path is not supported"),
            Some(place) => {
                self.inject(&place, place.value_of(&format!("incremental.{which}_value")), table);
            }
            None => {}
        }
    }

    /// A span of time in ISO 8601 (`P30D`, `PT1H`), in days of 24 hours.
    pub(crate) fn span(&mut self, at: &Component<'_>, rounding: Rounding) -> Option<Duration> {
        let text = self.known_text(at)?;
        if text.is_empty() {
            return None;
        }
        let span = iso_span(&text, rounding);
        if span.is_none() {
            self.refuse(at, format!("`{text}` is no span of time in ISO 8601, such as P30D"));
        }
        span
    }
}

/// A span as the pipeline file writes it.
pub(crate) fn written(span: Duration) -> String {
    Span(span).to_string()
}

fn iso_span(text: &str, rounding: Rounding) -> Option<Duration> {
    let (month, year) = match rounding {
        Rounding::Down => (28.0, 365.0),
        Rounding::Up => (31.0, 366.0),
    };
    let rest = text.strip_prefix('P')?;
    let (mut seconds, mut number, mut in_time) = (0.0, String::new(), false);
    for c in rest.chars() {
        let unit = match (c, in_time) {
            ('0'..='9' | '.', _) => {
                number.push(c);
                continue;
            }
            ('T', false) if number.is_empty() => {
                in_time = true;
                continue;
            }
            ('Y', false) => year * 86_400.0,
            ('M', false) => month * 86_400.0,
            ('W', false) => 7.0 * 86_400.0,
            ('D', false) => 86_400.0,
            ('H', true) => 3_600.0,
            ('M', true) => 60.0,
            ('S', true) => 1.0,
            _ => return None,
        };
        seconds += std::mem::take(&mut number).parse::<f64>().ok()? * unit;
    }
    (number.is_empty() && !rest.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

/// The smallest difference that times in a form can have; `None` for a form that writes no part of a day.
fn finest(format: &str) -> Option<Duration> {
    let finest = [
        (["%ms", "%_ms", "%f", "%s_as_float", "%epoch"].as_slice(), Duration::from_millis(1)),
        (&["%s", "%S", "%X", "%T"], Duration::from_secs(1)),
        (&["%M", "%R"], Duration::from_secs(60)),
        (&["%H", "%I"], Duration::from_secs(3_600)),
    ];
    let (_, found) = finest.into_iter().find(|(parts, _)| parts.iter().any(|part| format.contains(part)))?;
    Some(found)
}

/// The formats of the CDK in ours; `None` for what has no equal.
fn native_format(format: &str) -> Option<String> {
    match format {
        "%s" | "%ms" => return Some(format.to_owned()),
        "%epoch_microseconds" | "%s_as_float" => return None,
        _ => {}
    }
    if format.contains("%ms") || format.contains("%s_as") {
        return None;
    }
    Some(format.replace("%_ms", "%3f").replace("%f", "%6f"))
}

/// Whether times in this form are read without being told the form.
fn is_plain(format: &str) -> bool {
    if ["%s", "%ms", "%s_as_float", "%epoch_microseconds"].contains(&format) {
        return true;
    }
    let Some(form) = native_format(format) else { return false };
    let sample = civil::date(2026, 11, 23).at(14, 5, 9, 123_000_000).to_zoned(TimeZone::UTC).ok();
    let shown = sample.and_then(|sample| strtime::format(&form, &sample).ok());
    shown.is_some_and(|shown| {
        iso(&shown).is_some_and(|time| time.to_zoned(TimeZone::UTC).date() == civil::date(2026, 11, 23))
    })
}

/// The strptime format of an unusual form; `None` where times are not found again in what it writes.
fn readable(format: &str) -> Option<String> {
    let form = native_format(format)?;
    let sample = civil::date(2026, 11, 23).at(14, 5, 9, 123_000_000).to_zoned(TimeZone::UTC).ok()?;
    let shown = strtime::format(&form, &sample).ok()?;
    let reading = form.replace("%6f", "%f").replace("%3f", "%f");
    let read = strtime::parse(&reading, shown).ok()?;
    (read.to_date().ok()? == sample.date()).then_some(reading)
}

fn iso(text: &str) -> Option<Timestamp> {
    let utc = |time: civil::DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(utc))
        .or_else(|| text.parse::<civil::Date>().ok().and_then(|date| utc(date.at(0, 0, 0, 0))))
}

/// A point in time in a form of the CDK, in ISO 8601 or in seconds since 1970.
fn parsed(text: &str, format: Option<&str>) -> Option<Timestamp> {
    let text = text.trim();
    let by_format = || {
        let format = format.and_then(native_format)?.replace("%6f", "%f").replace("%3f", "%f");
        let mut broken = strtime::parse(&format, text).ok()?;
        if broken.day().is_none() && broken.month().is_some() {
            broken.set_day(Some(1)).ok()?;
        }
        broken.to_timestamp().ok().or_else(|| {
            let time = broken
                .to_datetime()
                .ok()
                .or_else(|| broken.to_date().ok().map(|date| date.at(0, 0, 0, 0)))?;
            time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
        })
    };
    let number = || {
        let number: f64 = text.parse().ok()?;
        let per_second = [(1e11, 1.0), (1e14, 1e3), (1e17, 1e6)];
        let (_, per_second) = per_second.into_iter().find(|(limit, _)| number.abs() < *limit)?;
        Timestamp::from_millisecond((number / per_second * 1000.0) as i64).ok()
    };
    iso(text).or_else(by_format).or_else(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_months_are_rounded_as_is_safe() {
        let days = |text, rounding| iso_span(text, rounding).map(|span| span.as_secs() / 86_400);
        assert_eq!((days("P1M", Rounding::Down), days("P1M", Rounding::Up)), (Some(28), Some(31)));
        assert_eq!((days("P1Y2W", Rounding::Down), days("P30D", Rounding::Up)), (Some(379), Some(30)));
        assert_eq!(iso_span("PT1H30M1.5S", Rounding::Up), Some(Duration::from_millis(5_401_500)));
        assert_eq!(iso_span("PT0.000001S", Rounding::Down), Some(Duration::from_micros(1)));
        for text in ["", "P", "30D", "P1H", "PT1D", "P1"] {
            assert_eq!(iso_span(text, Rounding::Up), None, "{text}");
        }
    }

    #[test]
    fn windows_leave_no_gap_that_a_form_can_tell() {
        for (format, seconds) in
            [("%d/%m/%Y %H:%M", 60), ("%Y-%m-%dT%H:%M:%SZ", 1), ("%s", 1), ("%Y%m%d%H", 3600)]
        {
            assert_eq!(finest(format), Some(Duration::from_secs(seconds)), "{format}");
        }
        assert_eq!((finest("%Y-%m-%d"), finest("%ms")), (None, Some(Duration::from_millis(1))));
    }

    #[test]
    fn times_are_read_in_their_form_and_in_the_usual_ones() {
        let day: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a time");
        for (text, format) in [
            ("2026-11-23", None),
            ("2026-11-23T00:00:00Z", Some("%Y-%m-%dT%H:%M:%SZ")),
            ("2026-11-23 00:00:00+00:00", None),
            ("23-11-2026", Some("%d-%m-%Y")),
            ("20261123", Some("%Y%m%d")),
            ("2026-11-23T00:00:00.000000Z", Some("%Y-%m-%dT%H:%M:%S.%fZ")),
            ("1795392000", Some("%s")),
        ] {
            assert_eq!(parsed(text, format), Some(day), "{text}");
        }
        assert_eq!(parsed("soon", Some("%Y")), None);
    }

    #[test]
    fn only_unusual_forms_must_be_told() {
        for format in ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S", "%s", "%ms"] {
            assert!(is_plain(format), "{format}");
        }
        for format in ["%d/%m/%Y", "%m-%d-%Y", "%Y%m%d%H"] {
            assert!(!is_plain(format), "{format}");
            assert_eq!(readable(format).as_deref(), Some(format));
        }
        assert_eq!((is_plain("%Y"), readable("%Y")), (false, None));
    }
}
