//! How the cost of the partition job grows with its input, its partitions, its columns and its files.

pub(super) mod inputs;
mod plot;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::page;
use super::partition::measure::{self, Taken};
use super::partition::{binary, options::Options};
use crate::place;
use crate::tools;
use inputs::Made;

/// One way in which a job can be large.
struct Dimension {
    name: &'static str,
    /// What stays the same meanwhile.
    held: &'static str,
    /// Its sizes at full scale.
    sizes: [u64; 4],
    /// Whether `--size` scales them, 1 GiB being the full scale.
    scaled: bool,
    make: fn(size: u64, base: u64) -> Result<Made, String>,
}

const DIMENSIONS: [Dimension; 4] = [
    Dimension {
        name: "input MiB",
        held: "by hour, 24 partitions",
        sizes: [1024, 2048, 4096, 8192],
        scaled: true,
        make: inputs::of_size,
    },
    Dimension {
        name: "partitions",
        held: "by minute, the same rows",
        sizes: [24, 240, 2400, 10_000],
        scaled: false,
        make: inputs::of_partitions,
    },
    Dimension {
        name: "columns",
        held: "by hour, the same number of values",
        sizes: [10, 100, 500, 2000],
        scaled: false,
        make: inputs::of_columns,
    },
    Dimension {
        name: "documents",
        held: "by hour, a file each",
        sizes: [1000, 10_000, 50_000, 200_000],
        scaled: false,
        make: inputs::of_documents,
    },
];

/// A dimension's figures: size and what it took.
struct Curve {
    name: &'static str,
    held: &'static str,
    points: Vec<(u64, Taken)>,
}

/// How many times smaller partitions, columns and documents are with `--small`.
const SMALLER: u64 = 20;

/// Runs all dimensions; `--size` is the base (1 GiB), `--runs` how often each size is run (3 unless told). `--small` is
/// for seeing that it works: it writes nothing.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let mut args = args.to_vec();
    if !args.iter().any(|arg| arg == "--runs") {
        args.extend(["--runs".to_owned(), "3".to_owned()]);
    }
    let mut options = Options::parse(&args)?;
    if options.small {
        options.runs = 1;
        options.size = options.size.min(8 << 20);
    }
    let (python, ours) = (tools::python()?, binary(&options)?);
    // Each run has a directory of its own, removed at the end: where files were just removed, a file system takes long to
    // make new ones (ext4 passes over their inodes for minutes, one by one).
    let outs = place::cache().join("bench/growth-out");
    let _ = fs::remove_dir_all(&outs);
    let mut curves = Vec::new();
    for dimension in &DIMENSIONS {
        curves.push(dimension.run(&options, &python, &ours, &outs)?);
    }
    let _ = fs::remove_dir_all(&outs);
    let text = report(&curves);
    println!("{text}");
    if options.small {
        return Ok(true);
    }
    let svg = place::root().join("docs/growth.svg");
    fs::write(&svg, plot::svg(&curves)).map_err(|error| format!("{}: {error}", svg.display()))?;
    let base = options.size >> 20;
    let head = format!("{}. Base input {base} MiB, medians of {} runs.", page::circumstances(), options.runs);
    page::write(
        "growth",
        &format!("{head}\n\n![CPU time over size, both logarithmic](growth.svg)\n\n{text}"),
    )?;
    Ok(true)
}

impl Dimension {
    fn run(&self, options: &Options, python: &Path, ours: &Path, outs: &Path) -> Result<Curve, String> {
        let mut points = Vec::new();
        for full in self.sizes {
            let size = match (self.scaled, options.small) {
                (true, _) => (full * (options.size >> 20) / 1024).max(1),
                (false, true) => full.div_ceil(SMALLER),
                (false, false) => full,
            };
            let made = (self.make)(size, options.size)?;
            let mut runs = Vec::new();
            for round in 0..options.runs {
                let out = outs.join(format!("{}-{size}-{round}", self.name.replace(' ', "-")));
                runs.push(once(&made, python, ours, &out)?);
            }
            let taken = measure::median(&runs);
            eprintln!("{:<10} {size:>8} {:.2} s, CPU {:.2} s", self.name, taken.wall, taken.cpu);
            points.push((size, taken));
            made.remove();
        }
        Ok(Curve { name: self.name, held: self.held, points })
    }
}

fn once(made: &Made, python: &Path, ours: &Path, out: &Path) -> Result<Taken, String> {
    let (ours, out) = (ours.display().to_string(), out.display().to_string());
    let words = [&ours, "partition", &made.files, "--out", &out, "--event-time", "at", "--by", made.by];
    let command: Vec<String> = words.into_iter().chain(["--json", "--quiet"]).map(str::to_owned).collect();
    let (taken, said) = measure::measured_with_words(python, &command)?;
    match said.contains(&format!("\"rows\": {},", made.rows)) {
        true => Ok(taken),
        false => Err(format!("{} rows were made, but this is the report:\n{said}", made.rows)),
    }
}

fn report(curves: &[Curve]) -> String {
    let mut text = String::new();
    for curve in curves {
        // Writing to a String never fails.
        let _ = writeln!(text, "**{}** ({})\n", curve.name, curve.held);
        let _ = writeln!(text, "| {} | wall s | CPU s | peak memory MiB |\n|---|---|---|---|", curve.name);
        for (size, taken) in &curve.points {
            let memory = taken.memory / 1048576.0;
            let _ = writeln!(text, "| {size} | {:.2} | {:.2} | {memory:.0} |", taken.wall, taken.cpu);
        }
        let _ = writeln!(text, "\n{}\n", curve.sentence());
    }
    text
}

impl Curve {
    /// What the figures say, in one sentence.
    fn sentence(&self) -> String {
        let (Some((small, first)), Some((large, last))) = (self.points.first(), self.points.last()) else {
            return String::new();
        };
        let (factor, cost) = (*large as f64 / *small as f64, last.cpu / first.cpu);
        let exponent = cost.ln() / factor.ln();
        let word = match exponent {
            e if e > 1.1 => "worse than linear",
            e if e > 0.9 => "linear",
            _ => "less than linear",
        };
        format!(
            "{factor:.0} times the {} costs {cost:.1} times the CPU time: {word} (exponent {exponent:.2}).",
            self.name
        )
    }
}
