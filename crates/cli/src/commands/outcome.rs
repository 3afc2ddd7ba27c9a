//! What `load` and `replay` did, for people and for programs.

use serde::Serialize;
use tidegate_core::error::Kind;
use tidegate_core::pipeline::Pipeline;
use tidegate_engine::{Error, LoadReport};

use crate::failure::Failure;
use crate::output::Shell;
use crate::words;

/// Something that could not be done; the rest was done all the same.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    subject: String,
    kind: Kind,
    message: String,
}

impl Failed {
    /// From an error of the engine.
    pub(super) fn new(subject: impl ToString, error: &Error) -> Failed {
        Failed { subject: subject.to_string(), kind: error.kind(), message: error.to_string() }
    }
}

/// Names of the streams that feed a table; all of them where none is named.
pub(super) fn streams_of(pipeline: &Pipeline, table: Option<&str>) -> Result<Vec<String>, Failure> {
    let feeds = |name: &str| table.is_none_or(|wanted| wanted == name);
    let streams: Vec<String> =
        pipeline.streams.iter().filter(|one| feeds(one.table())).map(|one| one.name.clone()).collect();
    match (streams.is_empty(), table) {
        (true, Some(table)) => {
            Err(Failure::config(format!("no stream of {} feeds a table `{table}`", pipeline.name)))
        }
        _ => Ok(streams),
    }
}

/// Shows loads and failures; the first failure's kind is that of the command.
pub(super) fn show(
    verb: &str,
    loads: &[LoadReport],
    failed: &[Failed],
    json: bool,
    shell: &Shell,
) -> Result<(), Failure> {
    if json {
        shell.json(&serde_json::json!({ "loads": loads, "failures": failed }));
    } else {
        loads.iter().for_each(|load| shell.line(line(load)));
        let rows: u64 = loads.iter().map(|load| load.rows).sum();
        let files: u64 = loads.iter().map(|load| load.files).sum();
        let (all, rows, files) = (
            words::count(loads.len() as u64, "load"),
            words::count(rows, "row"),
            words::count(files, "file"),
        );
        shell.line(format_args!("{verb}: {all}, {rows}, {files}"));
    }
    for one in failed {
        shell.complain(format_args!("{} failed ({}): {}", one.subject, one.kind.word(), one.message));
    }
    match failed.first() {
        Some(first) => Err(Failure::Other {
            kind: first.kind,
            message: format!("{} could not be done, see above", words::count(failed.len() as u64, "load")),
        }),
        None => Ok(()),
    }
}

/// One load in a line.
pub(super) fn line(load: &LoadReport) -> String {
    let quarantined = match load.quarantined {
        0 => String::new(),
        count => format!(", {count} in quarantine"),
    };
    let (rows, files) = (words::count(load.rows, "row"), words::count(load.files, "file"));
    format!("{}: {rows} in {files}, {}{quarantined}", load.load, words::bytes(load.bytes))
}
