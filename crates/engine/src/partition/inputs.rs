//! Which files are meant: names, directories, patterns, standard input.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{DirEntry, Metadata};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, thread};

use crate::Error;

/// Endings that a file in a directory must have, `.gz` and `.zst` taken off.
const ENDINGS: [&str; 6] = [".json", ".ndjson", ".jsonl", ".geojson", ".csv", ".json-seq"];

/// One file to read. Written without its path, it is what a manifest says of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Input {
    /// What messages call it, and what tells it from other inputs: its full path, or `-`.
    pub name: String,
    /// Where its bytes are.
    #[serde(skip)]
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// What changes when its content does: nanoseconds of its last change, or the SHA-256 of standard input.
    pub stamp: String,
}

impl Input {
    /// Whether it is standard input, not read yet.
    pub(super) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }
}

/// The files that are named, in order and each once. A directory means the files below it that have an ending of ours
/// (names that begin with `.` or `_` left out); a name that is no file and holds `*`, `?` or `[` is a pattern; `-` is
/// standard input.
pub fn find(names: &[String]) -> Result<Vec<Input>, Error> {
    let mut found: Vec<Input> = Vec::new();
    for name in names {
        let path = Path::new(name);
        match fs::metadata(path) {
            _ if name == "-" => found.push(stdin()),
            Ok(meta) if meta.is_dir() => in_directory(path, &mut found)?,
            Ok(_) => found.push(file(path)?),
            Err(_) if name.contains(['*', '?', '[']) => matching(name, &mut found)?,
            Err(error) => return Err(Error::file("cannot read", path, error)),
        }
    }
    if names.len() > 1 {
        let mut seen = HashSet::new();
        found.retain(|input| seen.insert(input.name.clone()));
    }
    Ok(found)
}

fn stdin() -> Input {
    Input { name: "-".to_owned(), path: "-".into(), bytes: 0, stamp: String::new() }
}

fn file(path: &Path) -> Result<Input, Error> {
    let failed = |error| Error::file("cannot read", path, error);
    let full = std::path::absolute(path).map_err(failed)?;
    let meta = fs::metadata(&full).map_err(failed)?;
    if !meta.is_file() {
        return Err(Error::Config(format!(
            "{} is no file but a pipe or a device, which can be read only once; give what it brings to the command's input \
             and name `-` in its place",
            path.display()
        )));
    }
    Ok(described(full, &meta))
}

fn described(full: PathBuf, meta: &Metadata) -> Input {
    let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Input {
        name: full.display().to_string(),
        path: full,
        bytes: meta.len(),
        stamp: changed.unwrap_or_default().as_nanos().to_string(),
    }
}

/// Files that one thread asks the file system about, at least: it takes longer than to name them.
const SHARE: usize = 1000;

/// What each of many is, in their order, found out by several threads where it is worth it.
fn each<T: Sync, R: Send>(all: &[T], what: impl Fn(&T) -> Result<R, Error> + Sync) -> Result<Vec<R>, Error> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = all.len().div_ceil(threads).max(SHARE);
    if all.len() <= share {
        return all.iter().map(what).collect();
    }
    thread::scope(|scope| {
        let of = |share: &[T]| share.iter().map(&what).collect::<Result<Vec<R>, Error>>();
        let shares: Vec<_> = all.chunks(share).map(|share| scope.spawn(move || of(share))).collect();
        let mut found = Vec::with_capacity(all.len());
        for share in shares {
            found.append(&mut share.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(found)
    })
}

fn in_directory(directory: &Path, found: &mut Vec<Input>) -> Result<(), Error> {
    let before = found.len();
    let full =
        std::path::absolute(directory).map_err(|error| Error::file("cannot list", directory, error))?;
    descend(&full, &mut HashSet::new(), found)?;
    match found.len() - before {
        0 => Err(Error::Config(format!(
            "{} holds no file that ends in {} (with or without .gz or .zst); name the files themselves",
            directory.display(),
            ENDINGS.join(", ")
        ))),
        _ => Ok(()),
    }
}

/// Something in a directory.
struct Entry {
    name: OsString,
    is_directory: bool,
    entry: DirEntry,
}

/// Takes in what lies below a directory, unless a link has led there already.
fn descend(directory: &Path, seen: &mut HashSet<PathBuf>, found: &mut Vec<Input>) -> Result<(), Error> {
    let failed = |error| Error::file("cannot list", directory, error);
    if !seen.insert(directory.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(failed)?);
        let is_directory = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        if is_wanted(&name.to_string_lossy(), is_directory) {
            entries.push(Entry { name, is_directory, entry });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for alike in entries.chunk_by(|a, b| a.is_directory == b.is_directory) {
        if alike[0].is_directory {
            alike.iter().try_for_each(|below| descend(&below.entry.path(), seen, found))?;
        } else {
            found.append(&mut each(alike, |file| listed(&file.entry))?);
        }
    }
    Ok(())
}

fn is_wanted(name: &str, is_directory: bool) -> bool {
    let has_ending = || {
        let name = plain(name);
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    !name.starts_with(['.', '_']) && (is_directory || has_ending())
}

/// A file in an absolute directory. The directory is asked, as it is open: that is quicker than by the path.
fn listed(entry: &DirEntry) -> Result<Input, Error> {
    let path = entry.path();
    match entry.metadata() {
        Ok(meta) if !meta.is_symlink() => Ok(described(path, &meta)),
        _ => file(&path),
    }
}

/// A file's name in lower case without the ending of its compression.
pub(super) fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let bare = [".gz", ".zst", ".zstd"].iter().find_map(|ending| name.strip_suffix(ending));
    bare.map_or(name.clone(), str::to_owned)
}

fn matching(pattern: &str, found: &mut Vec<Input>) -> Result<(), Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Config(format!("`{pattern}` is no pattern: {error}"));
    let before = found.len();
    let mut paths = Vec::new();
    for path in glob::glob(pattern).map_err(|error| wrong(&error))? {
        paths.push(path.map_err(|error| {
            let at = error.path().to_owned();
            Error::file("cannot list", &at, error.into())
        })?);
    }
    let files = each(&paths, |path| path.is_file().then(|| file(path)).transpose())?;
    found.extend(files.into_iter().flatten());
    match found.len() - before {
        0 => Err(Error::Config(format!("no file matches `{pattern}`; check the pattern and the directory"))),
        _ => Ok(()),
    }
}
