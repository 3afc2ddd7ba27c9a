//! The two stores as they stand at the end of a run, read past all faults.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::de::DeserializeOwned;
use tidegate_core::batch::Batch;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::LoadManifest;

/// All objects of a store.
pub(crate) type Objects = BTreeMap<String, Bytes>;

/// What the run left.
pub(crate) struct Disk {
    pub(crate) staging: Objects,
    pub(crate) lake: Objects,
}

impl Disk {
    /// Every batch, by key.
    pub(crate) fn batches(&self) -> BTreeMap<&str, Batch> {
        let batches = self.staging.iter().filter(|(key, _)| keys::parse_batch(key).is_some());
        batches.map(|(key, bytes)| (key.as_str(), document(key, bytes))).collect()
    }

    /// The last revision of every load.
    pub(crate) fn loads(&self) -> BTreeMap<LoadId, LoadManifest> {
        let mut loads: BTreeMap<LoadId, LoadManifest> = BTreeMap::new();
        for (key, bytes) in &self.lake {
            let Some((load, revision)) = keys::parse_load(key) else { continue };
            if loads.get(&load).is_none_or(|known| known.revision < revision) {
                loads.insert(load, document(key, bytes));
            }
        }
        loads
    }
}

/// A JSON document.
pub(crate) fn document<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{key} is damaged: {error}"))
}

/// Reads a whole store.
pub(crate) async fn objects(store: &InMemory) -> Objects {
    let listed: Vec<_> = store.list(None).try_collect().await.expect("memory does not fail");
    let mut objects = Objects::new();
    for meta in listed {
        let object = store.get(&meta.location).await.expect("it was listed");
        objects.insert(meta.location.to_string(), object.bytes().await.expect("memory does not fail"));
    }
    objects
}
