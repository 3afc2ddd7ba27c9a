//! The description as a document: references followed, schemas joined, both versions alike.

use std::cell::Cell;

use serde_json::{Map, Value};

/// A description in either version.
pub(super) struct Document {
    pub(super) root: Value,
    /// Values that may still be joined into schemas.
    pub(super) left: Cell<usize>,
}

/// How many references are followed for one value, and how deep schemas are joined.
const DEPTH: usize = 12;

/// Values of all joined schemas together; a description that needs more doubles itself on purpose.
const MOST: usize = 30_000_000;

/// A GET operation.
pub(super) struct Operation<'a> {
    pub(super) path: &'a str,
    pub(super) operation: &'a Value,
    /// Its parameters, those of the path included.
    pub(super) parameters: Vec<Parameter>,
}

/// A parameter in either version's form.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// `query`, `path`, `header`, `cookie`.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) schema: Value,
    pub(super) example: Value,
}

impl Document {
    /// Reads JSON or YAML.
    pub(super) fn read(text: &str) -> Result<Document, String> {
        let root: Value = match serde_json::from_str(text) {
            Ok(root) => root,
            Err(json) if text.trim_start().starts_with('{') => return Err(format!("it is no JSON: {json}")),
            Err(_) => serde_saphyr::from_str(text)
                .map_err(|error| format!("it is neither JSON nor YAML: {error}"))?,
        };
        let version = |key: &str| match root.get(key) {
            Some(Value::String(version)) => Some(version.clone()),
            Some(Value::Number(version)) => Some(version.to_string()),
            _ => None,
        };
        let left = Cell::new(MOST);
        match (version("openapi"), version("swagger")) {
            (Some(version), _) if version.starts_with("3.") => Ok(Document { root, left }),
            (_, Some(version)) if version.starts_with('2') => Ok(Document { root, left }),
            (None, None) => {
                Err("it is no description of an API: neither `openapi` nor `swagger` stands in it".to_owned())
            }
            (version, other) => {
                let version = version.or(other).unwrap_or_default();
                Err(format!("version {version} is not known; OpenAPI 3.0, 3.1 and Swagger 2.0 are"))
            }
        }
    }

    /// The address of the API, without the slash at its end.
    pub(super) fn server(&self) -> Option<String> {
        let server = &self.root["servers"][0];
        if let Some(url) = server["url"].as_str() {
            let mut url = url.to_owned();
            for (name, variable) in server["variables"].as_object().into_iter().flatten() {
                url = url.replace(&format!("{{{name}}}"), variable["default"].as_str().unwrap_or_default());
            }
            return Some(url.trim_end_matches('/').to_owned());
        }
        let host = self.root["host"].as_str()?;
        let mut schemes = self.root["schemes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let scheme = if schemes.clone().any(|scheme| scheme == "https") {
            "https"
        } else {
            schemes.next_back().unwrap_or("https")
        };
        let base = self.root["basePath"].as_str().unwrap_or_default();
        Some(format!("{scheme}://{host}{base}").trim_end_matches('/').to_owned())
    }

