//! An ended load made anew from staging, under the current schema and perhaps other settings.
//!
//! ```text
//!  decode -> intent -> files over the old ones -> manifest <load>.r<k> -> removal of what it no longer has -> intent gone
//! ```
//! The intent, created once for each revision, holds the settings: of two who want to rewrite a load, the second
//! finishes the first's work and then does its own; after a crash, recovery finishes it. All pages are decoded before
//! anything is touched, so missing pages harm nothing.

use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{LoadManifest, Rewrite};
use tidegate_core::pipeline::LoadSpec;

use crate::before::Before;
use crate::decode::{self, Decoded};
use crate::documents::{self, Creation};
use crate::intake::Intake;
use crate::load::{End, LoadReport};
use crate::{Env, Error, objects, write};

/// The latest revision of a load's manifest; `None` if the load has not ended.
pub(crate) async fn latest(env: &Env, load: &LoadId) -> Result<Option<LoadManifest>, Error> {
    let mut latest: Option<LoadManifest> = None;
    loop {
        let revision = latest.as_ref().map_or(0, |found| found.revision + 1);
        match documents::read(env, env.lake.as_ref(), &keys::load(load, revision)).await? {
            Some(found) => latest = Some(found),
            None => return Ok(latest),
        }
    }
}

/// Rewrites an ended load: under `spec`, or under the settings it has. `present` are files of this load that are known
/// to be in the lake; those that the new revision does not have are removed.
pub(crate) async fn rewrite(
    env: &Env,
    load: &LoadId,
    spec: Option<&LoadSpec>,
    present: &[String],
) -> Result<LoadReport, Error> {
    loop {
        let before = ended(env, load).await?;
        let intent = Rewrite {
            version: LoadManifest::VERSION,
            load: load.clone(),
            revision: before.revision + 1,
            spec: spec.unwrap_or(&before.spec).clone(),
            ledger_decides: spec.is_none(),
        };
        let decoded = decoded(env, &before, &intent).await?;
        let key = keys::rewrite(load, intent.revision);
        match documents::create_once(env, env.lake.as_ref(), &key, &intent).await? {
            Creation::Created => {
                if let Step::Ended(report) = carry_out(env, &before, &intent, decoded, present).await? {
                    return Ok(report);
                }
            }
            Creation::Exists(theirs) => resume(env, &theirs).await?,
        }
    }
}

/// Finishes a rewrite that was begun, by us or by another.
pub(crate) async fn resume(env: &Env, intent: &Rewrite) -> Result<(), Error> {
    let before = ended(env, &intent.load).await?;
    if before.revision >= intent.revision {
        return clear(env, &before, intent).await;
    }
    let decoded = decoded(env, &before, intent).await?;
    match carry_out(env, &before, intent, decoded, &[]).await? {
        Step::Ended(_) | Step::EndedBefore => Ok(()),
        // Our files may have gone over newer ones.
        Step::Overtaken => Box::pin(rewrite(env, &intent.load, None, &[])).await.map(drop),
    }
}

/// What became of carrying out an intent.
enum Step {
    /// The revision ended with our files.
    Ended(LoadReport),
    /// Another had ended it before we wrote anything.
    EndedBefore,
    /// Another ended it while we wrote our files, with other files or as a step to a further revision.
    Overtaken,
}

async fn ended(env: &Env, load: &LoadId) -> Result<LoadManifest, Error> {
    let missing = || Error::Damaged { key: keys::load(load, 0), reason: "it is missing".to_owned() };
    latest(env, load).await?.ok_or_else(missing)
}

async fn decoded(env: &Env, before: &LoadManifest, intent: &Rewrite) -> Result<Decoded, Error> {
    let batches = decode::batches(env, &before.batches).await?;
    let mut spec = intent.spec.clone();
    if intent.ledger_decides {
        spec.columns.clear();
    }
    decode::decode(env, &intent.load, &spec, &mut Intake::of(&batches), &mut Before::none()).await
}

/// Does what the intent says.
async fn carry_out(
    env: &Env,
    before: &LoadManifest,
    intent: &Rewrite,
    decoded: Decoded,
    present: &[String],
) -> Result<Step, Error> {
    let key = keys::load(&intent.load, intent.revision);
    if let Some(theirs) = documents::read(env, env.lake.as_ref(), &key).await? {
        clear(env, &theirs, intent).await?;
        return Ok(Step::EndedBefore);
    }
    write::over(env, &intent.load, &intent.spec, &decoded).await?;
    let ours = manifest(env, before, intent, &decoded, present);
    let report = LoadReport::of(&ours, End::Rewritten, decoded.widened);
    if documents::create_once(env, env.lake.as_ref(), &key, &ours).await? == Creation::Created {
        clear(env, &ours, intent).await?;
        return Ok(Step::Ended(report));
    }
    // Another ended this revision. If it did so with other files, or the load has gone on since, ours lie over newer ones.
    let latest = ended(env, &intent.load).await?;
    clear(env, &latest, intent).await?;
    let stands = latest.revision == intent.revision && latest.schema_version == ours.schema_version;
    Ok(if stands { Step::Ended(report) } else { Step::Overtaken })
}

fn manifest(
    env: &Env,
    before: &LoadManifest,
    intent: &Rewrite,
    decoded: &Decoded,
    present: &[String],
) -> LoadManifest {
    let files: Vec<_> = decoded.files.iter().map(|(file, _)| file.clone()).collect();
    // What the revision before was to remove may still be there, if whoever wrote it died before it did.
    let mut removed = [&before.removed, present].concat();
    removed.extend(before.files.iter().map(|file| file.key.clone()));
    let quarantine = |spec: &LoadSpec| keys::quarantine(&spec.table, &intent.load);
    if before.quarantined > 0 && (decoded.quarantined == 0 || before.spec.table != intent.spec.table) {
        removed.push(quarantine(&before.spec));
    }
    removed.retain(|key| files.iter().all(|file| file.key != *key));
    removed.sort();
    removed.dedup();
    LoadManifest {
        version: LoadManifest::VERSION,
        revision: intent.revision,
        ended_at: env.clock.now(),
        spec: intent.spec.clone(),
        schema_version: decoded.schema_version,
        rows: decoded.rows,
        quarantined: decoded.quarantined,
        files,
        removed,
        ..before.clone()
    }
}

/// Removes what the load no longer has, then the intent.
async fn clear(env: &Env, latest: &LoadManifest, intent: &Rewrite) -> Result<(), Error> {
    if latest.revision == intent.revision {
        write::remove(env, &latest.removed).await?;
    }
    objects::delete(env, env.lake.as_ref(), &keys::rewrite(&intent.load, intent.revision)).await
}

/// After a first load that another ended before us: whatever we wrote that is not what the latest manifest says is put
/// right by a rewrite. Returns the latest manifest.
pub(crate) async fn reconcile(env: &Env, ours: &LoadManifest) -> Result<LoadManifest, Error> {
    let latest = ended(env, &ours.load).await?;
    if latest.schema_version == ours.schema_version && latest.files == ours.files {
        return Ok(latest);
    }
    let present: Vec<String> = ours.files.iter().map(|file| file.key.clone()).collect();
    rewrite(env, &ours.load, None, &present).await?;
    ended(env, &ours.load).await
}
