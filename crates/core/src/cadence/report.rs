//! The benchmark: every trace, level, seed and policy, and the tables of the documentation. Slow by intent (minutes);
//! nothing but the numbers it measures goes into a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::baselines::BASELINES;
use super::conditions::{Conditions, Tick};
use super::metrics::{Metrics, convergence, costs};
use super::simulate::{Options, Policy, run, simulate};
use super::traces::{DAY, STUDY, Trace};
use super::{CadenceSpec, State};
use crate::pipeline::Span;

/// One run of the benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Trace.
    pub trace: String,
    /// Level of knowledge.
    pub level: u8,
    /// Policy.
    pub policy: String,
    /// Seed of trace and policy.
    pub seed: u64,
    /// The figures.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The limits of all published figures: 30 s at the least, 24 h at the most, two polls per change.
pub fn study_options() -> Options {
    let spec = CadenceSpec { min: Some(Span::from_secs(30)), ..CadenceSpec::default() };
    Options { spec, ..Options::default() }
}

/// Runs one policy; none if trace or policy are unknown.
pub fn row(trace: &str, level: u8, policy: &str, seed: u64, options: &Options) -> Option<Row> {
    let drawn = Trace::named(trace, seed)?;
    let chosen = Policy::named(policy, &drawn, seed, options.spec.polls_per_change)?;
    let metrics = simulate(&drawn, chosen, level, options);
    Some(Row { trace: trace.into(), level, policy: policy.into(), seed, metrics })
}

/// The level at which a baseline was made to work.
fn level_of(baseline: &str) -> u8 {
    match baseline {
        "mavsync" | "ttl" | "rfc9111" => 1,
        "miniflux" => 2,
        _ => 0,
    }
}

/// The learner at every level and every baseline at its own.
pub fn all(traces: &[&str], seeds: &[u64], baselines: bool) -> Vec<Row> {
    let options = study_options();
    let mut policies: Vec<(&str, u8)> = vec![("tide", 0), ("tide", 1), ("tide", 2)];
    if baselines {
        policies.extend(BASELINES.map(|name| (name, level_of(name))));
    }
    let mut rows = Vec::new();
    for trace in traces {
        for &(policy, level) in &policies {
            rows.extend(seeds.iter().filter_map(|&seed| row(trace, level, policy, seed, &options)));
        }
    }
    rows
}

/// Gains by trace and policy, mean over the seeds and the worst seed, with the geometric mean over the traces and that of
/// the worst seed.
pub fn gain_table(rows: &[Row]) -> String {
    let mut policies: Vec<(String, u8)> = Vec::new();
    let mut traces: Vec<&str> = Vec::new();
    for row in rows {
        let policy = (row.policy.clone(), row.level);
        if !policies.contains(&policy) {
            policies.push(policy);
        }
        if !traces.contains(&row.trace.as_str()) {
            traces.push(&row.trace);
        }
    }
    let names = policies.iter().map(|(name, level)| format!(" {name} L{level} |")).collect::<String>();
    let mut table = format!("| trace |{names}\n|---|{}\n", "---|".repeat(policies.len()));
    let mut logs = vec![0.0; policies.len()];
    for trace in &traces {
        let _ = write!(table, "| {trace} |");
        for (policy, log) in policies.iter().zip(&mut logs) {
            let (mean, worst) = gains(rows, trace, policy);
            *log += mean.ln() / traces.len() as f64;
            let _ = write!(table, " {mean:.2} ({worst:.2}) |");
        }
        table.push('\n');
    }
    let means = logs
        .iter()
        .zip(&policies)
        .map(|(log, policy)| format!(" **{:.2}** ({:.2}) |", log.exp(), worst_mean(rows, policy)));
    let _ = writeln!(table, "| **geometric mean** |{}", means.collect::<String>());
    table
}

/// The geometric mean over the traces, of the seed for which it is least.
fn worst_mean(rows: &[Row], policy: &(String, u8)) -> f64 {
    let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.policy == policy.0 && row.level == policy.1) {
        by_seed.entry(row.seed).or_default().push(row.metrics.gain.max(1e-6).ln());
    }
    let means = by_seed.values().map(|logs| (logs.iter().sum::<f64>() / logs.len() as f64).exp());
    means.fold(f64::INFINITY, f64::min)
}

