//! What must survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

/// Brings what was written below a directory to the disk: one wait for any number of files.
#[cfg(target_os = "linux")]
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(directory)?).map_err(io::Error::from)
}

/// The same, file by file.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { sync(&path)? } else { File::open(&path)?.sync_all()? }
    }
    Ok(())
}
