//! The learned cadence in the whole engine: over a model API whose data changes as a trace says, the engine polls at the
//! very moments at which the simulation of the learner does, and so finds each change after the same delay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tidegate_core::cadence::conditions::Conditions;
use tidegate_core::cadence::metrics::{Poll, measure};
use tidegate_core::cadence::simulate::{Options, Policy, moment, run as simulate};
use tidegate_core::cadence::traces::Trace;
use tidegate_core::jiff::{SignedDuration, Timestamp};
use tidegate_core::pipeline::{Limits, Pipeline};
use tidegate_core::request::{Request, Response};
use tidegate_engine::{Clock, Env, Http, HttpError, LoadMode, RunOptions, StreamState, run, status};

use crate::world::memory_at;

/// An API whose data changes as a trace says. Level 0 tells a number, level 1 the newest record with its time, level 2
/// the last records, and one that was always there.
struct Model {
    clock: Arc<dyn Clock>,
    trace: Trace,
    level: u8,
    faults: Faults,
    /// When it was asked, by path.
    asked: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    /// What each request was shown, in order.
    shown: Mutex<Vec<Poll>>,
}

/// What goes wrong with requests.
#[derive(Clone, Default)]
struct Faults {
    /// Requests that break or are answered with an error, counted from 0.
    broken: BTreeSet<usize>,
    /// Requests of a clock hour; further ones are refused with 429 and a `Retry-After` to its end.
    an_hour: Option<usize>,
}

impl Faults {
    /// What becomes of the request after those `before` it, if it is not answered.
    fn strike(&self, before: &[Poll], at: f64) -> Option<Result<Response, HttpError>> {
        let hour = (at / 3600.0).floor();
        let of_hour = before.iter().rev().take_while(|poll| (poll.at / 3600.0).floor() == hour).count();
        if self.an_hour.is_some_and(|most| of_hour >= most) {
            let wait = ((hour + 1.0) * 3600.0 - at).ceil();
            let headers = vec![("retry-after".to_owned(), wait.to_string())];
            return Some(Ok(Response { status: 429, headers, body: Bytes::new() }));
        }
        let number = before.len();
        self.broken.contains(&number).then(|| match number % 2 {
            0 => Ok(Response { status: 500, headers: Vec::new(), body: Bytes::new() }),
            _ => Err(HttpError::Connection { host: "model".to_owned(), reason: "reset".to_owned() }),
        })
    }
}

impl Model {
    fn body(&self, now: f64) -> String {
        let seen = self.trace.changes.partition_point(|change| *change <= now);
        let record = |n: usize| json!({ "n": n, "time": moment(self.trace.changes[n - 1]).to_string() });
        let old = moment(-60.0 * 86_400.0);
        match (self.level, seen) {
            (0, n) => json!([{ "n": n }]),
            (1, 0) => json!([]),
            (1, n) => json!([record(n)]),
            (_, n) => std::iter::once(json!({ "n": 0, "time": old.to_string() }))
                .chain((n.saturating_sub(40)..n).map(|n| record(n + 1)))
                .collect(),
        }
        .to_string()
    }
}

#[async_trait]
impl Http for Model {
    async fn send(&self, request: &Request, _: &Limits) -> Result<Response, HttpError> {
        let now = self.clock.now();
        self.asked.lock().expect("one thread").entry(request.url.path().to_owned()).or_default().push(now);
        let at = seconds(now);
        let mut shown = self.shown.lock().expect("one thread");
        if let Some(struck) = self.faults.strike(&shown, at) {
            shown.push(Poll { at, sees: None });
            return struck;
        }
        shown.push(Poll { at, sees: Some(at) });
        let body = self.body(at);
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status: 200, headers, body: Bytes::from(body) })
    }
}

/// Simulated seconds.
fn seconds(at: Timestamp) -> f64 {
    at.duration_since(moment(0.0)).as_secs_f64()
}

/// The first days of a trace.
fn trace(name: &str, days: f64) -> Trace {
    let whole = Trace::named(name, 1).expect("a trace of the study");
    let length = days * 86_400.0;
    Trace::new(name, whole.changes, length, None)
}

fn world(trace: &Trace, level: u8) -> (Env, Arc<Model>) {
    faulty_world(trace, level, Faults::default())
}

