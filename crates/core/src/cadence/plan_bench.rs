//! The planner at scale, by simulation: many streams, one budget, and what scheduling costs.

use std::fmt::Write;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::plan::{Budget, Planner};
use super::rng::Rng;
use super::simulate::moment;
use super::{CadenceSpec, Outcome, Stamps, State, Visit, next_at_price, observe};
use crate::pipeline::Span;

/// The `max_staleness` of every stream, and hours that the benchmark simulates from a cold start: longer than that.
pub const STALE: Span = Span::from_secs(2 * 3600);
const HOURS: f64 = 3.0;

/// A source of the benchmark: periodic or not, from minutes to a day.
struct Source {
    period: f64,
    periodic: bool,
    /// The next change, seconds.
    next: f64,
    rng: Rng,
}

/// Delays of changes, seconds.
#[derive(Default)]
struct Delays {
    sum: f64,
    count: u64,
    /// Changes before this do not count.
    from: f64,
}

impl Source {
    fn new(stream: u32) -> Self {
        let mut rng = Rng::at(u64::from(stream), 1, 21);
        let period = [600.0, 900.0, 3600.0, 3600.0, 10_800.0, 86_400.0][rng.next_u64() as usize % 6];
        let next = rng.between(0.0, period);
        Self { period, periodic: rng.uniform() < 0.5, next, rng }
    }

    /// Goes on to `at`, and returns the newest change if there was one since the last call.
    fn advance(&mut self, at: f64, delays: &mut Delays) -> Option<f64> {
        let mut newest = None;
        while self.next <= at {
            newest = Some(self.next);
            if self.next >= delays.from {
                delays.sum += at - self.next;
                delays.count += 1;
            }
            self.next += if self.periodic { self.period } else { self.rng.exponential(self.period) };
        }
        newest
    }
}

/// What the benchmark measured.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    /// Streams.
    pub streams: u32,
    /// Polls made.
    pub polls: u64,
    /// Time in the planner.
    pub scheduling: Duration,
    /// Time in learning and deciding.
    pub learning: Duration,
    /// Mean seconds from a change to the poll that finds it (or the end), over the last half.
    pub delay: f64,
    /// The longest time any stream went without a poll, seconds.
    pub longest: f64,
    /// Most calls in any of the benchmark's minutes.
    pub most_calls: u32,
}

/// Simulates `hours` of `streams` streams under `budget`; `clock` tells the time since any
/// fixed moment.
pub fn scale(streams: u32, hours: f64, budget: Option<Budget>, clock: fn() -> Duration) -> Scale {
    let spec = CadenceSpec { max_staleness: Some(STALE), ..CadenceSpec::default() };
    let mut sources: Vec<Source> = (0..streams).map(Source::new).collect();
    let mut states: Vec<State> = (0..streams).map(|stream| State::new(u64::from(stream))).collect();
    let mut planner = Planner::new(budget);
    let mut scale = Scale { streams, ..Scale::default() };
    for stream in 0..streams {
        let at = moment(3600.0 * f64::from(stream) / f64::from(streams));
        let due = super::Due { at, ..next_at_price(&states[stream as usize], &spec, at, 0.0) };
        planner.offer(stream, &due, Some(moment(STALE.0.as_secs_f64())), moment(0.0));
    }
    let mut delays = Delays { from: hours * 1800.0, ..Delays::default() };
    let (mut now, mut minute) = (moment(0.0), (0i64, 0u32));
    let end = moment(hours * 3600.0);
    while now < end {
        let began = clock();
        let taken = planner.take(now);
        scale.scheduling += clock() - began;
        let Some(stream) = taken else {
            let Some(wake) = planner.next_wake(now) else { break };
            now = wake.max(now + SignedDuration::from_millis(1));
            continue;
        };
        let this = now.as_second() / 60;
        minute = if minute.0 == this { (this, minute.1 + 1) } else { (this, 1) };
        scale.most_calls = scale.most_calls.max(minute.1);
        let state = &mut states[stream as usize];
        if let Some(seen) = state.seen {
            scale.longest = scale.longest.max((now.as_millisecond() - seen) as f64 / 1000.0);
        }
        let visit = poll(&mut sources[stream as usize], now, &mut delays);
        let began = clock();
        *state = observe(std::mem::take(state), &visit);
        let due = next_at_price(state, &spec, now, planner.price());
        let learned = clock();
        let deadline = spec.stale_seconds().map(|span| now + SignedDuration::from_secs_f64(span));
        planner.offer(stream, &due, deadline, now);
        scale.scheduling += clock() - learned;
        scale.learning += learned - began;
        scale.polls += 1;
    }
    for (source, state) in sources.iter_mut().zip(&states) {
        source.advance(hours * 3600.0, &mut delays);
        let seen = state.seen.unwrap_or(moment(0.0).as_millisecond());
        scale.longest = scale.longest.max((end.as_millisecond() - seen) as f64 / 1000.0);
    }
    scale.delay = delays.sum / delays.count.max(1) as f64;
    scale
}

fn poll(source: &mut Source, now: Timestamp, delays: &mut Delays) -> Visit {
    let at = now.duration_since(moment(0.0)).as_secs_f64();
    let newest = source.advance(at, delays);
    Visit::new(now, newest.map_or(Outcome::Unchanged, |at| Outcome::Changed(Stamps::Newest(moment(at)))))
}

/// The benchmark's table: without a budget, and with half and a quarter of the calls wanted. `memory` tells the most that
/// the process has held so far, bytes.
pub fn table(streams: u32, clock: fn() -> Duration, memory: fn() -> u64) -> String {
    let mut table = String::from(
        "| budget, calls an hour | polls | scheduling per poll | learning and deciding per poll | mean delay | longest without a poll | peak memory |\n|---|---|---|---|---|---|---|\n",
    );
    let free = scale(streams, HOURS, None, clock);
    let hourly = (free.polls as f64 / HOURS) as u32;
    let mut add = |name: String, scale: &Scale| {
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / scale.polls.max(1) as f64;
        let _ = writeln!(
            table,
            "| {name} | {} | {:.2} µs | {:.0} µs | {:.0} s | {:.1} h | {:.0} MB |",
            scale.polls,
            each(scale.scheduling),
            each(scale.learning),
            scale.delay,
            scale.longest / 3600.0,
            memory() as f64 / 1e6
        );
    };
    add("none".into(), &free);
    for share in [2, 4] {
        let calls = hourly / share;
        add(calls.to_string(), &scale(streams, HOURS, Some(Budget { calls, window: 3600.0 }), clock));
    }
    table
}
