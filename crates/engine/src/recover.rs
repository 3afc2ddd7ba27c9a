//! Whatever a crash left is finished by the rules of the ordinary line.

use std::collections::BTreeSet;

use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{Plan, Rewrite};

use crate::inventory::{BatchId, Inventory};
use crate::load::{End, LoadReport, load_batch};
use crate::{Env, Error, claim, documents, retype, rewrite, window};

/// What recovery did.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Loads that it finished.
    pub loads: Vec<LoadReport>,
    /// Loads that could not be finished, and why; the rest was done all the same.
    pub failures: Vec<(String, Error)>,
}

/// Which of the unclaimed batches a recovery loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// All of them, one load each.
    Load,
    /// None: they wait for their window to close.
    Leave,
}

/// Finishes loads and rewrites that were begun, loads the staged batches of these streams that nobody has claimed, and
/// brings older loads to the current schema. A batch that is loaded costs no call of its own.
pub async fn recover(env: &Env, streams: &[String], missing: Missing) -> Result<Recovery, Error> {
    let inventory = Inventory::take(env, streams).await?;
    let mut recovery = Recovery::default();
    for (load, revision) in &inventory.rewrites {
        recovery.note(load, resume(env, load, *revision).await.map(|()| None));
    }
    let plans: BTreeSet<&LoadId> = inventory.plans.iter().filter(|load| !inventory.loads.contains_key(load)).collect();
    for load in plans {
        recovery.note(load, resume_plan(env, load).await.map(Some));
    }
    for id in inventory.unended() {
        if let Some(report) = recovery.note_batch(id, resume_claim(env, id).await) {
            recovery.loads.extend(report);
        }
    }
    if missing == Missing::Load {
        for id in inventory.unclaimed() {
            let loaded = load_batch(env, &keys::batch(&id.0, id.1)).await;
            if let Some(report) = recovery.note_batch(id, loaded.map(Some)) {
                recovery.loads.extend(report);
            }
        }
    }
    recovery.loads.retain(|report| report.end == End::Loaded);
    Ok(recovery)
}

impl Recovery {
    fn note(&mut self, load: &LoadId, result: Result<Option<LoadReport>, Error>) {
        match result {
            Ok(report) => self.loads.extend(report),
            Err(error) => self.failures.push((load.to_string(), error)),
        }
    }

    fn note_batch<T>(&mut self, id: &BatchId, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.failures.push((keys::batch(&id.0, id.1), error))).ok()
    }
}

async fn resume(env: &Env, load: &LoadId, revision: u32) -> Result<(), Error> {
    let key = keys::rewrite(load, revision);
    match documents::read::<Rewrite>(env, env.lake.as_ref(), &key).await? {
        Some(intent) => rewrite::resume(env, &intent).await,
        None => Ok(()),
    }
}

async fn resume_plan(env: &Env, load: &LoadId) -> Result<LoadReport, Error> {
    let plan: Plan = documents::expect(env, env.lake.as_ref(), &keys::plan(load)).await?;
    window::carry_out(env, &plan).await
}

/// A claimed batch whose load has not ended: its own load goes on; a windowed one was resumed by its plan.
async fn resume_claim(env: &Env, id: &BatchId) -> Result<Option<LoadReport>, Error> {
    let owner = claim::owner(env, &id.0, id.1).await?;
    if owner == LoadId::of_batch(&id.0, id.1) {
        return load_batch(env, &keys::batch(&id.0, id.1)).await.map(Some);
    }
    Ok(None)
}
