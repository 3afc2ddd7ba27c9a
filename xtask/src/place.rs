//! Where things are.

use std::env::var_os;
use std::path::{Path, PathBuf};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// Where tools are kept between runs: outside the checkout, so that a fresh clone finds them.
pub(crate) fn cache() -> PathBuf {
    var_os("TIDEGATE_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let base = var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
        base.unwrap_or_else(home).join("tidegate")
    })
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A binary of the workspace as the tests build it.
pub(crate) fn binary(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(name)
}
