//! Single objects in a store: each call retried a few times when the store is out of order, each error with the
//! name of its object.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tidegate_core::error::Kind;

use crate::store_error::diagnose;
use crate::{Env, Error};

/// Attempts of one store call, the first included.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Seconds that an object named by its content stays as it is: half a day, as the shortest time after which staging may
/// expire is a day.
const YOUNG: i64 = 12 * 3600;

/// What became of a create-if-absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// The object holds what was given: now, or since an attempt whose acknowledgement was lost.
    Created,
    /// The object was there and holds something else.
    Exists(Bytes),
}

/// The key as the store's path.
pub(crate) fn path(key: &str) -> Result<Path, Error> {
    Path::parse(key).map_err(|source| Error::Store {
        action: "cannot name",
        key: key.to_owned(),
        source: source.into(),
    })
}

/// The bytes of an object; `None` if there is none.
pub(crate) async fn get(env: &Env, store: &dyn ObjectStore, key: &str) -> Result<Option<Bytes>, Error> {
    let path = path(key)?;
    retried(env, "cannot read", key, || async {
        let read = async { store.get(&path).await?.bytes().await };
        match read.await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        }
    })
    .await
}

/// A part of an object, and the size of all of it; `None` if there is none.
pub(crate) async fn get_part(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    part: &Range<u64>,
) -> Result<Option<(Bytes, u64)>, Error> {
    let path = path(key)?;
    retried(env, "cannot read", key, || async {
        let read = async {
            let found = store.get_opts(&path, GetOptions::new().with_range(Some(part.clone()))).await?;
            let size = found.meta.size;
            Ok((found.bytes().await?, size))
        };
        match read.await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        }
    })
    .await
}

/// The size of an object in bytes; `None` if there is none.
pub(crate) async fn size(env: &Env, store: &dyn ObjectStore, key: &str) -> Result<Option<u64>, Error> {
    let path = path(key)?;
    retried(env, "cannot read", key, || async {
        match store.head(&path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            other => other.map(|meta| Some(meta.size)),
        }
    })
    .await
}

/// Tells a store, as an extension of a put, that many objects are created with this content one after the other, and
/// that nothing rests on them until another object is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alike;

/// Creates an object if there is none. An object that is there with the same bytes counts as created: it is our own
/// write whose acknowledgement was lost, or someone who did the same work.
pub(crate) async fn create(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
) -> Result<Put, Error> {
    create_with(env, store, key, bytes, &PutOptions::from(PutMode::Create)).await
}

/// The same for one of many objects of this content, on which nothing rests until another object is written.
pub(crate) async fn create_alike(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
) -> Result<Put, Error> {
    let mut once = PutOptions::from(PutMode::Create);
    once.extensions.insert(Alike);
    create_with(env, store, key, bytes, &once).await
}

async fn create_with(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
    once: &PutOptions,
) -> Result<Put, Error> {
    let path = path(key)?;
    retried(env, "cannot write", key, || async {
        match store.put_opts(&path, bytes.clone().into(), once.clone()).await {
            Ok(_) => Ok(Put::Created),
            Err(object_store::Error::AlreadyExists { .. }) => read_back(store, &path, bytes).await,
            Err(error) => Err(error),
        }
    })
    .await
}

async fn read_back(store: &dyn ObjectStore, path: &Path, ours: &Bytes) -> object_store::Result<Put> {
    let read = async { store.get(path).await?.bytes().await };
    match read.await {
        Ok(theirs) if theirs == *ours => Ok(Put::Created),
        Ok(theirs) => Ok(Put::Exists(theirs)),
        // S3 answers 409 while another write is under way, or the object has just been deleted: try again.
        Err(object_store::Error::NotFound { source, .. }) => {
            Err(object_store::Error::Generic { store: "conditional put", source })
        }
        Err(error) => Err(error),
    }
}

