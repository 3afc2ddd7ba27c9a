//! Change times to simulate on, seconds from the epoch of the simulation, a Thursday at midnight UTC.

use super::rng::Rng;

pub(crate) const MINUTE: f64 = 60.0;
pub(crate) const HOUR: f64 = 3600.0;
pub(crate) const DAY: f64 = 86400.0;

/// Change times of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Name, as on the command line.
    pub name: String,
    /// Ascending change times, seconds.
    pub changes: Vec<f64>,
    /// Length, seconds.
    pub length: f64,
    /// The interval a truthful server would declare, seconds.
    pub declared: Option<f64>,
}

/// The eleven traces of the method's study, in its order.
pub const STUDY: [&str; 11] = [
    "per15", "drift", "metar", "poisson", "diurnal", "hawkes", "daily", "regime", "frozen", "nycwx",
    "speedup",
];

impl Trace {
    /// A trace of the given change times, in any order; the last one ends it.
    pub fn new(name: &str, mut changes: Vec<f64>, length: f64, declared: Option<f64>) -> Self {
        changes.sort_by(f64::total_cmp);
        changes.dedup();
        changes.retain(|&change| (0.0..length).contains(&change));
        Self { name: name.into(), changes, length, declared }
    }

    /// A trace from text: one change time in seconds a line, in any order, counted from a midnight or since 1970;
    /// blank lines and `#` comments are skipped, a moment that stands twice counts once. Says which line is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut changes: Vec<(f64, usize)> = Vec::new();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                changes.push((moment(text).map_err(|wrong| format!("line {line}: {wrong}"))?, line));
            }
        }
        changes.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let (Some(&(first, _)), Some(&(last, line))) = (changes.first(), changes.last()) else {
            return Err("there is no change time in it; write one a line, in seconds".to_owned());
        };
        if first == last {
            return Err("there is one change time in it; figures take two or more, one a line".to_owned());
        }
        // Seconds since 1970 are moved to the first day's midnight, which keeps the wall clock.
        let origin = if first >= SINCE_1970 { first - first.rem_euclid(DAY) } else { 0.0 };
        if last - origin > LONGEST {
            let years = (last - origin) / (365.25 * DAY);
            return Err(format!(
                "line {line}: {last} lies {years:.0} years on; a trace is of a hundred at most"
            ));
        }
        let changes = changes.into_iter().map(|(change, _)| change - origin).collect();
        Ok(Self::new(name, changes, last - origin + 1.0, None))
    }

    /// Mean seconds between changes.
    pub fn mean_gap(&self) -> f64 {
        self.length / self.changes.len().max(1) as f64
    }

    /// The trace of that name, drawn with `seed`.
    pub fn named(name: &str, seed: u64) -> Option<Self> {
        let rng = &mut Rng::at(seed, 0, 9);
        if name == "nycwx" {
            return Some(airport(rng));
        }
        let (changes, days, declared) = match name {
            "per15" => (periodic(rng, 0.0, 28.0, 900.0, 137.0), 28.0, Some(900.0)),
            "drift" => (drift(rng), 26.0, Some(900.0)),
            "metar" => (metar(rng), 28.0, Some(HOUR)),
            "poisson" => (thinned(rng, 14.0 * DAY, 1.0 / 600.0, |_| 1.0 / 600.0), 14.0, None),
            "diurnal" => (thinned(rng, 28.0 * DAY, 0.003, diurnal_rate), 28.0, None),
            "hawkes" => (hawkes(rng), 28.0, None),
            "daily" => {
                let day = |day: i32| f64::from(day) * DAY + 14.0 * HOUR;
                ((0..240).map(|at| day(at) + rng.normal(0.0, 1.5 * HOUR)).collect(), 240.0, Some(DAY))
            }
            "regime" => (joined(rng, [(0.0, 14.0, 900.0, 137.0), (14.0, 28.0, HOUR, 1037.0)]), 28.0, None),
            "frozen" => {
                (joined(rng, [(0.0, 10.0, 900.0, 137.0), (13.0, 21.0, 900.0, 137.0)]), 21.0, Some(900.0))
            }
            "speedup" => (joined(rng, [(0.0, 14.0, HOUR, 1037.0), (14.0, 28.0, 900.0, 137.0)]), 28.0, None),
            _ => return super::held_traces::named(name, rng),
        };
        Some(Self::new(name, changes, days * DAY, declared))
    }
}

/// A trace that begins later than this (2001) counts from 1970.
const SINCE_1970: f64 = 1e9;
/// Seconds since 1970 reach this in the year 5138.
const NO_SECONDS: f64 = 1e11;
/// More than a hundred years, seconds.
const LONGEST: f64 = 101.0 * 365.25 * DAY;

fn moment(line: &str) -> Result<f64, String> {
    match line.parse::<f64>() {
        Ok(at) if at < 0.0 => Err(format!("{line} lies before the trace begins, at 0")),
        Ok(at) if at >= NO_SECONDS => Err(format!("{line} is no moment in seconds; is it in milliseconds?")),
        Ok(at) if at.is_finite() => Ok(at),
        _ => Err(format!("`{line}` is not a number of seconds; write one change time a line")),
    }
}

