//! Every template of a stream must find its values, for every element it is rendered with; every expression must be one
//! and name what its place offers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::checks::Checks;
use super::template::{Template, TemplateError, Values};
use super::{Paginator, Rule, Source, Stream};
use crate::expr::{Dialect, Expr, ExprError, Written};
use crate::request;

/// What an expression over an answer may name.
const ANSWER: [&str; 2] = ["response", "headers"];
/// What those of a paginator may name besides.
const PAGE: [&str; 2] = ["last_record", "last_page_size"];
/// What the requests about a job may name.
const JOB: [&str; 4] = ["creation_response", "creation_headers", "polling_response", "download_target"];
/// The names of the part of a stream in the CDK.
const SLICE: [&str; 3] = ["stream_slice", "stream_partition", "stream_interval"];

/// Renders every template with every element, as a poll would, and parses every expression.
pub(super) fn check(stream: &Stream, source: &Source, at: &str, checks: &mut Checks<'_>) {
    let place =
        Place { values: sample_values(stream), names: names(stream, source.expressions), stream, source };
    place.check(&["streams", at, "path"], &Json::from(stream.path.as_str()), checks);
    for (key, value) in &stream.params {
        place.check(&["streams", at, "params", key], value, checks);
    }
    for (key, value) in &stream.headers {
        if Expr::is_in(&value.0) {
            place.check(&["streams", at, "headers", key], &Json::from(value.0.as_str()), checks);
        }
    }
    if let Some(body) = &stream.body {
        place.check(&["streams", at, "body"], body, checks);
    }
    for (key, value) in stream.form.iter().flatten() {
        place.check(&["streams", at, "form", key], value, checks);
    }
    for (key, value) in &stream.fields {
        place.check(&["streams", at, "fields", key], value, checks);
    }
    jobs(stream, source, at, checks);
    bounds(stream, source.expressions, at, checks);
    transforms(&place, at, checks);
    paginator(stream, source.expressions, at, checks);
    rules(&stream.response_actions, source.expressions, &["streams", at, "response_actions"], checks);
}

/// The expressions of the source.
pub(super) fn check_source(source: &Source, checks: &mut Checks<'_>) {
    rules(&source.response_actions, source.expressions, &["source", "response_actions"], checks);
    for (key, value) in &source.headers {
        let known = BTreeSet::from(["config".to_owned()]);
        if Expr::is_in(&value.0) {
            expression(&value.0, source.expressions, &known, &["source", "headers", key], checks);
        }
    }
}

/// Where the templates of a stream stand.
struct Place<'a> {
    /// The values a template meets, one set for each element.
    values: Vec<Values>,
    /// What an expression may name.
    names: BTreeSet<String>,
    stream: &'a Stream,
    source: &'a Source,
}

impl Place<'_> {
    fn check(&self, steps: &[&str], template: &Json, checks: &mut Checks<'_>) {
        match template {
            Json::String(text) if Expr::is_in(text) && text.contains("${") => {
                let help = "put the secret into `source.config` and name it: {{ config.key }}";
                checks.wrong(steps, "a secret and an expression cannot stand in one text", help);
            }
            Json::String(text) if Expr::is_in(text) => {
                expression(text, self.source.expressions, &self.names, steps, checks);
            }
            Json::String(text) => self.plain(steps, text, checks),
            Json::Array(items) => items.iter().for_each(|item| self.check(steps, item, checks)),
            Json::Object(table) => table.values().for_each(|value| self.check(steps, value, checks)),
            _ => {}
        }
    }

    fn plain(&self, steps: &[&str], text: &str, checks: &mut Checks<'_>) {
        // What a record of the parent holds is known when it is there.
        let of_a_job =
            self.names.contains(JOB[0]) && JOB.iter().any(|name| text.contains(&format!("{{{name}")));
        if of_a_job || of_a_parent(self.stream, text) || !self.source.expressions.is_native() {
            return;
        }
        let base = self.source.public_base(Timestamp::UNIX_EPOCH);
        let template = Json::from(text);
        let render = |values: &Values| Template::render(&template, &base.scope().with_all(values)).err();
        if let Some(error) = self.values.iter().find_map(render) {
            checks.wrong(steps, error.to_string(), template_help(&error, self.stream));
        }
    }
}

