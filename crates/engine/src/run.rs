//! Polling and loading in one process, until told to stop.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, FutureExt, Shared, select};
use futures::stream::{self, FuturesUnordered, StreamExt};
use tidegate_core::error::Kind;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Pipeline, Stream};

use crate::event::Event;
use crate::load::{End, LoadReport};
use crate::recover::{Missing, Recovery, recover};
use crate::rota::Rota;
use crate::tick::{Turn, tick, worse};
use crate::{Env, Error, Gate, Outcome, retype, window};

/// Streams polled at the same time.
const STREAMS_AT_ONCE: usize = 8;
/// How long the steps under way may go on once the run is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Each stream once, whether or not it is due, and then the end.
    pub once: bool,
    /// No poll after this time; the run ends once none is due before it.
    pub until: Option<Timestamp>,
    /// How staged batches are loaded.
    pub load: LoadMode,
}

/// How staged batches are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Each at once.
    Event,
    /// All of a closed window together.
    Window(Duration),
    /// Not by this process.
    Off,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Polls that came through.
    pub polls: u64,
    /// Of them, those that found something new.
    pub changed: u64,
    /// Requests that these polls sent.
    pub requests: u64,
    /// Elements that answered 304.
    pub not_modified: u64,
    /// Loads that this run ended.
    pub loads: u64,
    /// Loads that were made anew.
    pub rewritten: u64,
    /// Rows landed.
    pub rows: u64,
    /// Data files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows and values that went to quarantine.
    pub quarantined: u64,
    /// Polls, loads and recoveries that failed.
    pub failures: u64,
    /// The worst kind of failure.
    pub worst: Option<Kind>,
}

impl Summary {
    /// Takes an event in.
    pub fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Polled { visit, .. } => {
                self.polls += 1;
                self.requests += visit.requests;
                self.not_modified += visit.not_modified;
                self.changed += u64::from(visit.outcome != Outcome::Unchanged);
                visit.failures.iter().for_each(|(_, error)| self.fail(error));
            }
            Event::Loaded(report) if report.end == End::Loaded => {
                self.loads += 1;
                self.rows += report.rows;
                self.files += report.files;
                self.bytes += report.bytes;
                self.quarantined += report.quarantined;
            }
            Event::Loaded(report) => self.rewritten += u64::from(report.end == End::Rewritten),
            Event::Failed { error, .. } => self.fail(error),
            Event::Sleeping { .. } => {}
        }
    }

    fn fail(&mut self, error: &Error) {
        self.failures += 1;
        self.worst = Some(self.worst.map_or(error.kind(), |worst| worse(worst, error.kind())));
    }
}

/// What the streams of a run share.
struct Run<'a, S: Future<Output = ()>> {
    env: &'a Env,
    pipeline: &'a Pipeline,
    options: RunOptions,
    gate: Gate,
    /// Held by each stream during its turn: its children wait for it, and take what it has staged.
    turns: Vec<tokio::sync::Mutex<()>>,
    /// One re-typing at a time: two of one table would do the same work twice.
    retyping: tokio::sync::Mutex<()>,
    stop: Shared<S>,
    observer: &'a (dyn Fn(Event<'_>) + Sync),
}

