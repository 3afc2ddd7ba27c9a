//! Jinja in a manifest: what the config decides is decided here; what the data decides stays an expression, which the
//! engine evaluates as the CDK does.

use serde_json::{Map, Value, json};
use tidegate_core::expr::{Dialect, Expr, ExprError, Scope};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Secret;

use super::Translator;
use super::component::Component;

/// A text of the manifest, as far as it is decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Text {
    /// A value, known now. Secrets in it are references.
    Known(Value),
    /// An expression, to be evaluated in a poll.
    Open(String),
}

/// What an expression may name besides `config` and `parameters`.
pub(crate) const SLICE: [&str; 3] = ["stream_partition", "stream_slice", "stream_interval"];

/// What the requests about an asynchronous job may name besides.
const JOB: [&str; 3] = ["creation_response", "polling_response", "download_target"];

/// What requests may name, those about a job all of it.
const IN_REQUESTS: [&str; 6] = [SLICE[0], SLICE[1], SLICE[2], JOB[0], JOB[1], JOB[2]];

/// Functions that give another value each time.
const CLOCK: [&str; 4] = ["now_utc", "today_utc", "today_with_timezone", "day_delta"];

/// The names that the partition and the window of a stream have in its expressions: from CDK name to our value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slice {
    /// Field of the partition, and the name of the native value.
    pub(crate) partition: Vec<(String, String)>,
    /// Whether this config has the stream asked for nothing: one of its lists is empty.
    pub(crate) nothing: bool,
    /// Whether the parent is partitioned itself.
    pub(crate) parent_slice: bool,
    /// Names of start and end of the window, where the stream is incremental.
    pub(crate) window: Option<(String, String)>,
    /// Whether what is asked for is about a job that was created before.
    pub(crate) of_a_job: bool,
}

impl Slice {
    /// What requests may name.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        if self.of_a_job { &IN_REQUESTS } else { &SLICE }
    }

    /// Whether the native values have the names of the manifest.
    fn is_usual(&self) -> bool {
        let window =
            self.window.as_ref().is_none_or(|(start, end)| start == "start_time" && end == "end_time");
        window && self.partition.iter().all(|(field, name)| field == name)
    }

    /// The table as an expression writes it.
    fn table(&self) -> String {
        let mut entries: Vec<String> =
            self.partition.iter().map(|(field, name)| format!("{}: {name}", quoted(field))).collect();
        if self.parent_slice {
            entries.push("'parent_slice': parent_slice".to_owned());
        }
        if let Some((start, end)) = &self.window {
            entries.push(format!("{}: incremental.start_value", quoted(start)));
            entries.push(format!("{}: incremental.end_value", quoted(end)));
        }
        format!("{{{}}}", entries.join(", "))
    }
}

