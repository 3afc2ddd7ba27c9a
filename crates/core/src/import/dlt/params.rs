//! Templates: what a resource takes from its parent and from its cursor.

use serde_json::Value;

use super::literal::Literal;

/// What the templates of a resource refer to.
#[derive(Clone, Debug, Default)]
pub(super) struct Refers {
    /// Resources and their fields.
    pub(super) parents: Vec<(String, String)>,
    /// Whether the start of the cursor is asked for.
    pub(super) start: bool,
    /// What is no reference that is known.
    pub(super) unknown: Vec<String>,
    /// A cursor that is declared in a parameter: its name, where it stands, what it says.
    pub(super) older: Option<(String, String, Literal)>,
}

/// A part of a text.
enum Part {
    Text(String),
    /// What it refers to, in our words.
    Reference(String),
}

/// A text with its references in our words: `{resources.posts.id}` is `{parent.id}`. Braces that enclose no reference of
/// dlt's are text there; a text that has such is written as an expression, which can hold any.
pub(super) fn template(text: &str, refers: &mut Refers) -> String {
    let parts = parts(text, refers);
    let plain = parts.iter().all(|part| !matches!(part, Part::Text(text) if begins_name(text)));
    let written = parts.into_iter().map(|part| match part {
        Part::Reference(name) if plain => format!("{{{name}}}"),
        Part::Reference(name) => format!("{{{{ {name} }}}}"),
        Part::Text(text) if plain => text,
        Part::Text(text) => text.replace('{', "{{ '{' }}"),
    });
    written.collect()
}

/// Whether a brace in a text is more than text where it stands as it is.
fn begins_name(text: &str) -> bool {
    let more = |c: char| c.is_alphanumeric() || matches!(c, '_' | '{' | '%' | '#');
    text.split('{').skip(1).any(|rest| rest.chars().next().is_none_or(more))
}

fn parts(text: &str, refers: &mut Refers) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let tail = &rest[at..];
        let doubled = tail.starts_with("{{") || tail.starts_with("}}");
        let inside = tail.strip_prefix('{').and_then(|inner| inner.split_once('}')).map(|(inside, _)| inside);
        let found = inside.filter(|_| !doubled).map(|inside| (inside, reference(inside.trim(), refers)));
        if let Some((inside, Some(ours))) = found {
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Reference(ours));
            rest = &tail[inside.len() + 2..];
        } else {
            plain.push_str(&tail[..1]);
            rest = &tail[1 + usize::from(doubled)..];
        }
    }
    plain.push_str(rest);
    parts.push(Part::Text(plain));
    parts
}

fn reference(inside: &str, refers: &mut Refers) -> Option<String> {
    if let Some(path) = inside.strip_prefix("resources.") {
        let (resource, field) = path.split_once('.')?;
        refers.parents.push((resource.to_owned(), field.to_owned()));
        return Some(format!("parent.{field}"));
    }
    match inside {
        "incremental.start_value" | "incremental.last_value" => {
            refers.start = true;
            Some("incremental.start_value".to_owned())
        }
        "incremental.end_value" => Some("incremental.end_value".to_owned()),
        other if other.starts_with("incremental.") => {
            refers.unknown.push(other.to_owned());
            None
        }
        _ => None,
    }
}

/// Every text in a value as a template of ours.
pub(super) fn templates(value: &Value, refers: &mut Refers) -> Value {
    match value {
        Value::String(text) => template(text, refers).into(),
        Value::Array(items) => items.iter().map(|item| templates(item, refers)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), templates(value, refers))).collect())
        }
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_ours_and_other_braces_stay_text() {
        let mut refers = Refers::default();
        let text = template("p/{resources.posts.user.id}/{x}?q={incremental.start_value}&{{y}}", &mut refers);
        assert_eq!(text, "p/{{ parent.user.id }}/{{ '{' }}x}?q={{ incremental.start_value }}&{{ '{' }}y}");
        assert_eq!(template("{ q(id: {resources.posts.id}) }", &mut refers), "{ q(id: {parent.id}) }");
        refers.parents.pop();
        assert_eq!(refers.parents, [("posts".to_owned(), "user.id".to_owned())]);
        assert!(refers.start && refers.unknown.is_empty());
    }
}