/// Geometric mean and minimum of the gain over the seeds.
fn gains(rows: &[Row], trace: &str, policy: &(String, u8)) -> (f64, f64) {
    let fits = |row: &&Row| row.trace == trace && row.policy == policy.0 && row.level == policy.1;
    let gains: Vec<f64> = rows.iter().filter(fits).map(|row| row.metrics.gain.max(1e-6)).collect();
    let mean = gains.iter().map(|gain| gain.ln()).sum::<f64>() / gains.len().max(1) as f64;
    (mean.exp(), gains.iter().copied().fold(f64::INFINITY, f64::min))
}

/// Polls per change, capture, delays and waste of the learner, mean over the seeds.
pub fn figure_table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| trace | level | polls per change | capture | delay mean | p50 | p95 | age mean | waste |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut done: Vec<(&str, u8)> = Vec::new();
    for row in rows.iter().filter(|row| row.policy == "tide") {
        if done.contains(&(&row.trace, row.level)) {
            continue;
        }
        done.push((&row.trace, row.level));
        let same: Vec<&Metrics> = rows
            .iter()
            .filter(|other| other.policy == "tide" && other.trace == row.trace && other.level == row.level)
            .map(|row| &row.metrics)
            .collect();
        let mean =
            |figure: fn(&Metrics) -> f64| same.iter().map(|one| figure(one)).sum::<f64>() / same.len() as f64;
        let _ = writeln!(
            table,
            "| {} | {} | {:.2} | {:.3} | {:.0} s | {:.0} s | {:.0} s | {:.1} s | {:.2} |",
            row.trace,
            row.level,
            mean(|one| one.polls_per_change),
            mean(|one| one.capture),
            mean(|one| one.delay_mean),
            mean(|one| one.delay_p50),
            mean(|one| one.delay_p95),
            mean(|one| one.age_mean),
            mean(|one| one.waste)
        );
    }
    table
}