fn faulty_world(trace: &Trace, level: u8, faults: Faults) -> (Env, Arc<Model>) {
    let env = memory_at(moment(0.0));
    let model = Arc::new(Model {
        clock: env.clock.clone(),
        trace: trace.clone(),
        level,
        faults,
        asked: Mutex::default(),
        shown: Mutex::default(),
    });
    (Env { http: model.clone(), ..env }, model)
}

fn pipeline(level: u8) -> Pipeline {
    pipeline_with(level, "")
}

fn pipeline_with(level: u8, source: &str) -> Pipeline {
    let times =
        ["", "event_time = \"time\"", "event_time = \"time\"\nprimary_key = [\"n\"]"][usize::from(level)];
    let text = format!(
        "name = \"test\"\n[source]\nbase_url = \"http://model\"\n{source}\n[[streams]]\nname = \"s\"\npath = \"/s\"\n{times}\n"
    );
    tidegate_core::pipeline::read(&text, &[]).expect("a good pipeline file")
}

fn end(trace: &Trace) -> Timestamp {
    moment(trace.length) - SignedDuration::from_millis(1)
}

const DAEMON: RunOptions = RunOptions { once: false, until: None, load: LoadMode::Off };

async fn go(env: &Env, pipeline: &Pipeline, until: Timestamp) {
    assert_eq!(failures(env, pipeline, until).await, 0);
}

async fn failures(env: &Env, pipeline: &Pipeline, until: Timestamp) -> u64 {
    let options = RunOptions { until: Some(until), ..DAEMON };
    run(env, pipeline, options, std::future::pending(), &|_| {}).await.expect("runs").failures
}

/// The polls of the simulation, to the millisecond, with the learner that the engine begins with.
fn simulated(trace: &Trace, level: u8, conditions: Conditions) -> Vec<Poll> {
    let policy = Policy::Tide(Box::new(StreamState::new("s").learned));
    let options = Options { conditions, ..Options::default() };
    let exact = |at: f64| seconds(moment(at));
    let polls = simulate(trace, policy, level, &options).polls;
    polls.into_iter().map(|poll| Poll { at: exact(poll.at), sees: poll.sees.map(exact) }).collect()
}

/// The engine polls at the moments of the simulation, to the millisecond.
fn same(trace: &Trace, level: u8, model: &Model) {
    let expected = simulated(trace, level, Conditions::default());
    let expected: Vec<Timestamp> = expected.into_iter().map(|poll| moment(poll.at)).collect();
    let asked = model.asked.lock().expect("one thread");
    let first = asked["/s"].iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
    assert_eq!(first, None, "{} level {level}: the first difference", trace.name);
    assert_eq!(asked["/s"].len(), expected.len(), "{} level {level}", trace.name);
    assert!(expected.len() > 20, "{}", expected.len());
}

#[tokio::test]
async fn the_engine_polls_when_the_simulation_does() {
    for (name, days) in [("per15", 4.0), ("hawkes", 4.0), ("metar", 6.0), ("daily", 60.0)] {
        for level in 0..=2 {
            let trace = trace(name, days);
            let (env, model) = world(&trace, level);
            go(&env, &pipeline(level), end(&trace)).await;
            same(&trace, level, &model);
        }
    }
}

#[tokio::test]
async fn a_new_process_each_minute_polls_at_the_same_moments_as_one_that_never_ends() {
    let trace = trace("per15", 1.0);
    let (env, model) = world(&trace, 1);
    let mut minute = moment(0.0);
    while minute < end(&trace) {
        go(&env, &pipeline(1), (minute + SignedDuration::from_secs(60)).min(end(&trace))).await;
        minute += SignedDuration::from_secs(60);
        let left = minute.duration_since(env.clock.now()).max(SignedDuration::ZERO);
        env.clock.sleep(left.unsigned_abs()).await;
    }
    same(&trace, 1, &model);
}

