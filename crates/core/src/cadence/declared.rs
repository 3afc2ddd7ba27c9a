//! What a payload says about its own cadence: GBFS `ttl` and `last_updated`, Open-Meteo's `interval`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::pipeline::EventTime;
use crate::time;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Declared {
    /// Seconds from one change to the next, as promised.
    pub interval: Option<f64>,
    /// When the payload was last changed.
    pub updated: Option<Timestamp>,
}

/// Keys of a promised interval in seconds, and of the time of the last change.
const INTERVAL: [&str; 2] = ["ttl", "interval"];
const UPDATED: [&str; 5] = ["last_updated", "updated", "updated_at", "lastUpdated", "last_update"];
/// A promise beyond a month, or below a second, is none.
const CREDIBLE: std::ops::RangeInclusive<f64> = 1.0..=31.0 * 86_400.0;

/// Looks at the keys of a JSON document and of the table that holds its only record.
pub fn declared(document: &[u8], record: Option<&[u8]>) -> Declared {
    let tables = [Some(document), record].into_iter().flatten();
    tables.map(of_table).fold(Declared::default(), |found, here| Declared {
        interval: found.interval.or(here.interval),
        updated: found.updated.or(here.updated),
    })
}

fn of_table(json: &[u8]) -> Declared {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Declared::default();
    }
    let keys: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(json).unwrap_or_default();
    let number = |key: &&str| keys.get(*key).and_then(|raw| raw.get().parse::<f64>().ok());
    let moment = |key: &&str| {
        let rules = EventTime { path: (*key).to_owned(), unit: None, format: None, timezone: None };
        keys.get(*key).and_then(|raw| time::parse(raw.get().as_bytes(), &rules))
    };
    Declared {
        interval: INTERVAL.iter().find_map(number).filter(|seconds| CREDIBLE.contains(seconds)),
        updated: UPDATED.iter().find_map(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_found_and_incredible_ones_are_not() {
        let gbfs = declared(br#"{"last_updated": 1795430000, "ttl": 60, "data": {"ttl": 5}}"#, None);
        assert_eq!(gbfs.interval, Some(60.0));
        assert_eq!(gbfs.updated.map(Timestamp::as_second), Some(1_795_430_000));
        let meteo = declared(br#"{"current": {}}"#, Some(br#"{"interval": 900, "time": "2026"}"#));
        assert_eq!(meteo, Declared { interval: Some(900.0), updated: None });
        for text in [r#"{"ttl": 0}"#, r#"{"ttl": "a day"}"#, r#"{"interval": 1e12}"#, "[1]", "{", ""] {
            assert_eq!(declared(text.as_bytes(), None), Declared::default(), "{text}");
        }
    }
}
