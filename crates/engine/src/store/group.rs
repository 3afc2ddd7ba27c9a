//! A directory whose objects reach the disk in groups. What nothing names yet (pages, data files) is created without
//! waiting for the disk; before any other object is written, which may name it, or deleted, in whose place it may be, all
//! of it is brought there at once. A power cut may leave a page or a file without its content, and nothing that names it.
//! What is overwritten is named already, and waits for the disk.
//!
//! Objects that are created as [`Alike`](objects::Alike) have their content on the disk from the start and leave their
//! names to the barrier, which then comes before a data file too: a claim must not be lost where a row of its load is not.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Mutex;

use super::alike::Alike;
use super::desk::Desk;
use super::local;
use crate::disk::sync;
use crate::objects;

/// A directory.
pub(super) struct Directory {
    /// Waits for the disk with every object.
    now: LocalFileSystem,
    /// Leaves it to the next barrier.
    later: LocalFileSystem,
    owing: Arc<Owing>,
    alike: Arc<Alike>,
    /// Where objects are read that have to come from the disk.
    reading: Arc<Desk>,
    /// Where names are given and directories are made, by one thread: the file system lets one at a time change a
    /// directory.
    naming: Arc<Desk>,
}

/// Threads that read, at most.
const READERS: usize = 3;

/// What has not reached the disk yet.
struct Owing {
    root: PathBuf,
    /// Held while it is brought there: whoever comes meanwhile waits.
    what: Mutex<What>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct What {
    /// Objects that nothing names.
    files: bool,
    /// Names of objects whose content is there.
    names: bool,
}

impl Directory {
    /// The directory `root`, opened twice.
    pub(super) fn new(root: &std::path::Path, now: LocalFileSystem, later: LocalFileSystem) -> Directory {
        Directory {
            now: now.with_fsync(true).with_automatic_cleanup(false),
            later: later.with_fsync(false).with_automatic_cleanup(false),
            owing: Arc::new(Owing { root: root.to_owned(), what: Mutex::default() }),
            alike: Arc::default(),
            reading: Desk::new(READERS),
            naming: Desk::new(1),
        }
    }

    /// Where a plain key lies.
    fn path(&self, key: &Path) -> Option<PathBuf> {
        local::is_plain(key.as_ref()).then(|| self.owing.root.join(key.as_ref()))
    }

    /// Creates a page with as few calls as it takes; `None` where the library is to do it. It has its name before it is
    /// whole. That is of no harm: nothing names it yet, and who finds a page that is not what its name says writes it anew.
    async fn create_page(&self, key: &Path, payload: &PutPayload) -> Option<Result<PutResult>> {
        let is_small = payload.content_length() as u64 <= local::SMALL;
        let path = self.path(key).filter(|_| is_small && key.as_ref().starts_with("pages/"))?;
        let content = Bytes::from(payload.clone());
        let created = self.naming.call(move || local::create(&path, &content)).await.ok()?;
        self.owing.what.lock().await.files = true;
        match created {
            Ok(()) => Some(Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Some(Err(object_store::Error::AlreadyExists { path: key.to_string(), source: error.into() }))
            }
            Err(_) => None,
        }
    }

    /// Makes the directory of an object, if it is not there: the barrier brings it to the disk with whatever else is
    /// owed, where the library would wait for each directory on its way.
    async fn make_way(&self, key: &Path) {
        let Some(directory) = self.path(key).and_then(|path| Some(path.parent()?.to_owned())) else { return };
        // Held until it is made, so that nobody meets it and thinks that it is on the disk.
        let mut what = self.owing.what.lock().await;
        let looked = directory.clone();
        if self.naming.call(move || looked.is_dir()).await.unwrap_or(true) {
            return;
        }
        what.names = true;
        // The library makes it, or says why it cannot be made, where this fails.
        let _ = self.naming.call(move || std::fs::create_dir_all(directory)).await;
    }

