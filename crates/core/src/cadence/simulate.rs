//! Runs a policy over a trace, under the conditions of a real network.

use jiff::Timestamp;

use super::baselines::{Baseline, Shown};
use super::conditions::{Answer, Conditions, Tick, World};
use super::metrics::{Metrics, Poll, measure};
use super::traces::Trace;
use super::{CadenceSpec, Due, Outcome, Stamps, State, Visit, next, observe};

/// The moment of simulated time 0: Thursday 2026-01-01T00:00Z, so that `t % 3600` is the minute on the wall clock.
pub const EPOCH: f64 = 1_767_225_600.0;

/// Who polls.
#[derive(Clone, Debug)]
pub enum Policy {
    /// The learner, with what it knows already.
    Tide(Box<State>),
    /// One of the others.
    Baseline(Baseline),
}

impl Policy {
    /// The learner, knowing nothing.
    pub fn tide(seed: u64) -> Self {
        Self::Tide(Box::new(State::new(seed)))
    }

    /// A policy by its name on the command line (`tide`, `fixed:7m`, `nutch`, `ttl` ...). Policies that need an
    /// interval take it from the trace.
    pub fn named(name: &str, trace: &Trace, seed: u64, polls_per_change: f64) -> Option<Self> {
        if name == "tide" {
            return Some(Self::tide(seed));
        }
        Baseline::named(name, trace.declared.unwrap_or(trace.mean_gap()), polls_per_change)
            .map(Self::Baseline)
    }
}

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Limits of the learner.
    pub spec: CadenceSpec,
    /// An interval (seconds) that the answers declare.
    pub hint: Option<f64>,
    /// Seed of the conditions.
    pub seed: u64,
    /// What goes wrong, and what the network does.
    pub conditions: Conditions,
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Every poll, in order.
    pub polls: Vec<Poll>,
    /// The visits as the learner saw them; empty for the other policies.
    pub visits: Vec<Visit>,
    /// The learner at the end.
    pub state: Option<Box<State>>,
}

/// Polls `trace` with `policy`, which learns on the way.
pub fn run(trace: &Trace, mut policy: Policy, level: u8, options: &Options) -> Run {
    let mut world = World::new(trace, level, options);
    let start = match &policy {
        Policy::Tide(_) => 0.0,
        Policy::Baseline(baseline) => baseline.start(),
    };
    let (mut at, mut polls, mut visits) = (start, Vec::new(), Vec::new());
    while at < trace.length {
        let answer = world.answer(at);
        polls.push(Poll { at, sees: answer.sees });
        let wanted = match &mut policy {
            Policy::Tide(state) => {
                let visit = visit(&answer, at, level, options);
                **state = observe(std::mem::take(&mut **state), &visit);
                let due = next(state, &options.spec, visit.at);
                visits.push(visit);
                due_seconds(&due)
            }
            Policy::Baseline(baseline) => {
                let shown = Shown { at, changed: answer.changed, stamps: &answer.stamps };
                baseline.next(&shown)
            }
        };
        at = options.conditions.tick.earliest(wanted.max(at + 1.0));
    }
    let state = match policy {
        Policy::Tide(state) => Some(state),
        Policy::Baseline(_) => None,
    };
    Run { polls, visits, state }
}

/// Runs and measures.
pub fn simulate(trace: &Trace, policy: Policy, level: u8, options: &Options) -> Metrics {
    measure(trace, &run(trace, policy, level, options).polls)
}

/// The wall-clock moment of a simulated second.
pub fn moment(at: f64) -> Timestamp {
    Timestamp::from_millisecond(((EPOCH + at) * 1000.0).round() as i64).unwrap_or(Timestamp::MAX)
}

fn due_seconds(due: &Due) -> f64 {
    due.at.as_millisecond() as f64 / 1000.0 - EPOCH
}

fn visit(answer: &Answer, at: f64, level: u8, options: &Options) -> Visit {
    let mut visit = Visit::new(moment(at), outcome(answer, level));
    visit.hints = answer.hints.clone();
    visit.hints.interval = options.hint;
    visit
}

fn outcome(answer: &Answer, level: u8) -> Outcome {
    if answer.sees.is_none() {
        return Outcome::Failed;
    }
    // The first answer shows the newest stamp, though nothing has changed since a poll before.
    if !answer.changed && answer.stamps.is_empty() {
        return Outcome::Unchanged;
    }
    Outcome::Changed(match (level, &answer.stamps[..]) {
        (1, [.., newest]) => Stamps::Newest(moment(*newest)),
        (2, [_, ..]) => Stamps::All(answer.stamps.iter().copied().map(moment).collect()),
        _ => Stamps::Hidden,
    })
}

impl Tick {
    /// The first moment from `wanted` on at which the poller can run, seconds.
    pub(crate) fn earliest(self, wanted: f64) -> f64 {
        match self {
            Self::Free | Self::MinuteAndSleep => wanted,
            Self::Minute => (wanted / 60.0).ceil() * 60.0,
        }
    }
}
