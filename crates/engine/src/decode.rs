//! From the batches of a load to its files in memory, the table's schema widened on the way where they need it.

use std::num::NonZero;
use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tidegate_core::batch::{Batch, Page};
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{DataFile, File, LoadError, Loader, Options, Outcome};
use tidegate_core::pipeline::LoadSpec;
use tidegate_core::schema::TableSchema;
use tokio::task;

use crate::before::Before;
use crate::beside::{ended, several_threads};
use crate::intake::Intake;
use crate::parts::{Lines, PART, parts};
use crate::{Env, Error, ledger, objects};

/// Pages, or parts of large ones, that are read ahead of the one that is decoded: as many as fit in so many bytes, within
/// these bounds.
const AHEAD_BYTES: u64 = 2 << 20;
const PAGES_AHEAD: RangeInclusive<u64> = 4..=64;
/// Bytes that are decoded at a time: each thread has as many, and as many more wait for it. The more they are, the longer
/// is what a partition has of each block: of a large load with many partitions, collecting short stretches from many
/// blocks would be most of the encoding. A small one has few blocks in any case.
const CHUNK: RangeInclusive<u64> = 1 << 20..=12 << 20;
/// Chunks that a load is taken in, within these bounds.
const CHUNKS: u64 = 64;
/// Batches read at the same time.
const BATCHES_AT_ONCE: usize = 64;
/// Handfuls of so many that are under way at once.
const HANDFULS_AT_ONCE: usize = 3;
/// How often a load may find that the table's schema does not hold it. Each time, some load has widened it.
const ROUNDS: u32 = 64;

/// What a load is going to write.
pub(crate) struct Decoded {
    /// Version of the schema it is written under.
    pub(crate) schema_version: u32,
    /// Whether this load added a version.
    pub(crate) widened: bool,
    /// Data files, sorted by key.
    pub(crate) files: Vec<(DataFile, Bytes)>,
    /// NDJSON of what did not fit; empty if everything did.
    pub(crate) quarantine: Bytes,
    pub(crate) rows: u64,
    pub(crate) quarantined: u64,
}

/// Decodes all batches of a load under the current schema. Writes nothing but new versions of the schema. What the table
/// does not hold as it is waits until the loads before have ended: they may change what becomes of it.
pub(crate) async fn decode(
    env: &Env,
    load: &LoadId,
    spec: &LoadSpec,
    batches: &mut Intake<'_>,
    before: &mut Before,
) -> Result<Decoded, Error> {
    let mut schema = ledger::current(env, &spec.table).await?;
    let version = schema.version;
    for _ in 0..ROUNDS {
        let outcome = attempt(env, load, spec, batches, &schema).await;
        if !holds(&schema, &outcome) && before.ended().await {
            let latest = ledger::current(env, &spec.table).await?;
            if latest != schema {
                schema = latest;
                continue;
            }
        }
        match outcome? {
            Outcome::Evolve(next) => schema = ledger::advance(env, &spec.table, next).await?,
            Outcome::Done { schema: reached, files, quarantine, rows, quarantined } => {
                if reached.version > schema.version {
                    schema = ledger::advance(env, &spec.table, reached.clone()).await?;
                    if schema != reached {
                        continue;
                    }
                }
                return Ok(Decoded {
                    schema_version: schema.version,
                    widened: schema.version > version,
                    files: files.into_iter().map(data_file).collect(),
                    quarantine: quarantine.into(),
                    rows,
                    quarantined,
                });
            }
        }
    }
    Err(never_settles(&spec.table, schema.version))
}

/// Decodes all batches under this schema.
async fn attempt(
    env: &Env,
    load: &LoadId,
    spec: &LoadSpec,
    batches: &mut Intake<'_>,
    schema: &TableSchema,
) -> Result<Outcome, Error> {
    let mut loader = Loader::new(load.clone(), spec, schema).with(options(batches));
    let ahead = pages_ahead(batches);
    let mut bodies = batches
        .each()
        .map_ok(|batch| stream::iter(in_parts(batch).map(Ok::<_, Error>)))
        .try_flatten()
        .map_ok(|(batch, page, part)| {
            async move {
                let body = body_part(env, page, &part).await?;
                Ok::<_, Error>((batch, page, part, body))
            }
            .boxed()
        })
        .try_buffered(ahead)
        .boxed();
    let mut lines = Lines::default();
    while let Some((batch, page, part, body)) = bodies.try_next().await? {
        for body in lines.take(page, &part, body).into_iter().flatten() {
            loader.page(batch, page, body)?;
        }
    }
    Ok(loader.finish()?)
}

/// What is read of a batch, in order.
fn in_parts(batch: &Batch) -> impl Iterator<Item = (&Batch, &Page, Range<u64>)> {
    batch.pages.iter().flat_map(move |page| parts(page).map(move |part| (batch, page, part)))
}

