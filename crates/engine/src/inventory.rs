//! What stands where: one listing of each kind of object, and no object read but the manifests of windowed loads.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::LoadManifest;

use crate::{Env, Error, documents, objects};

/// A batch: stream and number.
pub(crate) type BatchId = (String, u64);

/// The staged batches of some streams, and all claims, plans, loads and rewrites of the lake.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Staged batches and when they were staged.
    pub(crate) batches: BTreeMap<BatchId, Timestamp>,
    /// Claimed batches.
    pub(crate) claims: BTreeSet<BatchId>,
    /// Plans of windowed loads.
    pub(crate) plans: BTreeSet<LoadId>,
    /// Ended loads and their latest revision.
    pub(crate) loads: BTreeMap<LoadId, u32>,
    /// Batches of ended windowed loads.
    pub(crate) windowed: BTreeMap<BatchId, LoadId>,
    /// Rewrites that were begun and not cleared away.
    pub(crate) rewrites: Vec<(LoadId, u32)>,
}

impl Inventory {
    /// Lists batches and claims alone: all it takes to know what nobody has claimed.
    pub(crate) async fn staged(env: &Env, streams: &[String]) -> Result<Inventory, Error> {
        let mut taken = Inventory::default();
        for stream in streams {
            for meta in objects::list(env, env.staging.as_ref(), &keys::batches(stream)).await? {
                if let Some(id) = keys::parse_batch(meta.location.as_ref()) {
                    taken.batches.insert(owned(id), modified(&meta));
                }
            }
        }
        let claims = objects::list(env, env.lake.as_ref(), keys::CLAIMS).await?;
        taken.claims =
            claims.iter().filter_map(|meta| keys::parse_claim(meta.location.as_ref()).map(owned)).collect();
        Ok(taken)
    }

    /// Lists everything. Batches first, claims before loads: what ends meanwhile is then seen as ended, and a load that
    /// runs is seen by its claim.
    pub(crate) async fn take(env: &Env, streams: &[String]) -> Result<Inventory, Error> {
        let mut taken = Inventory::staged(env, streams).await?;
        let lake = env.lake.as_ref();
        let plans = objects::list(env, lake, keys::PLANS).await?;
        taken.plans = plans.iter().filter_map(|meta| keys::parse_plan(meta.location.as_ref())).collect();
        for meta in objects::list(env, lake, keys::LOADS).await? {
            if let Some((load, revision)) = keys::parse_load(meta.location.as_ref()) {
                let latest = taken.loads.entry(load).or_default();
                *latest = revision.max(*latest);
            }
        }
        let rewrites = objects::list(env, lake, keys::REWRITES).await?;
        taken.rewrites =
            rewrites.iter().filter_map(|meta| keys::parse_rewrite(meta.location.as_ref())).collect();
        taken.read_windowed(env).await?;
        Ok(taken)
    }

    async fn read_windowed(&mut self, env: &Env) -> Result<(), Error> {
        let windowed = self.loads.keys().filter(|load| load.batch().is_none());
        let firsts: Vec<LoadManifest> = stream::iter(windowed.map(|load| first_manifest(env, load)))
            .buffer_unordered(16)
            .boxed()
            .try_collect()
            .await?;
        for manifest in firsts {
            for id in manifest.batches.iter().filter_map(|key| keys::parse_batch(key)) {
                self.windowed.insert(owned(id), manifest.load.clone());
            }
        }
        Ok(())
    }

    /// The ended load that holds a batch.
    pub(crate) fn load_of(&self, id: &BatchId) -> Option<LoadId> {
        let own = LoadId::of_batch(&id.0, id.1);
        if self.loads.contains_key(&own) { Some(own) } else { self.windowed.get(id).cloned() }
    }

    /// Staged batches that no load has claimed, in order.
    pub(crate) fn unclaimed(&self) -> impl Iterator<Item = &BatchId> {
        self.batches.keys().filter(|id| !self.claims.contains(*id))
    }

    /// Claimed batches whose load has not ended.
    pub(crate) fn unended(&self) -> impl Iterator<Item = &BatchId> {
        self.claims.iter().filter(|id| self.load_of(id).is_none())
    }
}

async fn first_manifest(env: &Env, load: &LoadId) -> Result<LoadManifest, Error> {
    documents::expect(env, env.lake.as_ref(), &keys::load(load, 0)).await
}

fn owned((stream, seq): (&str, u64)) -> BatchId {
    (stream.to_owned(), seq)
}

fn modified(meta: &ObjectMeta) -> Timestamp {
    Timestamp::from_millisecond(meta.last_modified.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads the latest manifests of loads, a few at a time, in the order of the loads.
pub(crate) fn manifests<'a>(
    env: &'a Env,
    loads: impl Iterator<Item = (&'a LoadId, &'a u32)> + Send + 'a,
) -> impl futures::Stream<Item = Result<LoadManifest, Error>> + 'a {
    stream::iter(loads)
        .map(move |(load, revision)| {
            let key = keys::load(load, *revision);
            async move { documents::expect(env, env.lake.as_ref(), &key).await }
        })
        .buffered(16)
        .boxed()
}

/// The data files of a table in the lake, by load.
pub(crate) async fn data_files(env: &Env, table: &str) -> Result<BTreeMap<LoadId, Vec<String>>, Error> {
    let mut files: BTreeMap<LoadId, Vec<String>> = BTreeMap::new();
    for meta in objects::list(env, env.lake.as_ref(), &keys::table(table)).await? {
        if let Some(load) = keys::parse_data(meta.location.as_ref()) {
            files.entry(load).or_default().push(meta.location.to_string());
        }
    }
    Ok(files)
}
