//! What a store's address names.

use std::path::{Component, Path, PathBuf};

use object_store::path::Path as Key;

use crate::Error;

/// A place that can hold objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory, absolute, symbolic links resolved as far as it exists.
    Directory(PathBuf),
    /// A bucket and the prefix of every key.
    S3 { bucket: String, prefix: Key },
    /// A named store of this process.
    Memory { name: String, prefix: Key },
}

impl Place {
    /// Reads an address; relative directories are taken from `base`.
    pub(super) fn parse(address: &str, base: &Path) -> Result<Place, Error> {
        let wrong = |reason: &str| Error::Config(format!("`{address}` {reason}"));
        if let Some(rest) = address.strip_prefix("s3://") {
            let (bucket, prefix) = split(rest, address)?;
            if bucket.is_empty() {
                return Err(wrong("names no bucket; write s3://bucket/prefix"));
            }
            return Ok(Place::S3 { bucket, prefix });
        }
        if let Some(rest) = address.strip_prefix("memory://") {
            let (name, prefix) = split(rest, address)?;
            return Ok(Place::Memory { name, prefix });
        }
        let path = match address.strip_prefix("file:") {
            Some(rest) => match rest.strip_prefix("//") {
                Some(absolute) if absolute.starts_with('/') => PathBuf::from(absolute),
                Some(relative) => {
                    return Err(wrong(&format!(
                        "is not an address; for a directory beside the pipeline file write file:./{}",
                        relative.trim_start_matches("./")
                    )));
                }
                None => PathBuf::from(rest),
            },
            None if address.contains("://") => {
                return Err(wrong(
                    "is no kind of store; write file:./directory, s3://bucket/prefix or memory://name",
                ));
            }
            None => PathBuf::from(address),
        };
        if path.as_os_str().is_empty() {
            return Err(wrong("names no directory; write file:./directory"));
        }
        Ok(Place::Directory(resolved(&base.join(path))))
    }

    /// Whether `other` is this place or inside it.
    pub(super) fn holds(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Directory(a), Place::Directory(b)) => b.starts_with(a),
            (Place::S3 { bucket: a, prefix }, Place::S3 { bucket: b, prefix: inner })
            | (Place::Memory { name: a, prefix }, Place::Memory { name: b, prefix: inner }) => {
                a == b && inner.prefix_matches(prefix)
            }
            _ => false,
        }
    }
}

fn split(rest: &str, address: &str) -> Result<(String, Key), Error> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = Key::parse(prefix.trim_matches('/'))
        .map_err(|e| Error::Config(format!("`{address}` cannot be used: {e}; choose a plain prefix")))?;
    Ok((name.to_owned(), prefix))
}

/// The path without `.` and `..`, absolute, with the links of its longest existing part resolved.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                plain = plain.canonicalize().unwrap_or(plain);
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    let existing = plain.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    match existing {
        Some((part, real)) => match plain.strip_prefix(part) {
            Ok(rest) if rest.as_os_str().is_empty() => real,
            Ok(rest) => real.join(rest),
            Err(_) => plain,
        },
        None => plain,
    }
}
