//! Cases: recorded answers through the whole line, and what comes out beside what should. `tidegate test` and
//! `tidegate check --case` play them, `tidegate record` makes them.
//!
//! ```text
//! cases/<name>/pipeline.toml         the pipeline file as a user has it
//!             polls.txt              the time of each poll, one a line (made by `record`)
//!             responses/1-….http     what the API answers in poll 1, 2, … (`exchange.rs`)
//!             expected/<table>.ndjson   the rows, in the order of batches and records
//!                      paths.txt        keys of the data files
//!                      schema.json      columns and types of each table, as Hive writes them
//!                      quarantine.ndjson what did not fit
//! ```
//! Nothing goes over the network. Without `polls.txt` the first poll is at noon of 20 November 2026, and each further
//! one 15 minutes later.

mod checks;
mod clock;
mod compare;
mod exchange;
mod folder;
mod outcome;
mod play;
mod raw;
mod recorded;
mod recorder;
mod scrub;
mod write;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate_core::error::Kind;

use self::compare::Files;
use crate::failure::Failure;
use crate::output::Shell;
use crate::runtime::block_on;

pub(super) use exchange::MOST_POLLS;
pub(super) use folder::{free, put};
pub(super) use recorder::record;
pub(super) use write::write;

/// Most differences shown for one case.
const SHOWN: usize = 10;

/// The options of `tidegate check` that are about cases.
#[derive(Debug, Args)]
pub(crate) struct CaseArgs {
    /// Run a case, or every case of a folder, as `tidegate test` does
    #[arg(long, value_name = "DIR")]
    pub(crate) case: Option<PathBuf>,
    /// Write what comes out as what is expected
    #[arg(long, requires = "case")]
    bless: bool,
    /// Keep staging and lake of each case below this folder
    #[arg(long, requires = "case", value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl CaseArgs {
    /// Runs the case, or the cases, in `dir`.
    pub(crate) fn run(&self, dir: &Path, shell: &Shell) -> Result<(), Failure> {
        let suite = Suite { bless: self.bless, keep: self.keep.clone() };
        conclude(&suite.run(&[dir.to_owned()])?, false, shell)
    }
}

/// How cases are run.
#[derive(Debug)]
pub(super) struct Suite {
    /// Whether what comes out is written as what is expected.
    pub(super) bless: bool,
    /// Where staging and lake of each case are kept.
    pub(super) keep: Option<PathBuf>,
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    /// Name of its folder.
    case: String,
    /// Whether everything was as it should be.
    ok: bool,
    /// What must hold of every case and does not, one sentence each.
    complaints: Vec<String>,
    /// In what the result is another than the expected one.
    differences: Vec<String>,
}

impl Suite {
    /// Runs every case in these folders.
    pub(super) fn run(&self, dirs: &[PathBuf]) -> Result<Vec<Verdict>, Failure> {
        let mut verdicts = Vec::new();
        for dir in dirs {
            for case in find(dir)? {
                verdicts.push(self.one(&case)?);
            }
        }
        Ok(verdicts)
    }

    /// What came of one case.
    fn one(&self, case: &Path) -> Result<Verdict, Failure> {
        let keep = self.keep.as_ref().map(|keep| keep.join(case.file_name().unwrap_or_default()));
        let played = block_on(play::play(case, keep.as_deref()))?;
        let mut differences = Vec::new();
        if played.complaints.is_empty() {
            let expected = case.join("expected");
            if self.bless {
                bless(&expected, &played.made)?;
            }
            differences = compare::differences(&read(&expected)?, &played.made);
        }
        let whole = case.canonicalize().unwrap_or_else(|_| case.to_owned());
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ok = played.complaints.is_empty() && differences.is_empty();
        Ok(Verdict { case: name, ok, complaints: played.complaints, differences })
    }
}

/// Shows what came of the cases; an error where one differs.
pub(super) fn conclude(verdicts: &[Verdict], json: bool, shell: &Shell) -> Result<(), Failure> {
    match json {
        true => shell.json(&serde_json::json!({ "cases": verdicts })),
        false => verdicts.iter().for_each(|verdict| verdict.show(shell)),
    }
    match verdicts.iter().filter(|verdict| !verdict.ok).count() {
        0 => Ok(()),
        failed => {
            let differ = verdicts.iter().any(|verdict| !verdict.differences.is_empty());
            let wrong = verdicts.iter().any(|verdict| !verdict.complaints.is_empty());
            let bless = if differ {
                "; if a result that differs is right now, run its case with --bless"
            } else {
                ""
            };
            let record = match wrong {
                true => {
                    "; where a case fails, correct its pipeline, or record it anew with `tidegate record --force`"
                }
                false => "",
            };
            let message =
                format!("{failed} of {} cases are not as they should be{bless}{record}", verdicts.len());
            Err(Failure::Other { kind: Kind::Data, message })
        }
    }
}

impl Verdict {
    fn show(&self, shell: &Shell) {
        let word = match (self.complaints.is_empty(), self.differences.is_empty()) {
            (true, true) => "ok     ",
            (true, false) => "differs",
            (false, _) => "fails  ",
        };
        shell.line(format_args!("{word} {}", self.case));
        let found: Vec<&String> = self.complaints.iter().chain(&self.differences).collect();
        for one in found.iter().take(SHOWN) {
            shell.line(format_args!("        {one}"));
        }
        if let Some(more) = found.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            shell.line(format_args!("        … and {more} more"));
        }
    }
}

/// The case in `dir`, or those in its folders, by name.
fn find(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    if dir.join("pipeline.toml").exists() {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = std::fs::read_dir(dir).map_err(|error| unusable(dir, &error))?;
    let mut cases: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    cases.retain(|case| case.join("pipeline.toml").exists());
    cases.sort();
    match cases.is_empty() {
        true => Err(Failure::config(format!(
            "{}: no pipeline.toml here, nor in its folders; `tidegate record FILE` makes a case",
            dir.display()
        ))),
        false => Ok(cases),
    }
}

fn bless(expected: &Path, made: &Files) -> Result<(), Failure> {
    let write = || {
        if expected.exists() {
            std::fs::remove_dir_all(expected)?;
        }
        std::fs::create_dir_all(expected)?;
        made.iter().try_for_each(|(name, text)| std::fs::write(expected.join(name), text))
    };
    write().map_err(|error| unusable(expected, &error))
}

fn read(expected: &Path) -> Result<Files, Failure> {
    if !expected.exists() {
        return Ok(Files::new());
    }
    let read = || -> std::io::Result<Files> {
        std::fs::read_dir(expected)?
            .map(|entry| {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                Ok((name, std::fs::read_to_string(entry.path())?))
            })
            .collect()
    };
    read().map_err(|error| unusable(expected, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::config(format!("{}: {error}", path.display()))
}
