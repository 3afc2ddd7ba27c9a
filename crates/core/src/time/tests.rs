use proptest::prelude::*;

use super::*;

fn rules(unit: Option<TimeUnit>, format: Option<&str>, timezone: Option<&str>) -> EventTime {
    EventTime {
        path: "t".to_owned(),
        unit,
        format: format.map(str::to_owned),
        timezone: timezone.map(str::to_owned),
    }
}

fn read(value: &str, rules: &EventTime) -> Option<String> {
    parse(value.as_bytes(), rules).map(|time| time.to_string())
}

fn text(text: &str, rules: &EventTime) -> Option<String> {
    read(&format!("\"{text}\""), rules)
}

#[test]
fn iso_8601_in_the_spellings_of_apis() {
    let rules = rules(None, None, None);
    for (spelled, expected) in [
        ("2026-11-23T03:15:07Z", "2026-11-23T03:15:07Z"),
        ("2026-11-23t03:15:07z", "2026-11-23T03:15:07Z"),
        ("2026-11-23 03:15:07.123456789+01:00", "2026-11-23T02:15:07.123456789Z"),
        ("2026-11-23T03:15:07-0530", "2026-11-23T08:45:07Z"),
        ("2026-11-23T03:15:07+02", "2026-11-23T01:15:07Z"),
        ("2026-11-23T03:15", "2026-11-23T03:15:00Z"),
        ("2026-11-23T03:15Z", "2026-11-23T03:15:00Z"),
        ("2026-11-23 03:15:07", "2026-11-23T03:15:07Z"),
        ("2026-11-23 03:15:07 UTC", "2026-11-23T03:15:07Z"),
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("20261123", "2026-11-23T00:00:00Z"),
        ("20261123T031507Z", "2026-11-23T03:15:07Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
    ] {
        assert_eq!(text(spelled, &rules).as_deref(), Some(expected), "{spelled}");
    }
    for wrong in [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ] {
        assert_eq!(text(wrong, &rules), None, "{wrong}");
    }
    assert_eq!(
        (read("null", &rules), read("{}", &rules), read("[1]", &rules), read("true", &rules)),
        (None, None, None, None)
    );
}

#[test]
fn rfc_2822_as_in_feeds() {
    let rules = rules(None, None, None);
    assert_eq!(text("Mon, 23 Nov 2026 03:15:07 GMT", &rules).as_deref(), Some("2026-11-23T03:15:07Z"));
    assert_eq!(text("23 Nov 2026 03:15:07 +0100", &rules).as_deref(), Some("2026-11-23T02:15:07Z"));
    assert_eq!(text("Sun, 23 Nov 2026 03:15:07 EST", &rules).as_deref(), Some("2026-11-23T08:15:07Z"));
}

#[test]
fn epoch_numbers_by_unit_or_by_size() {
    let guess = rules(None, None, None);
    for value in
        ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "\"1700000000\"", "1.7e9"]
    {
        assert_eq!(read(value, &guess).as_deref(), Some("2023-11-14T22:13:20Z"), "{value}");
    }
    assert_eq!(read("1700000000.25", &guess).as_deref(), Some("2023-11-14T22:13:20.25Z"));
    assert_eq!(read("-1.5", &guess).as_deref(), Some("1969-12-31T23:59:58.5Z"));
    let unit = |unit| rules(Some(unit), None, None);
    assert_eq!(read("1700", &unit(TimeUnit::Ms)).as_deref(), Some("1970-01-01T00:00:01.7Z"));
    assert_eq!(read("1700", &unit(TimeUnit::Us)).as_deref(), Some("1970-01-01T00:00:00.0017Z"));
    assert_eq!(read("1700.9", &unit(TimeUnit::Ns)).as_deref(), Some("1970-01-01T00:00:00.0000017Z"));
    assert_eq!(read("20261123", &unit(TimeUnit::S)).as_deref(), Some("1970-08-23T12:05:23Z"));
    assert_eq!((read("1e30", &guess), read("253402300800", &unit(TimeUnit::S))), (None, None));
}

#[test]
fn formats_and_zones_that_the_stream_names() {
    let german = rules(None, Some("%d.%m.%Y %H:%M"), Some("Europe/Berlin"));
    assert_eq!(text("23.11.2026 03:15", &german).as_deref(), Some("2026-11-23T02:15:00Z"));
    assert_eq!(text("2026-11-23", &german), None);
    let day = rules(None, Some("%m/%d/%Y"), None);
    assert_eq!(text("11/23/2026", &day).as_deref(), Some("2026-11-23T00:00:00Z"));
    let digits = rules(None, Some("%Y%m%d"), None);
    for spelled in ["20261123", "\"20261123\""] {
        assert_eq!(read(spelled, &digits).as_deref(), Some("2026-11-23T00:00:00Z"), "{spelled}");
    }
    let offset = rules(None, Some("%Y%m%d %H%M%S %z"), Some("Europe/Berlin"));
    assert_eq!(text("20261123 031507 +0000", &offset).as_deref(), Some("2026-11-23T03:15:07Z"));
    let berlin = rules(None, None, Some("Europe/Berlin"));
    assert_eq!(text("2026-03-29T02:30:00", &berlin).as_deref(), Some("2026-03-29T01:30:00Z"), "in the gap");
    assert_eq!(text("2026-10-25T02:30:00", &berlin).as_deref(), Some("2026-10-25T00:30:00Z"), "in the fold");
    assert_eq!(text("2026-11-23T03:15:07Z", &berlin).as_deref(), Some("2026-11-23T03:15:07Z"));
    assert_eq!(text("2026-11-23T03:15:07", &rules(None, None, Some("Mars/Olympus"))), None);
}

#[test]
fn a_header_s_date_is_read_in_every_form_that_servers_write() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Mon, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 09:49:37 +0100",
        "06 Nov 1994 08:49:37 +0000",
        "1994-11-06T08:49:37Z",
        "1994-11-06T03:49:37-05:00",
    ] {
        assert_eq!(http_date(text).map(|time| time.as_second()), Some(784_111_777), "{text}");
    }
    for text in ["", "soon", "120", "Mon, 99 Foo 2026", "1994-11-06"] {
        assert_eq!(http_date(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn the_fast_reader_is_the_library_s(second in -62_135_596_800i64..253_402_300_800, micros in 0i64..1_000_000, hours in -12i8..=14) {
        let time = Timestamp::from_microsecond(second * 1_000_000 + micros).expect("in range");
        prop_assert_eq!(rfc3339(&time.to_string()), Some(time.as_microsecond()));
        let zoned = time.to_zoned(TimeZone::fixed(jiff::tz::offset(hours))).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
        if (1..=9999).contains(&time.to_zoned(TimeZone::fixed(jiff::tz::offset(hours))).year()) {
            prop_assert_eq!(rfc3339(&zoned), Some(time.as_microsecond()), "{}", zoned);
        }
    }

    #[test]
    fn dates_are_the_library_s(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]") {
        let theirs = text.parse::<Date>().ok().filter(|date| date.year() > 0);
        let days = theirs.map(|date| date.to_zoned(TimeZone::UTC).expect("utc").timestamp().as_second().div_euclid(86_400));
        prop_assert_eq!(date(&text).map(i64::from), days);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,30}", number in "-?[0-9]{1,40}") {
        let rules = rules(None, None, None);
        let _ = (super::tests::text(&text.replace(['"', '\\'], ""), &rules), read(&number, &rules));
    }
}
