//! The published and deployed pollers, to be run and not quoted. Times in seconds.

use std::collections::VecDeque;

use serde::Serialize;

use crate::pipeline::Span;

/// All baselines that need no interval of their own.
pub const BASELINES: [&str; 8] =
    ["nutch", "aimd", "miniflux", "chogm", "mavsync", "ttl", "rfc9111", "siacho"];

const DAY: f64 = 86400.0;
/// Bounds of every adaptive baseline.
const LOWEST: f64 = 30.0;

/// What a poll showed a baseline.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Seconds.
    pub at: f64,
    /// Whether there was anything new.
    pub changed: bool,
    /// Stamps revealed, ascending; empty at level 0.
    pub stamps: &'a [f64],
}

impl Shown<'_> {
    /// How many changes the poller believes it saw.
    fn count(&self) -> usize {
        if self.stamps.is_empty() { usize::from(self.changed) } else { self.stamps.len() }
    }

    fn newest(&self) -> f64 {
        self.stamps.last().copied().unwrap_or(self.at)
    }
}

/// A poller with its memory.
#[derive(Clone, Debug, Serialize)]
pub enum Baseline {
    /// The same wait each time: cron, Prometheus.
    Fixed {
        /// Seconds.
        interval: f64,
    },
    /// Apache Nutch `AdaptiveFetchSchedule` with its defaults (increase .4, decrease .2, sync_delta .3).
    Nutch {
        /// Seconds.
        interval: f64,
        /// When a change was last seen.
        modified: Option<f64>,
    },
    /// The same multiplicative rule without synchronising: StormCrawler, Heritrix.
    Aimd {
        /// Seconds.
        interval: f64,
    },
    /// Miniflux `entry_frequency`: a week over the entries of the last week, between 5 minutes and a day.
    Miniflux {
        /// When each change of the last week was seen.
        seen: VecDeque<f64>,
    },
    /// Cho and Garcia-Molina 2003: maximum likelihood under irregular access, polled `b` times per expected change.
    ChoGm {
        /// Polls per change.
        b: f64,
        /// Interval and outcome of the last 200 visits.
        visits: VecDeque<(f64, bool)>,
        /// The last poll.
        before: Option<f64>,
    },
    /// MAVSync (Urbansky, Reichert et al., ICWSM 2011): the mean gap of the last 20, counted from the newest stamp.
    MavSync {
        /// Newest stamps.
        stamps: VecDeque<f64>,
    },
    /// Newest stamp plus the declared interval plus 5 s; when late, every tenth of it.
    Ttl {
        /// Declared interval, seconds.
        ttl: f64,
        /// Newest change.
        last: Option<f64>,
    },
    /// RFC 9111 heuristic freshness: a tenth of the age since Last-Modified.
    Rfc9111 {
        /// Newest change.
        last: Option<f64>,
    },
    /// Sia, Cho and Cho 2007 in spirit: a learned profile of 24 hours, polled like the root of the rate.
    SiaCho {
        /// Polls per change.
        b: f64,
        /// Changes per hour of day.
        hits: Vec<f64>,
        /// Seconds watched per hour of day.
        watched: Vec<f64>,
        /// The last poll.
        before: Option<f64>,
    },
}

impl Baseline {
    /// A poller by its name: `fixed:7m`, `nutch`, `aimd`, `miniflux`, `chogm`, `mavsync`, `ttl`, `rfc9111`, `siacho`.
    /// `declared` (seconds) is what a server would declare; `b` the polls per change of those that take it.
    pub fn named(name: &str, declared: f64, b: f64) -> Option<Self> {
        Some(match name.split_once(':').map_or((name, None), |(kind, rest)| (kind, Some(rest))) {
            ("fixed", Some(interval)) => {
                let interval = interval.parse::<Span>().ok()?.0.as_secs_f64();
                (interval > 0.0).then_some(Self::Fixed { interval: interval.max(1.0) })?
            }
            ("nutch", None) => Self::Nutch { interval: 900.0, modified: None },
            ("aimd", None) => Self::Aimd { interval: 900.0 },
            ("miniflux", None) => Self::Miniflux { seen: VecDeque::new() },
            ("chogm", None) => Self::ChoGm { b, visits: VecDeque::new(), before: None },
            ("mavsync", None) => Self::MavSync { stamps: VecDeque::new() },
            ("ttl", None) => Self::Ttl { ttl: declared, last: None },
            ("rfc9111", None) => Self::Rfc9111 { last: None },
            ("siacho", None) => {
                Self::SiaCho { b, hits: vec![0.5; 24], watched: vec![0.5 * 900.0; 24], before: None }
            }
            _ => return None,
        })
    }

    /// The first poll, seconds. A fixed interval has a phase, which is the study's.
    pub fn start(&self) -> f64 {
        if matches!(self, Self::Fixed { .. }) { 211.0 } else { 0.0 }
    }

