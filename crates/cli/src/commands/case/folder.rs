//! The folder of a recording: written beside the one that is there, and put in its place once it is whole. Nothing else
//! that lies there is touched.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::target;

/// What a recording consists of.
const PARTS: [&str; 4] = ["pipeline.toml", "polls.txt", "responses", "expected"];

/// Whether a recording may be put at `out`: nothing is there, or with `force` another recording.
pub(crate) fn free(out: &Path, force: bool) -> Result<(), Failure> {
    target::free(out, force)?;
    let is_recording = out.join("pipeline.toml").is_file() && out.join("responses").is_dir();
    match out.exists() && !is_recording {
        true => Err(Failure::config(format!(
            "{} is there and holds no recording (pipeline.toml and responses/), so it is not written over; choose \
             another --out",
            out.display()
        ))),
        false => Ok(()),
    }
}

/// Has `write` write a recording and puts it at `out`, in the place of the one that is there.
pub(crate) fn put(out: &Path, write: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::config(format!("cannot write {}: {error}", out.display()));
    let whole = if out.exists() { out.canonicalize() } else { std::path::absolute(out) }.map_err(failed)?;
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(Failure::config(format!(
            "{} is no place for a folder; choose another --out",
            out.display()
        )));
    };
    let beside = parent.join(format!(".{}.recording", name.to_string_lossy()));
    std::fs::create_dir_all(parent).and_then(|()| removed(&beside)).map_err(failed)?;
    let written = write(&beside).and_then(|()| moved(&beside, &whole).map_err(failed));
    if written.is_err() {
        // What failed first is told; a folder that stays is removed by the next recording.
        let _ = removed(&beside);
    }
    written
}

fn moved(beside: &Path, out: &Path) -> io::Result<()> {
    if !out.exists() {
        return std::fs::rename(beside, out);
    }
    let parts = PARTS.map(|part| (beside.join(part), out.join(part)));
    parts.iter().try_for_each(|(_, old)| removed(old))?;
    let new: Vec<&(PathBuf, PathBuf)> = parts.iter().filter(|(new, _)| new.exists()).collect();
    new.into_iter().try_for_each(|(new, old)| std::fs::rename(new, old))?;
    std::fs::remove_dir(beside)
}

/// Removes a file, a link or a folder, if it is there.
fn removed(path: &Path) -> io::Result<()> {
    let gone = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    gone.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
