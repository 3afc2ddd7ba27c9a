//! Templates: text with `{name.path}` references, `{{` and `}}` for braces.

/// The values that templates may name, by first name: `city`, `incremental`.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {}

/// Why a template cannot be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A reference to nothing.
    #[error("no value named `{0}`")]
    Unknown(String),
}
