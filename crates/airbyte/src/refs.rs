//! `$ref` and `#/…`: what a manifest says once and uses many times.
//!
//! As the reference resolver of Airbyte's CDK has it: a text that begins with `#/` stands for what it leads to; a table
//! with `$ref` takes in the table that it leads to, its own keys going before. Where a path's part is no key, longer
//! parts are tried first, so that keys may hold slashes.

use serde_json::{Map, Value};

/// Values of all resolved references together; a manifest that needs more doubles itself on purpose.
pub(crate) const MOST: usize = 2_000_000;

/// Levels of nesting, references included.
pub(crate) const DEEPEST: usize = 200;

/// Resolves references within `root`.
pub(crate) struct Refs<'a> {
    root: &'a Value,
    /// References being resolved, outermost first.
    open: Vec<String>,
    values: usize,
    depth: usize,
}

impl<'a> Refs<'a> {
    pub(crate) fn new(root: &'a Value) -> Refs<'a> {
        Refs { root, open: Vec::new(), values: 0, depth: 0 }
    }

    /// A value with every reference in it resolved. The error names the reference that leads nowhere or in a circle.
    pub(crate) fn resolve(&mut self, value: &Value) -> Result<Value, String> {
        self.values += 1;
        if self.values > MOST || self.depth > DEEPEST {
            return Err("its references make it too large or too deep".to_owned());
        }
        self.depth += 1;
        let resolved = match value {
            Value::String(text) if text.starts_with("#/") => self.follow(text),
            Value::Array(items) => {
                items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(table) => self.table(table),
            plain => Ok(plain.clone()),
        };
        self.depth -= 1;
        resolved
    }

    fn table(&mut self, table: &Map<String, Value>) -> Result<Value, String> {
        let mut own = Map::new();
        for (key, value) in table.iter().filter(|(key, _)| *key != "$ref") {
            own.insert(key.clone(), self.resolve(value)?);
        }
        let Some(reference) = table.get("$ref") else { return Ok(Value::Object(own)) };
        match self.resolve(reference)? {
            Value::Object(mut base) => {
                base.extend(own);
                Ok(Value::Object(base))
            }
            other => Ok(other),
        }
    }

    fn follow(&mut self, reference: &str) -> Result<Value, String> {
        if self.open.iter().any(|open| open == reference) {
            return Err(format!("`{reference}` leads back to itself"));
        }
        let root = self.root;
        let target = target(root, reference.trim_start_matches("#/"))
            .ok_or_else(|| format!("`{reference}` leads to nothing"))?;
        self.open.push(reference.to_owned());
        let resolved = self.resolve(target);
        self.open.pop();
        resolved
    }
}

/// What a path leads to: at each step the whole rest is tried as one key before it is cut at its next slash.
fn target<'a>(mut value: &'a Value, mut path: &str) -> Option<&'a Value> {
    loop {
        if let Some(found) = item(value, path) {
            return Some(found);
        }
        let (first, rest) = path.split_once('/')?;
        value = item(value, first)?;
        path = rest;
    }
}

fn item<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(table) => table.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(root: &Value) -> Result<Value, String> {
        Refs::new(root).resolve(&root["a"])
    }

    #[test]
    fn references_are_followed_and_own_keys_go_before() {
        let root = json!({
            "definitions": { "base": { "x": 1, "y": "#/definitions/list/1" }, "list": [7, 8], "with/slash": true },
            "a": { "one": { "$ref": "#/definitions/base", "x": 2 }, "two": "#/definitions/with/slash", "three": { "$ref": "#/definitions/list" } },
        });
        let expected = json!({ "one": { "x": 2, "y": 8 }, "two": true, "three": [7, 8] });
        assert_eq!(resolved(&root), Ok(expected));
    }

    #[test]
    fn circles_and_loose_ends_are_named() {
        let loose = json!({ "a": { "$ref": "#/b" } });
        assert_eq!(resolved(&loose), Err("`#/b` leads to nothing".to_owned()));
        let circle = json!({ "a": "#/b", "b": { "c": "#/a" } });
        assert_eq!(resolved(&circle), Err("`#/b` leads back to itself".to_owned()));
        let mut laughs = json!({ "a": "#/l0", "l9": [1] });
        for level in 0..9 {
            let next = vec![json!(format!("#/l{}", level + 1)); 10];
            laughs[format!("l{level}")] = json!(next);
        }
        assert!(resolved(&laughs).is_err_and(|error| error.contains("too large")));
    }
}
