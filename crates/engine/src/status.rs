//! What stands where: a reader of the stores, for people and programs.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tidegate_core::cadence::{self, Due};
use tidegate_core::jiff::Timestamp;

use tidegate_core::pipeline::{Pipeline, Stream};

use crate::inventory::{BatchId, Inventory, manifests};
use crate::state::StreamState;
use crate::{Env, Error, ledger};

/// The state of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its name.
    pub pipeline: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// Its streams, in the order of the file.
    pub streams: Vec<StreamStatus>,
    /// Its tables, by name.
    pub tables: Vec<TableStatus>,
    /// Rewrites that were begun and not finished; recovery finishes them.
    pub rewrites_under_way: u64,
}

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamStatus {
    /// Its name.
    pub stream: String,
    /// The table it feeds.
    pub table: String,
    /// Batches in staging.
    pub batches: u64,
    /// Batches in staging that no ended load holds.
    pub lag: u64,
    /// When the oldest of those was staged.
    pub lagging_since: Option<Timestamp>,
    /// When the last batch was staged.
    pub last_staged: Option<Timestamp>,
    /// What is learned of its changes and when it is due, in one line.
    pub cadence: String,
    /// Polls, the last failure, when the next poll is due: the stream's advice.
    #[serde(flatten)]
    pub polls: StreamState,
}

/// The state of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableStatus {
    /// Its name.
    pub table: String,
    /// Latest version of its schema; 0 where the table does not exist yet.
    pub schema_version: u32,
    /// Ended loads.
    pub loads: u64,
    /// Rows in its files.
    pub rows: u64,
    /// Rows and values in quarantine.
    pub quarantined: u64,
    /// Data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is learned of a stream's changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// Name of the stream.
    pub stream: String,
    /// When it is due, and why then.
    pub due: Due,
    /// Both in one line.
    pub line: String,
    /// The stream's advice.
    pub polls: StreamState,
}

/// Documents read at the same time.
const READS_AT_ONCE: usize = 16;

/// What is learned of each stream, in the order of the file. Reads one small document a stream and nothing else.
pub async fn learned(env: &Env, pipeline: &Pipeline) -> Result<Vec<Learned>, Error> {
    let streams = stream::iter(&pipeline.streams).map(|stream| learned_of(env, stream));
    streams.buffered(READS_AT_ONCE).try_collect().await
}

async fn learned_of(env: &Env, stream: &Stream) -> Result<Learned, Error> {
    let polls = StreamState::read(env, &stream.name).await?;
    let now = env.clock.now();
    let due = cadence::next(&polls.learned, &stream.cadence, now);
    let line = cadence::explain(&polls.learned, &stream.cadence, &due, now);
    Ok(Learned { stream: stream.name.clone(), due, line, polls })
}

/// Looks at the stores; writes nothing.
pub async fn status(env: &Env, pipeline: &Pipeline) -> Result<Status, Error> {
    let names: Vec<String> = pipeline.streams.iter().map(|stream| stream.name.clone()).collect();
    let inventory = Inventory::take(env, &names).await?;
    let mut streams = Vec::new();
    for stream in &pipeline.streams {
        streams.push(stream_status(env, stream, &inventory).await?);
    }
    Ok(Status {
        pipeline: pipeline.name.clone(),
        at: env.clock.now(),
        streams,
        tables: tables(env, pipeline, &inventory).await?,
        rewrites_under_way: inventory.rewrites.len() as u64,
    })
}

/// When each staged batch of these streams that no ended load holds was staged.
pub async fn unloaded(env: &Env, streams: &[String]) -> Result<Vec<Timestamp>, Error> {
    let inventory = Inventory::take(env, streams).await?;
    let left = inventory.batches.iter().filter(|(id, _)| inventory.load_of(id).is_none());
    Ok(left.map(|(_, staged)| *staged).collect())
}

async fn stream_status(env: &Env, stream: &Stream, inventory: &Inventory) -> Result<StreamStatus, Error> {
    let first: BatchId = (stream.name.clone(), 0);
    let of_stream =
        || inventory.batches.range(first.clone()..).take_while(|((name, _), _)| *name == stream.name);
    let lagging = of_stream().filter(|(id, _)| inventory.load_of(id).is_none());
    let lag: Vec<Timestamp> = lagging.map(|(_, staged)| *staged).collect();
    let learned = learned_of(env, stream).await?;
    Ok(StreamStatus {
        stream: learned.stream,
        table: stream.table().to_owned(),
        batches: of_stream().count() as u64,
        lag: lag.len() as u64,
        lagging_since: lag.first().copied(),
        last_staged: of_stream().last().map(|(_, staged)| *staged),
        cadence: learned.line,
        polls: learned.polls,
    })
}

async fn tables(env: &Env, pipeline: &Pipeline, inventory: &Inventory) -> Result<Vec<TableStatus>, Error> {
    let mut tables: BTreeMap<String, TableStatus> = BTreeMap::new();
    for stream in &pipeline.streams {
        tables.entry(stream.table().to_owned()).or_default();
    }
    let mut all = std::pin::pin!(manifests(env, inventory.loads.iter()));
    while let Some(manifest) = all.try_next().await? {
        let Some(table) = tables.get_mut(&manifest.spec.table) else { continue };
        table.loads += 1;
        table.rows += manifest.rows;
        table.quarantined += manifest.quarantined;
        table.files += manifest.files.len() as u64;
        table.bytes += manifest.files.iter().map(|file| file.bytes).sum::<u64>();
    }
    for (name, table) in &mut tables {
        table.schema_version = ledger::latest_version(env, name).await?;
        table.table.clone_from(name);
    }
    Ok(tables.into_values().collect())
}
