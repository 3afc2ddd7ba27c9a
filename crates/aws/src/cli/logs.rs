//! `tidegate aws logs`: what the functions and the job say.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Span;
use tidegate_engine::{Clock as _, SystemClock};

use super::Global;
use super::failure::Failure;
use super::login::Login;
use super::stack::Stack;
use super::terminal::Terminal;
use crate::call::Aws;

/// Time between two looks with `--follow`.
const PAUSE: Duration = Duration::from_secs(2);
/// How long before the newest line another may still come in, in milliseconds: each log takes its own time.
const LATE: i64 = 30_000;

/// Show what the functions and the Glue job have logged, oldest first
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Whose log
    #[arg(long, value_enum, default_values_t = [Who::Poller, Who::Starter])]
    of: Vec<Who>,
    /// How far back
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    since: Span,
    /// Only warnings and errors
    #[arg(long)]
    errors: bool,
    /// Go on showing what comes
    #[arg(short, long)]
    follow: bool,
    /// Write each line as it was logged
    #[arg(long)]
    raw: bool,
}

/// Someone who logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Who {
    /// The function that polls
    Poller,
    /// The function that loads, or starts the job
    Starter,
    /// The function that empties buckets when the stack is deleted
    Emptier,
    /// The Glue job
    Job,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    at: i64,
    id: String,
    who: Who,
    text: String,
}

/// Where the next look begins, and what was there since: time, ID and text, as not every service of this API gives each
/// line an ID of its own.
struct Seen {
    from: i64,
    lines: BTreeSet<(i64, String, String)>,
}

impl Seen {
    /// Those that were not there at the last look, oldest first.
    fn fresh(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        entries.sort_by_key(|entry| entry.at);
        let newest = entries.last().map_or(self.from, |entry| entry.at);
        entries.retain(|entry| self.lines.insert((entry.at, entry.id.clone(), entry.text.clone())));
        self.from = self.from.max(newest - LATE);
        self.lines.retain(|(at, ..)| *at >= self.from);
        entries
    }
}

impl Logs {
    /// Runs the command.
    pub(super) async fn run(&self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let login = Login::new(global)?;
        let stack = Stack::must(&login.aws, &global.stack).await?;
        let from = (SystemClock.now() - self.since.0).as_millisecond();
        let mut seen = Seen { from, lines: BTreeSet::new() };
        let mut shown = 0;
        loop {
            let entries = seen.fresh(self.entries(&login.aws, &stack, seen.from).await?);
            for entry in entries.iter().filter(|entry| !self.errors || is_error(&entry.text)) {
                terminal.line(self.line(entry));
                shown += 1;
            }
            if !self.follow {
                break;
            }
            SystemClock.sleep(PAUSE).await;
        }
        if shown == 0 {
            terminal.say(format_args!("nothing was logged within {}; --since goes further back", self.since));
        }
        Ok(())
    }

    async fn entries(&self, aws: &Aws, stack: &Stack, from: i64) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        for who in &self.of {
            for group in who.groups(stack) {
                entries.extend(read(aws, *who, &group, from).await?);
            }
        }
        Ok(entries)
    }

    fn line(&self, entry: &Entry) -> String {
        if self.raw {
            return entry.text.trim_end().to_owned();
        }
        let at = Timestamp::from_millisecond(entry.at).unwrap_or_default();
        let who = entry.who.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
        format!("{} {who:<7} {}", at.strftime("%H:%M:%S"), plain(&entry.text))
    }
}

impl Who {
    fn groups(self, stack: &Stack) -> Vec<String> {
        let lambda = |name: &str| vec![format!("/aws/lambda/{name}")];
        match self {
            Who::Poller => lambda(stack.parameter("LambdaAPIName")),
            Who::Starter => lambda(stack.parameter("LambdaGlueName")),
            Who::Emptier => lambda(&format!("{}-emptier", stack.parameter("LambdaAPIName"))),
            Who::Job => {
                let job = stack.parameter("GlueJobNameP");
                ["error", "output"].map(|part| format!("/tidegate/{job}/{part}")).to_vec()
            }
        }
    }
}