/// Finishes what the last run left, then polls each stream when it is due and loads what was staged. Ends when `stop`
/// resolves, at `options.until`, or after one round; the steps under way get ten seconds to finish. Errors are events: none of
/// one stream stops another.
pub async fn run(
    env: &Env,
    pipeline: &Pipeline,
    options: RunOptions,
    stop: impl Future<Output = ()>,
    observer: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Summary, Error> {
    let summary = Mutex::new(Summary::default());
    let noting = |event: Event<'_>| {
        summary.lock().unwrap_or_else(PoisonError::into_inner).note(&event);
        observer(event);
    };
    let run = Run {
        env,
        pipeline,
        options,
        gate: Gate::new(&pipeline.source.limits),
        turns: pipeline.streams.iter().map(|_| tokio::sync::Mutex::default()).collect(),
        retyping: tokio::sync::Mutex::new(()),
        stop: stop.shared(),
        observer: &noting,
    };
    let all: Vec<String> = pipeline.streams.iter().map(|stream| stream.name.clone()).collect();
    if options.load != LoadMode::Off {
        run.recover(&all).await;
    }
    let streams = run.follow();
    match options.load {
        LoadMode::Window(window) if options.once => {
            streams.await;
            run.load_windows(&all, window).await;
        }
        LoadMode::Window(window) => {
            futures::join!(streams, run.follow_windows(&all, window));
        }
        LoadMode::Event | LoadMode::Off => {
            streams.await;
        }
    }
    run.gate.settled().await;
    drop(run);
    Ok(summary.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl<S: Future<Output = ()>> Run<'_, S> {
    /// The life of all streams.
    async fn follow(&self) {
        let resumed: Vec<_> = self.pipeline.streams.iter().map(|stream| self.resume(stream)).collect();
        let turns: Vec<Turn> = stream::iter(resumed).buffered(STREAMS_AT_ONCE).collect().await;
        if self.options.once {
            let mut turns: Vec<(usize, Turn)> = turns.into_iter().enumerate().collect();
            turns.sort_by_key(|(index, _)| self.pipeline.ancestors(&self.pipeline.streams[*index]).len());
            let turns = turns.into_iter().map(|(index, turn)| self.turn(index, turn));
            return stream::iter(turns).buffer_unordered(STREAMS_AT_ONCE).for_each(async |_| ()).await;
        }
        let mut rota = Rota::resume(self.env, self.pipeline).await;
        for (index, turn) in turns.into_iter().enumerate() {
            self.offer(&mut rota, index, turn);
        }
        let mut going = FuturesUnordered::new();
        while !self.stopped() {
            let now = self.env.clock.now();
            let open = self.options.until.is_none_or(|until| now <= until);
            if going.len() < STREAMS_AT_ONCE
                && open
                && let Some((index, turn)) = rota.take(now)
            {
                going.push(self.turn(index, turn));
                continue;
            }
            let wake = rota.next_wake(now).filter(|_| open && going.len() < STREAMS_AT_ONCE);
            let wake = wake.filter(|wake| self.options.until.is_none_or(|until| *wake <= until));
            let ended = match wake {
                None if going.is_empty() => return,
                None => going.next().await,
                Some(wake) => self.next_within(&mut going, wake).await,
            };
            if let Some((index, turn)) = ended {
                self.settle(&mut rota, index, turn).await;
            }
        }
        going.for_each(async |_| ()).await;
    }

    /// The next turn that ends, if one does before `wake` and before the run is told to stop.
    async fn next_within<F: Future<Output = (usize, Turn)>>(
        &self,
        going: &mut FuturesUnordered<F>,
        wake: Timestamp,
    ) -> Option<(usize, Turn)> {
        let pause = pin!(self.pause(wake));
        if going.is_empty() {
            pause.await;
            return None;
        }
        match select(going.next(), pause).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => None,
        }
    }

    async fn resume(&self, stream: &Stream) -> Turn {
        match Turn::resume(self.env, stream).await {
            Ok(turn) => turn,
            Err(error) => {
                (self.observer)(Event::Failed { subject: &stream.name, error: &error, next: None });
                Turn::new(stream)
            }
        }
    }

    fn offer(&self, rota: &mut Rota<'_>, index: usize, turn: Turn) {
        let (now, stream) = (self.env.clock.now(), &self.pipeline.streams[index]);
        let state = turn.state.clone();
        let due = rota.offer(index, turn, now).at;
        if due > now {
            (self.observer)(Event::Sleeping { stream: &stream.name, until: due, state: &state });
        }
    }

    async fn settle(&self, rota: &mut Rota<'_>, index: usize, turn: Turn) {
        if let Err(error) = rota.settle(self.env, index, turn.calls).await {
            (self.observer)(Event::Failed { subject: "budget", error: &error, next: None });
        }
        self.offer(rota, index, turn);
    }

    fn stopped(&self) -> bool {
        self.stop.clone().now_or_never().is_some()
    }

    /// One turn of a stream. Where it outlasts our patience after a stop it is dropped: what it leaves is what a crash
    /// would, and recovery finishes it.
    async fn turn(&self, index: usize, mut turn: Turn) -> (usize, Turn) {
        if !self.stopped() {
            let patience = async {
                self.stop.clone().await;
                self.env.clock.sleep(PATIENCE).await;
            };
            select(pin!(self.poll_and_load(index, &mut turn)), pin!(patience)).await;
        }
        (index, turn)
    }

    async fn poll_and_load(&self, index: usize, turn: &mut Turn) {
        let stream = &self.pipeline.streams[index];
        let _turn = self.turns[index].lock().await;
        for parent in stream.parents() {
            if let Some(at) = self.pipeline.streams.iter().position(|one| one.name == parent.stream) {
                drop(self.turns[at].lock().await);
            }
        }
        let load = self.options.load == LoadMode::Event;
        let report =
            tick(self.env, self.pipeline, stream, &self.gate, turn, load, self.observer).boxed().await;
        if turn.behind {
            turn.behind = !self.recover(std::slice::from_ref(&stream.name)).await;
        } else if report.is_some_and(|report| report.widened) {
            self.retype(stream.table()).await;
        }
    }

    /// Waits on the clock, in steps, so that a clock that was set back does not make it wait for ever. False if the run is
    /// told to stop.
    async fn pause(&self, until: Timestamp) -> bool {
        const STEP: Duration = Duration::from_secs(60);
        loop {
            let left = Duration::try_from(until.duration_since(self.env.clock.now())).unwrap_or_default();
            if left.is_zero() {
                return self.stop.clone().now_or_never().is_none();
            }
            let sleep = self.env.clock.sleep(left.min(STEP));
            if let Either::Left(_) = select(self.stop.clone(), sleep).await {
                return false;
            }
        }
    }

    /// Finishes what was left; false if something remains that time may mend.
    async fn recover(&self, streams: &[String]) -> bool {
        let missing = if self.options.load == LoadMode::Event { Missing::Load } else { Missing::Leave };
        match recover(self.env, streams, missing).boxed().await {
            Ok(recovery) => {
                self.told(&recovery);
                recovery.failures.iter().all(|(_, error)| error.kind() != Kind::Transient)
            }
            Err(error) => {
                (self.observer)(Event::Failed { subject: "recovery", error: &error, next: None });
                false
            }
        }
    }

    async fn retype(&self, table: &str) {
        let _one = self.retyping.lock().await;
        match retype::retype(self.env, table).boxed().await {
            Ok(done) => done.loads.iter().for_each(|report| (self.observer)(Event::Loaded(report))),
            Err(error) => (self.observer)(Event::Failed { subject: table, error: &error, next: None }),
        }
    }

    async fn follow_windows(&self, streams: &[String], window: Duration) {
        let last = self.options.until.unwrap_or(Timestamp::MAX);
        loop {
            let next = window::end_of(self.env.clock.now(), window);
            let goes_on = self.pause(next.min(last)).await;
            self.load_windows(streams, window).await;
            if !goes_on || next > last {
                return;
            }
        }
    }

    async fn load_windows(&self, streams: &[String], window: Duration) {
        match window::load_windows(self.env, streams, window).boxed().await {
            Ok(done) => {
                self.told(&done);
                self.widened(&done.loads).await;
            }
            Err(error) => (self.observer)(Event::Failed { subject: "window", error: &error, next: None }),
        }
    }

    fn told(&self, done: &Recovery) {
        done.loads.iter().for_each(|report| (self.observer)(Event::Loaded(report)));
        for (subject, error) in &done.failures {
            (self.observer)(Event::Failed { subject, error, next: None });
        }
    }

    async fn widened(&self, reports: &[LoadReport]) {
        let widened: BTreeSet<&str> =
            reports.iter().filter(|report| report.widened).map(|report| report.table.as_str()).collect();
        for table in widened {
            self.retype(table).await;
        }
    }
}
