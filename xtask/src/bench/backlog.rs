//! A backlog: batches staged while nobody loaded, loaded in one go. Memory must stay below a cap whatever there is of it,
//! and the throughput is that of the partition job, less what claims and manifests cost.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::page;
use super::partition::measure::{self, Taken};
use super::partition::workload::Workload;
use super::partition::{binary, options::Options};
use super::staged::{Staged, sum};
use crate::place;
use crate::tools;

/// Bytes of a batch.
const BATCH: u64 = 64 << 20;
/// What memory must stay below.
const CAP: f64 = 512.0 * 1048576.0;

/// Loads a tenth of the backlog, a third of it and all of it, beside the partition job on the same bytes as the tenth.
/// `--size` is the whole backlog (10 GiB unless told).
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let told = args.iter().any(|arg| arg == "--size");
    let mut options = Options::parse(args)?;
    if !told {
        options.size = if options.small { 256 << 20 } else { 10 << 30 };
    }
    let (python, ours) = (tools::python()?, binary(&options)?);
    let each = BATCH.min(options.size / 4);
    let input = Workload::Lines.make(each)?;
    let all = (options.size / each).max(4);
    let plain = plain(&python, &ours, &input.files, (all / 10).max(1))?;
    let mut rows = vec![("the partition job alone".to_owned(), (all / 10).max(1) * each, plain)];
    for batches in [(all / 10).max(1), all / 3, all] {
        let taken = loaded(&python, &ours, &input.files, &input.facts, batches)?;
        eprintln!("{batches} batches: {:.2} s, {:.0} MiB", taken.wall, taken.memory / 1048576.0);
        rows.push((format!("{batches} batches of {} MiB", each >> 20), batches * each, taken));
    }
    let most = rows.iter().map(|(_, _, taken)| taken.memory).fold(0.0, f64::max);
    let text = format!("{}.\n\n{}", page::circumstances(), table(&rows));
    println!("{text}");
    if !options.small {
        page::write("backlog", &text)?;
    }
    Ok(most <= CAP)
}

fn table(rows: &[(String, u64, Taken)]) -> String {
    let mut text = "| what | wall s | MB/s | CPU s | peak memory MiB |\n|---|---|---|---|---|\n".to_owned();
    for (name, bytes, taken) in rows {
        let (speed, memory) = (*bytes as f64 / 1e6 / taken.wall, taken.memory / 1048576.0);
        // Writing to a String never fails.
        let _ =
            writeln!(text, "| {name} | {:.2} | {speed:.0} | {:.2} | {memory:.0} |", taken.wall, taken.cpu);
    }
    text
}

/// The file as many times under other names, through `tidegate partition`.
fn plain(python: &Path, ours: &Path, file: &str, count: u64) -> Result<Taken, String> {
    let directory = place::cache().join("bench/backlog");
    let _ = std::fs::remove_dir_all(&directory);
    let said = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(&directory).map_err(said)?;
    for number in 0..count {
        std::fs::hard_link(file, directory.join(format!("{number:04}.ndjson"))).map_err(said)?;
    }
    let (out, input) = (directory.join("out").display().to_string(), directory.display().to_string());
    let words =
        [&ours.display().to_string(), "partition", &input, "--out", &out, "--event-time", "event_time"];
    let command: Vec<String> = words.into_iter().chain(["--lineage", "--quiet"]).map(str::to_owned).collect();
    let taken = measure::measured(python, &command);
    let _ = std::fs::remove_dir_all(&directory);
    taken
}

fn loaded(python: &Path, ours: &Path, file: &str, facts: &Path, batches: u64) -> Result<Taken, String> {
    let mut staged = Staged::new("event_time", "ndjson")?;
    for _ in 0..batches {
        staged.batch(&PathBuf::from(file), 1)?;
    }
    let (taken, said) = measure::measured_with_words(python, &staged.load(ours, &[]))?;
    let facts = std::fs::read_to_string(facts).map_err(|error| error.to_string())?;
    let each: u64 = facts.lines().find_map(|line| line.strip_prefix("rows ")?.parse().ok()).unwrap_or(0);
    match sum(&said, "rows") == each * batches {
        true => Ok(taken),
        false => Err(format!("{} rows were staged, but this is the report:\n{said}", each * batches)),
    }
}
