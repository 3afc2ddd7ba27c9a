//! Windowed mode: all batches of a table that were polled in one closed window are one load, so that a partition gets
//! one file for each window.
//!
//! ```text
//!  candidates -> plan (created once) -> claims -> decode those that were won -> files -> manifest
//!                                      (while pages of the first are read)
//! ```

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tidegate_core::batch::Batch;
use tidegate_core::change;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{LoadManifest, Plan};
use tidegate_core::time::after;

use crate::before::Before;
use crate::claim::Claims;
use crate::documents::{self, Creation};
use crate::intake::Intake;
use crate::inventory::Inventory;
use crate::load::{End, LoadReport, finish};
use crate::recover::Recovery;
use crate::{Env, Error, decode, rewrite};

/// Batches claimed at the same time.
const AT_ONCE: usize = 1024;

/// Loads the unclaimed batches of these streams that were polled in a window of this length that has closed. Windows
/// begin at multiples of their length since 1970-01-01T00:00Z. A batch or a load that fails stops no other.
pub async fn load_windows(env: &Env, streams: &[String], window: Duration) -> Result<Recovery, Error> {
    if window < Duration::from_secs(1) {
        return Err(Error::Config("a window must be a second or longer, such as \"1h\"".to_owned()));
    }
    let inventory = Inventory::staged(env, streams).await?;
    let staged: Vec<String> = inventory.unclaimed().map(|(stream, seq)| keys::batch(stream, *seq)).collect();
    let (mut done, mut groups) = (Recovery::default(), Groups::new(window, env.clock.now()));
    let mut read = decode::reading(env, &staged).zip(stream::iter(&staged));
    while let Some((batch, key)) = read.next().await {
        match batch {
            Ok(batch) => groups.add(batch),
            Err(error) => done.failures.push((key.clone(), error)),
        }
    }
    for (from, batches) in groups.all {
        let plan = plan(from, window, &batches);
        let loaded = load(env, &plan, &batches).await.map(Some);
        done.note(plan.load.to_string(), loaded);
    }
    Ok(done)
}

/// Batches of closed windows: those of one window that become rows of one table in the same way are one load.
struct Groups {
    window: Duration,
    now: Timestamp,
    /// Start of the window, and the batches in the order of their keys.
    all: Vec<(Timestamp, Vec<Batch>)>,
    index: BTreeMap<(Timestamp, String), usize>,
}

impl Groups {
    fn new(window: Duration, now: Timestamp) -> Groups {
        Groups { window, now, all: Vec::new(), index: BTreeMap::new() }
    }

    fn add(&mut self, batch: Batch) {
        let from = start(batch.polled_at, self.window);
        if after(from, self.window) > self.now {
            return;
        }
        // Most batches are alike the one before.
        if let Some((last, batches)) = self.all.last_mut()
            && *last == from
            && batches.last().is_some_and(|other| other.load == batch.load)
        {
            return batches.push(batch);
        }
        let spec = serde_json::to_string(&batch.load).unwrap_or_default();
        let group = *self.index.entry((from, spec)).or_insert(self.all.len());
        if group == self.all.len() {
            self.all.push((from, Vec::new()));
        }
        self.all[group].1.push(batch);
    }
}

/// Writes the plan and loads those of its candidates that it wins. They are claimed in their order, each before anything
/// of it is taken in, while pages of those before are read.
async fn load(env: &Env, plan: &Plan, candidates: &[Batch]) -> Result<LoadReport, Error> {
    documents::create_once(env, env.lake.as_ref(), &keys::plan(&plan.load), plan).await?;
    if let Some(ended) = rewrite::latest(env, &plan.load).await? {
        return Ok(LoadReport::of(&ended, End::Already, false));
    }
    let claims = Claims::new(env, &plan.load);
    let claimed = stream::iter(candidates).map(|batch| {
        let claims = &claims;
        async move { Ok(claims.claim(&batch.stream, batch.seq).await?.then_some(batch)) }.boxed()
    });
    let won = claimed.buffered(AT_ONCE).try_filter_map(|won| ready(Ok(won)));
    conclude(env, plan, Intake::coming(candidates, won)).await
}

