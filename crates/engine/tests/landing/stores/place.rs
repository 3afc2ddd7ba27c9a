//! Where a test's two stores lie.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use tempfile::TempDir;
use tidegate_engine::{Env, open_store};

use crate::world::env_over;

/// A base address that no other test writes to.
pub struct Place {
    base: String,
    options: Vec<(String, String)>,
    /// Relative addresses start here; gone with the place.
    directory: TempDir,
}

impl Place {
    /// Opens what lies below the base.
    pub fn open(&self, below: &str) -> Arc<dyn ObjectStore> {
        let url = format!("{}/{below}", self.base);
        open_store(&url, self.directory.path(), &self.options).expect("the store opens")
    }

    /// A world with staging and lake side by side.
    pub fn env(&self) -> Env {
        env_over(self.open("staging"), self.open("lake"))
    }
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

pub fn directories() -> Place {
    Place {
        base: "file:.".to_owned(),
        options: vec![("fsync".to_owned(), "false".to_owned())],
        directory: directory(),
    }
}

/// Directories whose objects outlast a power cut, as they are where nobody says otherwise.
#[cfg(target_os = "linux")]
pub fn synced() -> Place {
    Place { base: "file:.".to_owned(), options: Vec::new(), directory: directory() }
}

pub fn memory(test: &str) -> Place {
    Place { base: format!("memory://{test}"), options: Vec::new(), directory: directory() }
}

/// Below a prefix of its own in the bucket that `TIDEGATE_TEST_S3` names.
pub fn s3(test: &str) -> Place {
    #[allow(clippy::disallowed_methods, reason = "whoever starts the tests says where the server is")]
    let bucket = std::env::var("TIDEGATE_TEST_S3").expect(
        "TIDEGATE_TEST_S3 names the bucket, such as s3://bucket; `cargo xtask test --only s3` starts a server and sets it",
    );
    let directory = directory();
    // The random name that the directory got tells this run apart from the one before.
    let run = directory.path().file_name().map(PathBuf::from).unwrap_or_default();
    let base = format!("{}/{test}{}", bucket.trim_end_matches('/'), run.display());
    let options = std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect();
    Place { base, options, directory }
}
