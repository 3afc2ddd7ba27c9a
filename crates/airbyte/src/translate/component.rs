//! A component of a manifest and where it stands.

use serde_json::{Map, Value};

use crate::parameters::PARAMETERS;

/// Keys that change what a component does, wherever they are understood.
const MEANT: [&str; 33] = [
    "additional_jwt_headers",
    "additional_jwt_payload",
    "allow_product_of_parents",
    "api_retention_period",
    "clamping",
    "condition",
    "delete_origin_value",
    "exclude_keys",
    "fetch_properties_from_endpoint",
    "field_filters",
    "file_uploader",
    "flatten_lists",
    "grant_type_name",
    "is_compare_strictly",
    "key_transformation",
    "lazy_read_pointer",
    "max_datetime",
    "min_datetime",
    "pagination_reset",
    "passphrase",
    "profile_assertion",
    "property_chunking",
    "query_properties",
    "record_expander",
    "record_merge_strategy",
    "refresh_token_name",
    "regex",
    "replace_record",
    "request_body",
    "request_body_data",
    "request_body_json",
    "transform_before_filtering",
    "use_profile_assertion",
];

/// A value within a manifest with its path.
#[derive(Clone, Debug)]
pub(crate) struct Component<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: String,
    /// The parameters of the nearest component around it.
    parameters: Option<&'a Map<String, Value>>,
}

impl<'a> Component<'a> {
    pub(crate) fn new(value: &'a Value, path: impl Into<String>) -> Component<'a> {
        let parameters = value.get(PARAMETERS).and_then(Value::as_object);
        Component { value, path: path.into(), parameters }
    }

    /// A value within it.
    pub(crate) fn within(&self, value: &'a Value, path: String) -> Component<'a> {
        let inner = Component::new(value, path);
        Component { parameters: inner.parameters.or(self.parameters), ..inner }
    }

    /// Its `type`; empty where it has none.
    pub(crate) fn kind(&self) -> &'a str {
        self.value.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The value under a key, where there is one.
    pub(crate) fn get(&self, key: &str) -> Option<Component<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.within(value, format!("{}.{key}", self.path)))
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key).and_then(Value::as_str)
    }

    /// Whether a flag is set.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// The items under a key; a single value is a list of one.
    pub(crate) fn list(&self, key: &str) -> Vec<Component<'a>> {
        let Some(found) = self.get(key) else { return Vec::new() };
        match found.value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(at, item)| found.within(item, format!("{}[{at}]", found.path))).collect()
            }
            _ => vec![found],
        }
    }

    /// Keys and values of a table.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Component<'a>)> {
        let table = self.value.as_object().into_iter().flatten();
        table.map(|(key, value)| (key.as_str(), self.within(value, format!("{}.{key}", self.path)))).collect()
    }

    /// The parameters that were handed down to it.
    pub(crate) fn parameters(&self) -> Map<String, Value> {
        self.parameters.cloned().unwrap_or_default()
    }

    /// Keys that have a meaning to the CDK and are none of these. Any other key means nothing to it, and is handed down
    /// by parameters or left over.
    pub(crate) fn strangers(&self, known: &[&str]) -> Vec<&'a str> {
        let table = self.value.as_object().into_iter().flatten();
        table
            .filter(|(key, value)| {
                crate::parameters::is_set(value)
                    && !known.contains(&key.as_str())
                    && MEANT.contains(&key.as_str())
            })
            .map(|(key, _)| key.as_str())
            .collect()
    }
}
