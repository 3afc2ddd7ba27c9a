//! Templates: text with `{name.path}` references, or with expressions `{{ … }}`. A brace that begins no name is text.

use serde_json::Value;

use crate::expr::{Dialect, Expr, ExprError, Scope};

/// The values that templates may name, by first name: `city`, `incremental`.
pub type Values = serde_json::Map<String, Value>;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
    /// Where the text is an expression; then it has no parts.
    expr: Option<Expr>,
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
    /// An expression.
    #[error("{0}")]
    Expression(#[from] ExprError),
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
    pub fn parse(text: &str, dialect: Dialect) -> Result<Template, TemplateError> {
        if Expr::is_in(text) && text.contains("${") {
            let message = "a secret cannot stand in an expression; put it into `source.config` and name that: `{{ config.key }}`";
            return Err(TemplateError::Malformed { at: 0, message: message.to_owned() });
        }
        if Expr::is_in(text) || !dialect.is_native() {
            return Ok(Template { parts: Vec::new(), expr: Some(Expr::parse_as(text, dialect)?) });
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            literal.push_str(&rest[..brace]);
            let at = text.len() - rest.len() + brace;
            let begins_name = |c: char| c.is_alphanumeric() || c == '_';
            rest = if !rest[brace + 1..].starts_with(begins_name) {
                literal.push('{');
                &rest[brace + 1..]
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
        Ok(Template { parts, expr: None })
    }

    /// The names that it needs, in order; an expression's sorted.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let plain = self.parts.iter().filter_map(|part| match part {
            Part::Reference(path) => path.split('.').next(),
            Part::Text(_) => None,
        });
        plain.chain(self.expr.iter().flat_map(Expr::names))
    }

    /// The value: of a template that is one sole reference, what it names with its type; else text.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match (&self.expr, self.parts.as_slice()) {
            (Some(expr), _) => Ok(expr.value(scope)?),
            (None, [Part::Reference(path)]) => lookup(path, scope).cloned(),
            _ => self.text(scope, str::to_owned).map(Value::String),
        }
    }

    /// The value of a parameter or of a field of a form: see [`Expr::field`].
    fn field(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match &self.expr {
            Some(expr) => Ok(expr.field(scope)?),
            None => self.value(scope),
        }
    }

    /// The text, every referenced value passed through `encode` on its way in.
    pub fn text(&self, scope: &Scope<'_>, encode: impl Fn(&str) -> String) -> Result<String, TemplateError> {
        if let Some(expr) = &self.expr {
            return Ok(expr.encoded(scope, encode)?);
        }
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(path) => out.push_str(&encode(&scalar(path, lookup(path, scope)?)?)),
            }
        }
        Ok(out)
    }

    /// A parameter or a field of a form, every string in it rendered as a template: see [`Expr::field`].
    pub fn render_field(value: &Value, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        let shown = |value| match value {
            // As Python writes it.
            Value::Bool(truth) if !scope.dialect().is_native() => {
                Value::from(if truth { "True" } else { "False" })
            }
            other => other,
        };
        match value {
            Value::String(text) => match Template::parse(text, scope.dialect())?.field(scope)? {
                Value::Array(items) => Ok(items.into_iter().map(shown).collect()),
                one => Ok(one),
            },
            Value::Array(items) => items.iter().map(|item| Template::render_field(item, scope)).collect(),
            Value::Object(_) => Template::render(value, scope),
            plain => Ok(shown(plain.clone())),
        }
    }

    /// A JSON value with every string in it rendered as a template. Keys are kept as written.
    pub fn render(value: &Value, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match value {
            Value::String(text) => Template::parse(text, scope.dialect())?.value(scope),
            Value::Array(items) => items.iter().map(|item| Template::render(item, scope)).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), Template::render(value, scope)?)))
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
    if text[..at].ends_with('$') {
        return Err(wrong(
            "a secret cannot stand here; put it into `source.auth` (`type = \"api_key\"`, `location = \"query\"`) or into a header",
        ));
    }
    let (name, after) = text[at + 1..].split_once('}').ok_or_else(|| {
        wrong("`{` is not closed; write `{name}` for a value, or a space after a brace that is text")
    })?;
    let plain = |segment: &str| {
        !segment.is_empty() && segment.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if !name.split('.').all(plain) {
        return Err(wrong(&format!(
            "`{{{name}}}` is no reference; write `{{name}}` or `{{name.field}}`, or a space after a brace that is text"
        )));
    }
    Ok((name, after))
}

