//! What of an answer is a record, and what becomes of it.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::jinja::{SLICE, Slice, Text};
use super::shape::RESHAPING;

impl Translator<'_> {
    pub(crate) fn selector(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        if at.kind() != "RecordSelector" {
            return self.unsupported(at);
        }
        self.only(at, &["extractor", "record_filter", "schema_normalization", "transform_before_filtering"]);
        if let Some(normalization) = at.get("schema_normalization") {
            match normalization.value {
                Value::String(_) => self.remark(&normalization, "types are those of the table"),
                _ => self.unsupported(&normalization),
            }
        }
        if let Some(extractor) = at.get("extractor") {
            self.extractor(&extractor, table);
        }
        if let Some(filter) = at.get("record_filter") {
            self.record_filter(&filter, table, slice);
        }
    }

    pub(crate) fn extractor(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        if at.kind() != "DpathExtractor" {
            return self.unsupported(at);
        }
        self.only(at, &["field_path", "decoder"]);
        let mut steps = Vec::new();
        for step in at.list("field_path") {
            match self.known_text(&step) {
                Some(step) if step.contains("**") => self.refuse(at, "`**` in a path is not supported"),
                Some(step) => steps.push(step),
                None => {}
            }
        }
        if !steps.is_empty() {
            table.insert("records".to_owned(), json_path(&steps).into());
        }
    }

    fn record_filter(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        if at.kind() != "RecordFilter" {
            return self.unsupported(at);
        }
        self.only(at, &["condition"]);
        let Some(condition) = at.get("condition") else { return };
        match self.text(&condition, slice, &in_records()) {
            Some(Text::Open(text)) => step(table, "filter", text.into()),
            Some(Text::Known(value)) if !crate::parameters::is_set(&value) => {
                step(table, "filter", "{{ false }}".into());
            }
            _ => {}
        }
    }

    pub(crate) fn transformations(
        &mut self,
        at: &Component<'_>,
        table: &mut Map<String, Value>,
        slice: &Slice,
    ) {
        let selector = at.get("retriever").and_then(|retriever| retriever.get("record_selector"));
        let after = selector.is_some_and(|selector| selector.flag("transform_before_filtering"));
        let filter = if after { table.shift_remove("transform") } else { None };
        let all = at.list("transformations");
        let reshaped = all.iter().any(|one| RESHAPING.contains(&one.kind()));
        let added = Added { read: read_fields(at), reshaped };
        for transformation in all {
            match transformation.kind() {
                "AddFields" => self.add_fields(&transformation, table, slice, &added),
                "RemoveFields" => self.remove_fields(&transformation, table),
                kind if RESHAPING.contains(&kind) => self.reshaped(at, &transformation, table),
                _ => self.unsupported(&transformation),
            }
        }
        if let Some(Value::Array(steps)) = filter {
            for filter in steps {
                step(table, "filter", filter["filter"].clone());
            }
        }
    }

    fn add_fields(
        &mut self,
        at: &Component<'_>,
        table: &mut Map<String, Value>,
        slice: &Slice,
        added: &Added<'_>,
    ) {
        self.only(at, &["fields", "condition"]);
        let condition = at.get("condition").filter(|text| crate::parameters::is_set(text.value));
        let condition = condition.and_then(|text| {
            let names: Vec<&str> = in_records().into_iter().chain(["value"]).collect();
            self.text(&text, slice, &names)
        });
        let when = match condition {
            Some(Text::Open(text)) => Some(text),
            Some(Text::Known(value)) if !crate::parameters::is_set(&value) => return,
            _ => None,
        };
        for field in at.list("fields") {
            self.only(&field, &["path", "value", "value_type"]);
            let mut path = Vec::new();
            for part in field.list("path") {
                path.extend(self.known_text(&part));
            }
            let Some(mut value) = field.get("value") else { continue };
            let as_text = value.value.as_str().filter(|_| field.text("value_type") == Some("string"));
            let as_text = as_text.map(|text| Value::from(kept_text(text)));
            if let Some(text) = &as_text {
                value = value.within(text, value.path.clone());
            }
            let Some(text) = self.literal(&value, slice, &in_records()) else { continue };
            let name = path.join(".");
            let value = match text {
                // TOML has no word for it.
                Text::Known(Value::Null) => "{{ none }}".into(),
                Text::Known(value) => value,
                Text::Open(text) => text.into(),
            };
            let of_the_record = value.as_str().is_some_and(|text| names(text, "record"));
            let read_again = added.reshaped || added.read.iter().any(|text| text.contains(&name));
            let is_step = of_the_record || read_again || path.len() > 1 || table.contains_key("transform");
            match &when {
                Some(when) => steps(table, json!({ "add": { name: value }, "add_when": when })),
                None if is_step => step(table, "add", json!({ name: value })),
                // What the request decides is known before there is a record.
                None => super::requester::set(table, &["fields", &name], value),
            }
        }
    }

    fn remove_fields(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        self.only(at, &["field_pointers", "condition"]);
        if let Some(condition) = at.get("condition").filter(|text| crate::parameters::is_set(text.value)) {
            self.refuse(&condition, "fields that are removed on a condition are not supported");
        }
        let mut paths = Vec::new();
        for pointer in at.list("field_pointers") {
            let mut path = Vec::new();
            match pointer.value {
                Value::Array(parts) => {
                    for part in parts {
                        path.extend(self.known_text(&pointer.within(part, pointer.path.clone())));
                    }
                }
                _ => path.extend(self.known_text(&pointer)),
            }
            if path.iter().any(|part| part.contains('*') && part != "*" && part != "**") {
                self.refuse(&pointer, "`*` within a name is not supported");
            }
            paths.push(path.join("."));
        }
        step(table, "remove", paths.into());
    }
}

