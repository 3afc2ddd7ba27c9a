//! JSON documents: created once, or read back.

use bytes::Bytes;
use object_store::ObjectStore;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::objects::{self, Put};
use crate::{Env, Error};

/// What became of a document that may be created only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation<T> {
    /// The stored document says what ours says: we created it, now or in an attempt whose acknowledgement was lost.
    Created,
    /// Another one was there first.
    Exists(T),
}

/// Creates a document unless there is one; then reads that one back. Equal content counts as ours.
pub async fn create_once<T>(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    document: &T,
) -> Result<Creation<T>, Error>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    match objects::create(env, store, key, &to_bytes(document)).await? {
        Put::Created => Ok(Creation::Created),
        Put::Exists(bytes) => {
            let theirs: T = from_bytes(key, &bytes)?;
            Ok(if theirs == *document { Creation::Created } else { Creation::Exists(theirs) })
        }
    }
}

/// Reads a document; `None` if there is none.
pub async fn read<T: DeserializeOwned>(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
) -> Result<Option<T>, Error> {
    objects::get(env, store, key).await?.map(|bytes| from_bytes(key, &bytes)).transpose()
}

/// Reads a document that must be there.
pub async fn expect<T: DeserializeOwned>(env: &Env, store: &dyn ObjectStore, key: &str) -> Result<T, Error> {
    let missing = || Error::Damaged { key: key.to_owned(), reason: "it is missing".to_owned() };
    read(env, store, key).await?.ok_or_else(missing)
}

/// Writes a document over whatever is there: for advice that may be lost, never for a commit.
pub async fn overwrite<T: Serialize>(
    env: &Env,
    store: &dyn ObjectStore,
    key: &str,
    document: &T,
) -> Result<(), Error> {
    objects::overwrite(env, store, key, &to_bytes(document)).await
}

pub(crate) fn to_bytes<T: Serialize>(document: &T) -> Bytes {
    let mut bytes =
        serde_json::to_vec(document).expect("our documents have string keys and no failing fields");
    bytes.push(b'\n');
    bytes.into()
}

pub(crate) fn from_bytes<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| Error::Damaged { key: key.to_owned(), reason: e.to_string() })
}
