//! The commit of a poll: pages first, each named by its content, then the batch document, created once.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tidegate_core::batch::{Batch, Checkpoint};
use tidegate_core::keys;

use crate::objects::{self, Put};
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

/// Finds the last batch of a stream. `hint` is a number that was seen before: it shortens the search, and may be wrong.
pub async fn head(env: &Env, stream: &str, hint: Option<u64>) -> Result<Head, Error> {
    Ok(last(env, stream, hint).await?.map(Head::from).unwrap_or_default())
}

/// The last batch itself, as [`head`] finds it; `None` where there is none yet.
pub(crate) async fn last(env: &Env, stream: &str, hint: Option<u64>) -> Result<Option<Batch>, Error> {
    let hint = hint.unwrap_or(0);
    if let Some(seq) = last_seq(env, stream, hint).await? {
        let key = keys::batch(stream, seq);
        return read(env, &key).await?.map(Some).ok_or_else(|| gone(&key));
    }
    match hint {
        0 => Ok(None),
        _ => match read(env, &keys::batch(stream, hint)).await? {
            Some(batch) => Ok(Some(batch)),
            None => Box::pin(last(env, stream, None)).await,
        },
    }
}

/// The highest number among the stream's batches, of those above `after`.
async fn last_seq(env: &Env, stream: &str, after: u64) -> Result<Option<u64>, Error> {
    let (prefix, after) = (keys::batches(stream), keys::batch(stream, after));
    let last = objects::last_after(env, env.staging.as_ref(), &prefix, &after).await?;
    Ok(last.and_then(|path| keys::parse_batch(path.as_ref()).map(|(_, seq)| seq)))
}

/// Reads a staged batch; `None` if there is none.
pub(crate) async fn read(env: &Env, key: &str) -> Result<Option<Batch>, Error> {
    let bytes = objects::get(env, env.staging.as_ref(), key).await?;
    bytes.map(|bytes| decode(key, &bytes)).transpose()
}

/// Writes the pages that are not there yet, then the batch.
pub(crate) async fn stage(env: &Env, batch: &Batch, pages: &[Option<Bytes>]) -> Result<Staged, Error> {
    let store = env.staging.as_ref();
    let held = batch.pages.iter().zip(pages).filter_map(|(page, body)| Some((page, body.as_ref()?)));
    let puts = held.map(|(page, body)| objects::keep(env, store, &page.key, body, false));
    stream::iter(puts).buffer_unordered(CONCURRENT_PUTS).boxed().try_collect::<Vec<bool>>().await?;
    let key = keys::batch(&batch.stream, batch.seq);
    let damaged = |reason: String| Error::Damaged { key: key.clone(), reason };
    let bytes = serde_json::to_vec_pretty(batch).map_err(|error| damaged(error.to_string()))?;
    match objects::create(env, store, &key, &bytes.into()).await? {
        Put::Created => Ok(Staged::Ours),
        Put::Exists(theirs) => Ok(Staged::Theirs(Box::new(decode(&key, &theirs)?))),
    }
}

fn decode(key: &str, bytes: &[u8]) -> Result<Batch, Error> {
    Batch::decode(bytes).map_err(|reason| Error::Damaged { key: key.to_owned(), reason })
}

fn gone(key: &str) -> Error {
    Error::Damaged { key: key.to_owned(), reason: "it was listed, and then it was not there".to_owned() }
}
