//! What the shape alone cannot say: names that must differ, limits that must make sense together, templates that must
//! find their values.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::tree::Node;
use super::{Limits, Mistake, Pipeline, Source, Stream, auth_checks, forms, stream_checks, words};
use crate::expr::Expr;
use crate::request::is_header_name;

/// Collects mistakes by the path of what they are about.
pub(super) struct Checks<'a> {
    root: &'a Node,
    mistakes: Vec<Mistake>,
}

impl Checks<'_> {
    /// Notes a mistake at the value at the end of `steps`.
    pub(super) fn wrong(&mut self, steps: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let help = help.into();
        let help = (!help.is_empty()).then_some(help);
        self.mistakes.push(self.root.place_of(steps).mistake(message, help));
    }
}

/// Every mistake in a pipeline whose shape is right; `root` is the tree it was read from.
pub(super) fn check(pipeline: &Pipeline, root: &Node) -> Vec<Mistake> {
    let mut checks = Checks { root, mistakes: Vec::new() };
    stores(pipeline, &mut checks);
    source(&pipeline.source, &mut checks);
    auth_checks::transport(&pipeline.source, &mut checks);
    auth_checks::check(pipeline, &mut checks);
    if pipeline.streams.is_empty() {
        checks.wrong(&["streams"], "there is no stream", "add a table [[streams]] with `name` and `path`");
    }
    names(&pipeline.streams, &mut checks);
    parents(pipeline, &mut checks);
    costs(pipeline, &mut checks);
    for (index, stream) in pipeline.streams.iter().enumerate() {
        stream_checks::check(stream, &pipeline.source, &index.to_string(), &mut checks);
    }
    checks.mistakes
}

/// Staging and lake must not lie within each other: a load would take its own output for input.
fn stores(pipeline: &Pipeline, checks: &mut Checks<'_>) {
    let plain = |url: &str| {
        let url = url.replace("/./", "/").replace("file:./", "file:");
        format!("{}/", url.trim_end_matches('/'))
    };
    let (staging, lake) = (plain(&pipeline.staging), plain(&pipeline.lake));
    if staging == "memory:/" || lake == "memory:/" {
        return;
    }
    let written = if checks.root.get("lake").is_some() { ["lake"] } else { ["staging"] };
    if staging == lake {
        checks.wrong(&written, "`staging` and `lake` are the same place", "give each a place of its own");
    } else if staging.starts_with(&lake) || lake.starts_with(&staging) {
        checks.wrong(
            &written,
            "one of `staging` and `lake` lies within the other",
            "give each a place of its own",
        );
    }
}

fn source(source: &Source, checks: &mut Checks<'_>) {
    headers(&source.headers, &["source", "headers"], checks);
    limits(&source.limits, checks);
    super::template_checks::check_source(source, checks);
}

fn limits(limits: &Limits, checks: &mut Checks<'_>) {
    let spans = [
        ("timeout", limits.timeout),
        ("connect_timeout", limits.connect_timeout),
        ("read_timeout", limits.read_timeout),
    ];
    for (key, span) in spans {
        if span.0.is_zero() {
            checks.wrong(&["source", "limits", key], format!("`{key}` is more than 0"), "such as \"30s\"");
        }
    }
    for (at, window) in limits.windows.iter().enumerate() {
        if window.per.0.is_zero() {
            let at = at.to_string();
            checks.wrong(
                &["source", "limits", "windows", &at, "per"],
                "`per` is more than 0",
                "such as \"1m\"",
            );
        }
    }
    if limits.max_body.0 == 0 {
        checks.wrong(&["source", "limits", "max_body"], "`max_body` is more than 0", "such as \"64MiB\"");
    }
    if limits.requests_per_second.is_some_and(|rate| rate <= 0.0) {
        let help = "0.1 is one request in ten seconds; leave it out for no limit";
        checks.wrong(
            &["source", "limits", "requests_per_second"],
            "`requests_per_second` is more than 0",
            help,
        );
    }
}

