//! Small objects read and created, and objects listed, with as few system calls as it takes. Whatever is out of the
//! ordinary is left to the library, and so are all errors: `None` stands for it.

use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::path::Path;
use std::thread;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use object_store::path::Path as Key;
use object_store::{Attributes, GetOptions, GetResult, GetResultPayload, ObjectMeta};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};

use super::alike::in_its_directory;

/// The longest object that is read or written in one go, in bytes.
pub(super) const SMALL: u64 = 256 << 10;

/// Files of a directory that two threads ask the file system about.
const MANY: usize = 2000;

/// Whether a name on disk is the name in the store, letter by letter.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-=/".contains(&byte);
    name.bytes().all(plain) && !name.split('/').any(|part| part == "." || part == "..")
}

/// Whether all of an object is asked for, as it is now.
pub(super) fn is_whole(options: &GetOptions) -> bool {
    let GetOptions {
        if_match,
        if_none_match,
        if_modified_since,
        if_unmodified_since,
        range,
        version,
        head,
        ..
    } = options;
    let conditions = if_match.is_some()
        || if_none_match.is_some()
        || if_modified_since.is_some()
        || if_unmodified_since.is_some();
    !conditions && range.is_none() && version.is_none() && !head
}

/// Reads a small object.
pub(super) fn read(path: &Path, key: Key) -> Option<GetResult> {
    let mut file = File::open(path).ok()?;
    let found = file.metadata().ok()?;
    read_by(found, key, |content| file.read_exact(content))
}

/// Reads a small object that is in memory, name and content, so that nothing waits for the disk. `None` also stands for
/// one that is not, and for a file system that cannot tell.
pub(super) fn read_cached(path: &Path, key: Key) -> Option<GetResult> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?);
    let found = file.metadata().ok()?;
    read_by(found, key, |content| {
        let length = content.len();
        match preadv2(&file, &mut [IoSliceMut::new(content)], 0, ReadWriteFlags::NOWAIT)? {
            read if read == length => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    })
}

/// Reads all of a file that is small.
fn read_by(found: Metadata, key: Key, read: impl FnOnce(&mut [u8]) -> io::Result<()>) -> Option<GetResult> {
    if !found.is_file() || found.len() > SMALL {
        return None;
    }
    let mut content = vec![0; usize::try_from(found.len()).ok()?];
    read(&mut content).ok()?;
    let content = Bytes::from(content);
    Some(GetResult {
        payload: GetResultPayload::Stream(stream::once(async move { Ok(content) }).boxed()),
        range: 0..found.len(),
        meta: described(&found, key)?,
        attributes: Attributes::default(),
        extensions: Default::default(),
    })
}

/// Creates an object in its place, with the directories on its way. Where it fails half-way, a part of it is left.
pub(super) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let open = || OpenOptions::new().write(true).create_new(true).open(path);
    in_its_directory(path, open)?.write_all(content)
}

/// What the store says of an object, but for its tag.
fn described(found: &Metadata, location: Key) -> Option<ObjectMeta> {
    let last_modified = found.modified().ok()?.into();
    Some(ObjectMeta { location, last_modified, size: found.len(), e_tag: None, version: None })
}

/// All objects below `directory`, whose key `prefix` is plain and not empty, in any order.
pub(super) fn list(directory: &Path, prefix: &str) -> Option<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    descend(directory, prefix, &mut found)?;
    Some(found)
}

fn descend(directory: &Path, prefix: &str, found: &mut Vec<ObjectMeta>) -> Option<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(()),
        entries => entries.ok()?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let kind = entry.file_type().ok().filter(|kind| !kind.is_symlink())?;
        if kind.is_file() && is_under_way(&name) {
            continue;
        }
        let key = Some(format!("{prefix}/{name}")).filter(|key| is_plain(key))?;
        if kind.is_dir() {
            descend(&directory.join(&name), &key, found)?;
        } else if kind.is_file() {
            files.push((entry, key));
        }
    }
    if files.len() < MANY {
        found.append(&mut described_all(&files)?);
        return Some(());
    }
    let (some, others) = files.split_at(files.len() / 2);
    let (some, others) = thread::scope(|scope| {
        let some = scope.spawn(|| described_all(some));
        let others = described_all(others);
        (some.join().ok().flatten(), others)
    });
    found.append(&mut some?);
    found.append(&mut others?);
    Some(())
}

