//! What is done to records on their way from the raw page to the table: filtered, fields added, renamed and removed.
//! The raw page stays as it came, so that a replay does it again.
//!
//! A record is taken apart no further than the steps need: what they do not touch keeps its spelling, digit by digit.

mod fields;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::expr::{Base, Expr, ExprError};
use crate::pipeline::{TransformSpec, Values};
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
    /// Sets a field to what an expression gives.
    Add(Vec<String>, Expr),
    /// Sets a field to a value.
    Set(Vec<String>, Box<RawValue>),
    /// Moves a field.
    Rename(Vec<String>, Vec<String>),
    Remove(Vec<String>),
}

impl Transforms {
    /// Those of a specification. The error is about one of its expressions.
    pub fn new(spec: &TransformSpec) -> Result<Transforms, ExprError> {
        let mut steps = Vec::new();
        for step in &spec.steps {
            if let Some(filter) = &step.filter {
                steps.push(Step::Filter(Expr::parse_as(filter, spec.expressions)?));
            }
            for (path, value) in &step.add {
                steps.push(match value {
                    Json::String(text) if Expr::is_in(text) || !spec.expressions.is_native() => {
                        Step::Add(split(path), Expr::parse_as(text, spec.expressions)?)
                    }
                    value => Step::Set(split(path), raw(value)),
                });
            }
            steps.extend(step.rename.iter().map(|(from, to)| Step::Rename(split(from), split(to))));
            steps.extend(step.remove.iter().map(|path| Step::Remove(split(path))));
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
            Step::Filter(expr) | Step::Add(_, expr) => expr.names().collect(),
            Step::Set(..) | Step::Rename(..) | Step::Remove(_) => Vec::new(),
        })
    }

    /// The JSON of a record after all steps; `None` where it is filtered out. A record that is no object is filtered
    /// only. `values` are what its page offers besides, `now` is the time of the poll.
    pub fn apply(&self, record: &str, values: &Values, now: Timestamp) -> Result<Option<String>, ExprError> {
        let Some(base) = &self.base else { return Ok(Some(record.to_owned())) };
        let mut record = Record::read(record)?;
        for step in &self.steps {
            match step {
                Step::Filter(expr) => {
                    let scope = base.scope().at(now).with_all(values).with("record", record.seen()?);
                    if !expr.truth(&scope)? {
                        return Ok(None);
                    }
                }
                Step::Add(path, expr) => {
                    let scope = base.scope().at(now).with_all(values).with("record", record.seen()?);
                    let value = expr.value(&scope)?;
                    record.add(path, value);
                }
                Step::Set(path, value) => record.set(path, value.clone()),
                Step::Rename(from, to) => {
                    if let Some(value) = record.take(from) {
                        record.set(to, value);
                    }
                }
                Step::Remove(path) => record.remove(path),
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
