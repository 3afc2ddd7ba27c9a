//! Objects of equal content as one file under many names. To give a file a further name is one change of one directory,
//! where a file of its own is an inode, a block and three changes; and a name never shows half an object, since the
//! content is on the disk before its first name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};

/// The file that was named last.
#[derive(Default)]
pub(super) struct Alike(Mutex<Option<(Bytes, File)>>);

impl Alike {
    /// Creates `path` with this content unless something has that name. The name itself is not brought to the disk. An
    /// error other than that it exists says nothing but that it cannot be done so: the file system knows no files without
    /// a name, or the file has as many names as it can.
    pub(super) fn create(&self, path: &Path, content: &Bytes) -> io::Result<()> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (content, file) = match last.take() {
            Some((known, file)) if known == *content => (known, file),
            _ => (content.clone(), nameless(path, content)?),
        };
        let linked = in_its_directory(path, || link(&file, path));
        if linked.as_ref().err().is_none_or(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            *last = Some((content, file));
        }
        linked
    }
}

/// Does something in the directory of `path`, which is made if it is missing.
fn in_its_directory<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match (work(), path.parent()) {
        (Err(error), Some(directory)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory)?;
            work()
        }
        (done, _) => done,
    }
}

/// A file in the directory of `path` that has no name yet, its content on the disk.
fn nameless(path: &Path, content: &[u8]) -> io::Result<File> {
    let directory = path.parent().unwrap_or(path);
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mut file = in_its_directory(path, || Ok(File::from(open(directory, flags, mode)?)))?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(file)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, opened, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_created_once_and_each_shows_its_own_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let (alike, at) = (Alike::default(), |name: &str| directory.path().join(name));
        for (name, content) in [("a", "1"), ("b", "1"), ("c", "2"), ("s/t/d", "1")] {
            alike.create(&at(name), &Bytes::from(content)).expect(name);
        }
        let again = alike.create(&at("c"), &Bytes::from("1")).expect_err("there is one");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir_all(at("s")).expect("removed");
        alike.create(&at("e"), &Bytes::from("1")).expect("after its last name is gone");
        for (name, content) in [("a", "1"), ("b", "1"), ("c", "2"), ("e", "1")] {
            assert_eq!(fs::read_to_string(at(name)).expect(name), content);
        }
        alike.create(&at("s/f"), &Bytes::from("1")).expect("its directory is made again");
    }
}