    /// The value, or the one that it refers to within the document.
    pub(super) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut at = value;
        for _ in 0..DEPTH {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return at };
            let target = reference.strip_prefix('#').and_then(|pointer| {
                let decoded = pointer.replace("%7B", "{").replace("%7D", "}");
                self.root.pointer(&decoded)
            });
            let Some(target) = target else { return &Value::Null };
            at = target;
        }
        &Value::Null
    }

    /// Every GET operation that is not given up, in the order of the document.
    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.root["paths"].as_object().into_iter().flatten();
        paths
            .filter_map(|(path, item)| {
                let item = self.resolved(item);
                let operation = item.get("get").filter(|get| get["deprecated"] != Value::Bool(true))?;
                let shared = item["parameters"].as_array().into_iter().flatten();
                let own = operation["parameters"].as_array().into_iter().flatten();
                let parameters =
                    shared.chain(own).filter_map(|parameter| self.parameter(parameter)).collect();
                Some(Operation { path, operation, parameters })
            })
            .collect()
    }

    fn parameter(&self, value: &Value) -> Option<Parameter> {
        let value = self.resolved(value);
        // In version 2 the parameter is its own schema.
        let schema = value.get("schema").map_or_else(|| value.clone(), |schema| self.schema(schema));
        let example = value.get("example").or_else(|| schema.get("example")).cloned().unwrap_or_default();
        Some(Parameter {
            name: value["name"].as_str()?.to_owned(),
            place: value["in"].as_str()?.to_owned(),
            required: value["required"] == Value::Bool(true),
            schema,
            example,
        })
    }

    /// The answer of success, and the schema of its JSON; `None` where it is no JSON.
    pub(super) fn success<'a>(&'a self, operation: &'a Value) -> Option<(&'a Value, Value)> {
        let responses = operation["responses"].as_object()?;
        let good = |status: &String| status.starts_with('2') && status != "204";
        let found = responses
            .iter()
            .find(|(status, _)| *status == "200")
            .or_else(|| responses.iter().find(|(status, _)| good(status)));
        let response =
            self.resolved(found.or_else(|| responses.get_key_value("default").into_iter().next())?.1);
        if let Some(schema) = response.get("schema") {
            return Some((response, self.schema(schema)));
        }
        let content = response["content"].as_object()?;
        let json = content.iter().find(|(kind, _)| kind.contains("json") || kind.as_str() == "*/*")?.1;
        Some((response, self.schema(&json["schema"])))
    }

    /// Whether its schemas refer to one another too often for all of them to be joined.
    pub(super) fn is_endless(&self) -> bool {
        self.left.get() == 0
    }

    /// A schema with its reference followed, and the parts of `allOf` (the first of `oneOf` and `anyOf`) joined.
    pub(super) fn schema(&self, value: &Value) -> Value {
        self.joined(value, &mut Vec::new())
    }

    /// `open` are the schemas around this one: one that is a part of itself ends there.
    fn joined<'a>(&'a self, value: &'a Value, open: &mut Vec<&'a Value>) -> Value {
        let value = self.resolved(value);
        let Some(fields) = value.as_object() else { return Value::Null };
        self.left.set(self.left.get().saturating_sub(size(value)));
        if self.is_endless() || open.len() == DEPTH || open.iter().any(|around| std::ptr::eq(*around, value))
        {
            return Value::Null;
        }
        open.push(value);
        let mut out: Map<String, Value> = fields.clone();
        let parts = |key: &str| fields.get(key).and_then(Value::as_array).into_iter().flatten();
        let is_null = |part: &&Value| part["type"] != "null";
        let first = |key: &str| parts(key).find(is_null);
        for part in parts("allOf").chain(first("oneOf")).chain(first("anyOf")) {
            if let Value::Object(part) = self.joined(part, open) {
                merge(&mut out, part);
            }
        }
        open.pop();
        // Version 3.1 writes several types as a list.
        if let Some(types) = out.get("type").and_then(Value::as_array) {
            let kind = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
            out.insert("type".to_owned(), kind);
        }
        if !out.contains_key("type") && out.contains_key("properties") {
            out.insert("type".to_owned(), "object".into());
        }
        Value::Object(out)
    }

    /// The properties of an object's schema, each followed and joined.
    pub(super) fn properties(&self, schema: &Value) -> Vec<(String, Value)> {
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties.map(|(name, property)| (name.clone(), self.schema(property))).collect()
    }
}

/// The values within a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

/// Takes over what is new, and joins the properties.
fn merge(out: &mut Map<String, Value>, part: Map<String, Value>) {
    for (key, value) in part {
        match (out.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(more)) if key == "properties" => {
                for (name, property) in more {
                    known.entry(name).or_insert(property);
                }
            }
            (Some(_), _) => {}
            (None, value) => drop(out.insert(key, value)),
        }
    }
}