/// A template that gives its text as a text, whatever that would say as a literal; nothing where it is empty.
fn kept_text(template: &str) -> String {
    format!("{{% set kept_text %}}{template}{{% endset %}}{{{{ kept_text | tojson if kept_text else '' }}}}")
}

/// What decides how a field is added.
struct Added<'a> {
    /// The expressions of the stream that read a record.
    read: Vec<&'a str>,
    /// Whether the record comes into another shape, with the fields that are added to it.
    reshaped: bool,
}

/// The expressions of a stream's added fields that read a record, where another field that is added may stand.
fn read_fields<'a>(stream: &Component<'a>) -> Vec<&'a str> {
    let steps = stream.list("transformations");
    let fields = steps.iter().flat_map(|step| step.list("fields"));
    fields.filter_map(|field| field.text("value")).filter(|text| names(text, "record")).collect()
}

/// What expressions over records may name.
fn in_records() -> Vec<&'static str> {
    std::iter::once("record").chain(SLICE).collect()
}

/// One more step of the transformation.
pub(crate) fn step(table: &mut Map<String, Value>, name: &str, value: Value) {
    steps(table, json!({ name: value }));
}

fn steps(table: &mut Map<String, Value>, step: Value) {
    let steps = table.entry("transform").or_insert_with(|| json!([]));
    if let Value::Array(steps) = steps {
        steps.push(step);
    }
}

/// Whether an expression names a value.
fn names(text: &str, name: &str) -> bool {
    let expr = tidegate_core::expr::Expr::parse_as(text, tidegate_core::expr::Dialect::Cdk);
    expr.is_ok_and(|expr| expr.names().any(|known| known == name))
}

/// The JSONPath of a path of keys and `*`.
pub(crate) fn json_path(steps: &[String]) -> String {
    let plain = |step: &str| {
        step.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let step = |step: &String| match step.as_str() {
        "*" => "[*]".to_owned(),
        step if step.bytes().all(|byte| byte.is_ascii_digit()) && !step.is_empty() => format!("[{step}]"),
        step if plain(step) => format!(".{step}"),
        step => format!("['{}']", step.replace('\\', "\\\\").replace('\'', "\\'")),
    };
    // What the last step selects is a record, or a list of them.
    std::iter::once("$".to_owned()).chain(steps.iter().map(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_json_path() {
        let path =
            |steps: &[&str]| json_path(&steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>());
        assert_eq!(path(&["data", "*", "item-list"]), "$.data[*]['item-list']");
        assert_eq!(path(&[]), "$");
    }
}
