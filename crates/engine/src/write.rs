//! The files of a load into the lake. Their names depend on nothing but load and partition, so a load that is repeated
//! finds what it has already written.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tidegate_core::keys::{self, LoadId};
use tidegate_core::pipeline::LoadSpec;

use crate::decode::Decoded;
use crate::objects::{self, Put};
use crate::{Env, Error, ledger};

/// Files written at the same time.
const FILES_AT_ONCE: usize = 8;

/// What became of the files of a first load.
pub(crate) enum Written {
    /// They are in the lake.
    All,
    /// Another run of the load got on to a newer schema; decode again under the current one.
    Outdated,
}

/// Writes the files of a load that has not ended. What another run of the same load has written stays, unless it is of
/// an older schema; if it is of a newer one, nothing of ours may go over it.
pub(crate) async fn first(
    env: &Env,
    load: &LoadId,
    spec: &LoadSpec,
    decoded: &Decoded,
) -> Result<Written, Error> {
    let quarantine = quarantine(load, spec, decoded);
    let all = decoded.files.iter().map(|(file, body)| (file.key.clone(), body.clone())).chain(quarantine);
    let taken: Vec<Option<(String, Bytes)>> = stream::iter(all)
        .map(|(key, body)| async move {
            match objects::create(env, env.lake.as_ref(), &key, &body).await? {
                Put::Created => Ok::<_, Error>(None),
                Put::Exists(_) => Ok(Some((key, body))),
            }
        })
        .buffer_unordered(FILES_AT_ONCE)
        .boxed()
        .try_collect()
        .await?;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    if taken.is_empty() {
        return Ok(Written::All);
    }
    // Files are never newer than the ledger: if we are as new as it, nothing that is there can be newer than ours.
    if ledger::latest_version(env, &spec.table).await? > decoded.schema_version {
        return Ok(Written::Outdated);
    }
    for (key, body) in &taken {
        objects::overwrite(env, env.lake.as_ref(), key, body).await?;
    }
    let further = further_parts(env, load, &taken, decoded).await?;
    remove(env, &further).await?;
    Ok(Written::All)
}

/// Files of the load beside those that another run had written otherwise: it may have cut a partition into more parts.
async fn further_parts(
    env: &Env,
    load: &LoadId,
    taken: &[(String, Bytes)],
    decoded: &Decoded,
) -> Result<Vec<String>, Error> {
    let data = taken.iter().filter(|(key, _)| keys::parse_data(key).as_ref() == Some(load));
    let partitions: BTreeSet<&str> = data.filter_map(|(key, _)| Some(key.rsplit_once('/')?.0)).collect();
    let ours: BTreeSet<&str> = decoded.files.iter().map(|(file, _)| file.key.as_str()).collect();
    let mut further = Vec::new();
    for partition in partitions {
        for object in objects::list(env, env.lake.as_ref(), partition).await? {
            let key = object.location.to_string();
            if keys::parse_data(&key).as_ref() == Some(load) && !ours.contains(key.as_str()) {
                further.push(key);
            }
        }
    }
    Ok(further)
}

/// Writes the files of a rewrite over those of the revision before.
pub(crate) async fn over(env: &Env, load: &LoadId, spec: &LoadSpec, decoded: &Decoded) -> Result<(), Error> {
    let quarantine = quarantine(load, spec, decoded);
    let all = decoded.files.iter().map(|(file, body)| (file.key.clone(), body.clone())).chain(quarantine);
    stream::iter(all)
        .map(|(key, body)| async move { objects::overwrite(env, env.lake.as_ref(), &key, &body).await })
        .buffer_unordered(FILES_AT_ONCE)
        .boxed()
        .try_collect()
        .await
}

fn quarantine(load: &LoadId, spec: &LoadSpec, decoded: &Decoded) -> Option<(String, Bytes)> {
    let key = keys::quarantine(&spec.table, load);
    (!decoded.quarantine.is_empty()).then(|| (key, decoded.quarantine.clone()))
}

/// Deletes files that a load no longer has.
pub(crate) async fn remove(env: &Env, keys: &[String]) -> Result<(), Error> {
    for key in keys {
        objects::delete(env, env.lake.as_ref(), key).await?;
    }
    Ok(())
}
