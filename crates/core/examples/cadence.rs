//! The learned cadence, tried out on traces of change times.
//!
//! ```text
//! cadence --trace per15 --level 1 --policy tide --json      one run (a name, or a file with one second a line);
//!         --errors 0.05, --calls-per-hour 5: what goes wrong
//! cadence all --seeds 5                                     every trace, level and policy, as Markdown
//! cadence tide | held | figures | conditions | convergence | ablation | planner
//! cadence page --out FILE [--only MODE,…]                   renews the tables of a page, each under its own mark
//! ```

use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tidegate_core::cadence::simulate::{Options, Policy, moment, run};
use tidegate_core::cadence::traces::Trace;
use tidegate_core::cadence::{explain, held_traces::HELD, metrics::measure, next, plan_bench, plot, report};
use tidegate_core::pipeline::Span;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).map(String::as_str)
    };
    let number = |name: &str, default: u64| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let mode = arguments.first().map(String::as_str).unwrap_or_default();
    if mode == "page" {
        return page(value("--out"), value("--only"));
    }
    match table(mode, number("--seeds", 5), value("--traces"), number("--streams", 100_000) as u32) {
        Some(text) => print!("{text}"),
        None => return one(&arguments, value),
    }
    ExitCode::SUCCESS
}

/// The table of one mode.
fn table(mode: &str, seeds: u64, traces: Option<&str>, streams: u32) -> Option<String> {
    let seeds: Vec<u64> = (1..=seeds).collect();
    let traces: Vec<&str> = traces.map_or(report::study(), |names| names.split(',').collect());
    Some(match mode {
        "all" => report::gain_table(&report::all(&traces, &seeds, true)),
        "tide" => report::gain_table(&report::all(&traces, &seeds, false)),
        "figures" => report::figure_table(&report::all(&traces, &seeds, false)),
        "held" => report::gain_table(&report::all(&HELD, &seeds, false)),
        "conditions" => report::condition_table(&seeds),
        "convergence" => report::convergence_table(&traces, &seeds),
        "ablation" => report::ablation_table(&traces, &seeds, &["clock-1h", "beat", "cron", "burst"]),
        "planner" => plan_bench::table(streams, clock, peak_memory),
        _ => return None,
    })
}

const BEGIN: &str = "<!-- bench ";
const END: &str = "<!-- end of bench -->";

/// Renews each table of `file` that stands between `<!-- bench MODE SEEDS -->` and the end mark.
fn page(file: Option<&str>, only: Option<&str>) -> ExitCode {
    let renewed = || {
        let file = file.ok_or("give --out FILE")?;
        let read = || std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
        let mut tables = Vec::new();
        for mark in read()?.lines().filter(|line| line.starts_with(BEGIN)) {
            let mut words = mark[BEGIN.len()..].split_whitespace();
            let (mode, number) =
                (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse().ok()));
            if only.is_none_or(|only| only.split(',').any(|wanted| wanted == mode)) {
                eprintln!("{mode} …");
                let number = number.ok_or(format!("{mark}: a number is missing"))?;
                let table =
                    table(mode, number, None, number as u32).ok_or(format!("{mark}: no such table"))?;
                tables.push((mark.to_owned(), table));
            }
        }
        // Read again: another run may have renewed other tables meanwhile.
        let text = tables.iter().fold(read()?, |text, (mark, table)| renew(&text, mark, table));
        std::fs::write(file, text).map_err(|error| format!("{file}: {error}"))
    };
    match renewed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn renew(text: &str, mark: &str, table: &str) -> String {
    let Some((before, rest)) = text.split_once(mark) else { return text.to_owned() };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    format!("{before}{mark}\n{table}{END}{after}")
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The most memory that this process has held, bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn one<'a>(arguments: &[String], value: impl Fn(&str) -> Option<&'a str>) -> ExitCode {
    let parsed = |name: &str, default: f64| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let seed = parsed("--seed", 1.0) as u64;
    let mut options = Options { seed, ..report::study_options() };
    options.spec.polls_per_change = parsed("--polls-per-change", 2.0);
    options.conditions.errors = parsed("--errors", 0.0);
    options.conditions.calls_per_hour = value("--calls-per-hour").and_then(|text| text.parse().ok());
    if let Some(min) = value("--min").and_then(|text| text.parse::<Span>().ok()) {
        options.spec.min = Some(min);
    }
    let Some(trace) = value("--trace").and_then(|name| Trace::named(name, seed).or_else(|| read(name)))
    else {
        eprintln!("give --trace FILE or one of {} {}", report::study().join(" "), HELD.join(" "));
        return ExitCode::FAILURE;
    };
    let name = value("--policy").unwrap_or("tide");
    let Some(policy) = Policy::named(name, &trace, seed, options.spec.polls_per_change) else {
        eprintln!("unknown policy {name}");
        return ExitCode::FAILURE;
    };
    let done = run(&trace, policy, parsed("--level", 0.0) as u8, &options);
    let metrics = measure(&trace, &done.polls);
    match serde_json::to_string_pretty(&metrics) {
        Ok(json) if arguments.iter().any(|argument| argument == "--json") => println!("{json}"),
        _ => println!("{metrics:#?}"),
    }
    if let (Some(state), false) = (&done.state, arguments.iter().any(|argument| argument == "--json")) {
        let now = moment(done.polls.last().map_or(0.0, |poll| poll.at));
        let line = explain(state, &options.spec, &next(state, &options.spec, now), now);
        println!("{line}");
        let json = serde_json::to_string(state).unwrap_or_default();
        println!("state: {} bytes", json.len());
        let shown = &done.visits[done.visits.len().saturating_sub(300)..];
        for (file, text) in [
            (value("--state"), json),
            (value("--plot"), plot(&format!("{}: {line}", trace.name), shown, state)),
        ] {
            if let Some(Err(error)) = file.map(|file| std::fs::write(file, text)) {
                eprintln!("{error}");
            }
        }
    }
    ExitCode::SUCCESS
}

fn read(file: &str) -> Option<Trace> {
    Trace::parse(file, &std::fs::read_to_string(file).ok()?).ok()
}
