//! The learned cadence: poll when the data changes, not when a clock says so.
//!
//! ```text
//!  visit --> observe(state, visit) --> state --> next(state, spec, now) --> Due
//!            learn                               decide, then floors
//! ```
//!
//! One hazard, one rule. A few small [experts] each give the rate at which the source changes at a moment, given what
//! was seen; their weighted mix is the hazard. [Learning](learn) compares, after each poll, what each expert expected
//! since the poll before with what the poll revealed: one bit (level 0), the newest stamp (1) or all stamps (2).
//! [Deciding](decide) takes the moment at which a poll costs least for each change found. The [floors] then forbid what
//! server and user forbid, and name the rule that bound.
//!
//! Two guards stand beside: [alias] looks now and then in mid-gap, since a poller locked at a multiple of the true
//! period sees a change at every poll and would never learn; [lag] learns how long stamps lie before visibility.
//! An error is never "unchanged": it moves no evidence, only the back-off.
//!
//! All of it is pure and deterministic: probes come from a generator seeded by stream and visit. The state is O(1), at
//! most 4 kB of JSON, and advice only: losing it costs relearning, never data.
//!
//! The rest is for trying it out: [traces] and [conditions] to [simulate] under, [baselines] to compare with,
//! [metrics], and the [report] that makes the tables of the documentation.

mod alias;
mod decide;
mod declared;
mod experts;
mod explain;
mod floors;
mod forecast;
pub mod held_traces;
mod hints;
mod interval;
mod lag;
mod learn;
mod plan;
mod plot;
mod rhythm;
mod rng;
mod spec;
mod state;
mod table;
mod trust;
mod visit;

pub mod conditions;
pub mod metrics;
pub mod plan_bench;
pub mod report;

pub mod baselines;
pub mod simulate;
pub mod traces;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

pub use alias::Alias;
pub use declared::{Declared, declared};
pub use experts::Weights;
pub use explain::{explain, floor_name, span};
pub use floors::{Floor, Floors};
pub use forecast::{Basis, Forecast, forecast, forecast_from_hints};
pub use hints::Hints;
pub use lag::Lag;
pub use plan::{Budget, Planner, Purse};
pub use plot::plot;
pub use rhythm::{Punctual, Rhythm};
pub use rng::Rng;
pub use spec::CadenceSpec;
pub use state::{Clock, Rate, STATE_VERSION, State};
pub use table::Table;
pub use trust::{Shown, Trust};
pub use visit::{Outcome, Stamps, Visit};

use crate::schedule;
use decide::Bounds;
use learn::Evidence;
use state::{millis, seconds};

/// When to poll next, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Due {
    /// The moment.
    pub at: Timestamp,
    /// The rule that moved it away from the best moment.
    pub floor: Floor,
    /// `max_staleness` cannot be kept: a stricter rule stands against it.
    pub stale: bool,
    /// Price of this poll: seconds of delay it must save.
    pub price: f64,
    /// Probability that new data is there then.
    pub probability: f64,
    /// Expected delay of what is found then, seconds.
    pub delay: f64,
    /// The poll looks whether the source is faster than its locked period.
    pub look: bool,
}

/// Learns from a visit.
pub fn observe(state: State, visit: &Visit) -> State {
    let mut state = state.as_of(visit.at).into_owned();
    state.visits += 1;
    state.floors.record(visit);
    if visit.outcome == Outcome::Failed {
        return state;
    }
    state.take_hints(&visit.hints);
    // A cached copy shows the source as it was when the cache fetched it.
    let received = seconds(visit.at.as_millisecond());
    let at = received - visit.hints.age.unwrap_or(0.0);
    let skew = visit.hints.skew(visit.at);
    let mut stamps = match &visit.outcome {
        Outcome::Changed(stamps) => {
            state.level = stamps.level();
            stamps.moments()
        }
        _ => Vec::new(),
    };
    stamps.iter_mut().for_each(|stamp| *stamp -= skew);
    let Some(before) = state.seen.map(seconds) else {
        state.begin(at, stamps.last().copied());
        return state;
    };
    if at <= before {
        return state;
    }
    let changed = matches!(visit.outcome, Outcome::Changed(_));
    let evidence = match changed {
        true => state.make_visible(stamps, before, at),
        false => Evidence::Quiet,
    };
    learn::learn(&mut state, before, at, &evidence);
    state.seen = Some(millis(at));
    state
}

