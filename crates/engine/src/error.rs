//! Whatever can go wrong in a verb, with its kind.

use tidegate_core::error::Kind;
use tidegate_core::keys;

use crate::http::HttpError;

/// An engine error. Messages hold no secret and say what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("{0}")]
    Config(String),
    /// The API answered, but not with data.
    #[error("{0}")]
    Source(String),
    /// The API cannot be asked now: it is out of order, or told us to stay away.
    #[error("{message}")]
    Unavailable {
        /// What it said, and how often it was asked.
        message: String,
        /// Before this time there is no use in asking again, where that is known.
        retry_at: Option<tidegate_core::jiff::Timestamp>,
    },
    /// The request did not come through.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A load cannot go on.
    #[error(transparent)]
    Load(#[from] tidegate_core::load::LoadError),
    /// A store refused or failed.
    #[error("{action} {key}: {source}; {}", crate::store_error::diagnose(source).1)]
    Store {
        /// What was being done (`cannot read`, `cannot write`, `cannot list`).
        action: &'static str,
        /// The object.
        key: String,
        /// The store's word.
        source: object_store::Error,
    },
    /// A file of this machine cannot be read or written.
    #[error("{action} {path}: {source}; {}", crate::store_error::diagnose_file(source).1)]
    File {
        /// What was being done (`cannot read`, `cannot write`, `cannot list`).
        action: &'static str,
        /// The file or directory.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// Another process is at the same work.
    #[error("{0}")]
    Busy(String),
    /// A raw page that a load needs is no longer in staging.
    #[error(
        "page {key} is no longer in staging, so its load cannot be made anew; its files stay as they are: bring the \
         page back from a copy, or leave that time range out"
    )]
    PageGone {
        /// The page.
        key: String,
    },
    /// A document of ours cannot be read back.
    #[error("{key} cannot be used: {reason}; {}", mending(key))]
    Damaged {
        /// The object.
        key: String,
        /// Why.
        reason: String,
    },
}

/// What to do about an object that cannot be read back. Only what follows from staging can be made anew; without a batch,
/// a page or a version of the schema something would be lost or there twice.
fn mending(key: &str) -> &'static str {
    let follows = [keys::LOADS, keys::REWRITES, keys::RETYPED].iter().any(|prefix| key.starts_with(prefix));
    if follows {
        "restore it from a copy, or delete it and run `tidegate load --missing`, then `tidegate replay`"
    } else if key.starts_with(keys::CLAIMS) {
        "restore it from a copy, or, if no load is windowed, delete it and run `tidegate load --missing`"
    } else {
        "restore it from a copy"
    }
}

impl Error {
    /// The error of a file of this machine.
    pub(crate) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
        Error::File { action, path: path.display().to_string(), source }
    }

    /// What the reader does next.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Config(_) => Kind::Config,
            Error::Source(_) => Kind::Source,
            Error::Unavailable { .. } => Kind::Transient,
            Error::Http(http) => http.kind(),
            Error::Load(load) => load.kind(),
            Error::Store { source, .. } => crate::store_error::diagnose(source).0,
            Error::File { source, .. } => crate::store_error::diagnose_file(source).0,
            Error::Busy(_) => Kind::Transient,
            Error::PageGone { .. } | Error::Damaged { .. } => Kind::Data,
        }
    }

    /// Before which time there is no use in asking the API again, where it said so.
    pub fn retry_at(&self) -> Option<tidegate_core::jiff::Timestamp> {
        match self {
            Error::Unavailable { retry_at, .. } => *retry_at,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_delete_what_cannot_be_made_anew() {
        let said = |key: String| Error::Damaged { key, reason: "it is cut off".to_owned() }.to_string();
        let load = keys::LoadId::of_batch("weather", 1);
        for key in
            [keys::batch("weather", 1), keys::page("weather", 1, "ab", "json"), keys::schema("weather", 2)]
        {
            assert!(!said(key).contains("delete"));
        }
        assert!(said(keys::load(&load, 0)).contains("delete it and run `tidegate load --missing`"));
        assert!(said(keys::claim("weather", 1)).contains("if no load is windowed"));
    }
}
