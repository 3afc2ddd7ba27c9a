//! The checks of one stream.

use super::checks::{self, Checks};
use super::{Method, Source, Stream, job_checks, paginator_checks, template_checks};
use crate::cadence::CadenceSpec;
use crate::request;
use crate::schema::PARTITION;

/// Every mistake of the stream at `at` in the list of streams.
pub(super) fn check(stream: &Stream, source: &Source, at: &str, checks: &mut Checks<'_>) {
    let under = |key: &'static str| ["streams", at, key];
    checks::headers(&stream.headers, &under("headers"), checks);
    if stream.body.is_some() && stream.method == Method::Get && source.expressions.is_native() {
        checks.wrong(&under("body"), "a GET request has no body", "add method = \"POST\"");
    }
    if stream.form.is_some() && stream.method == Method::Get && source.expressions.is_native() {
        checks.wrong(&under("form"), "a GET request has no body", "add method = \"POST\"");
    }
    if stream.form.is_some() && stream.body.is_some() {
        checks.wrong(&under("form"), "a request has a JSON body or a form", "leave one of them out");
    }
    for (key, form, values) in
        [("ignore", "jsonpath", &stream.ignore), ("primary_key", "field", &stream.primary_key)]
    {
        for (index, value) in values.iter().enumerate() {
            checks::form(form, value, &["streams", at, key, &index.to_string()], checks);
        }
    }
    for column in stream.columns.keys() {
        checks::form("field", column, &["streams", at, "columns", column], checks);
    }
    paginator_checks::check(stream, source, at, checks);
    job_checks::check(stream, source, at, checks);
    incremental(stream, at, checks);
    cadence(stream, at, checks);
    fan_out(stream, at, checks);
    template_checks::check(stream, source, at, checks);
    fields(stream, at, checks);
}

fn cadence(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let cadence = &stream.cadence;
    let steps = ["streams", at, "cadence"];
    if cadence.every.is_some() && cadence.cron.is_some() {
        checks.wrong(&steps, "`every` and `cron` exclude each other", "keep one of the two");
    }
    let spans = [
        ("every", cadence.every),
        ("min", cadence.min),
        ("max", cadence.max),
        ("max_staleness", cadence.max_staleness),
    ];
    for (key, span) in spans {
        if span.is_some_and(|span| span.0.is_zero()) {
            let help = "such as \"7m\"";
            checks.wrong(&["streams", at, "cadence", key], format!("`{key}` is more than 0"), help);
        }
    }
    for (key, longer) in [("max", cadence.max), ("max_staleness", cadence.max_staleness)] {
        if let (Some(min), Some(longer)) = (cadence.min, longer)
            && min > longer
        {
            let message = format!("`min` ({min}) is longer than `{key}` ({longer})");
            checks.wrong(&["streams", at, "cadence", "min"], message, "swap them");
        }
    }
    let steps = ["streams", at, "cadence", "polls_per_change"];
    if !(0.05..=100.0).contains(&cadence.polls_per_change) {
        let help = "2 is the default; 4 is fresher, 1 is cheaper";
        checks.wrong(&steps, "`polls_per_change` lies between 0.05 and 100", help);
    } else if !cadence.learns() && cadence.polls_per_change != CadenceSpec::default().polls_per_change {
        let help = "leave `every` or `cron` out, and the rhythm is learned";
        checks.wrong(&steps, "`polls_per_change` says nothing to a cadence that is given", help);
    }
}

/// Windows need a length and a place to start from.
fn incremental(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let Some(incremental) = &stream.incremental else { return };
    let Some(step) = incremental.step else { return };
    let steps = ["streams", at, "incremental", "step"];
    if step.0.is_zero() {
        checks.wrong(&steps, "`step` is more than 0", "such as \"1d\"");
    }
    if incremental.initial_value.is_none() {
        checks.wrong(&steps, "`step` needs `initial_value` to start from", "such as \"2026-01-01\"");
    }
}

/// The lists of a fan-out: none empty, no two elements of one name.
fn fan_out(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    for (name, elements) in &stream.for_each {
        let steps = ["streams", at, "for_each", name];
        checks::form("name", name, &steps, checks);
        if ["incremental", "parent", "config"].contains(&name.as_str()) {
            checks.wrong(&steps, format!("`{name}` has a meaning of its own"), "choose another name");
        }
        if elements.is_empty() {
            let help = format!("list what to ask for: {name} = [{{ name = \"a\" }}, {{ name = \"b\" }}]");
            checks.wrong(&steps, format!("the list of `{name}` is empty"), help);
        }
    }
    if let Err(error) = request::elements(stream) {
        let help = "an element is called by its `name`, `id` or `key`, else by its text";
        checks.wrong(&["streams", at, "for_each"], error.to_string(), help);
    }
}

/// Added columns must not take the names that partitions and lineage have.
fn fields(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    for name in stream.fields.keys() {
        let taken = PARTITION.contains(&name.as_str());
        if taken || name.starts_with("_tidegate") || name.is_empty() {
            let message = format!("a column `{name}` would hide a partition or lineage column");
            checks.wrong(&["streams", at, "fields", name], message, "choose another name");
        }
    }
}