impl State {
    /// The state for a clock that says `now`. What lies ahead of a clock that was set back counts as having just
    /// happened: the stream neither stalls until the old time comes round again, nor runs hot.
    fn as_of(&self, now: Timestamp) -> Cow<'_, Self> {
        let now = now.as_millisecond();
        let ahead = |at: Option<i64>| at.is_some_and(|at| at > now);
        if !ahead(self.floors.attempted) && !ahead(self.seen) {
            return Cow::Borrowed(self);
        }
        let mut state = self.clone();
        for at in [&mut state.floors.attempted, &mut state.seen, &mut state.last_change] {
            *at = at.map(|at| at.min(now));
        }
        Cow::Owned(state)
    }

    fn begin(&mut self, at: f64, newest: Option<f64>) {
        self.first = Some(millis(at));
        self.seen = self.first;
        if let Some(newest) = newest {
            self.last_change = Some(millis(newest.min(at)));
            self.cron.anchor = self.last_change;
        }
    }

    /// A declared interval is believed until there is anything better.
    pub(crate) fn take_hints(&mut self, hints: &Hints) {
        if self.changes > 0 || !self.gaps.is_empty() {
            return;
        }
        let declared = hints.interval.or(hints.max_age.filter(|&lifetime| lifetime >= 60.0));
        if let Some(interval) = declared.filter(|interval| (1.0..=31.0 * 86400.0).contains(interval)) {
            self.expect_interval(interval);
            if hints.interval.is_some() {
                self.weights = Weights::default();
                self.weights.trust_declared_period();
            }
        }
    }

    /// Moves stamps by the learned lag to where they became visible, and into the interval that showed them. A lag
    /// that varies only tells between which moments the newest change became visible.
    fn make_visible(&mut self, mut stamps: Vec<f64>, before: f64, at: f64) -> Evidence {
        let Some(&newest) = stamps.last() else { return Evidence::Between(before, at) };
        self.lag.learn(self.changes, newest, before, at);
        let (least, most) = self.lag.range();
        if most > least {
            self.level = 0;
            let (from, to) = ((newest + least).max(before), (newest + most).min(at));
            return if to - from > 1.0 { Evidence::Between(from, to) } else { Evidence::Between(before, at) };
        }
        for stamp in &mut stamps {
            *stamp = (*stamp + least).max(before + (at - before).min(1.0)).min(at);
        }
        // Records of one publication carry one stamp, or nearly.
        stamps.dedup_by(|later, earlier| *later - *earlier < 1.0);
        Evidence::At(stamps)
    }
}

/// The next poll: when the file says, else when it costs least. A function of the state alone; `now` only keeps it from
/// lying in the past.
pub fn next(state: &State, spec: &CadenceSpec, now: Timestamp) -> Due {
    next_at_price(state, spec, now, 0.0)
}

/// The next poll of a stream that shares a budget: no poll is made that saves less than `price` seconds of delay.
pub fn next_at_price(state: &State, spec: &CadenceSpec, now: Timestamp, price: f64) -> Due {
    let state = &*state.as_of(now);
    let attempted = state.floors.attempted.and_then(|at| Timestamp::from_millisecond(at).ok());
    let choice = match schedule::next(spec, attempted, now) {
        Some(given) => decide::Choice::given(seconds(given.as_millisecond())),
        None => choose(state, spec, seconds(now.as_millisecond()), price),
    };
    let now = seconds(now.as_millisecond());
    let (at, floor, stale) = floors::apply(state, spec, choice.at);
    let at = at.max(now);
    Due {
        at: Timestamp::from_millisecond(millis_up(at)).unwrap_or(Timestamp::MAX),
        floor,
        stale,
        price: choice.price,
        probability: choice.probability,
        delay: choice.delay,
        look: choice.look && floor == Floor::None,
    }
}

fn choose(state: &State, spec: &CadenceSpec, now: f64, price: f64) -> decide::Choice {
    let bounds = Bounds {
        min: spec.min_seconds(),
        max: spec.max_seconds(),
        polls_per_change: spec.worth(),
        dearer: floors::dearer(state, spec),
        least: price,
    };
    let choice = decide::choose(state, &bounds, decide::origin(state, now));
    // What was never seen is new for certain.
    let Some(seen) = state.seen.map(seconds) else {
        return decide::Choice { at: now, probability: 1.0, ..choice };
    };
    let at = (choice.at + decide::jitter(state, choice.at - seen)).min(seen + bounds.max).max(choice.at);
    decide::Choice { at, ..choice }
}

/// Rounds up, so that no floor is undercut by a fraction of a millisecond.
fn millis_up(seconds: f64) -> i64 {
    (seconds * 1000.0).ceil().min(253_402_207_200_000.0) as i64
}

#[cfg(test)]
mod tests;