#[tokio::test]
async fn what_was_learned_is_told_in_one_line_and_losing_it_costs_no_more_than_relearning() {
    let trace = trace("per15", 4.0);
    let (env, model) = world(&trace, 1);
    let half = moment(2.0 * 86_400.0);
    go(&env, &pipeline(1), half).await;
    let line = status(&env, &pipeline(1)).await.expect("looks").streams.remove(0).cadence;
    assert!(line.contains("changes every 15m00s at about :02:"), "{line}");
    let advice = tidegate_core::keys::state("s");
    object_store::ObjectStoreExt::delete(
        env.staging.as_ref(),
        &object_store::path::Path::parse(advice).expect("a key"),
    )
    .await
    .expect("deleted");
    go(&env, &pipeline(1), end(&trace)).await;
    let line = status(&env, &pipeline(1)).await.expect("looks").streams.remove(0).cadence;
    assert!(line.contains("changes every 15m00s"), "{line}");
    assert_eq!(measure(&trace, &model.shown.lock().expect("one thread")).capture, 1.0);
}

/// Requests that break, 500 and 429 with `Retry-After`: what is not an answer is never taken for "unchanged", so the
/// engine polls when the simulation does and finds each change after the same delay.
#[tokio::test]
async fn errors_and_refusals_cost_what_the_simulation_says() {
    let trace = trace("per15", 4.0);
    for (errors, calls_per_hour) in [(0.1, None), (0.0, Some(4)), (0.1, Some(5))] {
        for level in 0..=2 {
            let conditions = Conditions { errors, calls_per_hour, ..Conditions::default() };
            let story = format!("level {level}, {conditions:?}");
            let expected = simulated(&trace, level, conditions);
            let failed: BTreeSet<usize> =
                (0..expected.len()).filter(|&poll| expected[poll].sees.is_none()).collect();
            let faults =
                Faults { broken: failed.clone(), an_hour: calls_per_hour.map(|calls| calls as usize) };
            let (env, model) = faulty_world(&trace, level, faults);
            let pipeline = pipeline_with(level, "limits.attempts = 1");
            let failures = failures(&env, &pipeline, end(&trace)).await;
            let shown = model.shown.lock().expect("one thread").clone();
            let first = shown.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
            assert_eq!((first, shown.len()), (None, expected.len()), "{story}: the first difference");
            assert_eq!(measure(&trace, &shown), measure(&trace, &expected), "{story}");
            assert!(failed.len() > 10, "{story}: {} failures", failed.len());
            let polls = status(&env, &pipeline).await.expect("looks").streams.remove(0).polls;
            assert_eq!((failures, polls.failed), (failed.len() as u64, failed.len() as u64), "{story}");
            let answered = (expected.len() - failed.len()) as u64;
            assert_eq!(polls.changed + polls.unchanged, answered, "{story}");
            assert_eq!(polls.learned.visits, expected.len() as u64, "{story}");
        }
    }
}

/// Four streams under a budget that allows a quarter of the calls they would make alone.
#[tokio::test]
async fn a_common_budget_is_kept_and_starves_no_stream() {
    let trace = trace("per15", 3.0);
    let (env, model) = world(&trace, 1);
    let mut text =
        "name = \"test\"\n[source]\nbase_url = \"http://model\"\nlimits.calls_per_day = 100\n".to_owned();
    for name in ["a", "b", "c", "d"] {
        text += &format!(
            "[[streams]]\nname = \"{name}\"\npath = \"/{name}\"\nevent_time = \"time\"\ncadence = {{ max_staleness = \"6h\" }}\n"
        );
    }
    let pipeline = tidegate_core::pipeline::read(&text, &[]).expect("a good pipeline file");
    go(&env, &pipeline, moment(1.5 * 86_400.0)).await;
    // A process that begins anew goes on with what is left.
    go(&env, &pipeline, end(&trace)).await;
    let asked = model.asked.lock().expect("one thread");
    let mut all: Vec<Timestamp> = asked.values().flatten().copied().collect();
    all.sort();
    let day = SignedDuration::from_hours(24);
    let most =
        all.iter().map(|from| all.iter().filter(|at| **at >= *from && **at < *from + day).count()).max();
    assert!(most.is_some_and(|most| (60..=100).contains(&most)), "{most:?}");
    for (path, times) in asked.iter() {
        let longest = times.windows(2).map(|pair| pair[1].duration_since(pair[0])).max();
        assert!(
            longest.is_some_and(|longest| longest <= SignedDuration::from_hours(6)),
            "{path}: {longest:?}"
        );
    }
}
