//! From a point in time to the Hive path of its partition.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use crate::pipeline::PartitionBy;

/// The partition of a row: the start of its period, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// The point in time, cut to the partition's grain.
    pub start: Timestamp,
    /// The grain.
    pub by: PartitionBy,
}

impl PartitionKey {
    /// The partition that holds `at` (UTC).
    pub fn of(at: Timestamp, by: PartitionBy) -> PartitionKey {
        let time = TimeZone::UTC.to_datetime(at);
        let start = match by {
            PartitionBy::Year => date(time.year(), 1, 1).at(0, 0, 0, 0),
            PartitionBy::Month => date(time.year(), time.month(), 1).at(0, 0, 0, 0),
            PartitionBy::Day => time.date().at(0, 0, 0, 0),
            PartitionBy::Hour => time.date().at(time.hour(), 0, 0, 0),
            PartitionBy::Minute => time.date().at(time.hour(), time.minute(), 0, 0),
        };
        PartitionKey { start: TimeZone::UTC.to_timestamp(start).unwrap_or(at), by }
    }

    /// `year=2026/month=11/day=23/hour=03/minute=15`, to the grain.
    pub fn path(&self) -> String {
        let time: DateTime = TimeZone::UTC.to_datetime(self.start);
        let parts = [
            (PartitionBy::Month, "month", time.month()),
            (PartitionBy::Day, "day", time.day()),
            (PartitionBy::Hour, "hour", time.hour()),
            (PartitionBy::Minute, "minute", time.minute()),
        ];
        let mut path = format!("year={:04}", time.year());
        for (_, name, value) in parts.iter().filter(|(grain, _, _)| *grain <= self.by) {
            path.push_str(&format!("/{name}={value:02}"));
        }
        path
    }
}

/// A partition value as Hive spells it in a path: what could end a path part or mean something in it becomes `%2F`,
/// null and the empty text `__HIVE_DEFAULT_PARTITION__`.
pub fn hive_escape(value: Option<&str>) -> String {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return "__HIVE_DEFAULT_PARTITION__".to_owned();
    };
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if character < ' ' || "\"#%'*/:=?\\\u{7f}{[]^".contains(character) {
            // Writing to a String never fails.
            let _ = write!(escaped, "%{:02X}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn paths_are_padded_and_end_at_the_grain() {
        let time = at("2026-11-03T04:05:59.999Z");
        for (by, path) in [
            (PartitionBy::Year, "year=2026"),
            (PartitionBy::Month, "year=2026/month=11"),
            (PartitionBy::Day, "year=2026/month=11/day=03"),
            (PartitionBy::Hour, "year=2026/month=11/day=03/hour=04"),
            (PartitionBy::Minute, "year=2026/month=11/day=03/hour=04/minute=05"),
        ] {
            assert_eq!(PartitionKey::of(time, by).path(), path);
        }
        assert_eq!(PartitionKey::of(at("0009-01-01T00:00:00Z"), PartitionBy::Year).path(), "year=0009");
    }

    #[test]
    fn times_before_1970_are_cut_downwards() {
        let key = PartitionKey::of(at("1969-12-31T23:59:59.5Z"), PartitionBy::Minute);
        assert_eq!(key.path(), "year=1969/month=12/day=31/hour=23/minute=59");
        assert_eq!(key.start, at("1969-12-31T23:59:00Z"));
    }

    #[test]
    fn values_are_escaped_as_hive_does() {
        for (value, escaped) in [
            (None, "__HIVE_DEFAULT_PARTITION__"),
            (Some(""), "__HIVE_DEFAULT_PARTITION__"),
            (Some("../.."), "..%2F.."),
            (Some("a b+é東"), "a b+é東"),
            (Some("50%=x:\u{1}\n"), "50%25%3Dx%3A%01%0A"),
            (Some("\"#'*?\\\u{7f}{[]^}"), "%22%23%27%2A%3F%5C%7F%7B%5B%5D%5E}"),
        ] {
            assert_eq!(hive_escape(value), escaped);
        }
    }

    proptest::proptest! {
        #[test]
        fn an_escaped_value_is_one_path_part_and_can_be_read_back(value in "\\PC{1,12}|[./%=\\\\ -~]{1,12}") {
            let escaped = hive_escape(Some(&value));
            proptest::prop_assert!(!escaped.contains(['/', '\\', '=', '\n']));
            let back = percent_encoding::percent_decode_str(&escaped).decode_utf8();
            proptest::prop_assert_eq!(back.expect("UTF-8"), value);
        }

        #[test]
        fn every_time_lies_in_its_partition(second in -62_135_596_800i64..253_402_300_800) {
            let time = Timestamp::from_second(second).expect("in range");
            for by in [PartitionBy::Year, PartitionBy::Month, PartitionBy::Day, PartitionBy::Hour, PartitionBy::Minute] {
                let key = PartitionKey::of(time, by);
                proptest::prop_assert!(key.start <= time);
                proptest::prop_assert_eq!(PartitionKey::of(key.start, by), key);
            }
        }
    }
}
