//! Plays a case: every recorded poll through the engine, into stores of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{Auth, Pipeline, Secrets};
use tidegate_engine::{Env, Event, LoadMode, RunOptions, run};

use super::clock::CaseClock;
use super::compare::Files;
use super::recorded::Recorded;
use super::{checks, outcome};
use crate::failure::Failure;
use crate::pipeline_file::PipelineFile;

/// Noon of 20 November 2026, the time of the first poll.
const FIRST_POLL: Timestamp = Timestamp::constant(1_795_176_000, 0);

/// Time between two polls.
const BETWEEN_POLLS: SignedDuration = SignedDuration::from_mins(15);

/// The value that every secret has in a case.
pub(super) const SECRET: &str = "secret-of-the-case";

/// What came of a case.
pub(super) struct Played {
    /// What failed, was asked for and not recorded, or was recorded and not asked for.
    pub(super) complaints: Vec<String>,
    /// What was made, as the files of `expected/`.
    pub(super) made: Files,
}

/// Plays the case in the folder `case`, in memory or below the folder `keep`.
pub(super) async fn play(case: &Path, keep: Option<&Path>) -> Result<Played, Failure> {
    let pipeline = unsigned(serial(PipelineFile::read(&case.join("pipeline.toml"), &[])?.pipeline));
    let recorded = Arc::new(Recorded::read(&case.join("responses")).map_err(Failure::config)?);
    let times = times(&case.join("polls.txt"), recorded.polls())?;
    let clock = Arc::new(CaseClock::replaying(FIRST_POLL));
    let env = Env {
        clock: clock.clone(),
        http: recorded.clone(),
        staging: store(keep, "staging")?,
        lake: store(keep, "lake")?,
        secrets: Arc::new(secrets(&pipeline)),
        seed: 0,
    };
    for (poll, at) in (1..).zip(times) {
        recorded.begin(poll);
        clock.set(at);
        let failures = poll_and_load(&env, &pipeline).await?;
        let unknown = recorded.complaints_so_far();
        let complaints = if unknown.is_empty() { failures } else { unknown };
        if !complaints.is_empty() {
            return Ok(Played { complaints, made: Files::new() });
        }
    }
    let mut complaints = recorded.complaints();
    complaints.extend(checks::broken(&env, &pipeline).await?);
    Ok(Played { complaints, made: outcome::read(env.lake.as_ref()).await? })
}

/// One request at a time, in one order.
pub(super) fn serial(mut pipeline: Pipeline) -> Pipeline {
    pipeline.source.limits.concurrency = 1;
    pipeline
}

/// What is signed with a key cannot be signed with the word that stands for it: it is no part of a recording.
fn unsigned(mut pipeline: Pipeline) -> Pipeline {
    let own = pipeline.streams.iter_mut().filter_map(|stream| stream.auth.as_mut());
    for auth in own.chain([&mut pipeline.source.auth]) {
        if matches!(auth, Auth::Jwt(_) | Auth::Hmac(_)) {
            *auth = Auth::None;
        }
    }
    pipeline
}

/// When each poll is made: as the file says, else every 15 minutes.
fn times(file: &Path, polls: u32) -> Result<Vec<Timestamp>, Failure> {
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok((0..polls)
            .map(|poll| FIRST_POLL + BETWEEN_POLLS * i32::try_from(poll).unwrap_or(i32::MAX))
            .collect());
    };
    let wrong = |line: &str| {
        Failure::config(format!("{}: `{line}` is no time; write 2026-11-20T12:00:00Z", file.display()))
    };
    text.lines().map(|line| line.trim().parse().map_err(|_| wrong(line))).collect()
}

/// Every stream of the pipeline once, as `tidegate run --once` does it; what failed, if anything did.
pub(super) async fn poll_and_load(env: &Env, pipeline: &Pipeline) -> Result<Vec<String>, Failure> {
    let failures = Mutex::new(Vec::new());
    let note = |failure: String| failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    let observe = |event: Event<'_>| match event {
        Event::Polled { visit, .. } => {
            visit.failures.iter().for_each(|(element, error)| note(format!("{element}: {error}")));
        }
        Event::Failed { subject, error, .. } => note(format!("{subject}: {error}")),
        Event::Loaded(_) | Event::Sleeping { .. } => {}
    };
    let once = RunOptions { once: true, until: None, load: LoadMode::Event };
    run(env, pipeline, once, std::future::pending(), &observe).await?;
    Ok(failures.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn secrets(pipeline: &Pipeline) -> Secrets {
    Secrets::new(pipeline.secret_references().into_iter().map(|name| (name.to_owned(), SECRET.to_owned())))
}

fn store(keep: Option<&Path>, name: &str) -> Result<Arc<dyn ObjectStore>, Failure> {
    let Some(keep) = keep else { return Ok(Arc::new(InMemory::new())) };
    let dir = keep.join(name);
    let fresh = || {
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        std::fs::create_dir_all(&dir)
    };
    fresh().map_err(|error| Failure::config(format!("{}: {error}", dir.display())))?;
    let store = LocalFileSystem::new_with_prefix(&dir);
    Ok(Arc::new(store.map_err(|error| Failure::config(format!("{}: {error}", dir.display())))?))
}
