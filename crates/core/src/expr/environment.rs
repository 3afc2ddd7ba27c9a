//! The two environments: what the language offers, and its limits against hostile input.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::error::character;
use super::lex::{Kind, Segment, Token};
use super::{Dialect, ExprError, filters, functions, operators, python};
use crate::pipeline::instead;

/// Work of one evaluation: instructions, and one for each 64 bytes that are made.
const FUEL: u64 = 2_000_000;
/// Depth of calls within calls.
const DEPTH: usize = 100;

/// Most names, values and signs of one expression: the library follows a long sum into itself.
const TOKENS: usize = 4096;

/// The filters there are, beside those of [`filters`].
const FILTERS: [&str; 47] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The tests there are.
const TESTS: [&str; 37] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
    "not",
];

/// The environment of a dialect.
pub(super) fn of(dialect: Dialect) -> &'static Environment<'static> {
    static NATIVE: OnceLock<Environment<'static>> = OnceLock::new();
    static CDK: OnceLock<Environment<'static>> = OnceLock::new();
    match dialect {
        Dialect::Native => NATIVE.get_or_init(|| new(Dialect::Native)),
        Dialect::Cdk => CDK.get_or_init(|| new(Dialect::Cdk)),
    }
}

fn new(dialect: Dialect) -> Environment<'static> {
    let mut environment = Environment::new();
    // A loop of millions is no expression.
    environment.remove_global("range");
    environment.remove_global("debug");
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_undefined_behavior(match dialect {
        Dialect::Native => UndefinedBehavior::SemiStrict,
        Dialect::Cdk => UndefinedBehavior::Lenient,
    });
    environment.set_formatter(move |out, _, value| {
        let mut text = String::new();
        print(dialect, value, &mut text)?;
        out.write_str(&text).map_err(Error::from)
    });
    filters::add(&mut environment, dialect);
    functions::add(&mut environment, dialect);
    operators::add(&mut environment);
    environment
}

/// Writes a value into a text.
pub(super) fn print(dialect: Dialect, value: &Value, out: &mut String) -> Result<(), Error> {
    if dialect == Dialect::Cdk {
        out.push_str(&python::shown(value)?);
        return Ok(());
    }
    let what = match value.kind() {
        ValueKind::Undefined => {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                "a value that is to become part of a text is missing",
            ));
        }
        ValueKind::Bool => {
            out.push_str(if value.is_true() { "true" } else { "false" });
            return Ok(());
        }
        ValueKind::None => "null",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a table",
        ValueKind::Bytes => "bytes",
        ValueKind::Invalid => {
            return Err(Error::new(ErrorKind::InvalidOperation, value.to_string()));
        }
        _ => return write!(out, "{value}").map_err(|_| Error::from(ErrorKind::WriteFailure)),
    };
    let message = format!("{what} cannot become part of a text; write `| tojson` or `| join(',')` behind it");
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Whether all filters and tests of an expression exist, and it is not too long to be followed.
pub(super) fn check(tokens: &[Token<'_>], text: &str) -> Result<(), ExprError> {
    if let Some(token) = tokens.get(TOKENS) {
        let message = format!("it has more than {TOKENS} names, values and signs");
        return Err(ExprError::Syntax { at: character(text, token.at), message });
    }
    let unknown = |what, token: &Token<'_>, known: Vec<&str>| {
        let name = token.text.to_owned();
        Err(ExprError::NoSuch { what, at: character(text, token.at), known: instead(&name, &known), name })
    };
    for (index, token) in tokens.iter().enumerate() {
        let next = |skip: usize| tokens.get(index + skip).filter(|next| next.kind == Kind::Name);
        if token.kind == Kind::Sign && token.text == "|" {
            let known: Vec<&str> = FILTERS.into_iter().chain(filters::NAMES).collect();
            match next(1) {
                Some(name) if !known.contains(&name.text) => return unknown("filter", name, known),
                _ => {}
            }
        }
        if token.kind == Kind::Name && token.text == "is" {
            let name = next(1).and_then(|name| if name.text == "not" { next(2) } else { Some(name) });
            match name {
                Some(name) if !TESTS.contains(&name.text) => return unknown("test", name, TESTS.to_vec()),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether all functions that are called exist; `names` are those that must come from the scope.
pub(super) fn check_calls(
    segments: &[Segment<'_>],
    names: &BTreeSet<String>,
    text: &str,
) -> Result<(), ExprError> {
    for segment in segments {
        for (index, pair) in segment.tokens.windows(2).enumerate() {
            let [name, bracket] = pair else { continue };
            let before = index.checked_sub(1).and_then(|before| segment.tokens.get(before));
            let is_member = before.is_some_and(|before| matches!(before.text, "." | "|" | "is" | "not"));
            if bracket.text == "(" && name.kind == Kind::Name && !is_member && names.contains(name.text) {
                let known = instead(name.text, &functions::NAMES);
                let at = character(text, name.at);
                return Err(ExprError::NoSuch { what: "function", name: name.text.to_owned(), at, known });
            }
        }
    }
    Ok(())
}
