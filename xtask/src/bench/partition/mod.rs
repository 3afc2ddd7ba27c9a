//! The partition job, ours and the peers' in turn on the same inputs: outputs checked, medians compared.

mod documents;
mod events;
pub(super) mod facts;
mod job;
pub(super) mod measure;
pub(super) mod options;
mod table;
pub(super) mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::page;
use crate::counts::Counts;
use crate::place;
use crate::shell;
use crate::steps;
use crate::tools;
use job::JOBS;
use options::Options;

/// Runs the bench with its options; see [`options::USAGE`].
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let python = match options.small {
        true => tools::python()?,
        false => tools::venv("venv-bench", "tests/bench/requirements.txt")?,
    };
    let ours = binary(&options)?;
    let mut correct = true;
    let mut report = String::new();
    for job in JOBS.iter().filter(|job| options.wants(job.name)) {
        let rows = job.run(&options, &python, &ours)?;
        correct &= rows.iter().all(|row| row.output.correct);
        let text = table::of(job, &rows);
        println!("\n{text}");
        report.push_str(&text);
        report.push('\n');
    }
    if !options.small {
        page::write("partition", &format!("{}\n\n{report}", headline(&options, &python)))?;
    }
    Ok(correct)
}

/// The small form as a step of the tests: it fails where rows differ, whatever the ratio.
pub(crate) fn step() -> Result<Counts, String> {
    run(&["--small".to_owned(), "--profile".to_owned(), "dev".to_owned()]).map(Counts::one)
}

/// `tidegate` built as the options say.
pub(super) fn binary(options: &Options) -> Result<PathBuf, String> {
    if let Some(path) = &options.binary {
        return Ok(path.clone());
    }
    if options.profile == "dev" {
        steps::build_binaries()?;
        return Ok(place::binary("debug", "tidegate"));
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--workspace", "--bin", "tidegate", "--locked", "--quiet"]);
    shell::must(cargo.current_dir(place::root()))?;
    Ok(place::binary("release", "tidegate"))
}

fn headline(options: &Options, python: &Path) -> String {
    let versions =
        shell::first_line(python, &[&measure::script("peers.py").display().to_string(), "versions"]);
    format!(
        "{}, {}. Input of {} MiB, medians of {} runs in turn, warm cache; every output was checked row for row against \
         what was generated: count, sums, rows of each partition.",
        page::circumstances(),
        versions.unwrap_or_default(),
        options.size >> 20,
        options.runs
    )
}
