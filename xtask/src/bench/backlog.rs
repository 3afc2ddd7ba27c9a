//! A backlog: batches staged while nobody loaded, loaded in one go. Memory must stay below a cap whatever there is of it,
//! and the throughput is that of the partition job, less what claims and manifests cost.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
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

/// Runs of the tenth and of the partition job beside it.
const RUNS: usize = 3;

/// Loads a tenth of the backlog, a third of it and all of it. The tenth are the lines of the partition job, which goes
/// beside it in turn, cut into batches; more of them are the same batches again, as each is loaded for itself.
/// `--size` is the whole backlog (10 GiB unless told).
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let told = args.iter().any(|arg| arg == "--size");
    let mut options = Options::parse(args)?;
    if !told {
        options.size = if options.small { 256 << 20 } else { 10 << 30 };
    }
    let (python, ours) = (tools::python()?, binary(&options)?);
    let each = BATCH.min(options.size / 4);
    let all = options.size / each;
    let few = (all / 10).max(1);
    let input = Workload::Lines.make(few * each)?;
    let parts = Parts::cut(Path::new(&input.files), each, place::cache().join("bench/parts"))?;
    let (mut alone, mut tenth) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        alone.push(plain(&python, &ours, &input.files)?);
        tenth.push(loaded(&python, &ours, &parts, few)?);
    }
    let (alone, tenth) = (measure::median(&alone), measure::median(&tenth));
    let mut rows = vec![
        ("the partition job alone".to_owned(), few * each, alone),
        (batches(few, each), few * each, tenth),
    ];
    for count in [all / 3, all] {
        let taken = loaded(&python, &ours, &parts, count)?;
        eprintln!("{count} batches: {:.2} s, {:.0} MiB", taken.wall, taken.memory / 1048576.0);
        rows.push((batches(count, each), count * each, taken));
    }
    let most = rows.iter().map(|(_, _, taken)| taken.memory).fold(0.0, f64::max);
    let text = format!(
        "{}; the first two rows are medians of {RUNS} runs in turn.\n\n{}",
        page::circumstances(),
        table(&rows)
    );
    println!("{text}");
    if !options.small {
        page::write("backlog", &text)?;
    }
    Ok(most <= CAP)
}

fn batches(count: u64, each: u64) -> String {
    format!("{count} batches of {} MiB", each >> 20)
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

/// The lines through `tidegate partition`.
fn plain(python: &Path, ours: &Path, lines: &str) -> Result<Taken, String> {
    let out = place::cache().join("bench/out");
    let _ = fs::remove_dir_all(&out);
    let words = [&ours.display().to_string(), "partition", lines, "--out", &out.display().to_string()];
    let more = ["--event-time", "event_time", "--lineage", "--quiet"];
    let command: Vec<String> = words.into_iter().chain(more).map(str::to_owned).collect();
    let taken = measure::measured(python, &command);
    let _ = fs::remove_dir_all(&out);
    taken
}

/// Lines cut into pages.
struct Parts {
    directory: PathBuf,
    /// Each page and its number of lines.
    pages: Vec<(PathBuf, u64)>,
}

impl Parts {
    /// Pages of so many bytes, each but for what its last line is short or long of them.
    fn cut(lines: &Path, each: u64, directory: PathBuf) -> Result<Parts, String> {
        let _ = fs::remove_dir_all(&directory);
        let mut parts = Parts { directory, pages: Vec::new() };
        let cut = parts.cut_all(lines, each);
        cut.map_err(|error| format!("{}: {error}", parts.directory.display()))?;
        Ok(parts)
    }

    fn cut_all(&mut self, lines: &Path, each: u64) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let mut lines = BufReader::with_capacity(1 << 20, File::open(lines)?);
        let (mut read, mut line) = (0, Vec::new());
        while !lines.fill_buf()?.is_empty() {
            let path = self.directory.join(format!("{:04}.ndjson", self.pages.len()));
            let mut page = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            let until = (self.pages.len() as u64 + 1) * each;
            let mut count = 0;
            while read < until && lines.read_until(b'\n', &mut line)? > 0 {
                page.write_all(&line)?;
                (read, count) = (read + line.len() as u64, count + 1);
                line.clear();
            }
            page.flush()?;
            self.pages.push((path, count));
        }
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// So many batches, one after the other of these pages, and from the first on again.
fn loaded(python: &Path, ours: &Path, parts: &Parts, batches: u64) -> Result<Taken, String> {
    let mut staged = Staged::new("event_time", "ndjson")?;
    let mut rows = 0;
    for ((page, lines), _) in parts.pages.iter().cycle().zip(0..batches) {
        staged.batch(page, 1)?;
        rows += lines;
    }
    let (taken, said) = measure::measured_with_words(python, &staged.load(ours, &[]))?;
    match sum(&said, "rows") == rows {
        true => Ok(taken),
        false => Err(format!("{rows} rows were staged, but this is the report:\n{said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_line_once_and_whole() {
        let file = std::env::temp_dir().join(format!("tidegate-backlog-{}.ndjson", std::process::id()));
        let lines: Vec<String> = (0..1000).map(|line| format!("{{\"line\":{line}}}\n")).collect();
        fs::write(&file, lines.concat()).expect("written");
        let parts = Parts::cut(&file, 4096, file.with_extension("parts")).expect("cut");
        let pages: Vec<String> =
            parts.pages.iter().map(|(page, _)| fs::read_to_string(page).expect("there")).collect();
        fs::remove_file(&file).expect("removed");
        assert_eq!(pages.concat(), lines.concat());
        assert_eq!(pages.len(), lines.concat().len().div_ceil(4096));
        let counted: Vec<u64> = pages.iter().map(|page| page.lines().count() as u64).collect();
        assert_eq!(parts.pages.iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), counted);
    }
}
