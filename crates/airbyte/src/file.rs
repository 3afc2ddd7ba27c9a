//! A pipeline file whose source is a manifest:
//!
//! ```toml
//! name = "crm"
//! [source]
//! kind = "airbyte"
//! manifest = "manifest.yaml"
//! config = "config.json"
//! streams = ["contacts"]
//! [[streams]]
//! name = "contacts"
//! cadence = "1h"
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{self, Mistake, Pipeline};

use crate::{AirbyteError, Config, Manifest, Reason, Translation, translate};

/// A pipeline file that refers to a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestFile {
    /// Path of the manifest, from the file's directory.
    pub manifest: String,
    /// Where the config is.
    pub config: ConfigAt,
    /// The streams that are wanted; all where there is none.
    wanted: Vec<String>,
    /// What the file says besides, natively.
    head: Map<String, Value>,
    source: Map<String, Value>,
    streams: Vec<Map<String, Value>>,
}

/// Where the config of a manifest is.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigAt {
    /// In a JSON file, from the pipeline file's directory.
    File(String),
    /// In the pipeline file itself.
    Here(Value),
}

/// A manifest's file, expanded.
#[derive(Clone, Debug)]
pub struct Expanded {
    /// The pipeline, checked.
    pub pipeline: Pipeline,
    /// The same as the text of a pipeline file.
    pub text: String,
    /// The translation it came from.
    pub translation: Translation,
}

/// Why a manifest's file cannot be expanded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FileError {
    /// The manifest or the config.
    #[error(transparent)]
    Manifest(#[from] AirbyteError),
    /// What came out is no right pipeline file.
    #[error("the translation of the manifest is no right pipeline file")]
    Pipeline {
        /// Its text.
        text: String,
        /// What is wrong with it.
        mistakes: Vec<Mistake>,
    },
}

impl ManifestFile {
    /// Reads a pipeline file's text; `None` where its source is no manifest. The error says what is wrong with the file.
    pub fn read(text: &str) -> Option<Result<ManifestFile, String>> {
        let Ok(Value::Object(mut head)) = toml::from_str::<Value>(text) else { return None };
        let source = head.get("source")?;
        if source.get("kind")? != "airbyte" {
            return None;
        }
        let Some(Value::Object(source)) = head.shift_remove("source") else { return None };
        Some(ManifestFile::of(head, source))
    }

    fn of(mut head: Map<String, Value>, mut source: Map<String, Value>) -> Result<ManifestFile, String> {
        source.shift_remove("kind");
        let manifest = match source.shift_remove("manifest") {
            Some(Value::String(path)) => path,
            _ => return Err("`source.manifest` names the manifest: manifest = \"manifest.yaml\"".to_owned()),
        };
        let config = match source.shift_remove("config") {
            Some(Value::String(path)) => ConfigAt::File(path),
            Some(table @ Value::Object(_)) => ConfigAt::Here(table),
            None => ConfigAt::Here(Value::Object(Map::new())),
            Some(_) => return Err("`source.config` is the path of a JSON file, or a table".to_owned()),
        };
        let wanted = match source.shift_remove("streams") {
            None => Vec::new(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(_) => return Err("`source.streams` is a list of names of streams".to_owned()),
        };
        let streams = match head.shift_remove("streams") {
            None => Vec::new(),
            Some(Value::Array(tables)) => {
                tables.into_iter().filter_map(|table| table.as_object().cloned()).collect()
            }
            Some(_) => return Err("`streams` is a list of tables: [[streams]]".to_owned()),
        };
        Ok(ManifestFile { manifest, config, wanted, head, source, streams })
    }

    /// The pipeline of a manifest and a config. `values` are what `${…}` in the config stands for, as far as is known.
    pub fn expand(
        &self,
        manifest: &str,
        config: Value,
        values: &BTreeMap<String, String>,
        overrides: &[String],
        now: Timestamp,
    ) -> Result<Expanded, FileError> {
        let manifest = Manifest::read(manifest)?;
        let config = Config::check(manifest.connection_specification(), config, values)?;
        let mut translation = translate(&manifest, &config, &self.wanted, values, now)?;
        self.overlay(&mut translation)?;
        let wrong = |text: &str, mistakes| FileError::Pipeline { text: text.to_owned(), mistakes };
        let text = translation
            .to_toml(&self.head)
            .map_err(|message| wrong("", vec![Mistake { span: 0..0, message, help: None }]))?;
        let pipeline = pipeline::read(&text, overrides).map_err(|mistakes| wrong(&text, mistakes))?;
        Ok(Expanded { pipeline, text, translation })
    }

    /// Lays what the file says of the source and of single streams over the translation.
    fn overlay(&self, translation: &mut Translation) -> Result<(), AirbyteError> {
        let names = translation.names.clone();
        if let Some(Value::Object(source)) = translation.pipeline.get_mut("source") {
            lay(source, &self.source);
        }
        let Some(Value::Array(streams)) = translation.pipeline.get_mut("streams") else { return Ok(()) };
        for own in &self.streams {
            let name = own.get("name").and_then(Value::as_str).unwrap_or_default();
            let native = names.iter().find(|(theirs, native)| theirs == name || native == name);
            let found = native.and_then(|(_, native)| {
                streams.iter_mut().filter_map(Value::as_object_mut).find(|stream| stream["name"] == **native)
            });
            let Some(found) = found else {
                let known: Vec<&str> = names.iter().map(|(_, native)| native.as_str()).collect();
                let message = format!("no stream is called `{name}`; there are {}", known.join(", "));
                return Err(AirbyteError::Refused(vec![Reason::at("streams", message)]));
            };
            let mut more = own.clone();
            more.shift_remove("name");
            lay(found, &more);
        }
        Ok(())
    }
}

/// Lays one table over another; tables within are laid over each other.
fn lay(table: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (table.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(over)) if !over.contains_key("type") => {
                lay(below, over)
            }
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}