/// One expression, which may name these.
fn expression(
    text: &str,
    dialect: Dialect,
    known: &BTreeSet<String>,
    steps: &[&str],
    checks: &mut Checks<'_>,
) {
    parsed(Expr::parse_as(text, dialect).as_ref(), known, steps, checks);
}

/// One that is parsed here for all its uses.
fn written(
    text: &Written,
    dialect: Dialect,
    known: &BTreeSet<String>,
    steps: &[&str],
    checks: &mut Checks<'_>,
) {
    parsed(text.parsed(dialect).as_ref().map(|expr| *expr), known, steps, checks);
}

fn parsed(
    expr: Result<&Expr, &ExprError>,
    known: &BTreeSet<String>,
    steps: &[&str],
    checks: &mut Checks<'_>,
) {
    match expr {
        Err(error) => {
            checks.wrong(steps, error.to_string(), "an expression is Jinja: {{ config.key | default('x') }}")
        }
        Ok(expr) => {
            if let Some(name) = expr.names().find(|name| !known.contains(*name)) {
                let list: Vec<&str> = known.iter().map(String::as_str).collect();
                let help = super::words::instead(name, &list);
                checks.wrong(steps, format!("no value named `{name}` is known here"), help);
            }
        }
    }
}

/// The requests about a job.
fn jobs(stream: &Stream, source: &Source, at: &str, checks: &mut Checks<'_>) {
    let Some(job) = &stream.job else { return };
    let names = names(stream, source.expressions).into_iter().chain(JOB.map(str::to_owned)).collect();
    let place = Place { values: sample_values(stream), names, stream, source };
    for (key, request) in job.requests() {
        let under = |name: &'static str| ["streams", at, "job", key, name];
        place.check(&under("path"), &Json::from(request.path.as_str()), checks);
        for (name, value) in &request.params {
            place.check(&[&under("params")[..], &[name]].concat(), value, checks);
        }
        for (name, value) in request.headers.iter().filter(|(_, value)| Expr::is_in(&value.0)) {
            place.check(&[&under("headers")[..], &[name]].concat(), &Json::from(value.0.as_str()), checks);
        }
        for (name, value) in request.form.iter().flatten() {
            place.check(&[&under("form")[..], &[name]].concat(), value, checks);
        }
        if let Some(body) = &request.body {
            place.check(&under("body"), body, checks);
        }
    }
}

fn transforms(place: &Place<'_>, at: &str, checks: &mut Checks<'_>) {
    let fields = place.stream.fields.keys().cloned();
    let known: BTreeSet<String> =
        place.names.iter().cloned().chain(fields).chain(["record".to_owned()]).collect();
    let dialect = place.source.expressions;
    for (index, step) in place.stream.transform.iter().enumerate() {
        let index = index.to_string();
        let steps = |key: &'static str| ["streams", at, "transform", &index, key].map(str::to_owned);
        condition(&step.filter, dialect, &known, &steps("filter"), checks);
        let with_value: BTreeSet<String> = known.iter().cloned().chain(["value".to_owned()]).collect();
        condition(&step.add_when, dialect, &with_value, &steps("add_when"), checks);
        if step.add_when.is_some() && step.add.is_empty() {
            let steps = steps("add_when");
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            checks.wrong(&steps, "there is nothing to add", "write add = { name = \"{{ … }}\" } beside it");
        }
        for (name, value) in &step.add {
            let steps = steps("add");
            let steps: Vec<&str> = steps.iter().map(String::as_str).chain([name.as_str()]).collect();
            if let Json::String(text) = value
                && Expr::is_in(text)
            {
                expression(text, dialect, &known, &steps, checks);
            }
        }
    }
}

