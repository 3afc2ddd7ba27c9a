//! Templates: text with `{name.path}` references, `{{` and `}}` for braces.

use serde_json::Value;

/// The values that templates may name, by first name: `city`, `incremental`.
pub type Values = serde_json::Map<String, Value>;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A dotted path: the first name, then keys of tables or indices of lists.
    Reference(String),
}

/// Why a template cannot be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A reference to nothing.
    #[error("no value named `{reference}`; known here: {known}")]
    Unknown {
        /// The reference as written, without braces.
        reference: String,
        /// Names that would have worked at the place where it went wrong, or `nothing`.
        known: String,
    },
    /// A brace without its partner, or something other than a name between two.
    #[error("{message} (at character {at})")]
    Malformed {
        /// Position in the text, in characters from 0.
        at: usize,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// A list, a table or nothing where text is needed.
    #[error("`{reference}` is {what}, and cannot become part of a text")]
    NotText {
        /// The reference as written, without braces.
        reference: String,
        /// `a list`, `a table`, `null`.
        what: &'static str,
    },
}

impl Template {
    /// Parses a text; the error says where it goes wrong.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            literal.push_str(&rest[..brace]);
            let at = text.len() - rest.len() + brace;
            let tail = &rest[brace..];
            rest = if let Some(after) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                literal.push_str(&tail[..1]);
                after
            } else {
                let (name, after) = reference(text, at)?;
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Reference(name.to_owned()));
                after
            };
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// The first name of every reference, in order.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(path) => path.split('.').next(),
            Part::Text(_) => None,
        })
    }

    /// The value: of a template that is one sole reference, what it names with its type; else text.
    pub fn value(&self, values: &Values) -> Result<Value, TemplateError> {
        match self.parts.as_slice() {
            [Part::Reference(path)] => lookup(path, values).cloned(),
            _ => self.text(values, str::to_owned).map(Value::String),
        }
    }

    /// The text, every referenced value passed through `encode` on its way in.
    pub fn text(&self, values: &Values, encode: impl Fn(&str) -> String) -> Result<String, TemplateError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(path) => out.push_str(&encode(&scalar(path, lookup(path, values)?)?)),
            }
        }
        Ok(out)
    }

    /// A JSON value with every string in it rendered as a template. Keys are kept as written.
    pub fn render(value: &Value, values: &Values) -> Result<Value, TemplateError> {
        match value {
            Value::String(text) => Template::parse(text)?.value(values),
            Value::Array(items) => items.iter().map(|item| Template::render(item, values)).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), Template::render(value, values)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
            plain => Ok(plain.clone()),
        }
    }
}

/// The reference that starts with the brace at byte `at`, and the text after it.
fn reference(text: &str, at: usize) -> Result<(&str, &str), TemplateError> {
    let wrong = |message: &str| TemplateError::Malformed {
        at: text[..at].chars().count(),
        message: message.to_owned(),
    };
    if text[at..].starts_with('}') {
        return Err(wrong("`}` closes nothing; write `}}` for a brace"));
    }
    if text[..at].ends_with('$') {
        return Err(wrong(
            "a secret cannot stand here; put it into `source.auth` (`type = \"api_key\"`, `location = \"query\"`) or into a header",
        ));
    }
    let (name, after) = text[at + 1..]
        .split_once('}')
        .ok_or_else(|| wrong("`{` is not closed; write `{name}` for a value or `{{` for a brace"))?;
    let plain = |segment: &str| {
        !segment.is_empty() && segment.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if !name.split('.').all(plain) {
        return Err(wrong(&format!(
            "`{{{name}}}` is no reference; write `{{name}}` or `{{name.field}}`, or `{{{{` for a brace"
        )));
    }
    Ok((name, after))
}

fn lookup<'a>(path: &str, values: &'a Values) -> Result<&'a Value, TemplateError> {
    let unknown = |known: Vec<String>| TemplateError::Unknown {
        reference: path.to_owned(),
        known: if known.is_empty() { "nothing".to_owned() } else { known.join(", ") },
    };
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let mut value = values.get(first).ok_or_else(|| unknown(values.keys().cloned().collect()))?;
    let mut prefix = first.to_owned();
    for name in names {
        let next = match value {
            Value::Object(entries) => entries.get(name),
            Value::Array(items) => name.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        value = next.ok_or_else(|| unknown(below(&prefix, value)))?;
        prefix = format!("{prefix}.{name}");
    }
    Ok(value)
}

