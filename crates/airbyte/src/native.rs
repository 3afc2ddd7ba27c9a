//! A translation as the text of a pipeline file, and checked as one.

use serde_json::{Map, Value};
use tidegate_core::pipeline::{self, Mistake, Pipeline};

use crate::translate::Translation;

impl Translation {
    /// The pipeline file, native in every line: what it says runs without the manifest, given values for the secrets of
    /// the config, which it names `${config:…}`. `head` are further keys of the
    /// file (`name`, `staging`, `lake`).
    pub fn to_toml(&self, head: &Map<String, Value>) -> Result<String, String> {
        let mut file = head.clone();
        file.extend(self.pipeline.iter().map(|(key, value)| (key.clone(), without_null(value))));
        toml::to_string(&Value::Object(file)).map_err(|error| error.to_string())
    }

    /// The pipeline, with every check that a pipeline file goes through, and its text.
    pub fn to_pipeline(
        &self,
        head: &Map<String, Value>,
    ) -> Result<(Pipeline, String), (String, Vec<Mistake>)> {
        let mistake = |message: String| vec![Mistake { span: 0..0, message, help: None }];
        let text = self.to_toml(head).map_err(|error| (String::new(), mistake(error)))?;
        match pipeline::read(&text, &[]) {
            Ok(pipeline) => Ok((pipeline, text)),
            Err(mistakes) => Err((text, mistakes)),
        }
    }
}

/// A value as TOML can hold it: null is what is not there.
fn without_null(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let kept = table.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_null(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(without_null).collect(),
        plain => plain.clone(),
    }
}