fn lookup<'a>(path: &str, scope: &Scope<'a>) -> Result<&'a Value, TemplateError> {
    let unknown = |known: Vec<String>| TemplateError::Unknown {
        reference: path.to_owned(),
        known: if known.is_empty() { "nothing".to_owned() } else { known.join(", ") },
    };
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let known = || scope.names().filter(|name| *name != "config").map(str::to_owned).collect();
    let mut value = scope.get(first).ok_or_else(|| unknown(known()))?;
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
        let values = values();
        Template::parse(text, Dialect::Native)?.value(&scope(&values))
    }

    fn scope(values: &Values) -> Scope<'_> {
        Scope::new(jiff::Timestamp::UNIX_EPOCH).with_all(values)
    }

    #[test]
    fn a_sole_reference_keeps_its_type_and_a_mixed_one_is_text() {
        assert_eq!(value("{city.lat}"), Ok(json!(52.5)));
        assert_eq!(value("{city.tags}"), Ok(json!(["a", "b"])));
        assert_eq!(value("{city.tags.1}"), Ok(json!("b")));
        assert_eq!(value("{incremental.start_value}"), Ok(Value::Null));
        assert_eq!(value("at {city.lat}, {city.on}"), Ok(json!("at 52.5, true")));
        assert_eq!(value("{ {city.lat} } { x }"), Ok(json!("{ 52.5 } { x }")));
        assert_eq!(value("{{ city.lat * 2 }}"), Ok(json!(105.0)));
        assert_eq!(value("{{ city.name | upper }}: {{ city.on }}"), Ok(json!("SÃO PAULO: true")));
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
            (
                "é{city",
                "`{` is not closed; write `{name}` for a value, or a space after a brace that is text (at character 1)",
            ),
            (
                "{viewer id}",
                "`{viewer id}` is no reference; write `{name}` or `{name.field}`, or a space after a brace that is text (at character 0)",
            ),
            ("{{ town }}", "no value named `town`; known here: city, incremental"),
        ] {
            assert_eq!(value(text).map_err(|e| e.to_string()), Err(message.to_owned()), "{text}");
        }
        assert!(
            Template::parse("${TOKEN}", Dialect::Native)
                .is_err_and(|e| e.to_string().contains("source.auth"))
        );
    }

    #[test]
    fn references_are_listed_by_first_name() {
        let template = Template::parse("{city.lat}/{ no }/{incremental.start_value}", Dialect::Native)
            .expect("a template");
        assert_eq!(template.references().collect::<Vec<_>>(), ["city", "incremental"]);
    }

    #[test]
    fn strings_inside_a_value_are_rendered() {
        let body = json!({ "q": "{city.name}", "n": [1, "{city.lat}"], "{city.name}": null });
        assert_eq!(
            Template::render(&body, &scope(&values())),
            Ok(json!({ "q": "São Paulo", "n": [1, 52.5], "{city.name}": null }))
        );
    }

    proptest! {
        #[test]
        fn any_text_survives_with_a_space_after_its_braces(text in ".*") {
            let spaced = text.replace('{', "{ ");
            let template = Template::parse(&spaced, Dialect::Native).expect("plain text");
            prop_assert_eq!(template.value(&scope(&Values::new())), Ok(Value::String(spaced)));
        }

        #[test]
        fn parsing_never_panics(text in "[{}$a.é ]{0,24}") {
            let _ = Template::parse(&text, Dialect::Native);
        }
    }
}
