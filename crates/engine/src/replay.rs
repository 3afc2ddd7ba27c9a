//! Ended loads made anew from staging, without asking the API.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::LoadManifest;
use tidegate_core::pipeline::{LoadSpec, Pipeline};

use crate::inventory::{Inventory, data_files, manifests};
use crate::load::LoadReport;
use crate::{Env, Error, rewrite};

/// Which loads are replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only loads that feed this table, now or by the pipeline file.
    pub table: Option<String>,
    /// Only loads with a poll at or after this time.
    pub from: Option<Timestamp>,
    /// Only loads with a poll before this time.
    pub to: Option<Timestamp>,
}

/// What a replay did.
#[derive(Debug, Default)]
pub struct Replay {
    /// Loads that were made anew.
    pub loads: Vec<LoadReport>,
    /// Loads that stay as they are because raw pages are gone or cannot be read, and why.
    pub failures: Vec<(LoadId, Error)>,
    /// Tables whose other loads may have to be re-typed now.
    pub widened: BTreeSet<String>,
}

/// Makes ended loads anew under the pipeline file's current settings, one at a time. Rows and files are the same if
/// nothing has changed. Files that a load no longer has are removed last.
pub async fn replay(env: &Env, pipeline: &Pipeline, selection: &Selection) -> Result<Replay, Error> {
    let inventory = Inventory::take(env, &[]).await?;
    let mut replay = Replay::default();
    let mut present = Present::default();
    for (load, revision) in inventory.loads.iter() {
        let manifest: Vec<LoadManifest> =
            manifests(env, std::iter::once((load, revision))).try_collect().await?;
        let Some((manifest, spec)) =
            manifest.into_iter().next().and_then(|found| chosen(pipeline, selection, found))
        else {
            continue;
        };
        let files = present.of(env, &manifest).await?;
        match spec.map(|spec| (spec, files)) {
            Ok((spec, files)) => replay.note(load, rewrite::rewrite(env, load, Some(&spec), &files).await)?,
            Err(error) => replay.failures.push((load.clone(), error)),
        }
    }
    Ok(replay)
}

/// Files of each table in the lake by load, listed when first asked for.
#[derive(Default)]
struct Present(BTreeMap<String, BTreeMap<LoadId, Vec<String>>>);

impl Present {
    async fn of(&mut self, env: &Env, manifest: &LoadManifest) -> Result<Vec<String>, Error> {
        let table = &manifest.spec.table;
        if !self.0.contains_key(table) {
            self.0.insert(table.clone(), data_files(env, table).await?);
        }
        Ok(self.0[table].get(&manifest.load).cloned().unwrap_or_default())
    }
}

impl Replay {
    fn note(&mut self, load: &LoadId, result: Result<LoadReport, Error>) -> Result<(), Error> {
        match result {
            Ok(report) => {
                if report.widened {
                    self.widened.insert(report.table.clone());
                }
                self.loads.push(report);
            }
            Err(error @ (Error::PageGone { .. } | Error::Damaged { .. } | Error::Load(_))) => {
                self.failures.push((load.clone(), error));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

type Chosen = (LoadManifest, Result<LoadSpec, Error>);

/// The manifest and the settings it is replayed under, if it is selected.
fn chosen(pipeline: &Pipeline, selection: &Selection, manifest: LoadManifest) -> Option<Chosen> {
    let (first, last) = manifest.polled;
    let outside =
        selection.from.is_some_and(|from| last < from) || selection.to.is_some_and(|to| first >= to);
    if manifest.batches.is_empty() || outside {
        return None;
    }
    let spec = current_spec(pipeline, &manifest);
    let table = match &spec {
        Ok(spec) => &spec.table,
        Err(_) => &manifest.spec.table,
    };
    let named = |wanted: &String| wanted == table || *wanted == manifest.spec.table;
    selection.table.as_ref().is_none_or(named).then_some((manifest, spec))
}

/// The settings that the pipeline file has now for the streams of a load; those it was made under for a stream that the
/// file no longer has.
fn current_spec(pipeline: &Pipeline, manifest: &LoadManifest) -> Result<LoadSpec, Error> {
    let streams: BTreeSet<&str> =
        manifest.batches.iter().filter_map(|key| keys::parse_batch(key)).map(|(stream, _)| stream).collect();
    let spec = |name: &&str| match pipeline.stream(name) {
        Some(stream) => LoadSpec::of(stream, &pipeline.source),
        None => manifest.spec.clone(),
    };
    let mut specs = streams.iter().map(spec);
    let first = specs.next().unwrap_or_else(|| manifest.spec.clone());
    if specs.all(|other| other == first) {
        return Ok(first);
    }
    Err(Error::Config(format!(
        "load {} holds batches of the streams {}, whose settings now differ; give them the same settings again to replay it",
        manifest.load,
        streams.into_iter().collect::<Vec<_>>().join(", ")
    )))
}
