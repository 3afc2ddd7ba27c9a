//! Memory by a budget that holds for any input: the partition job on inputs that would each take more if they were kept,
//! its largest resident set held against the budget. A bound on memory is no wall time, so it may be asserted.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::growth::inputs::record;
use super::page;
use super::partition::facts::Random;
use super::partition::measure::{self, Taken};
use super::partition::{binary, options::Options};
use crate::counts::Counts;
use crate::place;
use crate::tools;

const MIB: f64 = 1048576.0;

/// An input that could be kept in memory as a whole.
struct Case {
    name: &'static str,
    file: &'static str,
    head: &'static str,
    between: &'static str,
    tail: &'static str,
    /// Whether all but the first rows lack their event time, so that they are rejected.
    timeless: bool,
    by: &'static str,
    records: Option<&'static str>,
}

const LINES: Case = Case {
    name: "lines, by hour",
    file: "lines.ndjson",
    head: "",
    between: "\n",
    tail: "\n",
    timeless: false,
    by: "hour",
    records: None,
};

const CASES: [Case; 5] = [
    LINES,
    Case { name: "lines, by minute (1,440 partitions)", by: "minute", ..LINES },
    Case { name: "lines of which nearly all are rejected", timeless: true, ..LINES },
    Case { name: "one JSON list", file: "list.json", head: "[", between: ",\n ", tail: "]\n", ..LINES },
    Case {
        name: "one JSON document with the records inside",
        file: "document.json",
        head: "{\"generated\": {\"at\": \"2026-11-23\"}, \"data\": [",
        between: ", ",
        tail: "], \"next\": null}",
        records: Some("$.data[*]"),
        ..LINES
    },
];

/// Runs every case. `--size` is that of each input (2 GiB; 192 MiB with `--small`, more than its bound).
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let told = args.iter().any(|arg| arg == "--size");
    let mut options = Options::parse(args)?;
    if !told {
        options.size = if options.small { 192 << 20 } else { 2 << 30 };
    }
    // The least that the command takes: what an input is kept in has no room in it.
    let budget = if options.small { 64 } else { 512 };
    let bound = if options.small { 128 } else { 512 };
    let (python, ours) = (tools::python()?, binary(&options)?);
    let mut text = format!(
        "{}. Inputs of {} MiB, `--memory {budget}MiB`.\n\n| input | wall s | CPU s | peak memory MiB |\n|---|---|---|---|\n",
        page::circumstances(),
        options.size >> 20
    );
    let mut within = true;
    for case in &CASES {
        let taken = case.run(&python, &ours, options.size, budget)?;
        let peak = taken.memory / MIB;
        within &= peak < f64::from(bound);
        let word = if peak < f64::from(bound) { "" } else { " **more than its budget**" };
        // Writing to a String never fails.
        let _ = writeln!(text, "| {} | {:.2} | {:.2} | {peak:.0}{word} |", case.name, taken.wall, taken.cpu);
    }
    println!("{text}");
    if !options.small {
        page::write("memory", &text)?;
    }
    Ok(within)
}

/// The small form as a step of the tests.
pub(crate) fn step() -> Result<Counts, String> {
    run(&["--small".to_owned(), "--profile".to_owned(), "dev".to_owned()]).map(Counts::one)
}

impl Case {
    fn run(&self, python: &Path, ours: &Path, size: u64, budget: u32) -> Result<Taken, String> {
        let directory = place::cache().join("bench/memory");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let (file, out) = (directory.join(self.file), directory.join("out").display().to_string());
        let rows = self.write(&file, size).map_err(|error| format!("{}: {error}", file.display()))?;
        let (ours, file, budget) =
            (ours.display().to_string(), file.display().to_string(), format!("{budget}MiB"));
        let words = [&ours, "partition", &file, "--out", &out, "--event-time", "at", "--by", self.by];
        let more = ["--memory", &budget, "--json", "--quiet"];
        let records = self.records.into_iter().flat_map(|records| ["--records", records]);
        let command: Vec<String> = words.into_iter().chain(more).chain(records).map(str::to_owned).collect();
        let result = measure::measured_with_words(python, &command);
        let _ = fs::remove_dir_all(&directory);
        let (taken, said) = result?;
        let landed = if self.timeless { TIMED.min(rows) } else { rows };
        let rejected = rows - landed;
        let told = |name: &str, count: u64| said.contains(&format!("\"{name}\": {count},"));
        match told("rows", landed) && told("rejected", rejected) {
            true => Ok(taken),
            false => Err(format!(
                "{landed} rows and {rejected} rejects were to come, but this is the report:\n{said}"
            )),
        }
    }

    /// Writes the input; how many records it has.
    fn write(&self, path: &Path, size: u64) -> std::io::Result<u64> {
        let mut out = BufWriter::new(File::create(path)?);
        let (mut random, mut text, mut written, mut rows) = (Random(6), String::new(), 0, 0);
        out.write_all(self.head.as_bytes())?;
        while written < size {
            if rows > 0 {
                out.write_all(self.between.as_bytes())?;
            }
            record(&mut random, rows, 1440, 16, &mut text);
            let text = if self.timeless && rows >= TIMED {
                text.replacen("\"at\"", "\"or\"", 1)
            } else {
                text.clone()
            };
            out.write_all(text.as_bytes())?;
            written += (text.len() + self.between.len()) as u64;
            rows += 1;
        }
        out.write_all(self.tail.as_bytes())?;
        out.flush().map(|()| rows)
    }
}

/// Records that have their event time in any case: a sample without any is a slip of the pen, and an error.
const TIMED: u64 = 10_000;
