//! The planner at scale, by simulation: many streams, one budget, and what scheduling costs.

use std::fmt::Write;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::plan::{Budget, Planner};
use super::rng::Rng;
use super::simulate::moment;
use super::{CadenceSpec, Outcome, Stamps, State, Visit, next_at_price, observe};

/// A source of the benchmark: periodic or not, from minutes to a day.
struct Source {
    period: f64,
    phase: f64,
    periodic: bool,
    newest: f64,
    shown: f64,
    rng: Rng,
}

impl Source {
    fn new(stream: u32) -> Self {
        let mut rng = Rng::at(u64::from(stream), 1, 21);
        let period = [600.0, 900.0, 3600.0, 3600.0, 10_800.0, 86_400.0][rng.next_u64() as usize % 6];
        let phase = rng.between(0.0, period);
        Self { period, phase, periodic: rng.uniform() < 0.5, newest: -1.0, shown: -1.0, rng }
    }

    /// The newest change at `at`.
    fn advance(&mut self, at: f64) -> f64 {
        if self.periodic {
            self.newest = ((at - self.phase) / self.period).floor() * self.period + self.phase;
        } else {
            let mut next = self.newest.max(0.0) + self.phase;
            while next <= at {
                self.newest = next;
                self.phase = self.rng.exponential(self.period);
                next = self.newest + self.phase;
            }
        }
        self.newest
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
    /// Mean seconds from a change to the poll that finds it, over the last half.
    pub delay: f64,
    /// The longest time any stream went without a poll, seconds.
    pub longest: f64,
    /// Most calls in any of the benchmark's minutes.
    pub most_calls: u32,
}

/// Simulates `hours` of `streams` streams under `budget`; `clock` tells the time since any
/// fixed moment.
pub fn scale(streams: u32, hours: f64, budget: Option<Budget>, clock: fn() -> Duration) -> Scale {
    let spec = CadenceSpec { max_staleness: Some(SignedDuration::from_hours(6)), ..CadenceSpec::default() };
    let mut sources: Vec<Source> = (0..streams).map(Source::new).collect();
    let mut states: Vec<State> = (0..streams).map(|stream| State::new(u64::from(stream))).collect();
    let mut planner = Planner::new(budget);
    let mut scale = Scale { streams, ..Scale::default() };
    let start = Rng::new(5);
    for stream in 0..streams {
        let at = moment(start.clone().between(0.0, 1.0) + 3600.0 * f64::from(stream) / f64::from(streams));
        let due = super::Due { at, ..next_at_price(&states[stream as usize], &spec, at, 0.0) };
        planner.offer(stream, &due, None, moment(0.0));
    }
    let (mut now, mut delays, mut minute) = (moment(0.0), (0.0, 0u64), (0i64, 0u32));
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
        let visit = poll(&mut sources[stream as usize], now, &mut delays, hours);
        let began = clock();
        *state = observe(std::mem::take(state), &visit);
        let due = next_at_price(state, &spec, now, planner.price());
        let learned = clock();
        let deadline = spec.max_staleness.map(|span| now + span);
        planner.offer(stream, &due, deadline, now);
        scale.scheduling += clock() - learned;
        scale.learning += learned - began;
        scale.polls += 1;
    }
    scale.delay = delays.0 / delays.1.max(1) as f64;
    scale
}

fn poll(source: &mut Source, now: Timestamp, delays: &mut (f64, u64), hours: f64) -> Visit {
    let at = now.duration_since(moment(0.0)).as_secs_f64();
    let newest = source.advance(at);
    if newest <= source.shown || newest < 0.0 {
        return Visit::new(now, Outcome::Unchanged);
    }
    source.shown = newest;
    if at > hours * 1800.0 {
        *delays = (delays.0 + at - newest, delays.1 + 1);
    }
    Visit::new(now, Outcome::Changed(Stamps::Newest(moment(newest))))
}

/// The benchmark's table: without a budget, and with half and a quarter of the calls wanted.
pub fn table(streams: u32, clock: fn() -> Duration) -> String {
    let mut table = String::from(
        "| budget, calls an hour | polls | scheduling per poll | learning and deciding per poll | delay of the newest | longest without a poll |\n|---|---|---|---|---|---|\n",
    );
    let hours = 4.0;
    let free = scale(streams, hours, None, clock);
    let hourly = (free.polls as f64 / hours) as u32;
    let mut add = |name: String, scale: &Scale| {
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / scale.polls.max(1) as f64;
        let _ = writeln!(
            table,
            "| {name} | {} | {:.2} µs | {:.0} µs | {:.0} s | {:.1} h |",
            scale.polls,
            each(scale.scheduling),
            each(scale.learning),
            scale.delay,
            scale.longest / 3600.0
        );
    };
    add("none".into(), &free);
    for share in [2, 4] {
        let calls = hourly / share;
        add(calls.to_string(), &scale(streams, hours, Some(Budget { calls, window: 3600.0 }), clock));
    }
    table
}
