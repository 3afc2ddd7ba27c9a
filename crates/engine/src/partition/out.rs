//! The directory that is written to: one run at a time, nothing visible before its commit.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use tidegate_core::change::{hex, sha256};

use super::inputs::Input;
use super::manifest::Manifest;
use crate::Error;
use crate::disk::sync;

const OURS: &str = "_tidegate";
/// A directory of files that no manifest lists yet, or that are not in place yet.
const PART: &str = "part";

/// The directory, locked.
pub(super) struct Out {
    root: PathBuf,
    ours: PathBuf,
    /// Held until the end of the run.
    _lock: File,
}

/// Where the rejects of a run are, below the directory.
pub(super) fn rejects(run: &str) -> String {
    format!("_rejects/{run}.ndjson")
}

/// Where a file is before its run ends. All are in one directory: to make one for each partition and to remove it again
/// would take longer than to write a small file.
pub(super) fn waiting(part: &Path, key: &str) -> PathBuf {
    part.join(key.replace('/', ","))
}

impl Out {
    /// Makes and locks the directory, and finishes what a crash left of an earlier run.
    pub(super) fn open(root: &Path) -> Result<Out, Error> {
        let ours = root.join(OURS);
        let failed = |error| Error::file("cannot write", &ours, error);
        fs::create_dir_all(&ours).map_err(failed)?;
        let lock = File::create(ours.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Busy(format!(
                    "another tidegate partitions into {}; run again when it has ended",
                    root.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let out = Out { root: root.to_owned(), ours, _lock: lock };
        out.recover()?;
        Ok(out)
    }

    /// What the runs before this one wrote.
    pub(super) fn manifests(&self) -> Result<Vec<Manifest>, Error> {
        self.entries("json")?.iter().map(|path| self.manifest(path)).collect()
    }

    fn manifest(&self, path: &Path) -> Result<Manifest, Error> {
        let bytes = fs::read(path).map_err(|error| Error::file("cannot read", path, error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Damaged { key: path.display().to_string(), reason: error.to_string() })
    }

    fn entries(&self, ending: &str) -> Result<Vec<PathBuf>, Error> {
        let failed = |error| Error::file("cannot list", &self.ours, error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.ours).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Puts the files of ended runs in place and throws away those of runs that did not end.
    fn recover(&self) -> Result<(), Error> {
        for part in self.entries(PART)? {
            let manifest = part.with_extension("json");
            if manifest.is_file() {
                self.place(&self.manifest(&manifest)?)?;
            }
            fs::remove_dir_all(&part).map_err(|error| Error::file("cannot remove", &part, error))?;
        }
        Ok(())
    }

    /// The empty directory that a run writes to.
    pub(super) fn begin(&self, run: &str) -> Result<PathBuf, Error> {
        let part = self.part(run);
        fs::create_dir_all(&part).map_err(|error| Error::file("cannot write", &part, error))?;
        Ok(part)
    }

    fn part(&self, run: &str) -> PathBuf {
        self.ours.join(run).with_extension(PART)
    }

    /// Standard input as a file, known by its content.
    pub(super) fn spool(&self, stdin: &mut dyn Read) -> Result<Input, Error> {
        let part = self.begin("stdin")?;
        let path = part.join("bytes");
        let failed = |error| Error::file("cannot write", &path, error);
        let mut file = File::create(&path).map_err(failed)?;
        let (mut buffer, mut bytes, mut digest) = (vec![0; 1 << 20], 0, [0; 32]);
        loop {
            let length = full(stdin, &mut buffer)
                .map_err(|error| Error::file("cannot read", Path::new("-"), error))?;
            if length == 0 {
                break;
            }
            file.write_all(&buffer[..length]).map_err(failed)?;
            digest = sha256(&[&digest, buffer.get(..length).unwrap_or_default()].concat());
            bytes += length as u64;
        }
        Ok(Input { name: "-".to_owned(), path, bytes, stamp: hex(&digest) })
    }

    /// Ends a run: from the moment that its manifest is there, its files count, so all of them reach the disk before.
    pub(super) fn commit(&self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.ours.join(format!("{}.json", manifest.run));
        let written = path.with_extension("new");
        let failed = |error| Error::file("cannot write", &path, error);
        let write = || {
            let mut file = BufWriter::new(File::create(&written)?);
            serde_json::to_writer(&mut file, manifest)?;
            file.into_inner()?.sync_all()
        };
        thread::scope(|scope| {
            let write = scope.spawn(write);
            let synced = sync(&self.ours);
            write.join().unwrap_or_else(|panic| resume_unwind(panic)).and(synced)
        })
        .and_then(|()| fs::rename(&written, &path))
        .and_then(|()| File::open(&self.ours)?.sync_all())
        .map_err(failed)?;
        self.place(manifest)?;
        let part = self.part(&manifest.run);
        fs::remove_dir_all(&part).map_err(|error| Error::file("cannot remove", &part, error))
    }

    /// Moves the files of an ended run to where they belong, those that are not there yet.
    fn place(&self, manifest: &Manifest) -> Result<(), Error> {
        let part = self.part(&manifest.run);
        let rejects = (manifest.rejected > 0).then(|| rejects(&manifest.run));
        for key in manifest.files.iter().map(|file| &file.key).chain(&rejects) {
            let (from, to) = (waiting(&part, key), self.root.join(key));
            let moved = || match fs::rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && to.is_file() && !from.exists() => {
                    Ok(())
                }
                other => other,
            };
            let parent = to.parent().unwrap_or(&self.root);
            fs::create_dir_all(parent)
                .and_then(|()| moved())
                .map_err(|error| Error::file("cannot write", &to, error))?;
        }
        Ok(())
    }
}

impl Drop for Out {
    /// A run that failed leaves nothing behind; what cannot be removed now is removed by the next.
    fn drop(&mut self) {
        let _ = self.recover();
    }
}

/// Fills the buffer as far as there is something to read.
fn full(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match from.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
