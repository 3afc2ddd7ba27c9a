//! The poller: each minute, whatever is due.
//!
//! The advice in staging says when each stream is due. What falls due within the minute is waited for, to the second;
//! what does not is left to a later tick. Two ticks that overlap do no harm: of two polls one wins the batch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{self, Pipeline};
use tidegate_engine::{Env, Event, LoadMode, Outcome, RunOptions, StreamState, run};

use crate::call::Aws;
use crate::metrics::{self, Metric};
use crate::secrets;
use crate::settings::Settings;

/// The pipeline of a stack that names none: current weather of several cities.
pub const EXAMPLE: &str = include_str!("../../../examples/open-meteo.toml");

/// How far ahead a tick looks: up to the next one.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Reads the pipeline file and sets it to the stack's buckets, grain and cadence.
pub fn pipeline(text: &str, settings: &Settings) -> Result<Pipeline, String> {
    let mut pipeline = pipeline::read(text, &[]).map_err(|mistakes| {
        let all: Vec<String> = mistakes.into_iter().map(|mistake| mistake.message).collect();
        format!("the pipeline file cannot be used: {}; run `tidegate check` on it", all.join("; "))
    })?;
    pipeline.staging.clone_from(&settings.staging);
    pipeline.lake.clone_from(&settings.lake);
    for stream in &mut pipeline.streams {
        if let Some(by) = settings.partition_by {
            stream.partition_by = by;
        }
        if let Some(cadence) = &settings.cadence {
            stream.cadence.clone_from(cadence);
        }
    }
    Ok(pipeline)
}

/// The values of all secrets that the pipeline names: from AWS where the reference says so, else from `variable`.
pub async fn secret_values(
    aws: &Aws,
    pipeline: &Pipeline,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, String> {
    let mut values = Vec::new();
    for reference in pipeline.secret_references() {
        let value = match secrets::resolve(aws, reference).await.map_err(|error| error.to_string())? {
            Some(value) => value,
            None => variable(reference).ok_or_else(|| {
                format!("${{{reference}}} has no value here; write ${{aws-secret:…}} or ${{aws-parameter:…}} instead")
            })?,
        };
        values.push((reference.to_owned(), value));
    }
    Ok(values)
}

/// What the polls of one tick came to.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    polls: u64,
    staged: u64,
    failed: u64,
    /// Most changes that any stream is waited for.
    silent: f64,
}

/// Polls what is due until the minute is over.
pub async fn minute(env: &Env, pipeline: &Pipeline, settings: &Settings) -> Result<Value, String> {
    let tally = Mutex::new(Tally::default());
    let observer = |event: Event<'_>| note(&mut lock(&tally), env.clock.now(), &event);
    let options = RunOptions { once: false, until: Some(env.clock.now() + AHEAD), load: LoadMode::Off };
    run(env, pipeline, options, std::future::pending(), &observer)
        .await
        .map_err(|error| error.to_string())?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |name, value: u64| Metric { name, unit: "Count", value: value as f64 };
    let metrics = [
        count("Polls", tally.polls),
        count("StagedBatches", tally.staged),
        count("FailedPolls", tally.failed),
        Metric { name: "SilentIntervals", unit: "None", value: tally.silent },
    ];
    metrics::emit(&metrics::line(&settings.stack, env.clock.now(), &metrics));
    Ok(json!({ "polls": tally.polls, "staged": tally.staged, "failed": tally.failed }))
}

fn note(tally: &mut Tally, now: Timestamp, event: &Event<'_>) {
    match event {
        Event::Polled { visit, learned, .. } => {
            tally.polls += 1;
            let staged = matches!(visit.outcome, Outcome::Staged { .. });
            tally.staged += u64::from(staged);
            tracing::info!(stream = visit.stream, staged, requests = visit.requests, learned, "polled");
            for (element, error) in &visit.failures {
                tracing::warn!(stream = visit.stream, element, %error, "an element could not be fetched");
            }
            visit.remarks.iter().for_each(|remark| tracing::warn!(stream = visit.stream, "{remark}"));
        }
        Event::Failed { subject, error, .. } => {
            tally.failed += 1;
            tracing::error!(subject, kind = error.kind().word(), %error, "failed");
        }
        Event::Sleeping { state, .. } => tally.silent = tally.silent.max(silent_intervals(now, state)),
        Event::Loaded(_) => {}
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many changes of a stream were expected since the last one: until the last look by what was learned, since then
/// by the mean gap. 0 before its first change.
fn silent_intervals(now: Timestamp, state: &StreamState) -> f64 {
    let learned = &state.learned;
    let seen = learned.seen.and_then(|seen| Timestamp::from_millisecond(seen).ok());
    let (Some(seen), Some(_)) = (seen, state.last_change) else { return 0.0 };
    f64::from(learned.missed) + now.duration_since(seen).as_secs_f64().max(0.0) / learned.mean_gap()
}

#[cfg(test)]
mod tests {
    use tidegate_core::pipeline::PartitionBy;

    use super::*;

    #[test]
    fn the_example_takes_the_stack_s_buckets_grain_and_cadence() {
        let settings = Settings::read(|name| {
            let value = match name {
                "TIDEGATE_STAGING" => "s3://raw",
                "TIDEGATE_LAKE" => "s3://lake",
                "TIDEGATE_PARTITION_BY" => "day",
                "TIDEGATE_CADENCE" => "7 minutes",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .expect("settings");
        let pipeline = pipeline(EXAMPLE, &settings).expect("the example is sound");
        assert_eq!((pipeline.staging.as_str(), pipeline.lake.as_str()), ("s3://raw", "s3://lake"));
        assert_eq!(pipeline.streams[0].partition_by, PartitionBy::Day);
        assert_eq!(pipeline.streams[0].cadence, "7m".parse().expect("a span"));
    }

    #[test]
    fn a_stack_that_learns_keeps_the_limits_and_the_rates_of_the_file() {
        let settings = |name: &str| match name {
            "TIDEGATE_STAGING" | "TIDEGATE_LAKE" => Some(format!("s3://{name}")),
            "TIDEGATE_CADENCE" => Some("learn".to_owned()),
            _ => None,
        };
        let settings = Settings::read(settings).expect("settings");
        let of = |cadence: &str| {
            let stream = format!("[[streams]]\nname = \"s\"\npath = \"/\"\ncadence = {cadence}\n");
            let text = format!("name = \"p\"\n[source]\nbase_url = \"https://x\"\n{stream}");
            pipeline(&text, &settings).expect("a sound file").streams.remove(0).cadence
        };
        assert_eq!(of("{ calls_per_day = 500 }").calls_per_day, Some(500));
        assert_eq!(of("\"7m\""), "7m".parse().expect("a span"));
        assert!(of("\"learn\"").learns());
    }

    #[test]
    fn a_broken_file_says_what_to_run() {
        let settings =
            |name: &str| matches!(name, "TIDEGATE_STAGING" | "TIDEGATE_LAKE").then(|| format!("s3://{name}"));
        let settings = Settings::read(settings).expect("settings");
        let message = pipeline("name = 3", &settings).expect_err("no pipeline");
        assert!(message.contains("tidegate check"), "{message}");
    }
}
