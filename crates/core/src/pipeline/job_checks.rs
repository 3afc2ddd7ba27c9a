//! A job must be asked about in a way that comes to an end.

use super::checks::{self, Checks};
use super::{Job, Method, Paginator, Source, Stream};

/// Every mistake of the job of the stream at `at` in the list of streams.
pub(super) fn check(stream: &Stream, source: &Source, at: &str, checks: &mut Checks<'_>) {
    if stream.method == Method::Delete {
        let help = "write \"GET\" or \"POST\"; DELETE is for `job.delete`";
        checks.wrong(&["streams", at, "method"], "a stream is not asked for by DELETE", help);
    }
    let Some(job) = &stream.job else { return };
    if stream.paginator != Paginator::SinglePage {
        let help = "leave `paginator` out; several results are pages by `job.urls_path`";
        checks.wrong(&["streams", at, "paginator"], "the results of a job are not paged", help);
    }
    spans(job, at, checks);
    for (key, request) in job.requests() {
        checks::headers(&request.headers, &["streams", at, "job", key, "headers"], checks);
        for (name, there) in [("body", request.body.is_some()), ("form", request.form.is_some())] {
            if there && request.method == Method::Get && source.expressions.is_native() {
                let steps = ["streams", at, "job", key, name];
                checks.wrong(&steps, "a GET request has no body", "add method = \"POST\"");
            }
        }
        if request.body.is_some() && request.form.is_some() {
            let steps = ["streams", at, "job", key, "form"];
            checks.wrong(&steps, "a request has a JSON body or a form", "leave one of them out");
        }
    }
}

fn spans(job: &Job, at: &str, checks: &mut Checks<'_>) {
    let spans = [
        ("interval", job.interval),
        ("max_interval", job.max_interval),
        ("wait", job.wait),
        ("timeout", job.timeout),
    ];
    for (key, span) in spans {
        if span.0.is_zero() {
            checks.wrong(&["streams", at, "job", key], format!("`{key}` is more than 0"), "such as \"1m\"");
        }
    }
}