/// A condition and the traces that it is tried on.
type Case = (&'static str, &'static [&'static str], fn() -> Conditions);

const PERIODIC: &[&str] = &["per15", "drift", "metar", "nycwx"];

/// The conditions of a real network.
const CASES: [Case; 12] = [
    ("perfect", PERIODIC, Conditions::default),
    ("5 % of polls fail", PERIODIC, || Conditions { errors: 0.05, ..Conditions::default() }),
    ("429 after 5 calls an hour", PERIODIC, || Conditions {
        calls_per_hour: Some(5),
        ..Conditions::default()
    }),
    ("429 after 8 calls an hour", PERIODIC, || Conditions {
        calls_per_hour: Some(8),
        ..Conditions::default()
    }),
    ("shared cache of 60 s", PERIODIC, || Conditions { cached: Some(60.0), ..Conditions::default() }),
    ("shared cache of 300 s", PERIODIC, || Conditions { cached: Some(300.0), ..Conditions::default() }),
    ("stamps 244-268 s before visible", PERIODIC, || Conditions {
        lag: Some((244.0, 268.0)),
        ..Conditions::default()
    }),
    ("stamps 60-300 s before visible", PERIODIC, || Conditions {
        lag: Some((60.0, 300.0)),
        ..Conditions::default()
    }),
    ("server clock 90 s ahead", PERIODIC, || Conditions { skew: 90.0, ..Conditions::default() }),
    ("server clock 90 s behind", PERIODIC, || Conditions { skew: -90.0, ..Conditions::default() }),
    ("one-minute tick", PERIODIC, || Conditions { tick: Tick::Minute, ..Conditions::default() }),
    ("one-minute tick, sleeping to the second", PERIODIC, || Conditions {
        tick: Tick::MinuteAndSleep,
        ..Conditions::default()
    }),
];

/// Gains of the learner under each condition: level 0 / 1 / 2, mean over the seeds.
pub fn condition_table(seeds: &[u64]) -> String {
    let mut table =
        format!("| condition | {} |\n|---|{}\n", PERIODIC.join(" | "), "---|".repeat(PERIODIC.len()));
    for (name, traces, conditions) in CASES {
        let _ = write!(table, "| {name} |");
        for trace in traces {
            let gains = [0, 1, 2].map(|level| {
                let logs = seeds.iter().filter_map(|&seed| {
                    let options = Options { conditions: conditions(), seed, ..study_options() };
                    Some(row(trace, level, "tide", seed, &options)?.metrics.gain.ln())
                });
                (logs.sum::<f64>() / seeds.len() as f64).exp()
            });
            let _ = write!(table, " {:.1} / {:.1} / {:.1} |", gains[0], gains[1], gains[2]);
        }
        table.push('\n');
    }
    table
}

/// Changes until the cost stays within 10 % of the converged one, averaged over `seeds`, without and with a declared
/// interval.
pub fn convergence_table(traces: &[&str], seeds: &[u64]) -> String {
    let mut table = String::from("| trace | L0 | L1 | L2 | L1 with hint |\n|---|---|---|---|---|\n");
    for trace in traces {
        for (index, (from, _)) in stretches(trace).iter().enumerate() {
            let name = if index == 0 { (*trace).to_owned() } else { format!("{trace}, from day {from}") };
            let cells = [(0, false), (1, false), (2, false), (1, true)].map(|(level, hinted)| {
                let changes = converged_after(trace, index, level, hinted, seeds);
                changes.map_or("–".into(), |changes| changes.to_string())
            });
            let _ = writeln!(table, "| {name} | {} |", cells.join(" | "));
        }
    }
    table
}

/// The days between which a source keeps to its ways: to each it converges anew.
fn stretches(trace: &str) -> Vec<(f64, f64)> {
    match trace {
        "regime" | "speedup" => vec![(0.0, 14.0), (14.0, 28.0)],
        "frozen" => vec![(0.0, 7.0), (13.0, 20.0)],
        _ => vec![(0.0, f64::INFINITY)],
    }
}

/// Changes until what the learner pays in one of the trace's stretches, averaged over seeds, is no more than a tenth above
/// what it pays in the last three quarters of that stretch. None where there is no interval to declare, or never.
pub fn converged_after(trace: &str, stretch: usize, level: u8, hinted: bool, seeds: &[u64]) -> Option<usize> {
    let mut sum = Vec::new();
    for &seed in seeds {
        let drawn = begun(Trace::named(trace, seed)?, seed);
        let hint = if hinted { Some(drawn.declared?) } else { None };
        let options = Options { hint, ..study_options() };
        let costs = costs(&drawn, &run(&drawn, Policy::tide(seed), level, &options).polls);
        let (from, to) = *stretches(trace).get(stretch)?;
        let before = |day: f64| drawn.changes.partition_point(|&change| change < day * DAY).min(costs.len());
        add(&mut sum, &costs[before(from)..before(to)]);
    }
    convergence(&sum)
}

/// A real trace has the same gaps for every seed, which no average takes out, so each seed begins it a day later.
fn begun(trace: Trace, seed: u64) -> Trace {
    if trace.name != "nycwx" {
        return trace;
    }
    let skipped = (seed % 60) as f64 * DAY;
    let changes = trace.changes.iter().map(|change| change - skipped).filter(|&change| change >= 0.0);
    Trace::new(&trace.name, changes.collect(), trace.length - skipped, trace.declared)
}

/// Adds what is there of both.
fn add(sum: &mut Vec<f64>, costs: &[f64]) {
    if sum.is_empty() {
        sum.resize(costs.len(), 0.0);
    }
    sum.truncate(costs.len());
    sum.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
}

/// Geometric mean of the gain over `traces`, by level, with the named experts taken out.
pub fn ablation_table(traces: &[&str], seeds: &[u64], experts: &[&str]) -> String {
    let mut table = String::from("| without | L0 | L1 | L2 | worst |\n|---|---|---|---|---|\n");
    for &silent in ["nothing"].iter().chain(experts) {
        let mut worst = (f64::INFINITY, String::new());
        let means = [0, 1, 2].map(|level| {
            let mut logs = Vec::new();
            for (trace, seed) in traces.iter().flat_map(|trace| seeds.iter().map(move |&seed| (trace, seed)))
            {
                let Some(drawn) = Trace::named(trace, seed) else { continue };
                let mut state = State::new(seed);
                silent.split('+').for_each(|name| state.weights.silence(name));
                let gain = simulate(&drawn, Policy::Tide(Box::new(state)), level, &study_options()).gain;
                if gain < worst.0 {
                    worst = (gain, format!("{trace} L{level}"));
                }
                logs.push(gain.ln());
            }
            (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
        });
        let [none, newest, all] = means;
        let _ =
            writeln!(table, "| {silent} | {none:.3} | {newest:.3} | {all:.3} | {:.2} {} |", worst.0, worst.1);
    }
    table
}

/// All study traces.
pub fn study() -> Vec<&'static str> {
    STUDY.to_vec()
}