/// Whether a schema holds all that was decoded under it, so that a wider one has the same rows.
fn holds(schema: &TableSchema, outcome: &Result<Outcome, Error>) -> bool {
    match outcome {
        Ok(Outcome::Evolve(_)) | Err(Error::Load(LoadError::Frozen(_))) => false,
        Ok(Outcome::Done { schema: reached, quarantined, .. }) => {
            reached.version == schema.version && *quarantined == 0
        }
        Err(_) => true,
    }
}

/// Small pages are mostly waited for, and large ones are mostly memory.
fn pages_ahead(batches: &Intake<'_>) -> usize {
    let largest = batches.page_bytes().max().unwrap_or(0);
    let pages = AHEAD_BYTES / largest.clamp(1, PART);
    usize::try_from(pages.clamp(*PAGES_AHEAD.start(), *PAGES_AHEAD.end())).unwrap_or(1)
}

/// As many threads as the machine has.
fn options(batches: &Intake<'_>) -> Options {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let bytes = batches.page_bytes().fold(0, u64::saturating_add);
    let chunk = (bytes / CHUNKS).clamp(*CHUNK.start(), *CHUNK.end());
    Options { threads, chunk: usize::try_from(chunk).unwrap_or(1 << 20), ..Options::default() }
}

fn data_file(file: File) -> (DataFile, Bytes) {
    (DataFile { key: file.key, rows: file.rows, bytes: file.bytes.len() as u64 }, file.bytes)
}

fn never_settles(table: &str, version: u32) -> Error {
    let reason = "other loads widen the table faster than this one can follow";
    let source = object_store::Error::Generic { store: "ledger", source: reason.into() };
    Error::Store { action: "cannot widen", key: keys::schema(table, version + 1), source }
}

/// The bytes of a page as staged.
pub(crate) async fn body(env: &Env, page: &Page) -> Result<Bytes, Error> {
    let Some(bytes) = objects::get(env, env.staging.as_ref(), &page.key).await? else {
        return Err(gone(page));
    };
    check(page, bytes.len() as u64)?;
    Ok(bytes)
}

/// The bytes of a part of a page as staged. The whole page has the length that its batch says.
async fn body_part(env: &Env, page: &Page, part: &Range<u64>) -> Result<Bytes, Error> {
    if *part == (0..page.bytes) {
        return body(env, page).await;
    }
    let read = match objects::get_part(env, env.staging.as_ref(), &page.key, part).await {
        Ok(read) => read,
        Err(error) => {
            // Where a page ends before the part begins, stores have many ways to say so.
            let size = objects::size(env, env.staging.as_ref(), &page.key).await?;
            check(page, size.ok_or_else(|| gone(page))?)?;
            return Err(error);
        }
    };
    let (bytes, size) = read.ok_or_else(|| gone(page))?;
    check(page, size)?;
    check(page, page.bytes - (part.end - part.start) + bytes.len() as u64)?;
    Ok(bytes)
}

fn gone(page: &Page) -> Error {
    Error::PageGone { key: page.key.clone() }
}

fn check(page: &Page, bytes: u64) -> Result<(), Error> {
    if bytes == page.bytes {
        return Ok(());
    }
    let reason = format!("it has {bytes} bytes where its batch says {}", page.bytes);
    Err(Error::Damaged { key: page.key.clone(), reason })
}

/// Reads a staged batch that must be there.
pub(crate) async fn batch(env: &Env, key: &str) -> Result<Batch, Error> {
    let missing = || Error::Damaged { key: key.to_owned(), reason: "it is missing".to_owned() };
    let mut batch = crate::stage::read(env, key).await?.ok_or_else(missing)?;
    // The checkpoint is the poller's, and may be the largest part: a load of many batches must not keep it.
    batch.checkpoint = Default::default();
    Ok(batch)
}

/// Reads many staged batches, in the order of their keys.
pub(crate) async fn batches(env: &Env, keys: &[String]) -> Result<Vec<Batch>, Error> {
    reading(env, keys).try_collect().await
}

/// Reads staged batches one after the other, in the order of their keys.
pub(crate) fn reading<'a>(env: &'a Env, keys: &'a [String]) -> impl Stream<Item = Result<Batch, Error>> + 'a {
    let handfuls = stream::iter(keys.chunks(BATCHES_AT_ONCE)).map(|keys| handful(env, keys).boxed());
    handfuls.buffered(HANDFULS_AT_ONCE).map(stream::iter).flatten()
}

/// Reads some batches: on another thread of the runtime, if it has several.
async fn handful(env: &Env, keys: &[String]) -> Vec<Result<Batch, Error>> {
    let each: Vec<_> = keys.iter().map(|key| owned(env.clone(), key.clone()).boxed()).collect();
    let read = stream::iter(each).buffered(BATCHES_AT_ONCE).collect();
    if !several_threads() {
        return read.await;
    }
    let unended = || Error::Unavailable {
        message: "staged batches were not read to their end, as the process ends".to_owned(),
        retry_at: None,
    };
    let read = ended(task::spawn(read).await, unended);
    read.unwrap_or_else(|_| keys.iter().map(|_| Err(unended())).collect())
}

async fn owned(env: Env, key: String) -> Result<Batch, Error> {
    batch(&env, &key).await
}
