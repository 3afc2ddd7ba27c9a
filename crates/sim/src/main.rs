//! Runs seeds of the simulation: `tidegate-sim --seed 7 --trace` replays one, `--seeds 0..500 --jobs 2` runs many.
#![allow(clippy::disallowed_methods, reason = "the shell of the simulation reads the machine's cores")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tidegate_sim::{Report, run};

const USAGE: &str = "tidegate-sim (--seed N [--trace] | --seeds A..B [--jobs N])";

/// What must have gone wrong somewhere in a hundred runs; a run in which nothing goes wrong proves nothing.
const FAULTS: [&str; 25] = [
    "crash",
    "clock set back",
    "clock set forth",
    "store failed before the effect",
    "store acknowledgement lost",
    "store slow",
    "create lost to another",
    "event duplicated",
    "event redelivered",
    "connection broken",
    "no answer in time",
    "slow answer",
    "5xx",
    "429",
    "truncated body",
    "HTML instead of JSON",
    "empty body",
    "403",
    "304",
    "200",
    "batch loaded",
    "window loaded",
    "load recovered",
    "table widened",
    "table re-typed",
];

struct Args {
    seeds: Range<u64>,
    jobs: usize,
    trace: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Args> {
    let mut parsed =
        Args { seeds: 0..0, jobs: thread::available_parallelism().map_or(1, usize::from), trace: false };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seed" => {
                let seed = args.next()?.parse().ok()?;
                parsed.seeds = seed..seed + 1;
            }
            "--seeds" => {
                let (from, to) = args.next()?.split_once("..").map(|(a, b)| (a.parse(), b.parse()))?;
                parsed.seeds = from.ok()?..to.ok()?;
            }
            "--jobs" => parsed.jobs = args.next()?.parse().ok()?,
            "--trace" => parsed.trace = true,
            _ => return None,
        }
    }
    (!parsed.seeds.is_empty()).then_some(parsed)
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let reports = run_all(&args);
    let failed = reports.iter().filter(|report| !report.broken.is_empty()).count();
    let counts = sum(&reports);
    counts.iter().for_each(|(what, times)| println!("{times:>9} {what}"));
    let missing: Vec<_> = match args.seeds.end - args.seeds.start {
        100.. => FAULTS.iter().filter(|fault| !counts.contains_key(**fault)).collect(),
        _ => Vec::new(),
    };
    missing.iter().for_each(|fault| println!("never happened: {fault}"));
    let failed = failed + missing.len();
    println!("counted: {} passed, {failed} failed, 0 skipped", reports.len().saturating_sub(failed));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the seeds over some threads; a seed that panics is a broken promise like any other.
fn run_all(args: &Args) -> Vec<Report> {
    let next = AtomicU64::new(args.seeds.start);
    let reports = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.seeds.end {
                        return;
                    }
                    let report = run_one(seed, args.trace);
                    reports.lock().expect("pushing does not panic").push(report);
                }
            });
        }
    });
    reports.into_inner().expect("pushing does not panic")
}

fn run_one(seed: u64, trace: bool) -> Report {
    let report = catch_unwind(|| run(seed, trace)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        Report { seed, broken: vec![format!("panic: {said}")], counts: BTreeMap::new(), trace: 0 }
    });
    if !report.broken.is_empty() {
        println!("seed {seed} (replay: cargo run -p tidegate-sim -- --seed {seed} --trace)");
        report.broken.iter().take(10).for_each(|broken| println!("  {broken}"));
    } else if trace {
        println!("seed {seed}: trace {:016x}", report.trace);
    }
    report
}

fn sum(reports: &[Report]) -> BTreeMap<&'static str, u64> {
    let mut sum = BTreeMap::new();
    for (what, times) in reports.iter().flat_map(|report| &report.counts) {
        *sum.entry(*what).or_default() += times;
    }
    sum
}
