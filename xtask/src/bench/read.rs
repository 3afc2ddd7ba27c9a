//! How good the lake is to read: DuckDB's query times over our files beside those over its own.

use std::fs;
use std::process::Command;

use super::page;
use super::partition::measure;
use super::partition::workload::Workload;
use super::partition::{binary, options::Options};
use crate::place;
use crate::shell;
use crate::tools;

/// Writes the lines workload by hour with both, then has `read.py` time queries over each in turn.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let (python, ours) = (tools::venv("venv-bench", "tests/bench/requirements.txt")?, binary(&options)?);
    let input = Workload::Lines.make(options.size)?;
    let (own, theirs) = (place::cache().join("bench/read-own"), place::cache().join("bench/read-duckdb"));
    [&own, &theirs].into_iter().for_each(|out| drop(fs::remove_dir_all(out)));
    let text = |path: &std::path::Path| path.display().to_string();
    let words = [
        &text(&ours),
        "partition",
        &input.files,
        "--out",
        &text(&own),
        "--event-time",
        "event_time",
        "--quiet",
    ];
    measure::measured(&python, &words.map(str::to_owned))?;
    let peer = text(&measure::script("peers.py"));
    let words = [&text(&python), &peer, "duckdb", "events", &input.files, &text(&theirs), "hour"];
    measure::measured(&python, &words.map(str::to_owned))?;
    let mut read = Command::new(&python);
    read.arg(measure::script("read.py")).arg(options.runs.to_string()).arg(&own).arg(&theirs);
    let said = shell::must(read.env("PYTHONDONTWRITEBYTECODE", "1"));
    [&own, &theirs].into_iter().for_each(|out| drop(fs::remove_dir_all(out)));
    let report = format!(
        "{}. Input of {} MiB by hour, medians of {} runs in turn.\n\n{}",
        page::circumstances(),
        options.size >> 20,
        options.runs,
        said?.trim_end()
    );
    println!("{report}");
    if !options.small {
        page::write("read", &report)?;
    }
    Ok(true)
}