/// Every `period` seconds plus a half-normal delay of 20 s, between two days.
pub(crate) fn periodic(rng: &mut Rng, from: f64, to: f64, period: f64, offset: f64) -> Vec<f64> {
    let beats = ((to - from) * DAY / period).ceil() as u32;
    (0..beats)
        .map(|beat| from * DAY + f64::from(beat) * period + offset + rng.normal(0.0, 20.0).abs())
        .collect()
}

pub(crate) fn joined(rng: &mut Rng, parts: [(f64, f64, f64, f64); 2]) -> Vec<f64> {
    parts.into_iter().flat_map(|(from, to, period, offset)| periodic(rng, from, to, period, offset)).collect()
}

/// A loop that sleeps 900 s and works 7: its phase wanders through the hour.
fn drift(rng: &mut Rng) -> Vec<f64> {
    let mut at = 0.0;
    std::iter::repeat_with(|| {
        at += 907.0 + rng.normal(0.0, 8.0).abs();
        at
    })
    .take(2600)
    .collect()
}

/// Airport weather: hourly at :51 to :56, and 1.5 special reports a day.
fn metar(rng: &mut Rng) -> Vec<f64> {
    let hourly = (0..672).map(|hour| f64::from(hour) * HOUR).map(|hour| publish(rng, hour));
    let mut changes: Vec<f64> = hourly.collect();
    changes.extend((0..42).map(|_| rng.between(0.0, 28.0 * DAY)));
    changes
}

/// The hours that Kennedy airport really reported in 2013, with their real gaps; only the minute is drawn.
fn airport(rng: &mut Rng) -> Trace {
    let runs = include_str!("fixtures/jfk-2013-hours.txt").lines().filter(|line| !line.starts_with('#'));
    let hours: Vec<f64> = runs
        .filter_map(|run| run.split_once(' '))
        .filter_map(|(first, last)| Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?))
        .flatten()
        .map(|hour| f64::from(hour) * HOUR)
        .collect();
    let length = hours.last().map_or(0.0, |last| last + HOUR);
    Trace::new("nycwx", hours.into_iter().map(|hour| publish(rng, hour)).collect(), length, Some(HOUR))
}

fn publish(rng: &mut Rng, hour: f64) -> f64 {
    hour + 53.0 * MINUTE + rng.normal(0.0, 60.0).clamp(-120.0, 180.0)
}

/// An inhomogeneous Poisson process by thinning (Lewis and Shedler 1979).
pub(crate) fn thinned(rng: &mut Rng, length: f64, most: f64, rate: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut changes = Vec::new();
    let mut at = rng.exponential(1.0 / most);
    while at < length {
        if rng.uniform() * most < rate(at) {
            changes.push(at);
        }
        at += rng.exponential(1.0 / most);
    }
    changes
}

fn diurnal_rate(at: f64) -> f64 {
    let hours = (at / HOUR).rem_euclid(24.0) - 14.0;
    (0.10 + 2.06 * 1.2 * (-0.5 * (hours / 3.5).powi(2)).exp()) / (15.0 * MINUTE)
}

/// A self-exciting process: one root an hour, three quarters of all changes are answered by another within minutes.
fn hawkes(rng: &mut Rng) -> Vec<f64> {
    let length = 28.0 * DAY;
    let mut open: Vec<f64> = (0..rng.poisson(length / HOUR)).map(|_| rng.between(0.0, length)).collect();
    let mut changes = Vec::new();
    while let Some(at) = open.pop() {
        if at < length {
            changes.push(at);
            open.extend((0..rng.poisson(0.75)).map(|_| at + rng.exponential(300.0)));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_in_any_order_and_each_moment_once() {
        let trace =
            Trace::parse("t", "\u{feff}# made by hand\r\n30\r\n\r\n10.5  # first\r\n3e1\n20\n").unwrap();
        assert_eq!((trace.changes, trace.length), (vec![10.5, 20.0, 30.0], 31.0));
    }

    #[test]
    fn seconds_since_1970_keep_their_time_of_day() {
        let trace = Trace::parse("t", "1767225937\n1767312337").unwrap();
        assert_eq!(trace.changes, [337.0, DAY + 337.0]);
    }

    #[test]
    fn what_is_wrong_with_a_trace_is_said_with_its_line() {
        let wrong = |text: &str| Trace::parse("t", text).unwrap_err();
        assert_eq!(wrong("1\n\n-2"), "line 3: -2 lies before the trace begins, at 0");
        assert!(wrong("1\ntwo").starts_with("line 2: `two` is not a number of seconds"));
        assert!(wrong("NaN").starts_with("line 1: `NaN` is not a number"));
        assert!(wrong("1\ninf").starts_with("line 2: inf is no moment in seconds"));
        assert!(wrong("1767225937123").ends_with("is it in milliseconds?"));
        assert!(wrong("# nothing\n\n").starts_with("there is no change time in it"));
        for one in ["900", "0\n0\n0", "1767225937"] {
            assert!(wrong(one).starts_with("there is one change time in it"), "{one}");
        }
        assert_eq!(
            wrong("90000000000\n100"),
            "line 1: 90000000000 lies 2852 years on; a trace is of a hundred at most"
        );
    }
}
