//! Between staging and lake.

use std::collections::BTreeMap;

use tidegate_core::keys;
use tidegate_core::load::Claim;

use super::rows::Facts;
use crate::disk::document;
use crate::world::World;

/// Each batch is claimed, by a load that has ended and lists it; no load lists a batch that is not its own.
pub(super) fn every_batch_belongs_to_one_ended_load(_: &World, facts: &Facts<'_>) -> Vec<String> {
    let loads = facts.disk.loads();
    let mut broken = Vec::new();
    for (key, batch) in &facts.batches {
        let claim_key = keys::claim(&batch.stream, batch.seq);
        let Some(claim) = facts.disk.lake.get(&claim_key) else {
            broken.push(format!("{key} is not claimed"));
            continue;
        };
        let claim: Claim = document(&claim_key, claim);
        let listing: Vec<_> = loads
            .iter()
            .filter(|(_, load)| load.batches.iter().any(|b| b == *key))
            .map(|(id, _)| id)
            .collect();
        if listing != [&claim.load] {
            broken.push(format!("{key} is claimed by {} and listed by {listing:?}", claim.load));
        }
    }
    broken
}

/// Manifests and data files agree: nothing missing, nothing unlisted, no row more or less.
pub(super) fn every_file_is_listed_once_and_holds_what_is_stated(
    _: &World,
    facts: &Facts<'_>,
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut listed: BTreeMap<String, u64> = BTreeMap::new();
    for (id, load) in facts.disk.loads() {
        for file in &load.files {
            if listed.insert(file.key.clone(), file.rows).is_some() {
                broken.push(format!("{} is listed twice", file.key));
            }
        }
        let sum: u64 = load.files.iter().map(|file| file.rows).sum();
        if sum != load.rows {
            broken.push(format!("load {id} states {} rows, its files {sum}", load.rows));
        }
    }
    for (key, rows) in &facts.landed {
        match (listed.remove(*key), rows.len() as u64) {
            (None, _) => broken.push(format!("{key} is not listed by any load")),
            (Some(stated), held) if stated != held => {
                broken.push(format!("{key} holds {held} rows, its load states {stated}"));
            }
            _ => {}
        }
    }
    broken.extend(listed.into_keys().map(|key| format!("{key} is listed and not there")));
    broken
}

/// Every record of every batch is in the lake once with its values, or in quarantine; and nothing else is.
pub(super) fn every_staged_record_lands_once(_: &World, facts: &Facts<'_>) -> Vec<String> {
    let mut waiting = facts.staged.clone();
    let mut broken = Vec::new();
    for (key, rows) in &facts.landed {
        for (place, row) in rows {
            match waiting.remove(place) {
                None => {
                    broken.push(format!("{key}: the row of {place:?} is there twice, or was never staged"))
                }
                Some(record) if *row != record => {
                    broken.push(format!("{key}: {place:?} was staged as {record:?} and landed as {row:?}"));
                }
                Some(_) => {}
            }
        }
    }
    waiting.retain(|place, _| !facts.quarantined.contains(place));
    broken.extend(
        waiting
            .into_iter()
            .map(|(place, record)| format!("{place:?} {record:?} was staged and did not land")),
    );
    broken
}
