//! Transformations that give a record another shape: `DpathFlattenFields`, `FlattenFields`, `KeysToLower`,
//! `KeysToSnakeCase`, `KeysReplace`.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::records::step;

/// Their kinds.
pub(crate) const RESHAPING: [&str; 5] =
    ["DpathFlattenFields", "FlattenFields", "KeysToLower", "KeysToSnakeCase", "KeysReplace"];

impl Translator<'_> {
    /// A transformation of one of these kinds, of a stream.
    pub(crate) fn reshaped(
        &mut self,
        stream: &Component<'_>,
        at: &Component<'_>,
        table: &mut Map<String, Value>,
    ) {
        self.looked_at_before(stream, at);
        match at.kind() {
            "DpathFlattenFields" => self.unnested(at, table),
            "FlattenFields" => {
                self.only(at, &["flatten_lists"]);
                let tables = at.value.get("flatten_lists") == Some(&Value::Bool(false));
                step(table, "flatten", if tables { "tables" } else { "all" }.into());
            }
            "KeysReplace" => {
                self.only(at, &["old", "new"]);
                let text = |key: &str| at.get(key);
                let (Some(old), Some(new)) = (text("old"), text("new")) else {
                    return self.refuse(at, "it needs `old` and `new`");
                };
                if let (Some(old), Some(new)) = (self.known_text(&old), self.known_text(&new)) {
                    step(table, "replace_in_keys", json!({ old: new }));
                }
            }
            kind => {
                self.only(at, &[]);
                let keys = if kind == "KeysToLower" { "lower" } else { "snake_case" };
                step(table, "keys", keys.into());
            }
        }
    }

    /// The CDK looks for cursors in records as they have become, tidegate as they came.
    fn looked_at_before(&mut self, stream: &Component<'_>, at: &Component<'_>) {
        if stream.get("incremental_sync").is_some() {
            self.refuse(
                at,
                "it may change the name of the cursor, which is looked for in the record as it came",
            );
        }
        let paginator = stream.get("retriever").and_then(|retriever| retriever.get("paginator"));
        if paginator.is_some_and(|paginator| paginator.value.to_string().contains("last_record")) {
            self.refuse(
                at,
                "it may change what the paginator reads of the last record, which is read as it came",
            );
        }
    }

    fn unnested(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        self.only(at, &["field_path", "delete_origin_value", "replace_record", "key_transformation"]);
        let mut path = Vec::new();
        for part in at.list("field_path") {
            let Some(part) = self.known_text(&part) else { return };
            // A pattern, an item of a list, or what no dotted path can say.
            if part.is_empty()
                || part.contains(['*', '?', '[', '.'])
                || part.bytes().all(|b| b.is_ascii_digit())
            {
                return self.refuse(at, format!("`{part}` in `field_path` is not supported"));
            }
            path.push(part);
        }
        if path.is_empty() {
            return self.refuse(at, "it has no `field_path`");
        }
        let mut unnest = Map::from_iter([("path".to_owned(), path.join(".").into())]);
        for (key, name) in [("delete_origin_value", "remove"), ("replace_record", "alone")] {
            if at.flag(key) {
                unnest.insert(name.to_owned(), true.into());
            }
        }
        if let Some(names) = at.get("key_transformation") {
            self.only(&names, &["prefix", "suffix"]);
            for key in ["prefix", "suffix"] {
                let text = names.get(key).and_then(|text| self.known_text(&text));
                unnest.extend(text.filter(|text| !text.is_empty()).map(|text| (key.to_owned(), text.into())));
            }
        }
        step(table, "unnest", unnest.into());
    }
}
