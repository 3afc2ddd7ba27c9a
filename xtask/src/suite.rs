//! Runs the chosen steps one after the other and sums them up.

use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::steps::{STEPS, Step};

/// What to run.
pub(crate) struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
    list: bool,
    /// Seeds of the simulation.
    pub(crate) seeds: u64,
}

impl Selection {
    /// Reads the arguments of `cargo xtask test`.
    pub(crate) fn parse(args: &[String]) -> Result<Selection, String> {
        let mut selection = Selection { only: Vec::new(), skip: Vec::new(), list: false, seeds: 500 };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--only" => selection.only = names(value()?)?,
                "--skip" => selection.skip = names(value()?)?,
                "--seeds" => selection.seeds = value()?.parse().map_err(|_| "--seeds takes a number")?,
                "--list" => selection.list = true,
                other => return Err(format!("`cargo xtask test` does not know `{other}`")),
            }
        }
        Ok(selection)
    }

    fn wants(&self, step: &Step) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == step.name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

fn names(list: &str) -> Result<Vec<String>, String> {
    let known = |name: &str| STEPS.iter().any(|step| step.name == name);
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !known(name)) {
        Some(name) => {
            let all: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            Err(format!("there is no step `{name}`; the steps are {}", all.join(", ")))
        }
        None => Ok(names),
    }
}

struct Done {
    step: &'static Step,
    counts: Counts,
    took: Duration,
}

/// Runs what is selected; whether all of it passed.
pub(crate) fn run(selection: &Selection) -> Result<bool, String> {
    if selection.list {
        STEPS.iter().for_each(|step| println!("{:<10} {}", step.name, step.headline));
        return Ok(true);
    }
    let done: Vec<Done> =
        STEPS.iter().filter(|step| selection.wants(step)).map(|step| run_one(step, selection)).collect();
    Ok(report(&done))
}

fn run_one(step: &'static Step, selection: &Selection) -> Done {
    eprintln!("\n==== {}: {}", step.name, step.headline);
    let start = Instant::now();
    let counts = (step.run)(selection).unwrap_or_else(|message| {
        eprintln!("{message}");
        Counts::one(false)
    });
    Done { step, counts, took: start.elapsed() }
}

fn report(done: &[Done]) -> bool {
    println!("\n{:<10} {:>8} {:>8} {:>8} {:>9}", "step", "passed", "failed", "skipped", "seconds");
    let mut sum = Counts::default();
    for Done { step, counts, took } in done {
        let Counts { passed, failed, skipped } = counts;
        println!("{:<10} {passed:>8} {failed:>8} {skipped:>8} {:>9.1}", step.name, took.as_secs_f64());
        sum += *counts;
    }
    println!("\n{sum}");
    sum.failed == 0
}
