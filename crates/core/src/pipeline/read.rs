//! From text to a checked [`Pipeline`], every mistake with its place.

use super::Pipeline;

/// One mistake in a pipeline file: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Byte range in the text; empty where the mistake has no place (an override, a missing table).
    pub span: std::ops::Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, if known.
    pub help: Option<String>,
}

/// Reads a pipeline file's text with `key=value` overrides applied. All mistakes at once, in order of place.
pub fn read(text: &str, overrides: &[String]) -> Result<Pipeline, Vec<Mistake>> {
    let _ = (text, overrides);
    Err(Vec::new())
}

/// The JSON Schema of the pipeline file.
pub fn json_schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(Pipeline)).unwrap_or_default()
}
