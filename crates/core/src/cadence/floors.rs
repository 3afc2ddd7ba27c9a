//! The rules that stand above the estimate, in their order: what a server or the user forbids is not outweighed by any
//! expected gain. Each rule names itself in the decision.
//!
//! 1. `Retry-After`; after a failure without one, exponential back-off with full jitter (never before the other rules).
//! 2. RateLimit: spread what is left of the window over the time until its reset.
//! 3. `X-Poll-Interval`; a shared cache's freshness.
//! 4. The user's `min`.
//! 5. The user's `calls_per_day`.
//! 6. `max_staleness`: the only rule that may advance a poll. It never breaks 1 to 5; where it cannot be kept, the
//!    decision says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rng::Rng;
use super::spec::CadenceSpec;
use super::state::{State, millis, seconds};
use super::visit::{Outcome, Visit};

/// The rule that moved a poll away from the best moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// The estimate stands.
    #[default]
    None,
    /// `Retry-After` of the server.
    RetryAfter,
    /// Back-off after failures.
    Backoff,
    /// Spacing under a rate limit.
    RateLimit,
    /// `X-Poll-Interval` of the server.
    PollInterval,
    /// A shared cache holds the copy until then.
    Freshness,
    /// The user's `min`.
    Min,
    /// The user's `calls_per_day`.
    Budget,
    /// The user's `max_staleness` brought the poll forward.
    MaxStaleness,
}

/// What is forbidden at present. Times in milliseconds since 1970, spans in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Floors {
    /// Last visit, failed ones included.
    pub attempted: Option<i64>,
    /// Failures in a row.
    pub failures: u32,
    /// End of the server's `Retry-After`.
    pub retry_after: Option<i64>,
    /// Spacing under the rate limit, and until when it holds.
    pub spacing: f32,
    /// End of the rate limit's window.
    pub spacing_until: Option<i64>,
    /// The server's `X-Poll-Interval`.
    pub poll_interval: f32,
    /// End of the cached copy's freshness.
    pub fresh_until: Option<i64>,
    /// Requests in each of the last 25 hours, newest first.
    pub calls: Vec<u32>,
    /// The hour (since 1970) of the first of them.
    pub calls_hour: i64,
    /// How many times dearer a poll is since the server sent some away; below 1 nothing was learned yet.
    pub tight: f32,
}

const HOUR: f64 = 3600.0;
/// Without a refusal, what they made polls dearer fades within about this time, seconds.
const EASING: f64 = 48.0 * HOUR;
/// Times that refusals make a poll dearer at most: at level 0 a poller that waits much longer comes late every time.
const DEAREST: f64 = 4.0;
/// Hours whose calls may lie within the last 24 hours.
const KEPT_HOURS: usize = 25;

impl Floors {
    /// Takes in a visit: its calls, its failure, and the limits it was told.
    pub(crate) fn record(&mut self, visit: &Visit) {
        let at = visit.at.as_millisecond();
        self.learn_limit(visit, self.attempted.map_or(0.0, |last| seconds(at - last)));
        self.attempted = Some(self.attempted.map_or(at, |last| last.max(at)));
        self.count_calls(at, visit.calls);
        let hints = &visit.hints;
        let ends = |wait: f64| at.saturating_add(millis(wait));
        let failed = visit.outcome == Outcome::Failed;
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
        self.retry_after = hints.retry_after.map(ends);
        if let Some(spacing) = hints.spacing() {
            self.spacing = spacing as f32;
            self.spacing_until = hints.reset.map(ends);
        }
        if let Some(interval) = hints.poll_interval {
            self.poll_interval = interval as f32;
        }
        if !failed {
            let held = hints.max_age.zip(hints.age).map(|(lifetime, age)| (lifetime - age).max(0.0));
            self.fresh_until = held.map(ends);
        }
    }

    /// A limit that tells itself only by refusing is one that misses run into: each refusal costs all that changes until
    /// it ends, so it makes polls dearer, and time without one cheaper. A server that is down refuses once.
    fn learn_limit(&mut self, visit: &Visit, passed: f64) {
        let above = f64::from(self.tight.max(1.0)) - 1.0;
        let tight = 1.0 + above * (-passed.max(0.0) / EASING).exp();
        let told = visit.outcome == Outcome::Failed && visit.hints.retry_after.is_some_and(|wait| wait > 0.0);
        let refused = told && self.failures == 0;
        self.tight = (tight * if refused { 2.0 } else { 1.0 }).min(DEAREST) as f32;
    }

