//! After the ledger has gained a version, older loads of the table are made anew from staging, so that all files of a
//! table have one physical schema.
//!
//! Done for a version once: the mark `_tidegate/retyped/<table>/<version>.json` is set when every ended load has been
//! looked at and none is under way that might still end with an older schema. A load claims its first batch before it reads
//! the ledger, so whoever lists the claims after the version exists sees every such load.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use tidegate_core::error::Kind;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{LoadManifest, Plan, Retyped};
use tidegate_core::schema::TableSchema;

use crate::inventory::{Inventory, manifests};
use crate::load::LoadReport;
use crate::{Env, Error, claim, decode, documents, ledger, rewrite};

/// What a re-typing did.
#[derive(Debug, Default)]
pub struct Retyping {
    /// Loads that were made anew.
    pub loads: Vec<LoadReport>,
    /// Loads whose raw pages are gone; their files keep the schema they have.
    pub left_behind: Vec<LoadId>,
    /// Whether loads under way may still end with an older schema, so that it must be called again.
    pub unfinished: bool,
}

/// Brings all ended loads of a table to the current version of its schema. Cheap where there is nothing to do. A load that
/// cannot be made anew stops no other; it is the error once the others are done, and all of it is tried again.
pub async fn retype(env: &Env, table: &str) -> Result<Retyping, Error> {
    let version = ledger::latest_version(env, table).await?;
    let mark = keys::retyped(table, version);
    if version <= 1 || documents::read::<Retyped>(env, env.lake.as_ref(), &mark).await?.is_some() {
        return Ok(Retyping::default());
    }
    let inventory = Inventory::take(env, &[]).await?;
    let mut retyping =
        Retyping { unfinished: under_way(env, &inventory, table).await?, ..Retyping::default() };
    let mut failed = None;
    for load in behind(env, &inventory, table, version).await? {
        match rewrite::rewrite(env, &load, None, &[]).await {
            Ok(report) => retyping.loads.push(report),
            Err(Error::PageGone { key }) => {
                tracing::warn!(%load, page = key, "cannot follow the table's schema: its raw page is gone");
                retyping.left_behind.push(load);
            }
            Err(error) if error.kind() == Kind::Data => failed = failed.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if !retyping.unfinished {
        let done = Retyped { left_behind: retyping.left_behind.clone() };
        documents::create_once(env, env.lake.as_ref(), &mark, &done).await?;
    }
    Ok(retyping)
}

/// Ended loads of the table whose files have another physical schema than `version`.
async fn behind(env: &Env, inventory: &Inventory, table: &str, version: u32) -> Result<Vec<LoadId>, Error> {
    let current = ledger::at(env, table, version).await?;
    let mut same: BTreeMap<u32, bool> = BTreeMap::from([(version, true)]);
    let mut behind = Vec::new();
    let mut all = std::pin::pin!(manifests(env, inventory.loads.iter()));
    while let Some(manifest) = all.try_next().await? {
        if manifest.spec.table == table
            && !manifest.files.is_empty()
            && !follows(env, &manifest, &current, &mut same).await?
        {
            behind.push(manifest.load);
        }
    }
    Ok(behind)
}

async fn follows(
    env: &Env,
    manifest: &LoadManifest,
    current: &TableSchema,
    same: &mut BTreeMap<u32, bool>,
) -> Result<bool, Error> {
    let version = manifest.schema_version;
    if let Some(known) = same.get(&version) {
        return Ok(*known);
    }
    let is_same = match version {
        0 => false,
        _ => ledger::same_files(&ledger::at(env, &manifest.spec.table, version).await?, current),
    };
    same.insert(version, is_same);
    Ok(is_same)
}

/// Whether a load of the table has claimed a batch and not ended.
async fn under_way(env: &Env, inventory: &Inventory, table: &str) -> Result<bool, Error> {
    for (stream, seq) in inventory.unended() {
        let owner = claim::owner(env, stream, *seq).await?;
        let of = match owner.batch() {
            Some((stream, seq)) => decode::batch(env, &keys::batch(stream, seq)).await?.load.table,
            None => documents::expect::<Plan>(env, env.lake.as_ref(), &keys::plan(&owner)).await?.table,
        };
        if of == table {
            return Ok(true);
        }
    }
    Ok(false)
}
