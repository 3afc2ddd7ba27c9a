//! Expressions: `{{ … }}` in the pipeline file, in the language of Jinja (minijinja), because the connectors that others
//! have written speak it. Pure: the time comes in with the scope.
//!
//! A text that is one sole `{{ … }}` gives a value with its type; any other text is put together. What is not there is
//! null as a sole value, and an error within a text. Texts with `{% … %}` or `{# … #}` are templates as a whole.
//!
//! [`Dialect::Cdk`] gives the values that the Airbyte CDK gives, for imported manifests alone: everything is rendered
//! in Python's spelling first and then read as a Python literal, so that `{{ "1" }}` is a number.

mod dates;
mod environment;
mod error;
mod filters;
mod functions;
mod json;
mod lex;
mod moment;
mod operators;
mod python;
mod rewrite;
mod scope;
mod strftime;
#[cfg(test)]
mod tests;
mod written;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use minijinja::{Environment, ErrorKind, Expression, Value};
use serde_json::Value as Json;

pub use error::ExprError;
pub use scope::{Base, Dialect, Scope};
pub use written::Written;

/// What has no methods that are not known here: unlike texts and lists, of whose methods Python has more.
const METHODLESS: [&str; 4] =
    ["none has no method", "undefined has no method", "map has no method", "number has no method"];

/// The name under which a template lies in its own environment.
const TEMPLATE: &str = "expression";

/// A parsed text with expressions.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    dialect: Dialect,
    /// Names that the scope must have.
    names: Arc<BTreeSet<String>>,
    code: Arc<Code>,
}

/// What a text is made of.
enum Code {
    /// Texts and expressions, one after the other.
    Parts(Vec<Part>),
    /// A template with statements or comments.
    Template(Box<Environment<'static>>),
}

enum Part {
    Text(String),
    Expression(Expression<'static, 'static>),
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({:?})", self.source)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.source == other.source && self.dialect == other.dialect
    }
}

impl Expr {
    /// Whether a text holds anything to evaluate.
    pub fn is_in(text: &str) -> bool {
        ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
    }

    /// Parses a text in tidegate's own dialect. Names what is unknown in it.
    pub fn parse(text: &str) -> Result<Expr, ExprError> {
        Expr::parse_as(text, Dialect::Native)
    }

    /// Parses a text.
    pub fn parse_as(text: &str, dialect: Dialect) -> Result<Expr, ExprError> {
        let environment = environment::of(dialect);
        let segments = lex::segments(text)?;
        segments.iter().try_for_each(|segment| environment::check(&segment.tokens, text))?;
        let is_template = segments.iter().any(|segment| segment.is_statement);
        let (code, names) = if is_template {
            template(text, &segments, environment)?
        } else {
            parts(text, &segments, environment)?
        };
        let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
        let names: BTreeSet<String> =
            names.into_iter().filter(|name| !globals.contains(name.as_str())).collect();
        environment::check_calls(&segments, &names, text)?;
        Ok(Expr { source: text.into(), dialect, names: names.into(), code: code.into() })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that the scope must have.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The value: typed where the text is one sole expression, else a text. In the CDK's dialect what its rendered text
    /// says as a Python literal; null where nothing came out.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Json, ExprError> {
        match self.dialect {
            Dialect::Native => match self.sole() {
                Some(expression) => json::from_value(&self.eval(expression, scope)?),
                None => self.text(scope).map(Json::String),
            },
            Dialect::Cdk => Ok(self.rendered_cdk(scope)?.map_or(Json::Null, |text| python::literal(&text))),
        }
    }

    /// The value of a parameter or of a field of a form: as [`Expr::value`], but in the CDK's dialect the rendered text,
    /// unless it is the literal of a text or a list. So `True` is sent, and what looks like a number as it is written.
    pub fn field(&self, scope: &Scope<'_>) -> Result<Json, ExprError> {
        match self.dialect {
            Dialect::Native => self.value(scope),
            Dialect::Cdk => Ok(self.rendered_cdk(scope)?.map_or(Json::Null, |text| python::field(&text))),
        }
    }

    /// How a text is written in the CDK's dialect so that [`Expr::value`] gives that text, be it `5` or `[]`.
    pub fn lasting(text: &str) -> String {
        python::lasting(text)
    }

    /// The text. Null, lists and tables have none in tidegate's own dialect.
    pub fn text(&self, scope: &Scope<'_>) -> Result<String, ExprError> {
        self.encoded(scope, str::to_owned)
    }

    /// The text, what each expression gives passed through `encode` on its way in; in the CDK's dialect, and where
    /// there are statements, it is taken as it comes.
    pub fn encoded(&self, scope: &Scope<'_>, encode: impl Fn(&str) -> String) -> Result<String, ExprError> {
        match self.dialect {
            Dialect::Native => self.rendered(scope, encode),
            Dialect::Cdk => self.rendered_cdk(scope).map(Option::unwrap_or_default),
        }
    }

