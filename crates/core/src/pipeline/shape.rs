//! Does the tree have the shape that the types ask for? The walk follows the JSON Schema that the types generate, so
//! the parser, the editor and the reference never disagree, and every mistake is found at once.

use serde_json::{Map, Value as Json};

use super::Mistake;
use super::forms;
use super::tree::{Entry, Node, Place, Value};
use super::words;

/// Every place where the tree differs from the schema.
pub(super) fn check(root: &Node, schema: &Json) -> Vec<Mistake> {
    let mut walk = Walk { root: schema, mistakes: Vec::new() };
    walk.node(root, schema, &Field { name: "the file", help: None });
    walk.mistakes
}

/// The field whose value is looked at.
struct Field<'a> {
    name: &'a str,
    /// What it is for.
    help: Option<&'a str>,
}

struct Walk<'a> {
    root: &'a Json,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a> {
    fn wrong(&mut self, place: &Place, message: String, help: Option<String>) {
        self.mistakes.push(place.mistake(message, help));
    }

    /// The schema that a `$ref` points to.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix('#'));
        target.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn node(&mut self, node: &Node, outer: &'a Json, field: &Field<'_>) {
        let schema = self.resolve(outer);
        if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array) {
            return match alternatives.iter().find(|one| self.accepts(one, node)) {
                Some(one) => self.node(node, one, field),
                None => self.wrong_kind(node, schema, field),
            };
        }
        if let Some(variants) = schema.get("oneOf").and_then(Json::as_array) {
            return match variants.iter().all(|one| one.get("const").is_some()) {
                true => self.word(node, variants, field),
                false => self.tagged(node, variants, field),
            };
        }
        if !self.accepts(schema, node) {
            return self.wrong_kind(node, schema, field);
        }
        match &node.value {
            Value::Table(entries) => self.table(node, entries, schema, field),
            Value::List(items) => {
                for item in items {
                    self.node(item, schema.get("items").unwrap_or(&Json::Bool(true)), field);
                }
            }
            Value::Leaf(leaf) => {
                let form = outer.get("format").or_else(|| schema.get("format")).and_then(Json::as_str);
                self.leaf(node, leaf, schema, form.unwrap_or(""), field);
            }
        }
    }

    /// Whether the kind of the node is one that the schema takes.
    fn accepts(&self, schema: &'a Json, node: &Node) -> bool {
        let kinds = self.kinds(schema);
        let kind = match &node.value {
            Value::Table(_) => "object",
            Value::List(_) => "array",
            Value::Leaf(Json::String(_)) => "string",
            Value::Leaf(Json::Bool(_)) => "boolean",
            Value::Leaf(number) if number.is_f64() => "number",
            Value::Leaf(_) if kinds.contains(&"number") => "number",
            Value::Leaf(_) => "integer",
        };
        kinds.is_empty() || kinds.contains(&kind)
    }

    /// The kinds of value that a schema takes; none listed is all.
    fn kinds(&self, schema: &'a Json) -> Vec<&'a str> {
        let schema = self.resolve(schema);
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array);
        if let Some(alternatives) = alternatives {
            return alternatives.iter().flat_map(|one| self.kinds(one)).collect();
        }
        match schema.get("type") {
            Some(Json::String(kind)) => vec![kind.as_str()],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn wrong_kind(&mut self, node: &Node, schema: &'a Json, field: &Field<'_>) {
        let mut wanted: Vec<&str> = self.kinds(schema).iter().filter_map(|kind| article(kind)).collect();
        wanted.dedup();
        let message = format!("`{}` is {}, not {}", field.name, wanted.join(" or "), node.kind());
        let description = self.resolve(schema).get("description").and_then(Json::as_str);
        self.wrong(&node.place, message, field.help.or(description).map(first_sentence));
    }

    /// One of a set of words.
    fn word(&mut self, node: &Node, variants: &'a [Json], field: &Field<'_>) {
        let known: Vec<&str> = variants.iter().filter_map(|one| one["const"].as_str()).collect();
        match &node.value {
            Value::Leaf(Json::String(word)) if known.contains(&word.as_str()) => {}
            Value::Leaf(Json::String(word)) => {
                let message = format!("`{}` cannot be `{word}`", field.name);
                self.wrong(&node.place, message, Some(words::instead(word, &known)));
            }
            _ => {
                let message = format!("`{}` is a word in quotes, not {}", field.name, node.kind());
                self.wrong(&node.place, message, Some(words::instead("", &known)));
            }
        }
    }

    /// A table whose `type` says which of several it is.
    fn tagged(&mut self, node: &Node, variants: &'a [Json], field: &Field<'_>) {
        let tag = |one: &'a Json| one["properties"]["type"]["const"].as_str().unwrap_or("");
        let known: Vec<&str> = variants.iter().map(tag).collect();
        let Value::Table(entries) = &node.value else {
            let meant =
                node.to_json().as_str().and_then(|word| words::nearest(word, &known)).unwrap_or(known[0]);
            let help = format!("write {} = {{ type = \"{meant}\" }}", field.name);
            return self.wrong(
                &node.place,
                format!("`{}` is a table, not {}", field.name, node.kind()),
                Some(help),
            );
        };
        let Some(chosen) = node.get("type") else {
            let message = format!("`type` is missing in `{}`", field.name);
            return self.wrong(&node.place, message, Some(words::instead("", &known)));
        };
        let word = chosen.to_json();
        match variants.iter().find(|one| word.as_str() == Some(tag(one))) {
            Some(variant) => self.table(node, entries, variant, field),
            None => {
                let word = word.as_str().unwrap_or("");
                let message = format!("`{}` has no type `{word}`", field.name);
                self.wrong(&chosen.place, message, Some(words::instead(word, &known)));
            }
        }
    }

    fn table(&mut self, node: &Node, entries: &[Entry], schema: &'a Json, field: &Field<'_>) {
        let empty = Map::new();
        let properties: &Map<String, Json> = match schema.get("properties").and_then(Json::as_object) {
            Some(properties) => properties,
            None => &empty,
        };
        for entry in entries {
            let known = schema.pointer(&format!("/properties/{}", pointer_escaped(&entry.key)));
            match known.or_else(|| schema.get("additionalProperties")) {
                Some(Json::Bool(false)) => self.unknown_key(entry, properties, field),
                Some(schema) => {
                    let help = schema.get("description").and_then(Json::as_str);
                    self.node(&entry.node, schema, &Field { name: &entry.key, help });
                }
                None => {}
            }
        }
        for key in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            let key = key.as_str().unwrap_or("");
            if node.get(key).is_none() {
                let help = properties.get(key).and_then(|one| one.get("description")).and_then(Json::as_str);
                let message = format!("`{key}` is missing in {}", in_words(field.name));
                self.wrong(&node.place, message, help.map(first_sentence));
            }
        }
    }

    fn unknown_key(&mut self, entry: &Entry, properties: &Map<String, Json>, field: &Field<'_>) {
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let message = format!("{} has no key `{}`", in_words(field.name), entry.key);
        let help = match words::nearest(&entry.key, &known) {
            None => self.home_of(&entry.key).map(|home| format!("`{}` belongs to {home}", entry.key)),
            Some(_) => None,
        };
        self.wrong(&entry.place, message, Some(help.unwrap_or_else(|| words::instead(&entry.key, &known))));
    }

    /// The one other table that knows a key.
    fn home_of(&self, key: &str) -> Option<&'static str> {
        let knows = |pointer: &str| self.root.pointer(pointer).is_some_and(|table| table.get(key).is_some());
        let homes = [
            ("/properties", "the top of the file"),
            ("/$defs/Source/properties", "`source`"),
            ("/$defs/Limits/properties", "`source.limits`"),
            ("/$defs/Stream/properties", "a stream (`[[streams]]`)"),
            ("/$defs/Cadence/properties", "`cadence`"),
            ("/$defs/Incremental/properties", "`incremental`"),
        ];
        homes.into_iter().find(|(pointer, _)| knows(pointer)).map(|(_, home)| home)
    }

    fn leaf(&mut self, node: &Node, leaf: &Json, schema: &'a Json, form: &str, field: &Field<'_>) {
        if let Some(least) = schema.get("minimum").and_then(Json::as_i64)
            && leaf.as_i64().is_some_and(|number| number < least)
        {
            self.wrong(&node.place, format!("`{}` is at least {least}", field.name), None);
        }
        if let Err((message, help)) = forms::check(form, leaf) {
            self.wrong(&node.place, format!("`{}`: {message}", field.name), help);
        }
    }
}

fn article(kind: &str) -> Option<&'static str> {
    match kind {
        "object" => Some("a table"),
        "array" => Some("a list"),
        "string" => Some("a text in quotes"),
        "boolean" => Some("true or false"),
        "number" => Some("a number"),
        "integer" => Some("an integer"),
        _ => None,
    }
}

fn in_words(name: &str) -> String {
    match name {
        "the file" => name.to_owned(),
        "streams" => "the stream".to_owned(),
        name => format!("`{name}`"),
    }
}

fn first_sentence(text: &str) -> String {
    text.replace('\n', " ")
}

fn pointer_escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
