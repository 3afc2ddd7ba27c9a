//! Whatever a crash left is finished by the rules of the ordinary line.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{Plan, Rewrite};

use crate::inventory::{BatchId, Inventory};
use crate::load::{End, LoadReport, load_batch};
use crate::retype::retype;
use crate::{Env, Error, backlog, claim, documents, objects, rewrite, window};

/// What a recovery did, or the loading of closed windows.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Loads that it ended.
    pub loads: Vec<LoadReport>,
    /// Batches and loads that could not be brought to their end, and why; the rest was done all the same.
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
    let inventory = Inventory::take(env, streams).boxed().await?;
    let mut recovery = Recovery::default();
    recovery.finish_begun(env, &inventory).boxed().await;
    if missing == Missing::Load {
        let unclaimed = inventory.unclaimed().map(|(stream, seq)| keys::batch(stream, *seq)).collect();
        for (key, loaded) in backlog::load_all(env, unclaimed).await {
            recovery.note(key, loaded.map(Some));
        }
    }
    recovery.loads.retain(|report| report.end == End::Loaded);
    for table in outdated(env).await? {
        match retype(env, &table).await {
            Ok(retyping) => recovery.loads.extend(retyping.loads),
            Err(error) => recovery.failures.push((table, error)),
        }
    }
    Ok(recovery)
}

/// Tables whose latest schema version is not marked as reached by all loads.
async fn outdated(env: &Env) -> Result<BTreeSet<String>, Error> {
    let mut versions: BTreeMap<String, u32> = BTreeMap::new();
    for meta in objects::list(env, env.lake.as_ref(), keys::SCHEMAS).await? {
        if let Some((table, version)) = keys::parse_schema(meta.location.as_ref()) {
            let latest = versions.entry(table.to_owned()).or_default();
            *latest = version.max(*latest);
        }
    }
    let marks = objects::list(env, env.lake.as_ref(), keys::RETYPED).await?;
    let marks: BTreeSet<&str> = marks.iter().map(|meta| meta.location.as_ref()).collect();
    versions
        .retain(|table, version| *version > 1 && !marks.contains(keys::retyped(table, *version).as_str()));
    Ok(versions.into_keys().collect())
}

impl Recovery {
    /// Rewrites, plans and claims whose end is missing.
    async fn finish_begun(&mut self, env: &Env, inventory: &Inventory) {
        for (load, revision) in &inventory.rewrites {
            self.note(load.to_string(), resume(env, load, *revision).await.map(|()| None));
        }
        for load in inventory.plans.iter().filter(|load| !inventory.loads.contains_key(load)) {
            self.note(load.to_string(), resume_plan(env, load).await.map(Some));
        }
        for id in inventory.unended() {
            self.note(keys::batch(&id.0, id.1), resume_claim(env, id).await);
        }
    }

    pub(crate) fn note(&mut self, subject: String, result: Result<Option<LoadReport>, Error>) {
        match result {
            Ok(report) => self.loads.extend(report),
            Err(error) => self.failures.push((subject, error)),
        }
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
