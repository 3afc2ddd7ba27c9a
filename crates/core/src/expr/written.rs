//! An expression as it stands in a pipeline file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Dialect, Expr, ExprError};

/// The text of an expression. It is parsed once, when the file is checked, and not for each answer.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Written {
    text: String,
    /// In each dialect.
    parsed: [OnceLock<Box<Expr>>; 2],
}

impl Written {
    /// What it says in a dialect.
    pub fn parsed(&self, dialect: Dialect) -> Result<&Expr, ExprError> {
        let place = &self.parsed[usize::from(!dialect.is_native())];
        match place.get() {
            Some(expr) => Ok(expr),
            None => {
                let expr = Box::new(Expr::parse_as(&self.text, dialect)?);
                Ok(place.get_or_init(|| expr))
            }
        }
    }

    /// Whether it was parsed already.
    #[cfg(test)]
    pub(crate) fn is_parsed(&self) -> bool {
        self.parsed.iter().any(|place| place.get().is_some())
    }
}

impl Deref for Written {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl From<String> for Written {
    fn from(text: String) -> Written {
        Written { text, parsed: Default::default() }
    }
}

impl From<Written> for String {
    fn from(written: Written) -> String {
        written.text
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Written) -> bool {
        self.text == other.text
    }
}

impl Eq for Written {}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl JsonSchema for Written {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Written".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once_in_each_dialect() {
        let written = Written::from("{{ 1 }}".to_owned());
        let parsed = |dialect| std::ptr::from_ref(written.parsed(dialect).expect("an expression"));
        assert!(!written.is_parsed());
        assert_eq!(parsed(Dialect::Native), parsed(Dialect::Native));
        assert_eq!(parsed(Dialect::Cdk), parsed(Dialect::Cdk));
        assert_ne!(parsed(Dialect::Native), parsed(Dialect::Cdk));
        assert!(written.clone().is_parsed());
        assert!(Written::from("{{ 1 + }}".to_owned()).parsed(Dialect::Native).is_err());
    }
}
