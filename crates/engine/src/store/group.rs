//! A directory whose objects reach the disk in groups. What nothing names yet (pages, data files) is created without
//! waiting for the disk; before any other object is written, which may name it, or deleted, in whose place it may be, all
//! of it is brought there at once. A power cut may leave a page or a file without its content, and nothing that names it.
//! What is overwritten is named already, and waits for the disk.

use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Extensions, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use tokio::sync::Mutex;

use crate::disk::sync;

/// A directory.
pub(super) struct Directory {
    /// Waits for the disk with every object.
    now: LocalFileSystem,
    /// Leaves it to the next barrier.
    later: LocalFileSystem,
    owing: Arc<Owing>,
}

/// What has not reached the disk yet.
struct Owing {
    root: PathBuf,
    /// Whether there is anything. Held while it is brought there: whoever comes meanwhile waits.
    any: Mutex<bool>,
}

impl Directory {
    /// The directory `root`, opened twice.
    pub(super) fn new(root: &std::path::Path, now: LocalFileSystem, later: LocalFileSystem) -> Directory {
        Directory {
            now: now.with_fsync(true).with_automatic_cleanup(false),
            later: later.with_fsync(false).with_automatic_cleanup(false),
            owing: Arc::new(Owing { root: root.to_owned(), any: Mutex::new(false) }),
        }
    }
}

impl Owing {
    /// Brings everything that was written so far to the disk.
    async fn barrier(&self) -> Result<()> {
        let mut any = self.any.lock().await;
        if *any {
            let root = self.root.clone();
            let synced =
                tokio::task::spawn_blocking(move || sync(&root)).await.map_err(std::io::Error::other);
            synced.and_then(|synced| synced).map_err(|source| object_store::Error::Generic {
                store: "directory",
                source: source.into(),
            })?;
            *any = false;
        }
        Ok(())
    }
}

/// Whether nothing names an object until another one is written.
fn is_later(key: &Path, mode: &PutMode) -> bool {
    let named_later = key.as_ref().starts_with("pages/") || key.as_ref().ends_with(".parquet");
    named_later && *mode == PutMode::Create
}

/// Bytes of a file that is read as it is opened: a load reads thousands of pages, and most are small.
const SMALL: u64 = 256 << 10;

fn is_conditional(options: &GetOptions) -> bool {
    options.if_match.is_some()
        || options.if_none_match.is_some()
        || options.if_modified_since.is_some()
        || options.if_unmodified_since.is_some()
}

/// A file in one go; `None` where it is large. It has no tag: a page never changes.
fn small(path: &std::path::Path, location: Path) -> std::io::Result<Option<GetResult>> {
    let mut file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > SMALL {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    file.read_to_end(&mut bytes)?;
    let last_modified = metadata.modified()?.into();
    let size = bytes.len() as u64;
    Ok(Some(GetResult {
        payload: GetResultPayload::Stream(stream::once(async { Ok(bytes.into()) }).boxed()),
        meta: ObjectMeta { location, last_modified, size, e_tag: None, version: None },
        range: 0..size,
        attributes: Attributes::default(),
        extensions: Extensions::default(),
    }))
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if is_later(key, &options.mode) {
            let put = self.later.put_opts(key, payload, options).await;
            *self.owing.any.lock().await = true;
            return put;
        }
        self.owing.barrier().await?;
        self.now.put_opts(key, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.now.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let whole = options.range.is_none() && !options.head && !is_conditional(&options);
        if whole && key.as_ref().starts_with("pages/") {
            let (path, key) = (self.now.path_to_filesystem(key)?, key.clone());
            let read = tokio::task::spawn_blocking(move || small(&path, key)).await;
            if let Ok(Ok(Some(read))) = read {
                return Ok(read);
            }
        }
        self.now.get_opts(key, options).await
    }

    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.now.get_ranges(key, ranges).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let owing = self.owing.clone();
        let synced = stream::once(async move { owing.barrier().await.map(|()| keys) });
        self.now.delete_stream(synced.try_flatten().boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.now.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.now.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.now.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.owing.barrier().await?;
        self.now.copy_opts(from, to, options).await
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.now, f)
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.now, f)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;

    use super::*;

    #[tokio::test]
    async fn only_what_nothing_names_yet_is_left_for_later() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = || LocalFileSystem::new_with_prefix(dir.path()).expect("a store");
        let directory = Directory::new(dir.path(), store(), store());
        let file = Path::from("t/year=2026/x-0.parquet");
        let put = async |key: &str, mode: PutMode| {
            let options = PutOptions { mode, ..PutOptions::default() };
            directory.put_opts(&Path::from(key), "1".into(), options).await.expect(key);
            *directory.owing.any.lock().await
        };
        assert!(put("pages/s/1/x.json", PutMode::Create).await);
        assert!(!put("batches/s/1.batch.json", PutMode::Create).await, "it names the page");
        assert!(put(file.as_ref(), PutMode::Create).await);
        assert!(!put("_tidegate/loads/x.json", PutMode::Create).await, "it names the file");
        assert!(!put(file.as_ref(), PutMode::Overwrite).await, "a rewrite of what is named");
        assert!(put("t/year=2026/y-0.parquet", PutMode::Create).await);
        assert!(!put(file.as_ref(), PutMode::Overwrite).await, "nothing owed is left behind");
        assert!(put("t/year=2026/z-0.parquet", PutMode::Create).await);
        directory.delete(&file).await.expect("deleted");
        assert!(!*directory.owing.any.lock().await, "what takes its place is on the disk");
    }
}
