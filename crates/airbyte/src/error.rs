//! Why a manifest is not run.

use std::fmt;

/// One thing in a manifest that stands in the way, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// Path in the manifest once its references are resolved: `streams.users.retriever.paginator`.
    pub path: String,
    /// The type of component it is about; empty where it is about something else.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// What is wrong with it, or what it needs.
    pub message: String,
}

impl Reason {
    /// About a component of that type.
    pub(crate) fn of(path: &str, component: &str, message: impl Into<String>) -> Reason {
        Reason { path: path.to_owned(), component: component.to_owned(), message: message.into() }
    }

    /// About the value at a path.
    pub(crate) fn at(path: &str, message: impl Into<String>) -> Reason {
        Reason::of(path, "", message)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.component.as_str() {
            "" => write!(f, "{}: {}", self.path, self.message),
            component => write!(f, "{}: {component}: {}", self.path, self.message),
        }
    }
}

/// Why a manifest is not run. Nothing was asked of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AirbyteError {
    /// The text is no YAML, or its references lead nowhere.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    /// It needs what is not supported: every reason there is.
    #[error("the manifest cannot be run as it stands:{}", listed(.0))]
    Refused(Vec<Reason>),
    /// The config does not fit the manifest's specification.
    #[error("the config does not fit the manifest:{}", listed(.0))]
    Config(Vec<Reason>),
}

fn listed(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("\n  {reason}")).collect()
}
