//! What the API knows at each point in time: a log of events that grows, and readings that replace each other.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_core::jiff::SignedDuration;

use crate::chance::Chance;
use crate::settings::Settings;
use crate::world::epoch;

/// How long the data keeps changing; the faults last as long.
pub(crate) const CHANGES_FOR: Duration = Duration::from_secs(4 * 3600);

/// All that the API will ever serve.
pub(crate) struct Data {
    /// When each event appears, in order; its id is its index plus one.
    events: Vec<Duration>,
    /// When each reading replaces the one before, by station.
    readings: Vec<Vec<Duration>>,
    seed: u64,
    /// From when on records have their new shape.
    drift_at: Duration,
}

/// Names of the stations; the first is the one with a validator.
pub(super) const STATIONS: [&str; 4] = ["main", "a/b", "São Paulo", "東京"];

impl Data {
    /// The data of a seed.
    pub(crate) fn new(settings: &Settings) -> Data {
        let mut chance = Chance::new(settings.seed, "data");
        let drift_at = if settings.drift { CHANGES_FOR / 2 } else { Duration::MAX };
        let mean = *chance.pick(&[30, 120, 600]);
        let events = times(&mut chance, mean);
        let readings = STATIONS.map(|_| times(&mut chance, 900)).to_vec();
        Data { events, readings, seed: settings.seed, drift_at }
    }

    /// Ids of the events that are there at `now`: `1..=n`.
    pub(crate) fn events(&self, now: Duration) -> u64 {
        self.events.partition_point(|at| *at <= now) as u64
    }

    /// The event of that id.
    pub(crate) fn event(&self, id: u64) -> Value {
        let at = self.events[id as usize - 1];
        let mut chance = Chance::new(self.seed ^ id, "event");
        let tags = &["x", "y"][..chance.below(3) as usize];
        let mut event = json!({
            "id": id,
            "at": (epoch() + lag(at, &mut chance)).to_string(),
            "value": chance.below(1000),
            "big": 9_007_199_254_740_993u64 + id,
            "tags": tags,
            "place": {"name": *chance.pick(&STATIONS), "depth": null},
        });
        if at >= self.drift_at {
            event["value"] = json!(chance.below(1000) as f64 + 0.5);
            event["added"] = json!("new");
            event["place"]["depth"] = json!(chance.below(90));
        }
        if chance.roll(0.02) {
            event["value"] = json!("n/a");
        }
        event
    }

    /// The version of a station's reading at `now`, from 0, and its record.
    pub(crate) fn reading(&self, station: usize, now: Duration) -> (u64, Value) {
        let version = self.readings[station].partition_point(|at| *at <= now) as u64;
        let at = version.checked_sub(1).map_or(Duration::ZERO, |last| self.readings[station][last as usize]);
        let mut chance = Chance::new(self.seed ^ version, STATIONS[station]);
        let temp = if at >= self.drift_at { json!(12.25) } else { json!(chance.below(30)) };
        let record = json!({
            "station": STATIONS[station],
            "version": version,
            "time": (epoch() + span(at)).as_second(),
            "temp": temp,
        });
        (version, record)
    }
}

fn times(chance: &mut Chance, mean_seconds: u64) -> Vec<Duration> {
    let mut at = Duration::ZERO;
    let mut times = Vec::new();
    loop {
        at += Duration::from_millis(chance.below(2_000 * mean_seconds));
        if at >= CHANGES_FOR {
            return times;
        }
        times.push(at);
    }
}

/// An event's own time lies before it appears: by seconds, or by hours for the late ones.
fn lag(at: Duration, chance: &mut Chance) -> SignedDuration {
    let longest = if chance.roll(0.1) { 7_200_000 } else { 5_000 };
    span(at) - SignedDuration::from_millis(chance.below(longest) as i64)
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).expect("runs last hours")
}
