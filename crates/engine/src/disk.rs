//! What must survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

/// Brings what was written below a directory to the disk: one wait for any number of files.
#[cfg(target_os = "linux")]
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(directory)?).map_err(io::Error::from)
}

/// Has the disk begin to take in what was written to a file, so that less is left for [`sync`] to wait for. Says nothing
/// of when it is there.
#[cfg(target_os = "linux")]
pub(crate) fn begin_sync(file: &File) {
    // To let go of what is cached, Linux starts to write what the disk does not have; and keeps that cached meanwhile.
    let begun = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    begun.unwrap_or_else(|error| tracing::debug!(%error, "written later"));
}

/// Leaves it to [`sync`].
#[cfg(not(target_os = "linux"))]
pub(crate) fn begin_sync(_: &File) {}

/// The same, file by file.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { sync(&path)? } else { File::open(&path)?.sync_all()? }
    }
    Ok(())
}
