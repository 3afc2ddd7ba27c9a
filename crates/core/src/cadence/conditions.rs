//! The network between source and poller: errors, refusals, shared caches, publication lag, skewed clocks, ticks.

use super::Hints;
use super::rng::Rng;
use super::simulate::{Options, moment};
use super::traces::Trace;

/// What happens to polls. The default is a perfect network.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Share of polls that fail without an answer.
    pub errors: f64,
    /// More polls than this within a clock hour are refused with 429 and `Retry-After` to the end of the hour.
    pub calls_per_hour: Option<u32>,
    /// A shared cache holds each copy so long, seconds, and says so with `max-age` and `Age`.
    pub cached: Option<f64>,
    /// Stamps lie before visibility by at least and at most this, seconds.
    pub lag: Option<(f64, f64)>,
    /// The server's clock is ahead of ours by this, seconds; its `Date` tells.
    pub skew: f64,
    /// When the poller can run.
    pub tick: Tick,
}

/// When the poller can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tick {
    /// At any moment: a process that sleeps.
    #[default]
    Free,
    /// On the minute: a scheduler with one-minute precision.
    Minute,
    /// On the minute, sleeping to the second when the poll falls within the next one.
    MinuteAndSleep,
}

/// What one poll brought.
pub(crate) struct Answer {
    /// The moment of the source that the answer shows, seconds; none if it failed.
    pub(crate) sees: Option<f64>,
    pub(crate) changed: bool,
    /// As stamped by the server, seconds; empty at level 0.
    pub(crate) stamps: Vec<f64>,
    pub(crate) hints: Hints,
}

/// A source under conditions, as polls go on.
pub(crate) struct World<'a> {
    trace: &'a Trace,
    conditions: &'a Conditions,
    level: u8,
    rng: Rng,
    /// Changes shown so far; none before the first answer.
    shown: Option<usize>,
    /// When the shared cache fetched its copy.
    fetched: Option<f64>,
    /// Clock hour and calls in it.
    hour: (u64, u32),
}

impl<'a> World<'a> {
    pub(crate) fn new(trace: &'a Trace, level: u8, options: &'a Options) -> Self {
        let rng = Rng::at(options.seed, 0, 11);
        Self { trace, conditions: &options.conditions, level, rng, shown: None, fetched: None, hour: (0, 0) }
    }

    pub(crate) fn answer(&mut self, at: f64) -> Answer {
        let mut hints = Hints::default();
        if self.conditions.skew != 0.0 {
            hints.server_time = Some(moment((at + self.conditions.skew).floor()));
        }
        if self.refused(at, &mut hints) || self.rng.uniform() < self.conditions.errors {
            return Answer { sees: None, changed: false, stamps: Vec::new(), hints };
        }
        let sees = self.through_cache(at, &mut hints);
        let visible = self.trace.changes.partition_point(|&change| change <= sees);
        let before = self.shown.replace(visible);
        let from = match (self.level, before) {
            (0, _) => visible,
            (2, Some(before)) => before,
            (_, before) => visible.saturating_sub(1).max(before.unwrap_or(0)),
        };
        let lag = self.conditions.lag;
        let mut stamps = self.trace.changes[from.min(visible)..visible].to_vec();
        for stamp in &mut stamps {
            let behind = lag.map_or(0.0, |(least, most)| self.rng.between(least, most));
            *stamp += self.conditions.skew - behind;
        }
        Answer { sees: Some(sees), changed: before.is_some_and(|before| visible > before), stamps, hints }
    }

    fn refused(&mut self, at: f64, hints: &mut Hints) -> bool {
        let Some(limit) = self.conditions.calls_per_hour else { return false };
        let hour = (at / 3600.0) as u64;
        self.hour = if self.hour.0 == hour { (hour, self.hour.1 + 1) } else { (hour, 1) };
        let refused = self.hour.1 > limit;
        if refused {
            hints.retry_after = Some(((hour + 1) as f64 * 3600.0 - at).ceil());
        }
        refused
    }

    fn through_cache(&mut self, at: f64, hints: &mut Hints) -> f64 {
        let Some(lifetime) = self.conditions.cached else { return at };
        let fetched = self.fetched.filter(|fetched| at - fetched < lifetime).unwrap_or(at);
        self.fetched = Some(fetched);
        hints.max_age = Some(lifetime);
        hints.age = Some((at - fetched).floor());
        fetched
    }
}

#[cfg(test)]
mod tests;
