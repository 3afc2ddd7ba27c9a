//! The run itself: poll, load what was staged, wait until the pipeline file says to look again.

use std::time::Duration;

use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Pipeline;
use tidegate_core::schedule;
use tidegate_engine::{Env, Gate, Outcome, load_batch, poll};
use tokio::sync::watch;

use super::api::{Api, Served};
use super::progress::{Counts, Progress};
use crate::failure::Failure;

/// The display is brought up to date at least this often.
const BLINK: Duration = Duration::from_millis(100);

/// A run: what is polled, and for how long.
pub(super) struct Race<'a> {
    pub(super) api: &'a Api,
    pub(super) pipeline: &'a Pipeline,
    pub(super) env: &'a Env,
    pub(super) length: Duration,
}

/// What a run has done.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Polls.
    pub(super) polls: u64,
    /// Polls that staged a batch.
    pub(super) changes: u64,
    /// Batches in staging, of earlier runs too.
    pub(super) batches: u64,
    /// What the API had done when the last poll ended.
    pub(super) served: Served,
    /// Our time and the record's at the end.
    pub(super) ended: Timestamp,
    pub(super) until: Timestamp,
}

impl Race<'_> {
    /// Runs until the time is over, the record ends or `stop` turns true. A poll that has begun is ended and loaded.
    /// `rows` are in the lake already.
    pub(super) async fn run(
        &self,
        mut rows: u64,
        progress: &mut Progress<'_>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Tally, Failure> {
        let (env, stream, gate) =
            (self.env, &self.pipeline.streams[0], Gate::new(&self.pipeline.source.limits));
        let started = env.clock.now();
        let (mut head, mut last, mut polls, mut changes) = (None, None, 0, 0);
        loop {
            let now = env.clock.now();
            let elapsed = Duration::try_from(now.duration_since(started)).unwrap_or_default();
            let not_modified = self.api.served().not_modified;
            progress.show(elapsed, self.api.now(), Counts { polls, not_modified, changes, rows });
            if polls > 0 && (elapsed >= self.length || self.api.is_over() || *stop.borrow()) {
                break;
            }
            let due = schedule::next(&stream.cadence, last, now, None);
            if due > now {
                let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default().min(BLINK);
                tokio::select! {
                    () = env.clock.sleep(wait) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
            let visit = poll(env, self.pipeline, stream, &gate, head.take()).await?;
            (polls, last) = (polls + 1, Some(visit.at));
            if let Outcome::Staged { key, .. } = &visit.outcome {
                changes += 1;
                rows += load_batch(env, key).await?.rows;
            }
            head = Some(visit.head);
        }
        let batches = head.map_or(0, |head| head.seq);
        let (ended, until) = (env.clock.now(), self.api.now());
        Ok(Tally { polls, changes, batches, served: self.api.served(), ended, until })
    }
}
