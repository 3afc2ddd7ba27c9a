//! The lake read back.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet};
use tidegate_core::keys;
use tidegate_core::load::LoadManifest;
use tidegate_engine::Env;

use crate::world::expected;

pub async fn keys_of(store: &dyn ObjectStore) -> Vec<String> {
    let mut all: Vec<String> =
        store.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.expect("listed");
    all.sort();
    all
}

pub async fn bytes_of(store: &dyn ObjectStore, key: &str) -> Bytes {
    let read = store.get(&Path::parse(key).expect("a key")).await.expect("read");
    read.bytes().await.expect("read")
}

/// All data files.
pub async fn files(env: &Env) -> BTreeMap<String, Bytes> {
    let mut files = BTreeMap::new();
    for key in keys_of(env.lake.as_ref()).await.into_iter().filter(|key| key.ends_with(".parquet")) {
        let bytes = bytes_of(env.lake.as_ref(), &key).await;
        files.insert(key, bytes);
    }
    files
}

/// The rows of a file by lineage, and its physical schema.
fn rows(bytes: &Bytes) -> (Vec<(String, i64)>, String) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).expect("Parquet");
    let schema = format!("{:?}", reader.parquet_schema().root_schema());
    let mut rows = Vec::new();
    for batch in reader.build().expect("Parquet") {
        let batch = batch.expect("rows");
        let of = batch.column_by_name("_tidegate_batch").expect("lineage").as_string::<i32>().clone();
        let row = batch.column_by_name("_tidegate_row").expect("lineage").as_primitive::<Int64Type>().clone();
        rows.extend((0..batch.num_rows()).map(|i| (of.value(i).to_owned(), row.value(i))));
    }
    (rows, schema)
}

/// All rows of the lake by lineage, and the different physical schemas of its files.
pub async fn lake(env: &Env) -> (Vec<(String, i64)>, BTreeSet<String>) {
    let (mut all, mut schemas) = (Vec::new(), BTreeSet::new());
    for bytes in files(env).await.values() {
        let (rows, schema) = rows(bytes);
        all.extend(rows);
        schemas.insert(schema);
    }
    all.sort();
    (all, schemas)
}

/// The latest manifest of each load.
pub async fn manifests(env: &Env) -> Vec<LoadManifest> {
    let mut latest: BTreeMap<keys::LoadId, LoadManifest> = BTreeMap::new();
    for key in keys_of(env.lake.as_ref()).await.into_iter().filter(|key| key.starts_with(keys::LOADS)) {
        let found: LoadManifest =
            serde_json::from_slice(&bytes_of(env.lake.as_ref(), &key).await).expect("a manifest");
        let known = latest.entry(found.load.clone()).or_insert_with(|| found.clone());
        if found.revision > known.revision {
            *known = found;
        }
    }
    latest.into_values().collect()
}

/// The property of these tests.
pub async fn assert_exactly_once(env: &Env, story: &str) {
    let (rows, schemas) = lake(env).await;
    assert_eq!(rows, expected(), "{story}: rows");
    assert_eq!(schemas.len(), 1, "{story}: physical schemas {schemas:#?}");
    let listed: BTreeSet<String> =
        manifests(env).await.into_iter().flat_map(|manifest| manifest.files).map(|file| file.key).collect();
    let there: BTreeSet<String> = files(env).await.into_keys().collect();
    assert_eq!(there, listed, "{story}: files and manifests");
    let left: Vec<String> =
        keys_of(env.lake.as_ref()).await.into_iter().filter(|key| key.starts_with(keys::REWRITES)).collect();
    assert!(left.is_empty(), "{story}: intents left {left:?}");
}
