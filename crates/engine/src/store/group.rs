//! A directory whose objects reach the disk in groups. What nothing names yet (pages, data files) is written without
//! waiting for the disk; before any other object is written, which may name it, all of it is brought there at once. A
//! power cut may leave a page or a file without its content, and nothing that names it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Mutex;

/// A directory.
pub(super) struct Directory {
    root: PathBuf,
    /// Waits for the disk with every object.
    now: LocalFileSystem,
    /// Leaves it to the next barrier.
    later: LocalFileSystem,
    /// Whether something has not reached the disk yet. Held while it is brought there: whoever comes meanwhile waits.
    owing: Mutex<bool>,
}

impl Directory {
    /// The directory `root`, opened twice.
    pub(super) fn new(root: &std::path::Path, now: LocalFileSystem, later: LocalFileSystem) -> Directory {
        Directory {
            root: root.to_owned(),
            now: now.with_fsync(true).with_automatic_cleanup(false),
            later: later.with_fsync(false).with_automatic_cleanup(false),
            owing: Mutex::new(false),
        }
    }

    /// Brings everything that was written so far to the disk.
    async fn barrier(&self) -> Result<()> {
        let mut owing = self.owing.lock().await;
        if *owing {
            let root = self.root.clone();
            let synced =
                tokio::task::spawn_blocking(move || sync(&root)).await.map_err(std::io::Error::other);
            synced.and_then(|synced| synced).map_err(|source| object_store::Error::Generic {
                store: "directory",
                source: source.into(),
            })?;
            *owing = false;
        }
        Ok(())
    }
}

/// Brings a directory's file system to the disk: one wait for any number of files.
fn sync(root: &std::path::Path) -> std::io::Result<()> {
    rustix::fs::syncfs(std::fs::File::open(root)?).map_err(std::io::Error::from)
}

/// Whether nothing names an object until another one is written.
fn is_later(key: &Path) -> bool {
    key.as_ref().starts_with("pages/") || key.as_ref().ends_with(".parquet")
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if is_later(key) {
            let put = self.later.put_opts(key, payload, options).await;
            *self.owing.lock().await = true;
            return put;
        }
        self.barrier().await?;
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
        self.now.get_opts(key, options).await
    }

    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.now.get_ranges(key, ranges).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.now.delete_stream(keys)
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
        self.barrier().await?;
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
