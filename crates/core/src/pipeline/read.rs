//! From text to a checked [`Pipeline`], every mistake with its place.

use super::{Pipeline, checks, overrides, shape, tree};

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

/// Reads a pipeline file's text with `key=value` overrides applied. All mistakes at once, in order of place: first
/// those of the shape (keys, types, words), and once the shape is right those of the meaning.
pub fn read(text: &str, overrides: &[String]) -> Result<Pipeline, Vec<Mistake>> {
    let mut root = tree::parse(text)?;
    let wrong = overrides.iter().filter_map(|one| overrides::apply(&mut root, one).err()).collect();
    none(wrong)?;
    none(shape::check(&root, &json_schema()))?;
    let pipeline: Pipeline = serde_json::from_value(root.to_json())
        .map_err(|error| vec![Mistake { span: 0..0, message: error.to_string(), help: None }])?;
    none(checks::check(&pipeline, &root))?;
    Ok(pipeline)
}

fn none(mut mistakes: Vec<Mistake>) -> Result<(), Vec<Mistake>> {
    mistakes.sort_by_key(|mistake| mistake.span.start);
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// The JSON Schema of the pipeline file.
pub fn json_schema() -> serde_json::Value {
    serde_json::to_value(schemars::schema_for!(Pipeline)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