/// An expression that decides about a record.
fn condition(
    text: &Option<String>,
    dialect: Dialect,
    known: &BTreeSet<String>,
    steps: &[String],
    checks: &mut Checks<'_>,
) {
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    match text {
        Some(text) if Expr::is_in(text) => expression(text, dialect, known, &steps, checks),
        Some(_) => {
            let help = "write it in braces: \"{{ record.kind == 'a' }}\"";
            checks.wrong(&steps, "a condition is an expression", help);
        }
        None => {}
    }
}

fn bounds(stream: &Stream, dialect: Dialect, at: &str, checks: &mut Checks<'_>) {
    let Some(incremental) = &stream.incremental else { return };
    for (key, bound) in [("initial_value", &incremental.initial_value), ("end_value", &incremental.end_value)]
    {
        if let Some(text) = bound.as_ref().and_then(Json::as_str).filter(|text| Expr::is_in(text)) {
            expression(
                text,
                dialect,
                &BTreeSet::from(["config".to_owned()]),
                &["streams", at, "incremental", key],
                checks,
            );
        }
    }
}

fn paginator(stream: &Stream, dialect: Dialect, at: &str, checks: &mut Checks<'_>) {
    let Paginator::Cursor(cursor) = &stream.paginator else { return };
    let known: BTreeSet<String> =
        ANSWER.into_iter().chain(PAGE).chain(["config"]).map(str::to_owned).collect();
    for (key, text) in [("cursor", &cursor.cursor), ("stop", &cursor.stop)] {
        if let Some(text) = text {
            written(text, dialect, &known, &["streams", at, "paginator", key], checks);
        }
    }
}

fn rules(rules: &[Rule], dialect: Dialect, steps: &[&str], checks: &mut Checks<'_>) {
    let known: BTreeSet<String> = ANSWER.into_iter().chain(["config"]).map(str::to_owned).collect();
    for (index, rule) in rules.iter().enumerate() {
        let index = index.to_string();
        let steps: Vec<&str> = steps.iter().copied().chain([index.as_str(), "when"]).collect();
        if let Some(when) = &rule.when {
            written(when, dialect, &known, &steps, checks);
        }
    }
}

/// Whether a template names what a record of a parent holds.
fn of_a_parent(stream: &Stream, text: &str) -> bool {
    let named =
        |field: &String| text.contains(&format!("{{{field}}}")) || text.contains(&format!("{{{field}."));
    let slice = text.contains("{parent.") || text.contains("{parent_slice.");
    stream.parent.is_some()
        && (slice || stream.parents().filter_map(|parent| parent.partition_field.as_ref()).any(named))
}

fn template_help(error: &TemplateError, stream: &Stream) -> String {
    match error {
        TemplateError::Unknown { .. } if stream.for_each.is_empty() => {
            "give the values by for_each = { name = [ … ] }; write a space after a brace that is text"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// What the expressions of a stream's requests may name.
fn names(stream: &Stream, dialect: Dialect) -> BTreeSet<String> {
    let slice = if dialect.is_native() { [].as_slice() } else { SLICE.as_slice() };
    let parent = stream.parent.as_ref().map(|_| "parent");
    let fields = stream.parents().filter_map(|parent| parent.partition_field.as_deref());
    let of_parents: Vec<&str> = fields.chain(parent.map(|_| "parent_slice")).collect();
    let incremental = stream.incremental.as_ref().map(|_| "incremental");
    let own = ["config"].into_iter().chain(parent).chain(incremental).chain(slice.iter().copied());
    own.chain(of_parents).map(str::to_owned).chain(stream.for_each.keys().cloned()).collect()
}

/// The values a template meets: one set for each element; none where a list is empty.
fn sample_values(stream: &Stream) -> Vec<Values> {
    let mut all: Vec<Values> =
        request::elements(stream).unwrap_or_default().into_iter().map(|element| element.values).collect();
    if let Some(incremental) = &stream.incremental {
        let start = incremental.initial_value.clone().unwrap_or_else(|| Json::from(""));
        for values in &mut all {
            values.insert(
                "incremental".to_owned(),
                serde_json::json!({ "start_value": start, "end_value": start }),
            );
        }
    }
    all
}
