//! One turn of a stream: poll it, keep the advice, load what was staged.

use std::sync::{Mutex, PoisonError};

use tidegate_core::cadence::{Due, explain, next_at_price};
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Pipeline, Stream};

use crate::event::Event;
use crate::fetch::{Fetch, Tally};
use crate::learn::learn;
use crate::load::{LoadReport, load_batch};
use crate::poll::ask;
use crate::state::{Failure, StreamState};
use crate::{Env, Error, Gate, Head, Outcome, Visit, head};

/// What a process remembers of a stream between its turns.
#[derive(Debug, Default)]
pub struct Turn {
    /// The advice, as last written.
    pub state: StreamState,
    head: Option<Head>,
    /// Requests of the last poll.
    pub calls: u32,
    /// Whether a load of this stream has failed, so that staged batches wait for recovery.
    pub behind: bool,
}

impl Turn {
    /// Begins without advice.
    pub fn new(stream: &Stream) -> Turn {
        Turn { state: StreamState::new(&stream.name), ..Turn::default() }
    }

    /// Picks up where the last process left off.
    pub async fn resume(env: &Env, stream: &Stream) -> Result<Turn, Error> {
        Ok(Turn { state: StreamState::read(env, &stream.name).await?, ..Turn::default() })
    }

    /// When the stream is due, and why then; no poll is made that saves less than `price` seconds of delay.
    pub fn due(&self, stream: &Stream, now: Timestamp, price: f64) -> Due {
        next_at_price(&self.state.learned, &stream.cadence, now, price)
    }
}

/// Polls a stream once and, if `load`, loads what was staged. Errors are reported to `observer` and kept in the turn;
/// what is returned is the load, if there was one.
pub async fn tick(
    env: &Env,
    pipeline: &Pipeline,
    stream: &Stream,
    gate: &Gate,
    turn: &mut Turn,
    load: bool,
    observer: &(dyn Fn(Event<'_>) + Sync),
) -> Option<LoadReport> {
    let tally = Mutex::new(Tally::default());
    let visit = visit(Fetch { env, pipeline, stream, gate, tally: &tally }, turn).await;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let now = env.clock.now();
    note(&mut turn.state, &visit, now);
    learn(&mut turn.state, &visit, &tally, now);
    turn.calls = u32::try_from(tally.requests).unwrap_or(u32::MAX);
    let due = turn.due(stream, now, 0.0);
    let next = due.at;
    turn.state.next_due = Some(next);
    let learned = explain(&turn.state.learned, &stream.cadence, &due, now);
    match &visit {
        Ok(visit) => observer(Event::Polled { visit, next, learned: &learned }),
        Err(error) => observer(Event::Failed { subject: &stream.name, error, next: Some(next) }),
    }
    let advise = async {
        if let Err(error) = turn.state.write(env, &stream.name).await {
            observer(Event::Failed { subject: &stream.name, error: &error, next: Some(next) });
        }
    };
    let staged = visit.as_ref().ok().and_then(Visit::staged).filter(|_| load);
    // The load does not rest on the advice, nor the advice on the load.
    let ((), landed) = futures::join!(advise, landed(env, staged, next, observer));
    turn.head = visit.ok().map(|visit| visit.head);
    match landed? {
        Ok(report) => Some(report),
        Err(kind) => {
            turn.behind |= kind == Kind::Transient;
            None
        }
    }
}

/// Loads the batch of that key, if there is one; of an error its kind.
async fn landed(
    env: &Env,
    key: Option<&str>,
    next: Timestamp,
    observer: &(dyn Fn(Event<'_>) + Sync),
) -> Option<Result<LoadReport, Kind>> {
    let subject = key?;
    let loaded = load_batch(env, subject).await;
    match &loaded {
        Ok(report) => observer(Event::Loaded(report)),
        Err(error) => observer(Event::Failed { subject, error, next: Some(next) }),
    }
    Some(loaded.map_err(|error| error.kind()))
}

async fn visit(fetch: Fetch<'_>, turn: &mut Turn) -> Result<Visit, Error> {
    let last = match turn.head.take() {
        Some(head) => head,
        None => head(fetch.env, &fetch.stream.name, Some(turn.state.head).filter(|seq| *seq > 0)).await?,
    };
    ask(fetch, Some(last)).await
}

/// Takes a poll that ended at `now` into the advice.
fn note(state: &mut StreamState, visit: &Result<Visit, Error>, now: Timestamp) {
    match visit {
        Ok(visit) => {
            state.last_poll = Some(visit.at);
            state.failures_in_a_row = 0;
            state.failure = visit.failures.first().map(|(_, error)| failure(now, error));
            state.head = visit.head.seq;
            state.usual.note(visit);
            match visit.outcome {
                Outcome::Unchanged => state.unchanged += 1,
                Outcome::Staged { .. } => {
                    state.changed += 1;
                    state.last_change = Some(visit.at);
                }
            }
        }
        Err(error) => {
            state.last_poll = Some(now);
            state.failed += 1;
            state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
            state.failure = Some(failure(now, error));
        }
    }
}

fn failure(at: Timestamp, error: &Error) -> Failure {
    Failure { at, kind: error.kind(), message: error.to_string() }
}

/// The worse of two kinds: what a reader should hear of first.
pub(crate) fn worse(a: Kind, b: Kind) -> Kind {
    const RANK: [Kind; 5] = [Kind::Transient, Kind::Source, Kind::Data, Kind::Config, Kind::Internal];
    let rank = |kind| RANK.iter().position(|ranked| *ranked == kind);
    if rank(b) > rank(a) { b } else { a }
}
