//! Event mode: one batch is one load.
//!
//! ```text
//!  read batch -> claim -> decode (widen) -> files -> quarantine -> manifest
//! ```
//! A crash leaves a prefix of this line, and whoever repeats it writes the same names with the same rows. The manifest,
//! created once, is the end.

use std::slice;

use tidegate_core::batch::Batch;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::LoadManifest;
use tidegate_core::pipeline::LoadSpec;

use crate::before::Before;
use crate::claim::claim;
use crate::decode::{self, Decoded};
use crate::documents::{self, Creation};
use crate::intake::Intake;
use crate::write::{self, Written};
use crate::{Env, Error, rewrite};

/// What became of a load.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LoadReport {
    /// The load.
    pub load: LoadId,
    /// The table it writes to; empty where the batch belongs to another load.
    pub table: String,
    /// How it ended.
    pub end: End,
    /// Batches in it.
    pub batches: u64,
    /// Rows landed.
    pub rows: u64,
    /// Rows and values that went to quarantine.
    pub quarantined: u64,
    /// Data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Version of the schema its files have.
    pub schema_version: u32,
    /// Whether the table's schema got a new version on the way, so that older loads are to be re-typed.
    pub widened: bool,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Now, by us.
    Loaded,
    /// Before, or by another at the same time; nothing was left to do.
    Already,
    /// It is not ours: a windowed load has claimed the batch.
    Claimed,
    /// Now, again: an ended load was made anew from staging.
    Rewritten,
}

impl LoadReport {
    /// The report of an ended load.
    pub(crate) fn of(manifest: &LoadManifest, end: End, widened: bool) -> LoadReport {
        LoadReport {
            load: manifest.load.clone(),
            table: manifest.spec.table.clone(),
            end,
            batches: manifest.batches.len() as u64,
            rows: manifest.rows,
            quarantined: manifest.quarantined,
            files: manifest.files.len() as u64,
            bytes: manifest.files.iter().map(|file| file.bytes).sum(),
            schema_version: manifest.schema_version,
            widened,
        }
    }

    fn claimed(owner: LoadId) -> LoadReport {
        LoadReport {
            load: owner,
            table: String::new(),
            end: End::Claimed,
            batches: 1,
            rows: 0,
            quarantined: 0,
            files: 0,
            bytes: 0,
            schema_version: 0,
            widened: false,
        }
    }
}

/// Loads the staged batch of that key. May be called any number of times, by any number of processes at once.
pub async fn load_batch(env: &Env, key: &str) -> Result<LoadReport, Error> {
    identity(key)?;
    load_read(env, key, &decode::batch(env, key).await?, &mut Before::none()).await
}

fn identity(key: &str) -> Result<(&str, u64), Error> {
    let wrong = || Error::Config(format!("`{key}` is no batch; name an object below batches/ in staging"));
    keys::parse_batch(key).ok_or_else(wrong)
}

/// Loads the batch of that key, which was read.
pub(crate) async fn load_read(
    env: &Env,
    key: &str,
    batch: &Batch,
    before: &mut Before,
) -> Result<LoadReport, Error> {
    let (stream, seq) = identity(key)?;
    let load = LoadId::of_batch(stream, seq);
    let owner = claim(env, stream, seq, &load).await?;
    if owner != load {
        return Ok(LoadReport::claimed(owner));
    }
    if let Some(ended) = rewrite::latest(env, &load).await? {
        return Ok(LoadReport::of(&ended, End::Already, false));
    }
    finish(env, &load, &batch.load, Intake::of(slice::from_ref(batch)), before).await
}

/// Decodes, writes and ends a load that owns its batches, of which there is one at least. All have this load spec.
pub(crate) async fn finish(
    env: &Env,
    load: &LoadId,
    spec: &LoadSpec,
    mut batches: Intake<'_>,
    before: &mut Before,
) -> Result<LoadReport, Error> {
    let mut widened = false;
    let mut strays = Vec::new();
    let decoded = loop {
        let decoded = decode::decode(env, load, spec, &mut batches, before).await?;
        widened |= decoded.widened;
        match write::first(env, load, spec, &decoded).await? {
            Written::All => break decoded,
            Written::Outdated => strays.extend(decoded.files.into_iter().map(|(file, _)| file.key)),
        }
    };
    strays.retain(|key| decoded.files.iter().all(|(file, _)| file.key != *key));
    write::remove(env, &strays).await?;
    end(env, manifest(env, load, batches.known(), &decoded), widened).await
}

fn manifest(env: &Env, load: &LoadId, batches: &[&Batch], decoded: &Decoded) -> LoadManifest {
    let polled = batches.iter().map(|batch| batch.polled_at);
    let first = &batches[0];
    LoadManifest {
        version: LoadManifest::VERSION,
        load: load.clone(),
        revision: 0,
        batches: batches.iter().map(|batch| keys::batch(&batch.stream, batch.seq)).collect(),
        polled: (polled.clone().min().unwrap_or(first.polled_at), polled.max().unwrap_or(first.polled_at)),
        ended_at: env.clock.now(),
        spec: first.load.clone(),
        schema_version: decoded.schema_version,
        rows: decoded.rows,
        quarantined: decoded.quarantined,
        files: decoded.files.iter().map(|(file, _)| file.clone()).collect(),
        removed: Vec::new(),
    }
}

/// Ends a load. If another has ended it meanwhile with something else, its word stands, and our files are put right.
async fn end(env: &Env, ours: LoadManifest, widened: bool) -> Result<LoadReport, Error> {
    let key = keys::load(&ours.load, 0);
    match documents::create_once(env, env.lake.as_ref(), &key, &ours).await? {
        Creation::Created => Ok(LoadReport::of(&ours, End::Loaded, widened)),
        Creation::Exists(_) => {
            let latest = rewrite::reconcile(env, &ours).await?;
            Ok(LoadReport::of(&latest, End::Already, widened))
        }
    }
}
