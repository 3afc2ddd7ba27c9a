//! What a poll teaches: its outcome in the learner's words, taken into the advice.

use tidegate_core::cadence::{self, Stamps, observe};
use tidegate_core::jiff::{SignedDuration, Timestamp};

use crate::fetch::Tally;
use crate::state::StreamState;
use crate::{Error, Outcome, Visit};

/// Takes a poll that ended at `now` into what is learned of its stream.
pub(crate) fn learn(state: &mut StreamState, polled: &Result<Visit, Error>, tally: &Tally, now: Timestamp) {
    let visit = seen(state, polled, tally, now);
    state.remember(&visit);
    state.learned = observe(std::mem::take(&mut state.learned), &visit);
}

fn seen(
    state: &mut StreamState,
    polled: &Result<Visit, Error>,
    tally: &Tally,
    now: Timestamp,
) -> cadence::Visit {
    let at = tally.answered.unwrap_or(now).min(now);
    let (outcome, hold) = match polled {
        Ok(visit) => (outcome(state, visit, tally, at), visit.retry_at()),
        Err(error) => (cadence::Outcome::Failed, error.retry_at()),
    };
    let mut hints = tally.hints.clone();
    // What was waited for within the poll is over; what the source is left alone for is told by the hold.
    hints.retry_after = hold.map(|until| until.duration_since(at).as_secs_f64().max(0.0));
    cadence::Visit { at, outcome, hints, calls: u32::try_from(tally.requests).unwrap_or(u32::MAX) }
}

fn outcome(state: &mut StreamState, visit: &Visit, tally: &Tally, at: Timestamp) -> cadence::Outcome {
    // Times that the server tells are on its clock.
    let ahead = SignedDuration::try_from_secs_f64(tally.hints.skew(at)).unwrap_or_default();
    let seen = state.learned.seen.and_then(|seen| Timestamp::from_millisecond(seen).ok());
    let before = seen.map(|seen| seen.saturating_add(ahead).unwrap_or(seen));
    let at = at.saturating_add(ahead).unwrap_or(at);
    match visit.outcome {
        Outcome::Unchanged => {
            state.trust.unchanged(tally.modified);
            cadence::Outcome::Unchanged
        }
        Outcome::Staged { .. } => {
            let stamps: Stamps = state.trust.stamps(&visit.shown, before, at);
            cadence::Outcome::Changed(stamps)
        }
    }
}
