//! What is done to records on their way from the raw page to the table: filtered, fields added, renamed and removed.
//! The raw page stays as it came, so that a replay does it again.
//!
//! A record is taken apart no further than the steps need: what they do not touch keeps its spelling, digit by digit.

mod fields;
mod shape;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::expr::{Base, Dialect, Expr, ExprError};
use crate::pipeline::{Flatten, Keys, Transform, TransformSpec, Unnest, Values};
use fields::Fields;

/// The steps of a stream, made ready for many records.
#[derive(Clone, Debug, Default)]
pub struct Transforms {
    steps: Vec<Step>,
    base: Option<Base>,
}

/// One step. Paths are split at their dots.
#[derive(Clone, Debug)]
enum Step {
    /// Keeps the records that it holds of.
    Filter(Expr),
    /// Sets a field to a value, where the condition holds.
    Add(Vec<String>, Given, Option<Expr>),
    /// Moves a field.
    Rename(Vec<String>, Vec<String>),
    Remove(Vec<String>),
    Unnest(Unnest),
    Flatten(Flatten),
    Keys(Keys),
    /// Replaces the first text by the second in names.
    ReplaceInKeys(String, String),
}

/// The value of a field that is set.
#[derive(Clone, Debug)]
enum Given {
    By(Expr),
    Plain(Box<RawValue>),
}

impl Transforms {
    /// Those of a specification. The error is about one of its expressions.
    pub fn new(spec: &TransformSpec) -> Result<Transforms, ExprError> {
        let mut steps = Vec::new();
        for step in &spec.steps {
            steps.extend(self::steps(step, spec.expressions)?);
        }
        let config = Json::Object(spec.config.clone());
        let base = Base { config, dialect: spec.expressions, now: Timestamp::UNIX_EPOCH };
        Ok(Transforms { steps, base: Some(base) })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The names that its expressions need.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| match step {
            Step::Filter(expr) => expr.names().collect(),
            Step::Add(_, given, when) => {
                let by = if let Given::By(expr) = given { Some(expr) } else { None };
                by.into_iter().chain(when).flat_map(Expr::names).collect()
            }
            _ => Vec::new(),
        })
    }

    /// The JSON of a record after all steps; `None` where it is filtered out. A record that is no object is filtered
    /// only. `values` are what its page offers besides, `now` is the time of the poll.
    pub fn apply(&self, record: &str, values: &Values, now: Timestamp) -> Result<Option<String>, ExprError> {
        let Some(base) = &self.base else { return Ok(Some(record.to_owned())) };
        let mut record = Record::read(record)?;
        for step in &self.steps {
            let scope = || base.scope().at(now).with_all(values);
            match step {
                Step::Filter(expr) => {
                    if !expr.truth(&scope().with("record", record.seen()?))? {
                        return Ok(None);
                    }
                }
                Step::Add(path, Given::Plain(value), None) => record.set(path, value.clone()),
                Step::Add(path, given, when) => {
                    let scope = scope().with("record", record.seen()?);
                    let value = match given {
                        Given::By(expr) => expr.value(&scope)?,
                        Given::Plain(value) => {
                            serde_json::from_str(value.get()).map_err(|e| unreadable(&e))?
                        }
                    };
                    let holds = |when: &Expr| when.truth(&scope.clone().with("value", &value));
                    if when.as_ref().map_or(Ok(true), holds)? {
                        record.add(path, value);
                    }
                }
                Step::Rename(from, to) => {
                    if let Some(value) = record.take(from) {
                        record.set(to, value);
                    }
                }
                Step::Remove(path) => record.remove(path),
                Step::Unnest(unnest) => record.reshape(|fields| Ok(shape::unnested(fields, unnest)))?,
                Step::Flatten(flatten) => record.reshape(|fields| shape::flattened(fields, *flatten))?,
                Step::Keys(keys) => record.reshape(|fields| shape::spelled(fields, *keys))?,
                Step::ReplaceInKeys(from, to) => record
                    .reshape(|fields| shape::renamed(fields, true, &|name| Ok(name.replace(from, to))))?,
            }
        }
        Ok(Some(record.into_text()))
    }

    /// The records of a page after all steps; one that cannot be transformed is left as it is, since its row is going
    /// to quarantine with the reason.
    pub fn all<'a>(
        &self,
        records: Vec<Cow<'a, [u8]>>,
        values: &Values,
        now: Timestamp,
    ) -> Vec<Cow<'a, [u8]>> {
        if self.is_empty() {
            return records;
        }
        let transformed = records.into_iter().filter_map(|record| {
            let text = std::str::from_utf8(&record).unwrap_or("null");
            match self.apply(text, values, now) {
                Ok(text) => text.map(|text| Cow::Owned(text.into_bytes())),
                Err(_) => Some(record),
            }
        });
        transformed.collect()
    }
}