/// Writes an object over whatever is there.
pub(crate) async fn overwrite(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
) -> Result<(), Error> {
    let path = path(key)?;
    retried(env, "cannot write", key, || async { store.put(&path, bytes.clone().into()).await.map(drop) })
        .await
}

/// Writes an object that is named by its content, unless it is there already; whether it was. With `look` it is read
/// first, where it is likely there: a store takes a twelfth of the price for that, and no body has to be sent.
///
/// One that is old is written anew, since a store may remove what is older than some days; so is one that a power cut has
/// torn.
pub(crate) async fn keep(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
    look: bool,
) -> Result<bool, Error> {
    let path = path(key)?;
    let created = || async {
        match store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    let mut found = if look { is_good(env, store, key, bytes).await? } else { None };
    if found.is_none() {
        if retried(env, "cannot write", key, created).await? {
            return Ok(false);
        }
        found = is_good(env, store, key, bytes).await?;
    }
    if found != Some(true) {
        overwrite(env, store, key, bytes).await?;
    }
    Ok(true)
}

/// Whether an object holds these bytes and is young; `None` if there is none.
async fn is_good(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    bytes: &Bytes,
) -> Result<Option<bool>, Error> {
    let (path, oldest) = (path(key)?, env.clock.now().as_second() - YOUNG);
    retried(env, "cannot read", key, || async {
        let read = async {
            let found = store.get(&path).await?;
            let is_likely =
                found.meta.size == bytes.len() as u64 && found.meta.last_modified.timestamp() >= oldest;
            Ok(is_likely && found.bytes().await? == *bytes)
        };
        match read.await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        }
    })
    .await
}

/// Deletes an object; one that is not there is as good as deleted.
pub(crate) async fn delete(env: &Env, store: &dyn ObjectStore, key: &str) -> Result<(), Error> {
    let path = path(key)?;
    retried(env, "cannot delete", key, || async {
        match store.delete(&path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    })
    .await
}

/// All objects below a prefix that ends with `/` or is empty, sorted by key.
pub(crate) async fn list(env: &Env, store: &dyn ObjectStore, prefix: &str) -> Result<Vec<ObjectMeta>, Error> {
    let path = path(prefix.trim_end_matches('/'))?;
    let mut found: Vec<ObjectMeta> =
        retried(env, "cannot list", prefix, || async { store.list(Some(&path)).try_collect().await }).await?;
    found.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(found)
}

/// The last key below a prefix of those that come after `after` in the order of keys.
pub(crate) async fn last_after(
    env: &Env,
    store: &dyn ObjectStore,
    prefix: &str,
    after: &str,
) -> Result<Option<Path>, Error> {
    let (prefix, after) = (path(prefix.trim_end_matches('/'))?, path(after)?);
    retried(env, "cannot list", prefix.as_ref(), || async {
        let listed = store.list_with_offset(Some(&prefix), &after);
        listed.try_fold(None, |last, meta| async { Ok(Option::max(last, Some(meta.location))) }).await
    })
    .await
}

/// Runs one store call until it succeeds, fails for good, or has failed too often.
async fn retried<T, F>(
    env: &Env,
    action: &'static str,
    key: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = object_store::Result<T>>,
{
    let mut attempt = 1;
    loop {
        let source = match call().await {
            Ok(value) => return Ok(value),
            Err(source) => source,
        };
        if attempt == ATTEMPTS || diagnose(&source).0 != Kind::Transient {
            return Err(Error::Store { action, key: key.to_owned(), source });
        }
        tracing::debug!(key, attempt, error = %source, "store call failed, trying again");
        env.clock.sleep(pause(env.seed, key, attempt)).await;
        attempt += 1;
    }
}

/// Doubles with each attempt, with full jitter that depends on nothing but the arguments.
fn pause(seed: u64, key: &str, attempt: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (seed, key, attempt).hash(&mut hasher);
    let chance = (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64;
    (FIRST_PAUSE * 2u32.pow(attempt)).mul_f64(chance)
}
