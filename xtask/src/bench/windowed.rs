//! Many small batches as one windowed load, with all claims and the manifest, beside the script that one would write for
//! the documents alone.

use std::fs;
use std::path::Path;

use super::page;
use super::partition::measure::{self, Taken};
use super::partition::workload::Workload;
use super::partition::{binary, options::Options};
use super::staged::{Staged, sum};
use crate::place;
use crate::tools;

/// Batches polled in one second, so that all are of one hour.
const A_SECOND: u64 = 10;

/// Loads 20,000 batches of one document each (1,000 with `--small`) and has the pyarrow script read the same documents.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let (python, ours) = (tools::venv("venv-bench", "tests/bench/requirements.txt")?, binary(&options)?);
    let count = if options.small { 1000 } else { 20_000 };
    let input = Workload::Documents.make(count)?;
    let staged = stage(&input.files)?;
    let (mut windowed, mut script) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        staged.again();
        let (taken, said) = measure::measured_with_words(&python, &staged.load(&ours, &["--window", "1h"]))?;
        if (sum(&said, "rows"), sum(&said, "batches")) != (count, count) {
            return Err(format!("{count} batches were staged, but this is the report:\n{said}"));
        }
        windowed.push(taken);
        script.push(scripted(&python, &input.files)?);
        eprintln!("windowed {:.2} s", taken.wall);
    }
    let (windowed, script) = (measure::median(&windowed), measure::median(&script));
    let text = format!(
        "{}, medians of {} runs in turn.\n\n| what | wall s | CPU s | peak memory MiB |\n|---|---|---|---|\n{}{}\n\
         The windowed load is {:.2} times as fast as the script, which keeps no account of what it has loaded.\n",
        page::circumstances(),
        options.runs,
        row(
            &format!("tidegate: {count} staged batches in one load, {count} claims, plan, files, manifest"),
            &windowed
        ),
        row(&format!("the pyarrow script: {count} documents"), &script),
        script.wall / windowed.wall,
    );
    println!("{text}");
    if !options.small {
        page::write("windowed", &text)?;
    }
    Ok(true)
}

fn row(name: &str, taken: &Taken) -> String {
    format!("| {name} | {:.2} | {:.2} | {:.0} |\n", taken.wall, taken.cpu, taken.memory / 1048576.0)
}

/// A batch of each document that the pattern matches.
fn stage(pattern: &str) -> Result<Staged, String> {
    let mut staged = Staged::new("current.time", "json")?;
    let directory = Path::new(pattern).parent().unwrap_or(Path::new("."));
    let mut pages: Vec<_> = fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    pages.sort();
    pages.iter().try_for_each(|page| staged.batch(page, A_SECOND))?;
    Ok(staged)
}

fn scripted(python: &Path, files: &str) -> Result<Taken, String> {
    let out = place::cache().join("bench/out");
    let _ = fs::remove_dir_all(&out);
    let script = measure::script("peers.py").display().to_string();
    let (python_text, out_text) = (python.display().to_string(), out.display().to_string());
    let words = [&python_text, &script, "pyarrow", "documents", files, &out_text, "hour"];
    let taken = measure::measured(python, &words.map(str::to_owned));
    let _ = fs::remove_dir_all(&out);
    taken
}
