//! A pipeline file whose source is an Airbyte manifest: the manifest and its config are read, and what comes out is a
//! native pipeline.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tidegate_airbyte::{ConfigAt, Expanded, FileError, ManifestFile};
use tidegate_core::pipeline::Secret;
use tidegate_engine::{Clock, SystemClock};

use crate::failure::Failure;
use crate::secrets;

/// The pipeline of a manifest's file; relative paths start from `dir`.
pub(crate) fn expand(
    file: &ManifestFile,
    path: &Path,
    dir: &Path,
    overrides: &[String],
) -> Result<Expanded, Failure> {
    let manifest = text(&dir.join(&file.manifest), "the manifest")?;
    let config = match &file.config {
        ConfigAt::Here(table) => table.clone(),
        ConfigAt::File(path) => self::config(&dir.join(path))?,
    };
    let values = values(&config, dir);
    file.expand(&manifest, config, &values, overrides, SystemClock.now()).map_err(|error| match error {
        FileError::Manifest(error) => Failure::config(format!("{}: {error}", path.display())),
        FileError::Pipeline { text, mistakes } => {
            Failure::File { path: path.with_extension("translated.toml"), text, mistakes }
        }
    })
}

/// A config as JSON.
pub(crate) fn config(path: &Path) -> Result<Value, Failure> {
    let text = text(path, "the config")?;
    serde_json::from_str(&text).map_err(|error| {
        // The message of the library names a place and no value.
        Failure::config(format!("{} is not JSON: {error}", path.display()))
    })
}

/// The text of a file.
pub(crate) fn text(path: &Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::config(format!("cannot read {what} {}: {error}", path.display())))
}

/// What `${…}` in a config stands for, as far as it has a value; a relative `${file:…}` starts from `dir`.
pub(crate) fn values(config: &Value, dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(config, &mut |text| {
        for reference in Secret(text.to_owned()).references() {
            if let Ok(value) = secrets::value(reference, dir) {
                found.insert(reference.to_owned(), value);
            }
        }
    });
    found
}

/// Hands every text in a value to `visit`.
pub(crate) fn collect(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, visit)),
        Value::Object(table) => table.values().for_each(|value| collect(value, visit)),
        _ => {}
    }
}
