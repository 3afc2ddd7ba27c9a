//! Polls the real API, and keeps what was asked and answered.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Limits, Pipeline};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Clock, Env, Http, HttpError, SystemClock};

use super::clock::CaseClock;
use super::play::{poll_and_load, serial};
use super::write::Taken;
use crate::failure::Failure;

/// An HTTP client that keeps every exchange of the one below it.
struct Recorder {
    below: Arc<dyn Http>,
    poll: AtomicU32,
    taken: Mutex<Vec<Taken>>,
}

#[async_trait]
impl Http for Recorder {
    async fn send(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError> {
        let response = self.below.send(request, limits).await?;
        let taken = Taken {
            poll: self.poll.load(Ordering::Relaxed),
            request: request.clone(),
            response: response.clone(),
        };
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        Ok(response)
    }
}

/// Polls every stream `polls` times, `every` apart, one request at a time, into the stores of `env`: the time of each
/// poll, and all exchanges in order. A poll that fails is an error, as it cannot be repeated.
pub(crate) async fn record(
    env: Env,
    pipeline: &Pipeline,
    polls: u32,
    every: Duration,
) -> Result<(Vec<Timestamp>, Vec<Taken>), Failure> {
    let recorder =
        Arc::new(Recorder { below: env.http.clone(), poll: AtomicU32::new(1), taken: Mutex::default() });
    let clock = Arc::new(CaseClock::recording());
    let env = Env { http: recorder.clone(), clock: clock.clone(), seed: 0, ..env };
    let pipeline = serial(pipeline.clone());
    let mut times = Vec::new();
    for poll in 1..=polls {
        if poll > 1 {
            SystemClock.sleep(every).await;
        }
        let now = SystemClock.now();
        clock.set(now);
        times.push(now);
        recorder.poll.store(poll, Ordering::Relaxed);
        let failures = poll_and_load(&env, &pipeline).await?;
        if !failures.is_empty() {
            return Err(Failure::source(format!("nothing was recorded: {}", failures.join("; "))));
        }
    }
    let taken = std::mem::take(&mut *recorder.taken.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((times, taken))
}
