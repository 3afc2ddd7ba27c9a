//! What processes do all day, each a short program over the engine's verbs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::pipeline::{Pipeline, Secrets};
use tidegate_engine::{
    End, Env, Error, Gate, Head, LoadReport, Missing, Outcome, load_batch, load_windows, poll, recover,
    retype,
};

use crate::api::{ModelApi, pipeline};
use crate::process::{Process, SimClock};
use crate::store::FaultyStore;

/// Length of a window.
const WINDOW: Duration = Duration::from_secs(1800);

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Polls every stream every few minutes.
    Poller,
    /// Loads each batch that an object-created event names.
    Events,
    /// Loads what has gathered in a window, and recovers what others left.
    Windows,
}

/// Plays a role until the faults are over.
pub(crate) async fn play(role: Role, process: &Arc<Process>) {
    let pipeline = pipeline();
    let env = env(process);
    match role {
        Role::Poller => poller(&env, process, &pipeline).await,
        Role::Events => events(&env, process).await,
        Role::Windows => windows(&env, process).await,
    }
}

fn env(process: &Arc<Process>) -> Env {
    let store =
        |name, inner: &Arc<_>| FaultyStore { name, inner: Arc::clone(inner), process: process.clone() };
    Env {
        clock: Arc::new(SimClock(process.clone())),
        http: Arc::new(ModelApi::new(process.clone())),
        staging: Arc::new(store("staging", &process.world.staging)),
        lake: Arc::new(store("lake", &process.world.lake)),
        secrets: Arc::new(Secrets::default()),
        seed: process.world.settings.seed,
    }
}

fn calm(process: &Process) -> bool {
    process.world.state().calm
}

/// A pause that no process notices: it belongs to the machine around it.
async fn pause(process: &Process, longest: u64) {
    let milliseconds = process.world.state().chance.within(longest / 2..longest);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

fn failed(process: &Process, what: &str, error: &Error) {
    process.note(&format!("{what} failed ({}): {error}", error.kind().word()));
    process.world.count(match error.kind().word() {
        "config" => "verb failed: config",
        "source" => "verb failed: source",
        "data" => "verb failed: data",
        "transient" => "verb failed: transient",
        _ => "verb failed: internal",
    });
}

async fn poller(env: &Env, process: &Arc<Process>, pipeline: &Pipeline) {
    let gate = Gate::new(&pipeline.source.limits);
    let mut heads: BTreeMap<&str, Head> = BTreeMap::new();
    while !calm(process) {
        for stream in &pipeline.streams {
            let name = stream.name.as_str();
            match poll(env, pipeline, stream, &gate, heads.remove(name)).await {
                Ok(visit) => {
                    process.note(&format!("polled {name}: {:?}", visit.outcome));
                    heads.insert(name, visit.head);
                }
                Err(error) => failed(process, name, &error),
            }
        }
        pause(process, 600_000).await;
    }
}

/// Takes events off the queue; one whose batch could not be loaded comes again, as does one whose process died.
async fn events(env: &Env, process: &Arc<Process>) {
    let world = &process.world;
    while !calm(process) {
        let next = world.state().queue.receive(world.elapsed());
        let Some(delivery) = next else {
            pause(process, 8_000).await;
            continue;
        };
        if delivery.times > 1 {
            world.count("event redelivered");
        }
        match load_batch(env, &delivery.key).await {
            Ok(report) => {
                world.state().queue.acknowledge(delivery.id);
                loaded(env, process, &report).await;
            }
            Err(error) => failed(process, &delivery.key, &error),
        }
    }
}

async fn loaded(env: &Env, process: &Process, report: &LoadReport) {
    process.note(&format!("load {} {:?}: {} rows", report.load, report.end, report.rows));
    if report.end == End::Loaded {
        process.world.count(if report.batches > 1 { "window loaded" } else { "batch loaded" });
    }
    if report.widened {
        process.world.count("table widened");
        retyped(env, process, &report.table).await;
    }
}

async fn retyped(env: &Env, process: &Process, table: &str) {
    match retype(env, table).await {
        Ok(done) if !done.loads.is_empty() => process.world.count("table re-typed"),
        Ok(_) => {}
        Err(error) => failed(process, &format!("re-typing of {table}"), &error),
    }
}

/// Loads closed windows, and now and then finishes what others left.
async fn windows(env: &Env, process: &Arc<Process>) {
    let streams = names(&pipeline());
    while !calm(process) {
        match load_windows(env, &streams, WINDOW).await {
            Ok(done) => {
                for report in &done.loads {
                    loaded(env, process, report).await;
                }
                for (what, error) in &done.failures {
                    failed(process, what, error);
                }
            }
            Err(error) => failed(process, "window", &error),
        }
        if process.world.fault(0.3) {
            // What nobody has claimed may also be loaded at once, a load for each batch.
            let missing = if process.world.fault(0.3) { Missing::Load } else { Missing::Leave };
            recovered(env, process, missing).await;
        }
        pause(process, 1_500_000).await;
    }
}

fn names(pipeline: &Pipeline) -> Vec<String> {
    pipeline.streams.iter().map(|stream| stream.name.clone()).collect()
}

async fn recovered(env: &Env, process: &Process, missing: Missing) {
    match recover(env, &names(&pipeline()), missing).await {
        Ok(recovery) => {
            process.note(&format!(
                "recovered {} loads, {} failures",
                recovery.loads.len(),
                recovery.failures.len()
            ));
            if !recovery.loads.is_empty() {
                process.world.count("load recovered");
            }
            for (what, error) in &recovery.failures {
                failed(process, what, error);
            }
        }
        Err(error) => failed(process, "recovery", &error),
    }
}

/// Everything that is left to do, in a world without faults: recovery, a poll of each stream, and their loads.
pub(crate) async fn settle(process: &Arc<Process>, pipeline: &Pipeline) -> Result<(), String> {
    let env = env(process);
    finish(&env, pipeline).await?;
    let gate = Gate::new(&pipeline.source.limits);
    for stream in &pipeline.streams {
        loop {
            let visit = poll(&env, pipeline, stream, &gate, None).await;
            let visit = visit.map_err(|error| format!("the last poll of {}: {error}", stream.name))?;
            if visit.outcome == Outcome::Unchanged {
                break;
            }
        }
    }
    finish(&env, pipeline).await
}

async fn finish(env: &Env, pipeline: &Pipeline) -> Result<(), String> {
    let recovery = recover(env, &names(pipeline), Missing::Load).await;
    let recovery = recovery.map_err(|error| format!("the last recovery: {error}"))?;
    if let Some((what, error)) = recovery.failures.first() {
        return Err(format!("the last recovery of {what}: {error}"));
    }
    for stream in &pipeline.streams {
        let retyping = retype(env, stream.table()).await;
        retyping.map_err(|error| format!("the last re-typing of {}: {error}", stream.table()))?;
    }
    Ok(())
}
