//! The run itself: the engine's `run`, watched.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Pipeline;
use tidegate_engine::{Clock, End, Env, Event, LoadMode, Outcome, RunOptions, run};
use tokio::sync::watch;

use super::api::{Api, Served};
use super::progress::{Counts, Progress};
use crate::failure::Failure;

/// The display is brought up to date this often.
const BLINK: Duration = Duration::from_millis(100);

/// A run: what is polled, and for how long.
pub(super) struct Race<'a> {
    pub(super) api: &'a Api,
    pub(super) pipeline: &'a Pipeline,
    pub(super) env: &'a Env,
    /// Our own clock; that of `env` is the record's.
    pub(super) clock: &'a dyn Clock,
    pub(super) length: Duration,
    /// The record's time when it is to end.
    pub(super) until: Timestamp,
}

/// What a run has done.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Polls, and those that found a change.
    pub(super) counts: Counts,
    /// What the API had done when the last poll had ended.
    pub(super) served: Served,
    /// When polls were made, in the record's time.
    pub(super) polls: Vec<Timestamp>,
    /// Our time and the record's at the end.
    pub(super) ended: Timestamp,
    pub(super) until: Timestamp,
}

/// What the events of the run have told so far.
#[derive(Default)]
struct Seen {
    counts: Counts,
    polls: Vec<Timestamp>,
    failure: Option<String>,
}

impl Race<'_> {
    /// Runs until the time is over, the record ends or `stop` turns true. What was begun is ended and loaded. `rows` are
    /// in the lake already.
    pub(super) async fn run(
        &self,
        rows: u64,
        progress: &mut Progress<'_>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Tally, Failure> {
        let seen = Mutex::new(Seen { counts: Counts { rows, ..Counts::default() }, ..Seen::default() });
        let (over, mut ended) = watch::channel(false);
        let until_over = async move {
            let _ = ended.wait_for(|over| *over).await;
        };
        let options = RunOptions { once: false, until: Some(self.until), load: LoadMode::Event };
        let observe = |event: Event<'_>| lock(&seen).note(&event);
        let watching = async {
            self.watch(&seen, progress, stop).await;
            over.send_replace(true);
            std::future::pending::<()>().await;
        };
        let running = run(self.env, self.pipeline, options, until_over, &observe);
        match select(pin!(running), pin!(watching)).await {
            Either::Left((ran, _)) => ran?,
            Either::Right(((), _)) => unreachable!("the watch never ends by itself"),
        };
        // Told to stop, a run leaves what it cannot end in ten seconds of the record.
        let once = RunOptions { once: true, until: None, load: LoadMode::Event };
        run(self.env, self.pipeline, once, std::future::pending(), &observe).await?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        match seen.failure {
            Some(failure) => Err(Failure::internal(format!("the demo did not go through: {failure}"))),
            None => {
                let (ended, until) = (self.clock.now(), self.api.now());
                Ok(Tally { counts: seen.counts, polls: seen.polls, served: self.api.served(), ended, until })
            }
        }
    }

    /// Shows how the run goes until it is to end: after the first poll at the earliest.
    async fn watch(&self, seen: &Mutex<Seen>, progress: &mut Progress<'_>, stop: &mut watch::Receiver<bool>) {
        let clock = self.clock;
        let started = clock.now();
        loop {
            let elapsed = Duration::try_from(clock.now().duration_since(started)).unwrap_or_default();
            let (counts, failed) = {
                let seen = lock(seen);
                (seen.counts, seen.failure.is_some())
            };
            let counts = Counts { not_modified: self.api.served().not_modified, ..counts };
            progress.show(elapsed, self.api.now(), counts);
            let time_is_over = elapsed >= self.length || self.api.is_over() || *stop.borrow();
            if failed || (counts.polls > 0 && time_is_over) {
                return;
            }
            tokio::select! {
                () = clock.sleep(BLINK) => {}
                _ = stop.changed(), if !*stop.borrow() => {}
            }
        }
    }
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Polled { visit, .. } => {
                self.counts.polls += 1;
                self.polls.push(visit.at);
                self.counts.changes += u64::from(visit.outcome != Outcome::Unchanged);
                for (element, error) in &visit.failures {
                    self.failure.get_or_insert_with(|| format!("{element}: {error}"));
                }
            }
            Event::Loaded(report) if report.end == End::Loaded => self.counts.rows += report.rows,
            Event::Failed { subject, error, .. } => {
                self.failure.get_or_insert_with(|| format!("{subject}: {error}"));
            }
            Event::Loaded(_) | Event::Sleeping { .. } => {}
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
