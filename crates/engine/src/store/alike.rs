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
use rustix::io::Errno;

/// The file that was named last.
#[derive(Default)]
pub(super) struct Alike(Mutex<Option<(Bytes, File)>>);

impl Alike {
    /// Creates `path` with this content unless something has that name. The name itself is not brought to the disk. An
    /// error other than that it exists says nothing but that it cannot be done so here.
    pub(super) fn create(&self, path: &Path, content: &Bytes) -> io::Result<()> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = last.as_ref().filter(|(known, _)| known == content) {
            match link(file, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    // All its names are gone, it has as many as it can, or the directory is missing.
                    tracing::debug!(path = %path.display(), %error, "a file of its own");
                }
                linked => return linked,
            }
        }
        let file = in_its_directory(path, || nameless(path, content))?;
        let linked = link(&file, path);
        *last = Some((content.clone(), file));
        linked
    }
}

/// Does something in the directory of `path`, which is made if it is missing.
pub(super) fn in_its_directory<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
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
    let mut file = File::from(open(directory, flags, mode)?);
    file.write_all(content)?;
    file.sync_all()?;
    Ok(file)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    // Kernels before 6.10 let only the privileged link a file by its descriptor, and others by this name of it.
    let linked = linkat(file, c"", CWD, path, AtFlags::EMPTY_PATH).or_else(|error| match error {
        Errno::NOENT => {
            linkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), CWD, path, AtFlags::SYMLINK_FOLLOW)
        }
        other => Err(other),
    });
    Ok(linked?)
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
