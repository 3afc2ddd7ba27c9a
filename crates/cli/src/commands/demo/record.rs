//! The recorded year: hourly observations of three airports, as the API tells them (`data/README.md`).

use std::collections::BTreeMap;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Value, json};
use tidegate_core::jiff::{SignedDuration, Timestamp};

const PARQUET: &[u8] = include_bytes!("data/nyc-weather-2013.parquet");

/// Start of the record's count of hours.
const YEAR: Timestamp = Timestamp::constant(1_356_998_400, 0);

/// An airport whose weather is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station {
    /// Its code.
    pub(super) id: &'static str,
    name: &'static str,
    latitude: f64,
    longitude: f64,
    elevation_feet: i32,
    /// Minutes from the full hour until its observation is out.
    lag: i64,
}

/// The three airports. They publish some minutes after the hour, each in its own time, as stations do.
pub(super) const STATIONS: [Station; 3] = [
    Station {
        id: "EWR",
        name: "Newark Liberty International Airport",
        latitude: 40.6925,
        longitude: -74.168667,
        elevation_feet: 18,
        lag: 6,
    },
    Station {
        id: "JFK",
        name: "John F. Kennedy International Airport",
        latitude: 40.639751,
        longitude: -73.778925,
        elevation_feet: 13,
        lag: 7,
    },
    Station {
        id: "LGA",
        name: "LaGuardia Airport",
        latitude: 40.777245,
        longitude: -73.872608,
        elevation_feet: 22,
        lag: 8,
    },
];

impl Station {
    /// When the observation of `time` is out.
    pub(super) fn published(&self, time: Timestamp) -> Timestamp {
        time + SignedDuration::from_mins(self.lag)
    }

    /// What the API tells of the station itself.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "elevation_feet": self.elevation_feet,
        })
    }
}

/// One hourly observation of one station.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observation {
    /// The full hour it stands for.
    pub(super) time: Timestamp,
    /// As the API tells it.
    pub(super) json: Value,
}

/// All observations, by station, in order of time.
pub(super) struct Record(BTreeMap<&'static str, Vec<Observation>>);

impl Record {
    /// Unpacks the record that is built into the program.
    pub(super) fn load() -> Record {
        let file = SerializedFileReader::new(bytes::Bytes::from_static(PARQUET))
            .expect("the built-in record is Parquet");
        let mut stations: BTreeMap<_, Vec<_>> = STATIONS.iter().map(|s| (s.id, Vec::new())).collect();
        for row in file.get_row_iter(None).expect("the built-in record has rows") {
            let (station, observation) = observation(&row.expect("the built-in record is whole"));
            stations
                .get_mut(station.as_str())
                .expect("the built-in record knows three stations")
                .push(observation);
        }
        Record(stations)
    }

    /// The last `count` observations of a station that are out at `now`, oldest first.
    pub(super) fn latest(&self, station: &Station, now: Timestamp, count: usize) -> &[Observation] {
        let all = &self.0[station.id];
        let end = all.partition_point(|observation| station.published(observation.time) <= now);
        &all[end.saturating_sub(count)..end]
    }

    /// The time of the last observation of all.
    pub(super) fn end(&self) -> Timestamp {
        self.0.values().filter_map(|all| all.last()).map(|last| last.time).max().unwrap_or(YEAR)
    }

    /// The observations of a station from `first` to `last`, both included.
    pub(super) fn between(&self, station: &Station, first: Timestamp, last: Timestamp) -> &[Observation] {
        let all = &self.0[station.id];
        let start = all.partition_point(|observation| observation.time < first);
        let end = all.partition_point(|observation| observation.time <= last);
        &all[start..end.max(start)]
    }
}

/// When every station has told its observation of `time`. Whoever has seen one of that time, and goes on from here,
/// never sees the API go back in time.
pub(super) fn all_out(time: Timestamp) -> Timestamp {
    STATIONS.iter().map(|station| station.published(time)).max().unwrap_or(time)
}

/// The point in time `hours` after the year's start.
pub(super) fn hour(hours: i64) -> Timestamp {
    YEAR + SignedDuration::from_hours(hours)
}

fn observation(row: &Row) -> (String, Observation) {
    let fields: BTreeMap<&str, &Field> =
        row.get_column_iter().map(|(name, field)| (name.as_str(), field)).collect();
    let whole = |name: &str| match fields[name] {
        Field::Int(number) => Some(*number),
        _ => None,
    };
    let scaled = |name: &str, divisor: f64| whole(name).map(|number| f64::from(number) / divisor);
    let Field::Str(station) = fields["station"] else { unreachable!("the station is a text") };
    let time = hour(whole("hour").expect("every observation has its hour").into());
    let json = json!({
        "time": time,
        "temperature_c": scaled("temperature_tenths_c", 10.0),
        "dewpoint_c": scaled("dewpoint_tenths_c", 10.0),
        "humidity_percent": scaled("humidity_hundredths_percent", 100.0),
        "wind": {
            "direction_degrees": whole("wind_direction_degrees"),
            "speed_knots": whole("wind_speed_knots"),
            "gust_knots": whole("wind_gust_knots"),
        },
        "precipitation_inches": scaled("precipitation_hundredths_inch", 100.0),
        "pressure_hpa": scaled("pressure_tenths_hpa", 10.0),
        "visibility_miles": scaled("visibility_hundredths_mile", 100.0),
    });
    (station.clone(), Observation { time, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_whole_and_in_order() {
        let record = Record::load();
        assert_eq!(record.0.values().map(Vec::len).sum::<usize>(), 26_115);
        assert!(record.0.values().all(|all| all.is_sorted_by(|a, b| a.time < b.time)));
    }

    #[test]
    fn an_observation_is_told_as_the_source_has_it() {
        let record = Record::load();
        let first = &record.0["EWR"][0];
        assert_eq!(first.time.to_string(), "2013-01-01T06:00:00Z");
        assert_eq!(
            first.json,
            json!({
                "time": "2013-01-01T06:00:00Z", "temperature_c": 3.9, "dewpoint_c": -3.3, "humidity_percent": 59.37,
                "wind": { "direction_degrees": 270, "speed_knots": 9, "gust_knots": null },
                "precipitation_inches": 0.0, "pressure_hpa": 1012.0, "visibility_miles": 10.0,
            })
        );
    }

    #[test]
    fn an_observation_is_out_some_minutes_after_its_hour() {
        let (record, jfk) = (Record::load(), &STATIONS[1]);
        let newest = |now: Timestamp| record.latest(jfk, now, 24).last().map(|o| o.time);
        assert_eq!(newest(hour(48)), Some(hour(47)));
        assert_eq!(newest(hour(48) + SignedDuration::from_mins(7)), Some(hour(48)));
        assert_eq!(record.latest(jfk, hour(48), 24).len(), 24);
        assert_eq!(newest(hour(0)), None);
    }
}
