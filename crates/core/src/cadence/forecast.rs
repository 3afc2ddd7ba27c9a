//! What a stream will cost and bring: calls a day against the quota, and the delay to expect.

use serde::Serialize;

use super::decide::lock_of;
use super::state::State;
use super::{CadenceSpec, Hints};

/// Expectation for a day. Spans in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Changes of the source.
    pub changes_per_day: f64,
    /// Requests, within the quota if there is one.
    pub calls_per_day: f64,
    /// The quota.
    pub quota: Option<u32>,
    /// Requests wanted over the quota; above 1 the quota costs delay.
    pub quota_share: Option<f64>,
    /// Mean delay from a change to the poll that finds it.
    pub delay: f64,
    /// What the forecast rests on.
    pub basis: Basis,
}

/// What a forecast rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Changes seen.
    Learned,
    /// A declared interval.
    Declared,
    /// The first guess: a change each quarter of an hour.
    Guess,
}

/// Forecast from what was learned so far.
pub fn forecast(state: &State, spec: &CadenceSpec) -> Forecast {
    let gap = state.mean_gap();
    let learned = state.effort_known();
    let basis = match (learned, state.cron.period) {
        (true, _) => Basis::Learned,
        (false, Some(_)) => Basis::Declared,
        (false, None) => Basis::Guess,
    };
    let lock = if basis == Basis::Declared { 1.0 } else { lock_of(state) };
    let polls = if learned { state.effort.value() } else { 1.2 * lock + spec.worth() * (1.0 - lock) };
    let delay = if learned { f64::from(state.delay) } else { gap / (2.0 * polls) * (1.0 - 0.9 * lock) };
    within_quota(86400.0 / gap, polls, delay, basis, spec)
}

/// Forecast before the first poll, from a declared interval or freshness.
pub fn forecast_from_hints(hints: &Hints, spec: &CadenceSpec) -> Forecast {
    let mut state = State::new(0);
    state.take_hints(hints);
    forecast(&state, spec)
}

fn within_quota(changes: f64, polls: f64, delay: f64, basis: Basis, spec: &CadenceSpec) -> Forecast {
    let fastest = 86400.0 / spec.min_seconds();
    let slowest = 86400.0 / spec.max_staleness.map_or(spec.max_seconds(), |span| span.as_secs_f64().max(1.0));
    let wanted = (changes * polls).max(slowest).min(fastest);
    let share = spec.calls_per_day.map(|quota| wanted / f64::from(quota.max(1)));
    let short = share.unwrap_or(0.0).max(1.0);
    Forecast {
        changes_per_day: changes,
        calls_per_day: wanted / short,
        quota: spec.calls_per_day,
        quota_share: share,
        // With fewer calls than wanted the source is polled as if it had no rhythm: half an interval late.
        delay: if short > 1.0 { delay.max(43_200.0 * short / wanted) } else { delay },
        basis,
    }
}