/// A request must fit into every window.
fn costs(pipeline: &Pipeline, checks: &mut Checks<'_>) {
    let Some(least) = pipeline.source.limits.windows.iter().map(|window| window.requests).min() else {
        return;
    };
    for (index, stream) in pipeline.streams.iter().enumerate() {
        if stream.cost > least {
            let help = format!("a window of source.limits holds {least}");
            checks.wrong(
                &["streams", &index.to_string(), "cost"],
                "one request is more than a window holds",
                help,
            );
        }
    }
}

/// A header whose name says that it holds a secret must not hold it in the open.
pub(super) fn headers(headers: &BTreeMap<String, super::Secret>, at: &[&str], checks: &mut Checks<'_>) {
    for (name, value) in headers {
        let steps: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
        if !is_header_name(name) {
            checks.wrong(&steps, format!("`{name}` is no name of a header"), "use letters, digits and `-`");
        }
        if value.0.contains(['\r', '\n']) {
            checks.wrong(&steps, "a header is one line", "");
        }
        if tells_a_secret(name) && value.references().is_empty() && !Expr::is_in(&value.0) {
            let help = "put it into an environment variable and write \"${NAME}\"";
            checks.wrong(&steps, format!("`{name}` holds a secret in the open"), help);
        }
    }
}

/// Whether the name of a header, a parameter or a field says that its value is a secret.
pub fn tells_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let telling = ["authorization", "cookie", "token", "api-key", "apikey", "api_key", "secret", "password"];
    telling.iter().any(|word| name.contains(word))
}

/// Stream names are unique; streams that share a table agree on what makes its files.
fn names(streams: &[Stream], checks: &mut Checks<'_>) {
    for (index, stream) in streams.iter().enumerate() {
        let at = index.to_string();
        if streams[..index].iter().any(|other| other.name == stream.name) {
            let message = format!("another stream is called `{}`", stream.name);
            checks.wrong(&["streams", &at, "name"], message, "give each stream a name of its own");
        }
        let table_key = if stream.table.is_some() { "table" } else { "name" };
        let table = stream.table();
        if table == "quarantine" || table.starts_with('_') {
            let help = "`quarantine` and names that begin with `_` are tidegate's own; give another `table`";
            checks.wrong(&["streams", &at, table_key], format!("no table can be called `{table}`"), help);
        }
        let sibling = streams[..index].iter().find(|other| other.table() == table);
        if sibling.is_some_and(|other| other.partition_by != stream.partition_by) {
            let message = format!("another stream feeds `{table}` with a different `partition_by`");
            checks.wrong(&["streams", &at, "partition_by"], message, "one table has one partitioning");
        }
    }
}

/// Parents are other streams of the file, and no stream is its own ancestor.
fn parents(pipeline: &Pipeline, checks: &mut Checks<'_>) {
    for (index, stream) in pipeline.streams.iter().enumerate() {
        let at = index.to_string();
        let first = stream.parent.iter().map(|parent| (vec!["streams", &at, "parent"], parent));
        let numbers: Vec<String> = (0..stream.more_parents.len()).map(|number| number.to_string()).collect();
        let more = numbers.iter().zip(&stream.more_parents);
        let more = more.map(|(number, parent)| (vec!["streams", &at, "more_parents", number], parent));
        for (steps, parent) in first.chain(more) {
            if pipeline.stream(&parent.stream).is_none() {
                let known: Vec<&str> = pipeline.streams.iter().map(|stream| stream.name.as_str()).collect();
                let help = words::instead(&parent.stream, &known);
                checks.wrong(&steps, format!("no stream is called `{}`", parent.stream), help);
            }
            let above =
                pipeline.stream(&parent.stream).map(|one| pipeline.ancestors(one)).unwrap_or_default();
            if parent.stream == stream.name || above.iter().any(|one| one.name == stream.name) {
                checks.wrong(&steps, "the stream would be its own ancestor", "a parent is another stream");
            }
        }
    }
}

/// Checks a value against a form at the end of `steps`.
pub(super) fn form(form: &str, value: &str, steps: &[&str], checks: &mut Checks<'_>) {
    if let Err((message, help)) = forms::check(form, &Json::from(value)) {
        checks.wrong(steps, message, help.unwrap_or_default());
    }
}