fn plan(from: Timestamp, window: Duration, candidates: &[Batch]) -> Plan {
    let table = &candidates[0].load.table;
    let mut batches: Vec<String> =
        candidates.iter().map(|batch| keys::batch(&batch.stream, batch.seq)).collect();
    batches.sort();
    Plan {
        version: Plan::VERSION,
        load: LoadId::of_window(table, from, &digest(&batches)),
        table: table.clone(),
        from,
        until: after(from, window),
        batches,
    }
}

/// Names the candidates, so that plans with other candidates are other loads.
fn digest(batches: &[String]) -> String {
    let hash = change::sha256(batches.join("\n").as_bytes());
    change::hex(&hash[..6])
}

fn start(at: Timestamp, window: Duration) -> Timestamp {
    let length = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(at.as_second().div_euclid(length).saturating_mul(length)).unwrap_or(Timestamp::MIN)
}

/// The end of the window that holds a point in time.
pub(crate) fn end_of(at: Timestamp, window: Duration) -> Timestamp {
    after(start(at, window), window)
}

/// Claims the candidates of a plan and loads those it won. May be repeated by anyone.
pub(crate) async fn carry_out(env: &Env, plan: &Plan) -> Result<LoadReport, Error> {
    if let Some(ended) = rewrite::latest(env, &plan.load).await? {
        return Ok(LoadReport::of(&ended, End::Already, false));
    }
    let won = won(env, plan).await?;
    conclude(env, plan, Intake::of(&decode::batches(env, &won).await?)).await
}

/// Claims the candidates of a plan; those that are its own, in the order of the plan.
async fn won(env: &Env, plan: &Plan) -> Result<Vec<String>, Error> {
    let claims = Claims::new(env, &plan.load);
    let claims = plan.batches.iter().map(|key| {
        let claims = &claims;
        async move {
            let (stream, seq) = keys::parse_batch(key).ok_or_else(|| damaged(plan, key))?;
            Ok::<_, Error>(claims.claim(stream, seq).await?.then(|| key.clone()))
        }
    });
    let claimed: Vec<Option<String>> = stream::iter(claims).buffered(AT_ONCE).boxed().try_collect().await?;
    Ok(claimed.into_iter().flatten().collect())
}

/// Loads the batches that a plan wins. One is claimed before the load reads the ledger: that is how re-typing sees it.
async fn conclude(env: &Env, plan: &Plan, mut won: Intake<'_>) -> Result<LoadReport, Error> {
    match won.first().await? {
        Some(first) => finish(env, &plan.load, &first.load, won, &mut Before::none()).await,
        None => end_empty(env, plan).await,
    }
}

fn damaged(plan: &Plan, key: &str) -> Error {
    Error::Damaged { key: keys::plan(&plan.load), reason: format!("`{key}` is no batch") }
}

/// Ends a plan whose candidates all went to other loads, so that nobody looks at it again.
async fn end_empty(env: &Env, plan: &Plan) -> Result<LoadReport, Error> {
    let first = plan.batches.first().ok_or_else(|| damaged(plan, ""))?;
    let manifest = LoadManifest {
        version: LoadManifest::VERSION,
        load: plan.load.clone(),
        revision: 0,
        batches: Vec::new(),
        polled: (plan.from, plan.until),
        ended_at: env.clock.now(),
        spec: decode::batch(env, first).await?.load,
        schema_version: 0,
        rows: 0,
        quarantined: 0,
        files: Vec::new(),
        removed: Vec::new(),
    };
    let key = keys::load(&plan.load, 0);
    let end = match documents::create_once(env, env.lake.as_ref(), &key, &manifest).await? {
        Creation::Created => End::Loaded,
        Creation::Exists(_) => End::Already,
    };
    Ok(LoadReport::of(&manifest, end, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_multiples_of_their_length() {
        let at: Timestamp = "2026-11-23T03:17:45.5Z".parse().expect("a time");
        for (seconds, from) in [
            (3_600, "2026-11-23T03:00:00Z"),
            (900, "2026-11-23T03:15:00Z"),
            (1, "2026-11-23T03:17:45Z"),
            (86_400, "2026-11-23T00:00:00Z"),
        ] {
            assert_eq!(start(at, Duration::from_secs(seconds)), from.parse().expect("a time"), "{seconds}");
        }
        let before: Timestamp = "1969-12-31T23:59:59Z".parse().expect("a time");
        assert_eq!(
            start(before, Duration::from_secs(3_600)),
            "1969-12-31T23:00:00Z".parse().expect("a time")
        );
    }
}
