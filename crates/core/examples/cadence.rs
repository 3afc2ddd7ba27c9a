//! The learned cadence, tried out on traces of change times.
//!
//! ```text
//! cadence --trace per15 --level 1 --policy tide --json      one run (a name, or a file with one second a line)
//! cadence all --seeds 5                                     every trace, level and policy, as Markdown
//! cadence tide | held | conditions | convergence | ablation | planner
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
    let seeds: Vec<u64> = (1..=number("--seeds", 5)).collect();
    let mut traces: Vec<&str> = value("--traces").map_or(report::study(), |names| names.split(',').collect());
    let mode = arguments.first().map(String::as_str);
    let text = match mode {
        Some("all") => tables(&traces, &seeds, true),
        Some("tide") => tables(&traces, &seeds, false),
        Some("held") => tables(&HELD, &seeds, false),
        Some("conditions") => report::condition_table(&seeds),
        Some("convergence") => report::convergence_table(&traces, &seeds),
        Some("ablation") => {
            traces.extend(HELD);
            let experts = value("--experts").unwrap_or("clock-15m,clock-1h,beat,cron,burst");
            report::ablation_table(&traces, &seeds, &experts.split(',').collect::<Vec<_>>())
        }
        Some("planner") => plan_bench::table(number("--streams", 100_000) as u32, clock),
        _ => return one(&arguments, value),
    };
    print!("{text}");
    ExitCode::SUCCESS
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn tables(traces: &[&str], seeds: &[u64], baselines: bool) -> String {
    let rows = report::all(traces, seeds, baselines);
    format!("{}\n{}", report::gain_table(&rows), report::figure_table(&rows))
}

fn one<'a>(arguments: &[String], value: impl Fn(&str) -> Option<&'a str>) -> ExitCode {
    let parsed = |name: &str, default: f64| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let seed = parsed("--seed", 1.0) as u64;
    let mut options = Options { seed, ..report::study_options() };
    options.spec.polls_per_change = parsed("--polls-per-change", 2.0);
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
        println!("{}", explain(state, &options.spec, &next(state, &options.spec, now), now));
        let json = serde_json::to_string(state).unwrap_or_default();
        println!("state: {} bytes", json.len());
        let shown = &done.visits[done.visits.len().saturating_sub(300)..];
        for (file, text) in [(value("--state"), json), (value("--plot"), plot(shown, state))] {
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