/// The references that a value has below it.
fn below(prefix: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.keys().map(|key| format!("{prefix}.{key}")).collect(),
        Value::Array(items) => (0..items.len()).map(|index| format!("{prefix}.{index}")).collect(),
        _ => vec![prefix.to_owned()],
    }
}

fn scalar(reference: &str, value: &Value) -> Result<String, TemplateError> {
    let not = |what| Err(TemplateError::NotText { reference: reference.to_owned(), what });
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null => not("null"),
        Value::Array(_) => not("a list"),
        Value::Object(_) => not("a table"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> Values {
        let Value::Object(values) = json!({ "city": { "name": "São Paulo", "lat": 52.5, "tags": ["a", "b"], "on": true }, "incremental": { "start_value": null } })
        else {
            unreachable!("a table")
        };
        values
    }

    fn value(text: &str) -> Result<Value, TemplateError> {
        Template::parse(text)?.value(&values())
    }

    #[test]
    fn a_sole_reference_keeps_its_type_and_a_mixed_one_is_text() {
        assert_eq!(value("{city.lat}"), Ok(json!(52.5)));
        assert_eq!(value("{city.tags}"), Ok(json!(["a", "b"])));
        assert_eq!(value("{city.tags.1}"), Ok(json!("b")));
        assert_eq!(value("{incremental.start_value}"), Ok(Value::Null));
        assert_eq!(value("at {city.lat}, {city.on}"), Ok(json!("at 52.5, true")));
        assert_eq!(value("{{{city.lat}}} {{x}}"), Ok(json!("{52.5} {x}")));
        assert_eq!(value(""), Ok(json!("")));
    }

    #[test]
    fn errors_name_what_is_wrong_and_what_would_be_right() {
        for (text, message) in [
            ("{town.lat}", "no value named `town.lat`; known here: city, incremental"),
            ("{city.lon}", "no value named `city.lon`; known here: city.name, city.lat, city.tags, city.on"),
            ("{city.lat.x}", "no value named `city.lat.x`; known here: city.lat"),
            ("x{city.tags}", "`city.tags` is a list, and cannot become part of a text"),
            (
                "x{incremental.start_value}",
                "`incremental.start_value` is null, and cannot become part of a text",
            ),
            ("é{city", "`{` is not closed; write `{name}` for a value or `{{` for a brace (at character 1)"),
            ("a}", "`}` closes nothing; write `}}` for a brace (at character 1)"),
            (
                "{ viewer }",
                "`{ viewer }` is no reference; write `{name}` or `{name.field}`, or `{{` for a brace (at character 0)",
            ),
        ] {
            assert_eq!(value(text).map_err(|e| e.to_string()), Err(message.to_owned()), "{text}");
        }
        assert!(Template::parse("${TOKEN}").is_err_and(|e| e.to_string().contains("source.auth")));
    }

    #[test]
    fn references_are_listed_by_first_name() {
        let template = Template::parse("{city.lat}/{{no}}/{incremental.start_value}").expect("a template");
        assert_eq!(template.references().collect::<Vec<_>>(), ["city", "incremental"]);
    }

    #[test]
    fn strings_inside_a_value_are_rendered() {
        let body = json!({ "q": "{city.name}", "n": [1, "{city.lat}"], "{city.name}": null });
        assert_eq!(
            Template::render(&body, &values()),
            Ok(json!({ "q": "São Paulo", "n": [1, 52.5], "{city.name}": null }))
        );
    }

    proptest! {
        #[test]
        fn any_text_survives_with_its_braces_doubled(text in ".*") {
            let escaped = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(Template::parse(&escaped).expect("escaped").value(&Values::new()), Ok(Value::String(text)));
        }

        #[test]
        fn parsing_never_panics(text in "[{}$a.é ]{0,24}") {
            let _ = Template::parse(&text);
        }
    }
}
