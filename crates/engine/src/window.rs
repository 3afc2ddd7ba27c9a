//! Windowed mode: all batches of a table that were polled in one closed window are one load, so that a partition gets
//! one file for each window.
//!
//! ```text
//!  candidates -> plan (created once) -> claims -> decode those that were won -> files -> manifest
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tidegate_core::batch::Batch;
use tidegate_core::change;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::{LoadManifest, Plan};
use tidegate_core::pipeline::LoadSpec;
use tidegate_core::time::after;

use crate::claim::claim;
use crate::documents::{self, Creation};
use crate::inventory::Inventory;
use crate::load::{End, LoadReport, finish};
use crate::recover::Recovery;
use crate::{Env, Error, decode, rewrite};

/// Batches read or claimed at the same time.
const AT_ONCE: usize = 16;

/// Loads the unclaimed batches of these streams that were polled in a window of this length that has closed. Windows
/// begin at multiples of their length since 1970-01-01T00:00Z. A batch or a load that fails stops no other.
pub async fn load_windows(env: &Env, streams: &[String], window: Duration) -> Result<Recovery, Error> {
    if window < Duration::from_secs(1) {
        return Err(Error::Config("a window must be a second or longer, such as \"1h\"".to_owned()));
    }
    let inventory = Inventory::staged(env, streams).await?;
    let staged = inventory.unclaimed().map(|(stream, seq)| keys::batch(stream, *seq));
    let read = staged.map(|key| async move { (decode::batch(env, &key).await, key) });
    let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
    let (mut done, mut batches) = (Recovery::default(), Vec::new());
    for (batch, key) in read {
        match batch {
            Ok(batch) => batches.push(batch),
            Err(error) => done.failures.push((key, error)),
        }
    }
    for plan in plans(batches, window, env.clock.now()) {
        let loaded = load(env, &plan).await.map(Some);
        done.note(plan.load.to_string(), loaded);
    }
    Ok(done)
}

async fn load(env: &Env, plan: &Plan) -> Result<LoadReport, Error> {
    documents::create_once(env, env.lake.as_ref(), &keys::plan(&plan.load), plan).await?;
    carry_out(env, plan).await
}

/// The plans of all closed windows: batches of one window and one table that become rows in the same way are one load.
fn plans(batches: Vec<Batch>, window: Duration, now: Timestamp) -> Vec<Plan> {
    let mut groups: Vec<(Timestamp, LoadSpec, Vec<String>)> = Vec::new();
    let mut index: BTreeMap<(Timestamp, String), usize> = BTreeMap::new();
    for batch in batches {
        let from = start(batch.polled_at, window);
        if end(from, window) > now {
            continue;
        }
        let spec = serde_json::to_string(&batch.load).unwrap_or_default();
        let group = *index.entry((from, spec)).or_insert_with(|| {
            groups.push((from, batch.load.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[group].2.push(keys::batch(&batch.stream, batch.seq));
    }
    groups.into_iter().map(|(from, spec, batches)| plan(from, window, &spec.table, batches)).collect()
}

fn plan(from: Timestamp, window: Duration, table: &str, mut batches: Vec<String>) -> Plan {
    batches.sort();
    Plan {
        version: Plan::VERSION,
        load: LoadId::of_window(table, from, &digest(&batches)),
        table: table.to_owned(),
        from,
        until: end(from, window),
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
    end(start(at, window), window)
}

fn end(from: Timestamp, window: Duration) -> Timestamp {
    after(from, window)
}

/// Claims the candidates of a plan and loads those it won. May be repeated by anyone.
pub(crate) async fn carry_out(env: &Env, plan: &Plan) -> Result<LoadReport, Error> {
    if let Some(ended) = rewrite::latest(env, &plan.load).await? {
        return Ok(LoadReport::of(&ended, End::Already, false));
    }
    let claims = plan.batches.iter().map(|key| async move {
        let (stream, seq) = keys::parse_batch(key).ok_or_else(|| damaged(plan, key))?;
        let ours = claim(env, stream, seq, &plan.load).await? == plan.load;
        Ok::<_, Error>(ours.then(|| key.clone()))
    });
    let claimed: Vec<Option<String>> = stream::iter(claims).buffered(AT_ONCE).try_collect().await?;
    let won: Vec<String> = claimed.into_iter().flatten().collect();
    if won.is_empty() {
        return end_empty(env, plan).await;
    }
    finish(env, &plan.load, &decode::batches(env, &won).await?).await
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
