//! A pipeline file in the making: keys in order, each with what there is to say about it.

use serde_json::Value;

/// A pipeline file to be written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What stands above everything: `name`, `staging`, `lake`.
    pub head: Table,
    /// `[source]`.
    pub source: Table,
    /// `[[streams]]`.
    pub streams: Vec<Table>,
}

/// A table of the file.
#[derive(Clone, Debug, Default)]
pub struct Table {
    comments: Vec<String>,
    entries: Vec<(String, Value, Vec<String>)>,
}

/// Longest line before a table is written as a section of its own.
const WIDTH: usize = 110;

impl Table {
    /// Sets a key; null sets nothing.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.entries.retain(|(known, _, _)| known != key);
            self.entries.push((key.to_owned(), value, std::mem::take(&mut self.comments)));
        }
    }

    /// Says something in a comment before the next key, or at the end.
    pub fn say(&mut self, text: impl Into<String>) {
        self.comments.push(text.into());
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _, _)| known == key).map(|(_, value, _)| value)
    }

    fn write(&self, section: &str, out: &mut String) {
        let line = |key: &str, value: &Value| format!("{} = {}", name(key), inline(value));
        let is_section = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
        let (mut plain, mut sections) = (String::new(), String::new());
        for (key, value, comments) in &self.entries {
            let line = line(key, value);
            if is_section(value) && line.chars().count() > WIDTH && !section.is_empty() {
                sections.push('\n');
                comment(comments, &mut sections);
                sections.push_str(&format!("[{section}.{}]\n", name(key)));
                for (key, value) in
                    value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
                {
                    sections.push_str(&format!("{} = {}\n", name(key), inline(value)));
                }
                continue;
            }
            comment(comments, &mut plain);
            plain.push_str(&line);
            plain.push('\n');
        }
        comment(&self.comments, &mut plain);
        out.push_str(&plain);
        out.push_str(&sections);
    }
}

impl Draft {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.head.write("", &mut text);
        text.push_str("\n[source]\n");
        self.source.write("source", &mut text);
        for stream in &self.streams {
            text.push_str("\n[[streams]]\n");
            stream.write("streams", &mut text);
        }
        text
    }
}

fn comment(lines: &[String], out: &mut String) {
    for line in lines.iter().flat_map(|text| text.lines()) {
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
}

/// A value on one line. TOML has no null: within a table it is left out, within a list it is an empty text.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields: Vec<String> =
                fields.map(|(key, value)| format!("{} = {}", name(key), inline(value))).collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (None, Some(float)) => toml::Value::from(float).to_string(),
            _ => number.to_string(),
        },
        Value::Bool(truth) => truth.to_string(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key; one that needs quotes stands on one line, as a text of several lines cannot be a key.
fn name(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        return key.to_owned();
    }
    // What JSON escapes TOML reads the same way; it wants one more character escaped.
    Value::from(key).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z \"'é.]{0,6}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(params in values(), long in "\\PC{0,160}") {
            let mut draft = Draft::default();
            draft.head.set("name", "x");
            let mut stream = Table::default();
            stream.say("above\nit");
            stream.set("params", params.clone());
            stream.set("more", json!({ "long": long, "nothing": null }));
            stream.set("last", 1);
            draft.streams.push(stream);
            let read: Value = serde_json::to_value(draft.text().parse::<toml::Table>().expect("TOML")).expect("JSON");
            prop_assert_eq!(&read["streams"][0]["params"], &params);
            prop_assert_eq!(&read["streams"][0]["more"], &json!({ "long": long }));
            prop_assert_eq!(&read["streams"][0]["last"], 1);
        }
    }
}