    /// Whether it holds: what Python takes for true. A text that is no sole expression holds unless it is empty; in the
    /// CDK's dialect `false`, `0` and what is written as an empty list or table do not hold either.
    pub fn truth(&self, scope: &Scope<'_>) -> Result<bool, ExprError> {
        match (self.dialect, self.sole()) {
            (Dialect::Native, Some(expression)) => Ok(self.eval(expression, scope)?.is_true()),
            (Dialect::Native, None) => Ok(!self.text(scope)?.trim().is_empty()),
            (Dialect::Cdk, _) => Ok(python::truth(&self.value(scope)?)),
        }
    }

    fn sole(&self) -> Option<&Expression<'static, 'static>> {
        match &*self.code {
            Code::Parts(parts) => match parts.as_slice() {
                [Part::Expression(expression)] => Some(expression),
                _ => None,
            },
            Code::Template(_) => None,
        }
    }

    fn eval(&self, expression: &Expression<'_, '_>, scope: &Scope<'_>) -> Result<Value, ExprError> {
        expression.eval(scope.values(&self.names)?).map_err(|error| self.failed(&error))
    }

    fn rendered(&self, scope: &Scope<'_>, encode: impl Fn(&str) -> String) -> Result<String, ExprError> {
        let values = scope.values(&self.names)?;
        match &*self.code {
            Code::Template(environment) => {
                let template = environment.get_template(TEMPLATE);
                template.and_then(|template| template.render(values)).map_err(|error| self.failed(&error))
            }
            Code::Parts(parts) => {
                let mut out = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => out.push_str(text),
                        Part::Expression(expression) => {
                            let value =
                                expression.eval(values.clone()).map_err(|error| self.failed(&error))?;
                            let mut printed = String::new();
                            environment::print(self.dialect, &value, &mut printed)
                                .map_err(|error| self.failed(&error))?;
                            out.push_str(&encode(&printed));
                        }
                    }
                }
                Ok(out)
            }
        }
    }

    /// The text as the CDK renders it; `None` where it is empty or something in it is not there.
    fn rendered_cdk(&self, scope: &Scope<'_>) -> Result<Option<String>, ExprError> {
        match self.rendered(scope, str::to_owned) {
            Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Err(ExprError::Undefined { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: &minijinja::Error) -> ExprError {
        let message = error::message(error);
        match error.kind() {
            // In Python what has no such method is called all the same, and is not there.
            kind if kind == ErrorKind::UndefinedError
                || self.dialect == Dialect::Cdk
                    && kind == ErrorKind::UnknownMethod
                    && METHODLESS.iter().any(|kind| message.contains(kind)) =>
            {
                ExprError::Undefined { expression: self.source.to_string(), message }
            }
            _ => ExprError::Failed { expression: self.source.to_string(), message },
        }
    }
}

type Parsed = (Code, BTreeSet<String>);

/// A template with statements, in an environment of its own.
fn template(
    text: &str,
    segments: &[lex::Segment<'_>],
    environment: &'static Environment<'static>,
) -> Result<Parsed, ExprError> {
    let mut own = environment.clone();
    own.template_from_str(text).map_err(|error| error::syntax(text, 0, &error))?;
    let rewritten = rewrite::text(text, segments);
    own.add_template_owned(TEMPLATE, rewritten).map_err(|error| error::syntax(text, 0, &error))?;
    let template = own.get_template(TEMPLATE).map_err(|error| error::syntax(text, 0, &error))?;
    let mut names: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    if let Some(sliceless) = rewrite::without_slices(text, segments) {
        let sliceless = own.template_from_str(&sliceless).map_err(|error| error::syntax(text, 0, &error))?;
        names.extend(sliceless.undeclared_variables(false));
    }
    Ok((Code::Template(Box::new(own)), names))
}

fn parts(
    text: &str,
    segments: &[lex::Segment<'_>],
    environment: &'static Environment<'static>,
) -> Result<Parsed, ExprError> {
    let mut parts = Vec::new();
    let mut names = BTreeSet::new();
    if let Some(sliceless) = rewrite::without_slices(text, segments) {
        let all =
            environment.template_from_str(&sliceless).map_err(|error| error::syntax(text, 0, &error))?;
        names.extend(all.undeclared_variables(false));
    }
    let mut end = 0;
    for segment in segments {
        if segment.outer.start > end {
            parts.push(Part::Text(text[end..segment.outer.start].to_owned()));
        }
        let inner = &text[segment.inner.clone()];
        let wrong = |error: &minijinja::Error| error::syntax(text, segment.inner.start, error);
        let written =
            environment.compile_expression_owned(inner.to_owned()).map_err(|error| wrong(&error))?;
        let expression = match rewrite::expression(text, segment) {
            Cow::Borrowed(_) => written,
            Cow::Owned(text) => environment.compile_expression_owned(text).map_err(|error| wrong(&error))?,
        };
        names.extend(expression.undeclared_variables(false));
        parts.push(Part::Expression(expression));
        end = segment.outer.end;
    }
    if end < text.len() || parts.is_empty() {
        parts.push(Part::Text(text[end..].to_owned()));
    }
    Ok((Code::Parts(parts), names))
}