/// How what an expression gives is read.
type Read = fn(&Expr, &Scope<'_>) -> Result<Value, ExprError>;

/// A value whose texts are the same when they are read as literals once more.
fn lasting(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => Value::String(text),
        Value::String(text) => Value::String(Expr::lasting(&text)),
        Value::Array(items) => items.into_iter().map(lasting).collect(),
        Value::Object(table) => table.into_iter().map(|(key, value)| (key, lasting(value))).collect(),
        plain => plain,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl Translator<'_> {
    /// What a text says. `names` are what it may name besides config and parameters; a text that cannot be read, or names
    /// anything else, is a reason not to run.
    pub(crate) fn text(&mut self, at: &Component<'_>, slice: &Slice, names: &[&str]) -> Option<Text> {
        let text = match at.value {
            Value::String(text) => text,
            other => return Some(Text::Known(other.clone())),
        };
        if !Expr::is_in(text) {
            return Some(Text::Known(Value::String(text.clone())));
        }
        self.expression(at, text, slice, names, Expr::value)
    }

    /// As [`Translator::text`]; texts without an expression are read as literals as well, as in a nested mapping. A text
    /// that is known is written so that it is the same when it is read once more.
    pub(crate) fn literal(&mut self, at: &Component<'_>, slice: &Slice, names: &[&str]) -> Option<Text> {
        let Value::String(text) = at.value else { return Some(Text::Known(at.value.clone())) };
        Some(match self.expression(at, text, slice, names, Expr::value)? {
            Text::Known(value) => Text::Known(lasting(value)),
            open => open,
        })
    }

    /// As [`Translator::text`], for a parameter or a field of a form: see [`Expr::field`].
    pub(crate) fn field(&mut self, at: &Component<'_>, slice: &Slice, names: &[&str]) -> Option<Text> {
        match at.value {
            Value::String(text) => self.expression(at, text, slice, names, Expr::field),
            other => Some(Text::Known(other.clone())),
        }
    }

    fn expression(
        &mut self,
        at: &Component<'_>,
        text: &str,
        slice: &Slice,
        names: &[&str],
        read: Read,
    ) -> Option<Text> {
        let expr = match Expr::parse_as(text, Dialect::Cdk) {
            Ok(expr) => expr,
            Err(error) => {
                self.refuse(at, format!("the expression `{text}` cannot be read: {error}"));
                return None;
            }
        };
        let open: Vec<String> =
            expr.names().filter(|name| !["config", "parameters"].contains(name)).map(str::to_owned).collect();
        if let Some(name) = open.iter().find(|name| !names.contains(&name.as_str())) {
            self.refuse(at, format!("the expression `{text}` names `{name}`, which has no value here"));
            return None;
        }
        if open.is_empty() && !CLOCK.iter().any(|function| text.contains(function)) {
            return self.known(at, &expr, read).map(Text::Known);
        }
        Some(Text::Open(with_names(&expr, text, slice, &at.parameters())))
    }

    /// A text for a place where no reference can stand: what holds a secret stays the expression that it was.
    pub(crate) fn as_expression(&self, text: Text, at: &Component<'_>, slice: &Slice) -> Text {
        match (text, at.value.as_str()) {
            (Text::Known(value), Some(written)) if mentions(&value, "${") => {
                let expr = Expr::parse_as(written, Dialect::Cdk);
                Text::Open(expr.map_or_else(
                    |_| written.to_owned(),
                    |expr| with_names(&expr, written, slice, &at.parameters()),
                ))
            }
            (text, _) => text,
        }
    }

    /// The value of an expression that the config decides. Where a secret does not come out whole, what comes out is a
    /// secret of its own.
    fn known(&mut self, at: &Component<'_>, expr: &Expr, read: Read) -> Option<Value> {
        let parameters = Value::Object(at.parameters());
        let hidden = self.evaluated(at, expr, read, self.config.values().clone(), &parameters)?;
        let open = self.revealed(self.config.values().clone());
        let open = self.evaluated(at, expr, read, open, &parameters)?;
        if self.revealed(hidden.clone()) == open {
            if !self.refers_within(&hidden) {
                self.refuse(at, "the expression makes a reference to a secret that the config does not hold");
                return None;
            }
            return Some(hidden);
        }
        let text = open.as_str().map_or_else(|| open.to_string(), str::to_owned);
        Some(Value::String(self.secret(&at.path, &text)))
    }

    /// Whether every reference to a secret in a value is one of the config: an expression can put `$` and `{` together.
    fn refers_within(&self, value: &Value) -> bool {
        let known = |rest: &str| {
            let name = rest.split_once('}').map(|(name, _)| name);
            name.is_some_and(|name| mentions(self.config.values(), &format!("${{{name}}}")))
        };
        match value {
            Value::String(text) => text.split("${").skip(1).all(known),
            Value::Array(items) => items.iter().all(|item| self.refers_within(item)),
            Value::Object(table) => {
                let key = |key: &String| key.split("${").skip(1).all(known);
                table.iter().all(|(name, item)| key(name) && self.refers_within(item))
            }
            _ => true,
        }
    }

    fn evaluated(
        &mut self,
        at: &Component<'_>,
        expr: &Expr,
        read: Read,
        config: Value,
        parameters: &Value,
    ) -> Option<Value> {
        let scope = Scope::new(self.now).with("config", &config).with("parameters", parameters);
        match read(expr, &scope) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(at, format!("the expression cannot be evaluated with this config: {error}"));
                None
            }
        }
    }

    /// A value with the secrets in it.
    fn revealed(&self, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let secret = Secret(text);
                let shown = self.secrets.reveal(&secret);
                Value::String(shown.unwrap_or(secret.0))
            }
            Value::Array(items) => items.into_iter().map(|item| self.revealed(item)).collect(),
            Value::Object(table) => table
                .into_iter()
                .map(|(key, value)| (key, self.revealed(value)))
                .collect::<Map<_, _>>()
                .into(),
            plain => plain,
        }
    }

    /// A text that the config decides, such as an address; anything else is a reason not to run. Secrets stay references.
    pub(crate) fn known_text(&mut self, at: &Component<'_>) -> Option<String> {
        match self.known_value(at)? {
            Value::String(text) => Some(text),
            Value::Null => Some(String::new()),
            other => Some(shown(&other)),
        }
    }

    /// A key that the config decides.
    pub(crate) fn known_key(&mut self, at: &Component<'_>, key: &str) -> Option<String> {
        match Expr::is_in(key) {
            true => self.known_text(&at.within(&Value::from(key), at.path.clone())),
            false => Some(key.to_owned()),
        }
    }

    /// A value that the config decides.
    pub(crate) fn known_value(&mut self, at: &Component<'_>) -> Option<Value> {
        match self.text(at, &Slice::default(), &SLICE)? {
            Text::Known(value) => Some(value),
            Text::Open(text) => {
                self.refuse(at, format!("`{text}` must be known before the first request"));
                None
            }
        }
    }

    /// The value of an expression of the config and the clock, at a time.
    pub(crate) fn value_at(
        &self,
        text: &str,
        parameters: &Map<String, Value>,
        now: Timestamp,
    ) -> Option<Value> {
        let expr = Expr::parse_as(text, Dialect::Cdk).ok()?;
        let parameters = json!(parameters);
        expr.value(&Scope::new(now).with("config", self.config.values()).with("parameters", &parameters)).ok()
    }
}

/// Whether a text stands in a value.
fn mentions(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.contains(wanted),
        Value::Array(items) => items.iter().any(|item| mentions(item, wanted)),
        Value::Object(table) => table.values().any(|item| mentions(item, wanted)),
        _ => false,
    }
}

/// The text with the names that it uses set in front.
fn with_names(expr: &Expr, text: &str, slice: &Slice, parameters: &Map<String, Value>) -> String {
    let mut sets = String::new();
    for name in expr.names() {
        if SLICE.contains(&name) && !slice.is_usual() {
            sets.push_str(&format!("{{% set {name} = {} %}}", slice.table()));
        } else if name == "parameters" {
            let mut table = parameters.clone();
            table.retain(|key, _| text.contains(key.as_str()));
            sets.push_str(&format!("{{% set parameters = {} %}}", python(&Value::Object(table))));
        }
    }
    sets + text
}

/// A value as an expression writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let entries = table.iter().map(|(key, value)| format!("{}: {}", quoted(key), python(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// A value as Python's `str` writes it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