/// What one step of a specification does, in order.
fn steps(step: &Transform, dialect: Dialect) -> Result<Vec<Step>, ExprError> {
    let mut steps = Vec::new();
    if let Some(filter) = &step.filter {
        steps.push(Step::Filter(Expr::parse_as(filter, dialect)?));
    }
    let when = step.add_when.as_ref().map(|when| Expr::parse_as(when, dialect)).transpose()?;
    for (path, value) in &step.add {
        let given = match value {
            Json::String(text) if Expr::is_in(text) || !dialect.is_native() => {
                Given::By(Expr::parse_as(text, dialect)?)
            }
            value => Given::Plain(raw(value)),
        };
        steps.push(Step::Add(split(path), given, when.clone()));
    }
    steps.extend(step.rename.iter().map(|(from, to)| Step::Rename(split(from), split(to))));
    steps.extend(step.remove.iter().map(|path| Step::Remove(split(path))));
    steps.extend(step.unnest.iter().cloned().map(Step::Unnest));
    steps.extend(step.flatten.map(Step::Flatten));
    steps.extend(step.keys.map(Step::Keys));
    let replaced = step.replace_in_keys.iter().map(|(from, to)| (from.clone(), to.clone()));
    steps.extend(replaced.map(|(from, to)| Step::ReplaceInKeys(from, to)));
    Ok(steps)
}

/// A record on its way through the steps.
struct Record<'a> {
    text: &'a str,
    /// `None` where it is no object.
    fields: Option<Fields>,
    /// As expressions see it, until a step changes it.
    seen: Option<Json>,
}

impl Record<'_> {
    fn read(text: &str) -> Result<Record<'_>, ExprError> {
        Ok(Record { text, fields: Fields::read(text).map_err(|error| unreadable(&error))?, seen: None })
    }

    fn seen(&mut self) -> Result<&Json, ExprError> {
        let seen = match self.seen.take() {
            Some(seen) => seen,
            None => {
                let written = self.fields.as_ref().map(Fields::write);
                serde_json::from_str(written.as_deref().unwrap_or(self.text))
                    .map_err(|error| unreadable(&error))?
            }
        };
        Ok(self.seen.insert(seen))
    }

    fn set(&mut self, path: &[String], value: Box<RawValue>) {
        if let Some(fields) = &mut self.fields {
            fields.set(path, value);
            self.seen = None;
        }
    }

    /// Sets what an expression gave; what is seen is not read anew for a field of the record itself.
    fn add(&mut self, path: &[String], value: Json) {
        let seen = self.seen.take();
        self.set(path, raw(&value));
        if let (Some(Json::Object(mut seen)), [name]) = (seen, path) {
            seen.insert(name.clone(), value);
            self.seen = Some(Json::Object(seen));
        }
    }

    fn take(&mut self, path: &[String]) -> Option<Box<RawValue>> {
        let taken = self.fields.as_mut()?.take(path)?;
        self.seen = None;
        Some(taken)
    }

    fn remove(&mut self, path: &[String]) {
        if self.fields.as_mut().is_some_and(|fields| fields.remove(path)) {
            self.seen = None;
        }
    }

    /// Gives it other fields.
    fn reshape(&mut self, shaped: impl FnOnce(Fields) -> Result<Fields, ExprError>) -> Result<(), ExprError> {
        if let Some(fields) = self.fields.take() {
            self.fields = Some(shaped(fields)?);
            self.seen = None;
        }
        Ok(())
    }

    fn into_text(self) -> String {
        self.fields.map_or_else(|| self.text.to_owned(), |fields| fields.write())
    }
}

/// A number beyond a double, half of a surrogate pair: JSON that an expression cannot see.
fn unreadable(error: &serde_json::Error) -> ExprError {
    ExprError::Failed {
        expression: "record".to_owned(),
        message: format!("the record cannot be read: {error}"),
    }
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn raw(value: &Json) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests;