/// What the store says of these files, those left out that are gone.
fn described_all(files: &[(DirEntry, String)]) -> Option<Vec<ObjectMeta>> {
    let mut all = Vec::with_capacity(files.len());
    for (entry, key) in files {
        match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            meta => all.push(described(&meta.ok()?, Key::parse(key).ok()?)?),
        }
    }
    Some(all)
}

/// Whether it is what the library writes beside an object's place before it gives it its name.
fn is_under_way(name: &str) -> bool {
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;
    use object_store::local::LocalFileSystem;
    use object_store::{ObjectStore as _, ObjectStoreExt as _};

    use super::*;

    #[tokio::test]
    async fn what_is_listed_and_read_is_what_the_library_finds() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = LocalFileSystem::new_with_prefix(directory.path()).expect("a store");
        for key in ["a/b/1.json", "a/b/c/2.json", "a/3", "d/4"] {
            library.put(&Key::from(key), key.into()).await.expect(key);
        }
        fs::write(directory.path().join("a/b/1.json#7"), "half").expect("written");
        let untagged = |meta: ObjectMeta| ObjectMeta { e_tag: None, ..meta };
        let mut expected: Vec<_> =
            library.list(Some(&Key::from("a"))).map_ok(untagged).try_collect().await.expect("listed");
        let mut ours = list(&directory.path().join("a"), "a").expect("plain");
        expected.sort_by(|a, b| a.location.cmp(&b.location));
        ours.sort_by(|a, b| a.location.cmp(&b.location));
        assert_eq!((ours.len(), &ours), (3, &expected));
        assert_eq!(list(&directory.path().join("none"), "none"), Some(Vec::new()));
        let read = read(&directory.path().join("a/3"), Key::from("a/3")).expect("small");
        assert_eq!(read.meta, untagged(library.head(&Key::from("a/3")).await.expect("there")));
        assert_eq!(read.bytes().await.expect("read"), "a/3");
    }

    #[tokio::test]
    async fn what_is_in_memory_is_read_as_from_the_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        fs::write(&path, "just written").expect("written");
        let key = || Key::from("a");
        let theirs = read(&path, key()).expect("small");
        // Not every file system says what it has in memory.
        if let Some(ours) = read_cached(&path, key()) {
            assert_eq!((&ours.meta, &ours.range), (&theirs.meta, &theirs.range));
            assert_eq!(ours.bytes().await.expect("read"), theirs.bytes().await.expect("read"));
        }
        fs::write(&path, vec![0; (SMALL + 1) as usize]).expect("written");
        assert!(read_cached(&path, key()).is_none(), "large");
        assert!(read_cached(directory.path(), key()).is_none(), "a directory");
        assert!(read_cached(&directory.path().join("none"), key()).is_none(), "nothing");
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_left_to_the_library() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(read(&directory.path().join("none"), Key::from("none")).is_none());
        assert!(read(directory.path(), Key::from("x")).is_none());
        fs::write(directory.path().join("large"), vec![0; (SMALL + 1) as usize]).expect("written");
        assert!(read(&directory.path().join("large"), Key::from("large")).is_none());
        fs::create_dir(directory.path().join("a")).expect("made");
        fs::write(directory.path().join("a/é"), "").expect("written");
        assert_eq!(list(&directory.path().join("a"), "a"), None);
        assert!(
            !is_plain("a b") && !is_plain("a/../b") && !is_plain("a%20") && is_plain("year=2026/x-0.json")
        );
    }
}