    /// Creates an object as one more name of the last one with its content; `None` where that cannot be done.
    async fn create_alike(&self, key: &Path, payload: &PutPayload) -> Option<Result<PutResult>> {
        let (path, content) = (self.path(key)?, Bytes::from(payload.clone()));
        let alike = Arc::clone(&self.alike);
        let created = self.naming.call(move || alike.create(&path, &content)).await.ok()?;
        match created {
            Ok(()) => {
                self.owing.what.lock().await.names = true;
                Some(Ok(PutResult { e_tag: None, version: None, extensions: Default::default() }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                // Whoever created it may not have brought its name to the disk, and we go on from what it says.
                self.owing.what.lock().await.names = true;
                let path = key.to_string();
                Some(Err(object_store::Error::AlreadyExists { path, source: error.into() }))
            }
            Err(_) => None,
        }
    }
}

impl Owing {
    /// Brings everything that was written so far to the disk.
    async fn barrier(&self) -> Result<()> {
        let mut what = self.what.lock().await;
        if *what != What::default() {
            let root = self.root.clone();
            let synced =
                tokio::task::spawn_blocking(move || sync(&root)).await.map_err(std::io::Error::other);
            synced.and_then(|synced| synced).map_err(|source| object_store::Error::Generic {
                store: "directory",
                source: source.into(),
            })?;
            *what = What::default();
        }
        Ok(())
    }

    async fn has_names(&self) -> bool {
        self.what.lock().await.names
    }
}

/// Whether nothing names an object until another one is written.
fn is_later(key: &Path, mode: &PutMode) -> bool {
    let named_later = key.as_ref().starts_with("pages/") || key.as_ref().ends_with(".parquet");
    named_later && *mode == PutMode::Create
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let alike = options.mode == PutMode::Create && options.extensions.get::<objects::Alike>().is_some();
        if alike && let Some(put) = self.create_alike(key, &payload).await {
            return put;
        }
        if is_later(key, &options.mode) {
            if self.owing.has_names().await {
                self.owing.barrier().await?;
            }
            if let Some(put) = self.create_page(key, &payload).await {
                return put;
            }
            let put = self.later.put_opts(key, payload, options).await;
            self.owing.what.lock().await.files = true;
            return put;
        }
        self.make_way(key).await;
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
        if let Some(path) = self.path(key).filter(|_| local::is_whole(&options)) {
            if let Some(read) = local::read_cached(&path, key.clone()) {
                return Ok(read);
            }
            let location = key.clone();
            if let Ok(Some(read)) = self.reading.call(move || local::read(&path, location)).await {
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
        let ordinary = self.now.list(prefix);
        let Some((root, prefix)) = prefix.and_then(|prefix| Some((self.path(prefix)?, prefix.clone())))
        else {
            return ordinary;
        };
        let listed = async move {
            let ours = tokio::task::spawn_blocking(move || local::list(&root, prefix.as_ref())).await;
            match ours {
                Ok(Some(found)) => stream::iter(found).map(Ok).boxed(),
                _ => ordinary,
            }
        };
        stream::once(listed).flatten().boxed()
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
            *directory.owing.what.lock().await != What::default()
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
        let owed = *directory.owing.what.lock().await;
        assert_eq!(owed, What::default(), "what takes its place is on the disk");
    }

    #[tokio::test]
    async fn a_page_of_which_a_part_is_there_is_found_and_written_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = || LocalFileSystem::new_with_prefix(dir.path()).expect("a store");
        let directory = Directory::new(dir.path(), store(), store());
        let key = Path::from("pages/s/1/x.json");
        let put = async |mode: PutMode| {
            directory.put_opts(&key, "whole".into(), PutOptions::from(mode)).await.map(|_| ())
        };
        let read = async || directory.get(&key).await.expect("there").bytes().await.expect("read");
        put(PutMode::Create).await.expect("created");
        assert_eq!(read().await, "whole");
        std::fs::write(dir.path().join(key.as_ref()), "wh").expect("torn");
        let taken = put(PutMode::Create).await.expect_err("there");
        assert!(matches!(taken, object_store::Error::AlreadyExists { .. }), "{taken:?}");
        assert_eq!(read().await, "wh", "whoever is told so reads it back");
        put(PutMode::Overwrite).await.expect("written anew");
        assert_eq!(read().await, "whole");
        assert_eq!(std::fs::read_dir(dir.path().join("pages/s/1")).expect("a directory").count(), 1);
    }

    #[tokio::test]
    async fn a_directory_is_on_the_disk_before_an_object_is_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = || LocalFileSystem::new_with_prefix(dir.path()).expect("a store");
        let directory = Directory::new(dir.path(), store(), store());
        let key = Path::from("_tidegate/claims/s/1.json");
        directory.make_way(&key).await;
        assert_eq!(*directory.owing.what.lock().await, What { files: false, names: true });
        assert!(dir.path().join("_tidegate/claims/s").is_dir());
        directory.put_opts(&key, "1".into(), PutOptions::from(PutMode::Create)).await.expect("written");
        assert_eq!(*directory.owing.what.lock().await, What::default());
        directory.make_way(&key).await;
        assert_eq!(*directory.owing.what.lock().await, What::default(), "it was there");
    }

    #[tokio::test]
    async fn names_of_one_content_reach_the_disk_before_a_data_file_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = || LocalFileSystem::new_with_prefix(dir.path()).expect("a store");
        let directory = Directory::new(dir.path(), store(), store());
        let mut options = PutOptions::from(PutMode::Create);
        options.extensions.insert(objects::Alike);
        let claim = async |number: u32, text: &'static str| {
            let key = Path::from(format!("_tidegate/claims/s/{number}.json"));
            directory.put_opts(&key, text.into(), options.clone()).await
        };
        for number in 1..=40 {
            claim(number, "ours").await.expect("claimed");
        }
        claim(41, "theirs").await.expect("claimed");
        let taken = claim(41, "ours").await.expect_err("claimed before");
        assert!(matches!(taken, object_store::Error::AlreadyExists { .. }), "{taken:?}");
        let owed = async || *directory.owing.what.lock().await;
        assert_eq!(owed().await, What { files: false, names: true });
        let once = || PutOptions::from(PutMode::Create);
        directory.put_opts(&Path::from("t/x-0.parquet"), "1".into(), once()).await.expect("written");
        assert_eq!(owed().await, What { files: true, names: false });
        let claims = Path::from("_tidegate/claims");
        let listed: Vec<_> = directory.list(Some(&claims)).try_collect().await.expect("listed");
        assert_eq!(listed.len(), 41);
        for meta in listed {
            let read = directory.get(&meta.location).await.expect("there").bytes().await.expect("read");
            let theirs = meta.location.as_ref().ends_with("/41.json");
            assert_eq!(read, if theirs { "theirs" } else { "ours" });
        }
        claim(41, "ours").await.expect_err("met again, by whoever goes on from it");
        assert_eq!(owed().await, What { files: true, names: true });
    }
}
