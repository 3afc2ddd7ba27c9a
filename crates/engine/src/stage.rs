//! The commit of a poll: pages first, each named by its content, then the batch document, created once.

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload};
use tidegate_core::batch::{Batch, Checkpoint};
use tidegate_core::{keys, retry};

use crate::{Env, Error};

/// The last batch of a stream: what the next poll goes on from. May be kept in memory; the creation of the next batch
/// finds out whether it still holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// Number of the batch; 0 where the stream has none yet.
    pub seq: u64,
    /// Its hash of the stream's configuration.
    pub config_hash: String,
    /// Its checkpoint, with what polls that staged nothing have learned since.
    pub checkpoint: Checkpoint,
}

impl From<Batch> for Head {
    fn from(batch: Batch) -> Head {
        Head { seq: batch.seq, config_hash: batch.config_hash, checkpoint: batch.checkpoint }
    }
}

/// Who has the batch.
pub(crate) enum Staged {
    /// We wrote it.
    Ours,
    /// Another poll was first; this is its batch.
    Theirs(Box<Batch>),
}

/// Pages written at the same time.
const CONCURRENT_PUTS: usize = 8;
/// Attempts of one call to the store.
const ATTEMPTS: u32 = 4;

/// Finds the last batch of a stream. `hint` is a number that was seen before: it shortens the search, and may be wrong.
pub async fn head(env: &Env, stream: &str, hint: Option<u64>) -> Result<Head, Error> {
    let last = match (last_seq(env, stream, hint).await?, hint) {
        (None, Some(hint)) if hint > 0 => match read(env, &keys::batch(stream, hint)).await? {
            Some(bytes) => return decode(&keys::batch(stream, hint), &bytes).map(Head::from),
            None => last_seq(env, stream, None).await?,
        },
        (last, _) => last,
    };
    let Some(seq) = last else { return Ok(Head::default()) };
    let key = keys::batch(stream, seq);
    match read(env, &key).await? {
        Some(bytes) => decode(&key, &bytes).map(Head::from),
        None => Err(Error::Damaged { key, reason: "it was listed, and then it was not there".to_owned() }),
    }
}

/// The highest number among the stream's batches, of those above `after`.
async fn last_seq(env: &Env, stream: &str, after: Option<u64>) -> Result<Option<u64>, Error> {
    let prefix = path(keys::batches(stream).trim_end_matches('/'))?;
    let offset = path(&keys::batch(stream, after.unwrap_or(0)))?;
    again(env, stream, "cannot list", prefix.as_ref(), || async {
        env.staging
            .list_with_offset(Some(&prefix), &offset)
            .try_fold(None, |last: Option<u64>, meta| async move {
                let seq = keys::parse_batch(meta.location.as_ref()).map(|(_, seq)| seq);
                Ok(last.max(seq))
            })
            .await
    })
    .await
}

/// Writes the pages, then the batch.
pub(crate) async fn stage(env: &Env, batch: &Batch, pages: &[Bytes]) -> Result<Staged, Error> {
    let puts = batch
        .pages
        .iter()
        .zip(pages)
        .map(|(page, body)| put_new(env, &batch.stream, &page.key, body.clone()));
    stream::iter(puts).buffer_unordered(CONCURRENT_PUTS).try_collect::<Vec<bool>>().await?;
    let key = keys::batch(&batch.stream, batch.seq);
    let bytes = Bytes::from(serde_json::to_vec_pretty(batch).map_err(|error| Error::Damaged {
        key: key.clone(),
        reason: format!("it cannot be written as JSON: {error}"),
    })?);
    if put_new(env, &batch.stream, &key, bytes.clone()).await? {
        return Ok(Staged::Ours);
    }
    match read(env, &key).await? {
        // Ours after all: the store took it and its answer was lost.
        Some(stored) if stored == bytes => Ok(Staged::Ours),
        Some(stored) => Ok(Staged::Theirs(Box::new(decode(&key, &stored)?))),
        None => Err(Error::Damaged { key, reason: "it exists, and then it was not there".to_owned() }),
    }
}

fn decode(key: &str, bytes: &[u8]) -> Result<Batch, Error> {
    Batch::decode(bytes).map_err(|reason| Error::Damaged { key: key.to_owned(), reason })
}

/// Creates an object; false where there is one of that name.
async fn put_new(env: &Env, stream: &str, key: &str, bytes: Bytes) -> Result<bool, Error> {
    let location = path(key)?;
    again(env, stream, "cannot write", key, || async {
        let payload = PutPayload::from_bytes(bytes.clone());
        match env.staging.put_opts(&location, payload, PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Reads an object, if it is there.
async fn read(env: &Env, key: &str) -> Result<Option<Bytes>, Error> {
    let location = path(key)?;
    again(env, key, "cannot read", key, || async {
        match env.staging.get(&location).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    })
    .await
}

/// A call to the store, repeated while it fails in a way that may pass.
async fn again<T, F: Future<Output = object_store::Result<T>>>(
    env: &Env,
    salt: &str,
    action: &'static str,
    key: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, Error> {
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(source) => Error::Store { action, key: key.to_owned(), source },
        };
        let now = env.clock.now();
        let chance = retry::chance(env.seed, salt, attempt, now);
        match retry::verdict(attempt, ATTEMPTS, None, now, chance) {
            retry::Verdict::Wait(wait) if error.kind() == tidegate_core::error::Kind::Transient => {
                tracing::info!(key, attempt, ?wait, "trying again: {error}");
                env.clock.sleep(wait).await;
            }
            _ => return Err(error),
        }
        attempt += 1;
    }
}

fn path(key: &str) -> Result<Path, Error> {
    Path::parse(key).map_err(|source| Error::Store {
        action: "cannot name",
        key: key.to_owned(),
        source: source.into(),
    })
}
