//! One job of the bench: its input, its tools in turn.

use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{self, Output, Taken};
use super::options::Options;
use super::workload::{Input, Workload};
use crate::place;

/// What is partitioned, and how.
pub(super) struct Job {
    /// What `--jobs` calls it.
    pub(super) name: &'static str,
    pub(super) headline: &'static str,
    workload: Workload,
    grain: &'static str,
    /// Of `--size`: bytes of JSON, or the number of documents.
    size: fn(u64) -> u64,
}

pub(super) const JOBS: [Job; 4] = [
    Job {
        name: "hour",
        headline: "NDJSON over 24 hours, by hour (24 partitions)",
        workload: Workload::Lines,
        grain: "hour",
        size: |size| size,
    },
    Job {
        name: "minute",
        headline: "the same, by minute (1,440 partitions)",
        workload: Workload::Lines,
        grain: "minute",
        size: |size| size,
    },
    Job {
        name: "documents",
        headline: "small documents, one a file, over 48 hours, by hour",
        workload: Workload::Documents,
        grain: "hour",
        size: |size| (20_000 * (size >> 20) / 1024).max(100),
    },
    Job {
        name: "gzip",
        headline: "NDJSON in one gzip file, by hour",
        workload: Workload::Gzip,
        grain: "hour",
        size: |size| size / 4,
    },
];

/// A tool's result.
pub(super) struct Row {
    pub(super) tool: String,
    pub(super) taken: Taken,
    pub(super) output: Output,
    /// Bytes of JSON of the input.
    pub(super) input: u64,
}

impl Job {
    /// Runs ours and the peers in turn. A peer that fails is left out, which is said.
    pub(super) fn run(&self, options: &Options, python: &Path, ours: &Path) -> Result<Vec<Row>, String> {
        let input = self.workload.make((self.size)(options.size))?;
        warm(&input)?;
        // Each run has a directory of its own: where files were just removed, a file system takes long to make new ones
        // (ext4 gives no inode away again within five seconds).
        let outs = place::cache().join("bench/out");
        let _ = fs::remove_dir_all(&outs);
        fs::create_dir_all(&outs).map_err(|error| format!("{}: {error}", outs.display()))?;
        let mut tools: Vec<String> =
            ["tidegate".to_owned()].into_iter().chain(options.peers.iter().cloned()).collect();
        let mut runs: Vec<(Vec<Taken>, Output)> = tools.iter().map(|_| Default::default()).collect();
        for round in 0..options.runs {
            let mut at = 0;
            while at < tools.len() {
                let out = outs.join(format!("{}-{round}", tools[at]));
                match self.once(&tools[at], &input, &out, python, ours, round == 0) {
                    Ok((taken, output)) => {
                        eprintln!("{:<10} {} {:.2} s", self.name, tools[at], taken.wall);
                        runs[at].0.push(taken);
                        runs[at].1 = output.unwrap_or(runs[at].1);
                        at += 1;
                    }
                    Err(error) if at > 0 => {
                        eprintln!("{} failed and is left out: {error}", tools.remove(at));
                        runs.remove(at);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        let _ = fs::remove_dir_all(&outs);
        let row = |(tool, (runs, output)): (String, (Vec<Taken>, Output))| Row {
            tool,
            taken: measure::median(&runs),
            output,
            input: input.bytes,
        };
        Ok(tools.into_iter().zip(runs).map(row).collect())
    }

    fn once(
        &self,
        tool: &str,
        input: &Input,
        out: &Path,
        python: &Path,
        ours: &Path,
        check: bool,
    ) -> Result<(Taken, Option<Output>), String> {
        let command = if tool == "tidegate" {
            let event = if self.workload == Workload::Documents { "current.time" } else { "event_time" };
            let out = out.display().to_string();
            [
                ours.display().to_string().as_str(),
                "partition",
                &input.files,
                "--out",
                &out,
                "--event-time",
                event,
            ]
            .into_iter()
            .chain(["--by", self.grain, "--quiet"])
            .map(str::to_owned)
            .collect()
        } else {
            let script = measure::script("peers.py").display().to_string();
            let out = out.display().to_string();
            let python = python.display().to_string();
            let words = [&python, &script, tool, self.workload.shape(), &input.files, &out, self.grain];
            words.map(str::to_owned).to_vec()
        };
        let taken = measure::measured(python, &command)?;
        let output = match check {
            true => Some(measure::checked(python, self.workload.shape(), &input.facts, out, self.grain)?),
            false => None,
        };
        Ok((taken, output))
    }
}

/// Reads the input once, so that no tool pays for the disk.
fn warm(input: &Input) -> Result<(), String> {
    let files: PathBuf = input.files.clone().into();
    let directory = files.parent().ok_or("an input lies in a directory")?;
    for entry in fs::read_dir(directory).map_err(|error| error.to_string())?.flatten() {
        if let Ok(mut file) = fs::File::open(entry.path()) {
            let _ = std::io::copy(&mut file, &mut std::io::sink());
        }
    }
    Ok(())
}
