//! What an object store's error means to the reader: its kind, and what to do next.

use std::error::Error as _;
use std::io::ErrorKind;

use object_store::Error;
use tidegate_core::error::Kind;

/// The kind of a store's error, and what to do about it.
pub(crate) fn diagnose(error: &Error) -> (Kind, &'static str) {
    match error {
        Error::PermissionDenied { .. } => {
            (Kind::Config, "permission denied: allow reading, writing, listing and deleting there")
        }
        Error::Unauthenticated { .. } => (Kind::Config, "the credentials are missing or wrong: set them"),
        Error::NotFound { .. } => (Kind::Config, "it does not exist: check the address, create the bucket"),
        Error::InvalidPath { .. } => (Kind::Config, "the name cannot be used: choose a plain prefix"),
        Error::UnknownConfigurationKey { .. } => (Kind::Config, "correct the setting"),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            (Kind::Config, "this store cannot create an object only if it is absent: use another store")
        }
        _ => io_kind(error).map_or(TRANSIENT, of_io),
    }
}

const TRANSIENT: (Kind, &str) = (Kind::Transient, "try again; check the store if it lasts");

fn of_io(kind: ErrorKind) -> (Kind, &'static str) {
    match kind {
        ErrorKind::PermissionDenied => (Kind::Config, "permission denied: make the directory writable"),
        ErrorKind::ReadOnlyFilesystem => {
            (Kind::Config, "the file system is read-only: name another directory")
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename => {
            (Kind::Config, "something else has that name: clear it away or name another directory")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            (Kind::Transient, "the disk is full: free some space; nothing is lost, the next run goes on")
        }
        _ => TRANSIENT,
    }
}

/// The kind of a file's error, and what to do about it.
pub(crate) fn diagnose_file(error: &std::io::Error) -> (Kind, &'static str) {
    match error.kind() {
        ErrorKind::NotFound => (Kind::Config, "check the name"),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => {
            (Kind::Data, "the file is damaged or was cut off: get it again")
        }
        ErrorKind::PermissionDenied => (Kind::Config, "permission denied: allow reading or writing there"),
        kind => of_io(kind),
    }
}

/// The kind of the I/O error at the root of a store's error, if there is one.
fn io_kind(error: &Error) -> Option<ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: ErrorKind) -> Error {
        Error::Generic { store: "test", source: Box::new(std::io::Error::from(kind)) }
    }

    #[test]
    fn what_waiting_mends_is_transient_and_what_the_user_must_mend_is_not() {
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, Kind::Config),
            (ErrorKind::ReadOnlyFilesystem, Kind::Config),
            (ErrorKind::StorageFull, Kind::Transient),
            (ErrorKind::ConnectionReset, Kind::Transient),
        ] {
            assert_eq!(diagnose(&io(kind)).0, expected, "{kind}");
        }
        assert!(diagnose(&io(ErrorKind::StorageFull)).1.contains("disk is full"));
    }
}
