//! Whose turn it is: the streams of a source, each at its time, all within what the source allows together.

use tidegate_core::cadence::{Budget, Due, Planner, Purse};
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::keys;
use tidegate_core::pipeline::{Pipeline, Stream};

use crate::tick::Turn;
use crate::{Env, Error, documents};

/// The streams of a run that wait for their turn.
pub(crate) struct Rota<'a> {
    pipeline: &'a Pipeline,
    budget: Option<Budget>,
    planner: Planner,
    /// The turns of the streams that are not being polled, in the order of the file.
    turns: Vec<Option<Turn>>,
    /// When the rota was looked at last.
    latest: Timestamp,
}

impl<'a> Rota<'a> {
    /// Begins with what is left of the source's budget. Streams are handed in by [`Rota::offer`].
    pub(crate) async fn resume(env: &Env, pipeline: &'a Pipeline) -> Rota<'a> {
        let budget = Budget::of(&pipeline.source.limits);
        let purse: Option<Purse> = match budget {
            // Advice: what cannot be read is as good as lost.
            Some(_) => documents::read(env, env.staging.as_ref(), keys::BUDGET).await.ok().flatten(),
            None => None,
        };
        Rota {
            pipeline,
            budget,
            planner: Planner::resume(budget, purse),
            turns: pipeline.streams.iter().map(|_| None).collect(),
            latest: env.clock.now(),
        }
    }

    /// Hands in a stream after its turn, or at the start; returns when it is due.
    pub(crate) fn offer(&mut self, index: usize, turn: Turn, now: Timestamp) -> Due {
        let stream = &self.pipeline.streams[index];
        let due = turn.due(stream, now, self.planner.price());
        let number = number(index);
        self.planner.offer(number, &due, deadline(stream, &turn, now), now);
        if turn.state.usual.requests > 0.0 {
            self.planner.expect(number, turn.state.usual.requests.ceil() as u32);
        }
        self.turns[index] = Some(turn);
        due
    }

    /// The next stream to poll at `now`, if one is due and the budget allows it.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<(usize, Turn)> {
        if now < self.latest {
            self.begin_anew(now);
        }
        self.latest = now;
        let index = self.planner.take(now)? as usize;
        Some((index, self.turns[index].take()?))
    }

    /// When there may be something to take; none where no stream waits.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.planner.next_wake(now)
    }

    /// Takes in the calls of a turn, and keeps what is left of the budget.
    pub(crate) async fn settle(&mut self, env: &Env, index: usize, calls: u32) -> Result<(), Error> {
        self.planner.settle(number(index), calls);
        match self.planner.purse() {
            Some(purse) => documents::overwrite(env, env.staging.as_ref(), keys::BUDGET, &purse).await,
            None => Ok(()),
        }
    }

    /// A clock that was set back: what waits for the old time would wait too long.
    fn begin_anew(&mut self, now: Timestamp) {
        self.planner = Planner::resume(self.budget, self.planner.purse());
        for index in 0..self.turns.len() {
            if let Some(turn) = self.turns[index].take() {
                self.offer(index, turn, now);
            }
        }
    }
}

/// By when a stream must have been polled.
fn deadline(stream: &Stream, turn: &Turn, now: Timestamp) -> Option<Timestamp> {
    let span = SignedDuration::try_from(stream.cadence.max_staleness?.0).ok()?;
    let seen = turn.state.learned.seen.and_then(|seen| Timestamp::from_millisecond(seen).ok());
    seen.unwrap_or(now).min(now).checked_add(span).ok()
}

/// A stream as the planner calls it.
fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a file of four thousand million streams cannot be read")
}
