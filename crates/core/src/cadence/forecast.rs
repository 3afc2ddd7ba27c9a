//! What a stream will cost and bring: calls a day against the quota, and the delay to expect.

use serde::Serialize;

use super::decide::lock_of;
use super::state::State;
use super::{CadenceSpec, Hints};
use crate::schedule;

/// Expectation for a day. Spans in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Changes of the source.
    pub changes_per_day: f64,
    /// Polls, within the quota if there is one.
    pub polls_per_day: f64,
    /// The requests of these polls.
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
    /// A cadence that the file gives.
    Given,
    /// The first guess: a change each quarter of an hour.
    Guess,
}

/// Forecast from what was learned so far, for polls of `requests` requests each.
pub fn forecast(state: &State, spec: &CadenceSpec, requests: f64) -> Forecast {
    if let Some(polls) = schedule::per_day(spec) {
        return within_quota(
            86400.0 / state.mean_gap(),
            polls,
            43_200.0 / polls,
            Basis::Given,
            spec,
            requests,
        );
    }
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
    let slowest = 86400.0 / spec.stale_seconds().map_or(spec.max_seconds(), |span| span.max(1.0));
    let wanted = (86400.0 / gap * polls).max(slowest).min(86400.0 / spec.min_seconds());
    within_quota(86400.0 / gap, wanted, delay, basis, spec, requests)
}

/// Forecast before the first poll, from a declared interval or freshness.
pub fn forecast_from_hints(hints: &Hints, spec: &CadenceSpec, requests: f64) -> Forecast {
    let mut state = State::new(0);
    state.take_hints(hints);
    forecast(&state, spec, requests)
}

fn within_quota(
    changes: f64,
    wanted: f64,
    delay: f64,
    basis: Basis,
    spec: &CadenceSpec,
    requests: f64,
) -> Forecast {
    let share = spec.calls_per_day.map(|quota| wanted * requests / f64::from(quota.max(1)));
    let day = Forecast {
        changes_per_day: changes,
        polls_per_day: wanted,
        calls_per_day: wanted * requests,
        quota: spec.calls_per_day,
        quota_share: share,
        delay,
        basis,
    };
    day.short_of_calls(share.unwrap_or(0.0))
}

impl Forecast {
    /// The same day where `share` times as many calls are wanted as there are; up to 1 nothing is short.
    pub fn short_of_calls(self, share: f64) -> Self {
        if share <= 1.0 {
            return self;
        }
        let polls = self.polls_per_day / share;
        Self {
            polls_per_day: polls,
            calls_per_day: self.calls_per_day / share,
            // With fewer calls than wanted the source is polled as if it had no rhythm: half an interval late.
            delay: self.delay.max(43_200.0 / polls),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Span;

    #[test]
    fn a_declared_interval_is_forecast_before_anything_is_learned() {
        let hints = Hints { interval: Some(900.0), ..Hints::default() };
        let day = forecast_from_hints(&hints, &CadenceSpec::default(), 1.0);
        assert_eq!((day.basis, day.changes_per_day.round()), (Basis::Declared, 96.0));
        assert!((96.0..150.0).contains(&day.calls_per_day), "{day:?}");
    }

    #[test]
    fn a_given_cadence_is_counted_and_a_quota_divides_the_requests() {
        let every = CadenceSpec { every: Some(Span::from_secs(600)), ..CadenceSpec::default() };
        let day = forecast(&State::new(0), &every, 3.0);
        assert_eq!((day.polls_per_day, day.calls_per_day, day.delay), (144.0, 432.0, 300.0));
        let cron = CadenceSpec { cron: Some("0 6 * * MON".to_owned()), ..CadenceSpec::default() };
        assert_eq!((forecast(&State::new(0), &cron, 1.0).polls_per_day * 7.0).round(), 1.0);
        let short = forecast(&State::new(0), &CadenceSpec { calls_per_day: Some(48), ..every }, 3.0);
        assert_eq!((short.polls_per_day, short.calls_per_day, short.delay), (16.0, 48.0, 2700.0));
        assert_eq!(short.quota_share, Some(9.0));
    }
}