    fn count_calls(&mut self, at: i64, calls: u32) {
        let hour = at.div_euclid(3_600_000);
        let passed = if self.calls.is_empty() { 0 } else { hour - self.calls_hour };
        if passed >= KEPT_HOURS as i64 {
            self.calls.clear();
        }
        for _ in 0..passed.clamp(0, KEPT_HOURS as i64) {
            self.calls.insert(0, 0);
        }
        self.calls.truncate(KEPT_HOURS);
        self.calls_hour = if self.calls.is_empty() { hour } else { self.calls_hour.max(hour) };
        match self.calls.first_mut() {
            Some(count) => *count = count.saturating_add(calls),
            None => self.calls.push(calls),
        }
    }

    /// The first moment from `at` on when one more call keeps any 24 hours within `budget`. Hours are counted whole
    /// until they have passed wholly, so the budget is never exceeded.
    fn within_budget(&self, at: f64, budget: u32) -> f64 {
        if budget == 0 {
            return f64::INFINITY;
        }
        let ends = |index: usize| (self.calls_hour - index as i64 + 25) as f64 * HOUR;
        let mut used: u64 = 0;
        for (index, &count) in self.calls.iter().enumerate() {
            used += u64::from(count);
            if used >= u64::from(budget) {
                return at.max(ends(index));
            }
        }
        at
    }
}

/// Moves the best moment `at` (seconds since 1970) to where the rules allow it. Returns the moment, the rule that bound
/// it, and whether `max_staleness` cannot be kept.
pub(crate) fn apply(state: &State, spec: &CadenceSpec, best: f64) -> (f64, Floor, bool) {
    let floors = &state.floors;
    let (mut at, mut bound) = (best, Floor::None);
    let known = state.seen.map(seconds);
    let ceiling = spec.stale_seconds().zip(known).map(|(span, seen)| seen + span);
    if let Some(ceiling) = ceiling.filter(|&ceiling| ceiling < at) {
        (at, bound) = (ceiling, Floor::MaxStaleness);
    }
    for (rule, earliest) in earliest(state, spec) {
        if earliest > at {
            (at, bound) = (earliest, rule);
        }
    }
    if let Some(budget) = spec.calls_per_day {
        let allowed = floors.within_budget(at, budget);
        if allowed > at {
            (at, bound) = (allowed, Floor::Budget);
        }
    }
    (at, bound, ceiling.is_some_and(|ceiling| at > ceiling))
}

fn earliest(state: &State, spec: &CadenceSpec) -> Vec<(Floor, f64)> {
    let floors = &state.floors;
    let Some(last) = floors.attempted.map(seconds) else { return Vec::new() };
    let spaced = floors.spacing_until.map(seconds).map(|end| end.min(last + f64::from(floors.spacing)));
    let refused = match floors.retry_after.map(seconds) {
        Some(end) => Some((Floor::RetryAfter, end)),
        None => (floors.failures > 0 && spec.learns()).then(|| (Floor::Backoff, last + backoff(state, spec))),
    };
    let interval = f64::from(floors.poll_interval);
    // In the order of the rules: of two that end together the first is named.
    let mut rules = Vec::from_iter(refused);
    rules.extend(spaced.map(|end| (Floor::RateLimit, end)));
    rules.extend((interval > 0.0).then_some((Floor::PollInterval, last + interval)));
    // Who gives a fixed time wants it, be it for the same copy.
    let fresh = floors.fresh_until.filter(|_| spec.learns());
    rules.extend(fresh.map(|end| (Floor::Freshness, seconds(end))));
    rules.push((Floor::Min, last + spec.min_seconds()));
    rules
}

/// A source that fails is looked at again within a gap between changes, this at the least and at the most: seconds. A
/// failure says nothing about the data.
const RETRY_WITHIN: (f64, f64) = (900.0, HOUR);

/// Full jitter: uniform up to `min * 2^failures`, at least `min`, at most `max`.
fn backoff(state: &State, spec: &CadenceSpec) -> f64 {
    let widest = spec.min_seconds() * f64::from(state.floors.failures.min(30)).exp2();
    let widest = widest.min(state.mean_gap().clamp(RETRY_WITHIN.0, RETRY_WITHIN.1));
    let jitter = Rng::at(state.seed, state.visits, 4).uniform();
    (jitter * widest).max(spec.min_seconds()).min(spec.max_seconds())
}

/// How much dearer a poll must be so that the budget lasts, and the server's limits: the interval of a source without
/// rhythm grows with the root of the price, so the square of the excess.
pub(crate) fn dearer(state: &State, spec: &CadenceSpec) -> f64 {
    let wanted = 86_400.0 / state.mean_gap() * spec.worth();
    let excess = spec.calls_per_day.map_or(1.0, |budget| (wanted / f64::from(budget.max(1))).max(1.0));
    excess.powi(2) * f64::from(state.floors.tight.max(1.0))
}