    /// The poll after this one, seconds.
    pub fn next(&mut self, shown: &Shown) -> f64 {
        let at = shown.at;
        match self {
            Self::Fixed { interval } => at + *interval,
            Self::Nutch { interval, modified } => nutch(interval, modified, shown),
            Self::Aimd { interval } => {
                *interval = (*interval * if shown.changed { 0.8 } else { 1.4 }).clamp(60.0, DAY);
                at + *interval
            }
            Self::Miniflux { seen } => miniflux(seen, shown),
            Self::ChoGm { b, visits, before } => {
                if let Some(before) = before.replace(at) {
                    push(visits, 200, (at - before, shown.changed));
                }
                at + if visits.len() < 3 { 450.0 } else { (1.0 / (*b * cho_rate(visits))).clamp(LOWEST, DAY) }
            }
            Self::MavSync { stamps } => mavsync(stamps, shown),
            Self::Ttl { ttl, last } => {
                if shown.changed {
                    *last = Some(shown.newest());
                }
                let next = last.map_or(at + *ttl / 2.0, |last| last + *ttl + 5.0);
                if next > at { next } else { at + *ttl / 10.0 }
            }
            Self::Rfc9111 { last } => {
                if shown.changed {
                    *last = Some(shown.newest());
                }
                at + last.map_or(300.0, |last| (0.1 * (at - last)).clamp(60.0, DAY))
            }
            Self::SiaCho { b, hits, watched, before } => {
                let watched_for = before.replace(at).map(|before| at - before);
                sia_cho(*b, hits, watched, watched_for, shown)
            }
        }
    }
}

fn push<T>(kept: &mut VecDeque<T>, most: usize, value: T) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(value);
}

fn nutch(interval: &mut f64, modified: &mut Option<f64>, shown: &Shown) -> f64 {
    let at = shown.at;
    let since = modified.get_or_insert(at);
    *interval *= if shown.changed { 0.8 } else { 1.4 };
    if shown.changed {
        *since = at;
    }
    let delta = at - *since;
    *interval = interval.max(delta);
    let offset = if delta * 0.3 > DAY { 0.0 } else { delta * 0.3 };
    *interval = interval.clamp(60.0, DAY);
    (at - offset + *interval).max(at + 60.0)
}

fn miniflux(seen: &mut VecDeque<f64>, shown: &Shown) -> f64 {
    seen.extend(std::iter::repeat_n(shown.at, shown.count()));
    while seen.front().is_some_and(|&first| first < shown.at - 7.0 * DAY) {
        seen.pop_front();
    }
    let interval = if seen.is_empty() { DAY } else { 7.0 * DAY / seen.len() as f64 };
    shown.at + interval.clamp(300.0, DAY)
}

/// The rate at which the visits are likeliest; bias-corrected when every visit, or none, found a change.
fn cho_rate(visits: &VecDeque<(f64, bool)>) -> f64 {
    let (count, total) = (visits.len() as f64, visits.iter().map(|visit| visit.0).sum::<f64>());
    let changed: Vec<f64> = visits.iter().filter(|visit| visit.1).map(|visit| visit.0).collect();
    let unchanged = total - changed.iter().sum::<f64>();
    let mean = total / count;
    if changed.is_empty() {
        return -((count + 0.5) / (count + 1.0)).ln() / mean;
    }
    if changed.len() == visits.len() {
        return -(0.5 / (count + 0.5)).ln() / mean;
    }
    let (mut low, mut high) = (1e-8f64, 1.0f64);
    for _ in 0..40 {
        let rate = (low * high).sqrt();
        let explained: f64 = changed.iter().map(|wait| wait / (rate * wait).min(500.0).exp_m1()).sum();
        if explained > unchanged { low = rate } else { high = rate }
    }
    low
}

fn mavsync(stamps: &mut VecDeque<f64>, shown: &Shown) -> f64 {
    let at = shown.at;
    if shown.changed {
        let new = if shown.stamps.is_empty() { &[at][..] } else { shown.stamps };
        new.iter().for_each(|&stamp| push(stamps, 20, stamp));
    }
    let (Some(&oldest), Some(&newest), true) = (stamps.front(), stamps.back(), stamps.len() >= 2) else {
        return at + 450.0;
    };
    let mean = ((newest - oldest) / (stamps.len() - 1) as f64).max(LOWEST);
    let next = newest + mean;
    let skipped = ((at + LOWEST - next) / mean).ceil().max(0.0);
    at + (next + skipped * mean - at).clamp(LOWEST, DAY)
}

fn sia_cho(b: f64, hits: &mut [f64], watched: &mut [f64], watched_for: Option<f64>, shown: &Shown) -> f64 {
    let hour = (shown.at / 3600.0) as usize % 24;
    if let Some(seconds) = watched_for {
        watched[hour] += seconds;
        hits[hour] += shown.count() as f64;
        if shown.changed {
            hits.iter_mut().chain(watched.iter_mut()).for_each(|cell| *cell *= 0.999);
        }
    }
    let rates: Vec<f64> = hits.iter().zip(watched.iter()).map(|(hits, watched)| hits / watched).collect();
    let roots: f64 = rates.iter().map(|rate| rate.sqrt()).sum();
    let rate = rates[hour].sqrt() * b * rates.iter().sum::<f64>() / roots;
    shown.at + (1.0 / rate).clamp(LOWEST, DAY)
}