async fn read(aws: &Aws, who: Who, group: &str, from: i64) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut body = json!({ "logGroupName": group, "startTime": from });
        if !token.is_null() {
            body["nextToken"] = token;
        }
        let answer = aws.json("logs", "Logs_20140328.FilterLogEvents", &body).await?;
        for event in answer["events"].as_array().into_iter().flatten() {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let at = event["timestamp"].as_i64().unwrap_or(0);
            entries.push(Entry { at, id: text("eventId"), who, text: text("message") });
        }
        token = answer["nextToken"].clone();
        if token.is_null() {
            return Ok(entries);
        }
    }
}

/// Our lines say their level; Lambda's own say what became of the function.
fn is_error(text: &str) -> bool {
    match serde_json::from_str::<Value>(text) {
        Ok(line) => matches!(line["level"].as_str(), Some("ERROR" | "WARN")),
        Err(_) => {
            ["Task timed out", "ERROR", "Error", "panicked", "exited"].iter().any(|word| text.contains(word))
        }
    }
}

/// A line of ours as a person reads it; whatever else as it stands.
fn plain(text: &str) -> String {
    let Ok(Value::Object(line)) = serde_json::from_str::<Value>(text) else {
        return text.trim_end().to_owned();
    };
    if let Some(metrics) = line.get("_aws") {
        let names = metrics["CloudWatchMetrics"][0]["Metrics"].as_array().into_iter().flatten();
        let named = names.filter_map(|metric| metric["Name"].as_str());
        let pairs: Vec<String> =
            named.map(|name| format!("{name} {}", line.get(name).unwrap_or(&Value::Null))).collect();
        return format!("METRIC {}", pairs.join(", "));
    }
    let fields = line.get("fields").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut said = line.get("level").and_then(Value::as_str).unwrap_or("").to_owned();
    if let Some(message) = fields.get("message").and_then(Value::as_str) {
        said += &format!(" {message}");
    }
    for (name, value) in fields.iter().filter(|(name, _)| *name != "message") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        said += &format!(" {name}={value}");
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_late_is_shown_and_none_twice() {
        let entry = |at: i64| Entry { at, id: at.to_string(), who: Who::Poller, text: String::new() };
        let mut seen = Seen { from: 0, lines: BTreeSet::new() };
        let mut fresh = |times: &[i64]| -> Vec<i64> {
            let entries = times.iter().map(|at| entry(*at)).collect();
            seen.fresh(entries).iter().map(|entry| entry.at).collect()
        };
        assert_eq!(fresh(&[70_000, 60_000]), [60_000, 70_000]);
        assert_eq!(fresh(&[60_000, 65_000, 70_000]), [65_000]);
        assert_eq!(fresh(&[]), [0; 0]);
        assert_eq!(fresh(&[65_000, 100_000, 200_000]), [100_000, 200_000]);
        assert_eq!((seen.from, seen.lines.len()), (170_000, 1));
    }

    #[test]
    fn lines_of_one_moment_are_all_shown() {
        let line = |text: &str| Entry { at: 1, id: "e".to_owned(), who: Who::Poller, text: text.to_owned() };
        let mut seen = Seen { from: 0, lines: BTreeSet::new() };
        assert_eq!(seen.fresh(vec![line("START"), line("polled")]).len(), 2);
        assert_eq!(seen.fresh(vec![line("START"), line("polled"), line("END")]), [line("END")]);
    }

    #[test]
    fn lines_are_told_apart_and_read_as_a_person_does() {
        let failed =
            r#"{"timestamp":"x","level":"ERROR","fields":{"message":"failed","subject":"s"},"target":"t"}"#;
        assert_eq!(plain(failed), "ERROR failed subject=s");
        assert_eq!(plain(&crate::metrics::line("s", Timestamp::UNIX_EPOCH, &[])), "METRIC ");
        assert_eq!(plain("START RequestId: 1\n"), "START RequestId: 1");
        assert!(is_error(failed) && is_error("2026 x Task timed out after 3.00 seconds"));
        assert!(!is_error(&failed.replace("ERROR", "INFO")) && !is_error("START RequestId: 1"));
    }
}
