//! Between the API and staging, and all the way through.

use std::collections::BTreeMap;

use tidegate_core::batch::Batch;

use super::rows::{Facts, Place, all_rows, name};
use crate::api::FEED_WINDOW;
use crate::world::World;

fn of_stream<'a>(facts: &'a Facts<'_>, stream: &'a str) -> impl Iterator<Item = &'a Batch> {
    facts.batches.values().filter(move |batch| batch.stream == stream)
}

/// The batches of a stream are 1, 2, 3, … .
pub(super) fn batches_are_numbered_without_gaps(_: &World, facts: &Facts<'_>) -> Vec<String> {
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken = Vec::new();
    for (key, batch) in &facts.batches {
        let expected = next.entry(batch.stream.clone()).or_insert(1);
        if batch.seq != *expected {
            broken.push(format!("{key} follows {}", *expected - 1));
        }
        *expected = batch.seq + 1;
    }
    broken
}

/// The cursor of each batch is the highest id staged so far: never ahead of the data, never behind it.
pub(super) fn cursors_stand_where_the_data_ends(_: &World, facts: &Facts<'_>) -> Vec<String> {
    let mut highest = None;
    let mut broken = Vec::new();
    for batch in of_stream(facts, "change") {
        let name = name(batch);
        let rows = facts.staged.range((name.clone(), 0)..(name.clone(), u64::MAX));
        highest = highest.max(rows.filter_map(|(_, row)| row.id).max());
        let cursor = batch.checkpoint.elements.get("").and_then(|state| state.cursor.as_ref()?.as_i64());
        if cursor != highest {
            broken.push(format!("{name}: the cursor is {cursor:?}, the highest id staged {highest:?}"));
        }
    }
    broken
}

/// All rows of a stream that landed or went to quarantine, by id.
fn arrived(facts: &Facts<'_>, stream: &str) -> BTreeMap<i64, u64> {
    let prefix = format!("{stream}/");
    let rows = facts.landed.iter().filter(|(key, _)| key.starts_with(&prefix)).flat_map(|(_, rows)| rows);
    let mut places: BTreeMap<&Place, u64> = BTreeMap::new();
    for (place, _) in rows {
        *places.entry(place).or_default() += 1;
    }
    for place in facts.quarantined.iter().filter(|(batch, _)| batch.starts_with(&prefix)) {
        places.entry(place).or_insert(1);
    }
    let mut ids = BTreeMap::new();
    for (place, times) in places {
        if let Some(id) = facts.staged.get(place).and_then(|row| row.id) {
            *ids.entry(id).or_default() += times;
        }
    }
    ids
}

/// The events that the API ever showed long enough are there, each once.
pub(super) fn every_event_is_there_once(world: &World, facts: &Facts<'_>) -> Vec<String> {
    let all = world.data.events(world.elapsed()) as i64;
    let windows = windows(facts);
    let mut broken = Vec::new();
    for stream in ["feed", "log", "change"] {
        let arrived = arrived(facts, stream);
        let twice = arrived.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id);
        let excused = |id: i64| stream == "feed" && overrun(id, &windows);
        let lost = (1..=all).filter(|id| !arrived.contains_key(id) && !excused(*id));
        broken.extend(twice.take(3).map(|id| format!("{stream}: event {id} of {all} is there twice")));
        broken.extend(lost.take(3).map(|id| format!("{stream}: event {id} of {all} is lost")));
    }
    broken
}

/// The oldest and newest id that each poll of the feed showed, repeats included.
fn windows(facts: &Facts<'_>) -> Vec<(i64, i64)> {
    let ids = |batch: &Batch| {
        let bodies = batch.pages.iter().map(|page| &facts.disk.staging[&page.key]);
        let ids: Vec<i64> = bodies.flat_map(|body| all_rows(batch, body)).filter_map(|row| row.id).collect();
        Some((*ids.iter().min()?, *ids.iter().max()?))
    };
    of_stream(facts, "feed").filter_map(ids).collect()
}

/// Whether an event had left the feed's window before the next poll came through.
fn overrun(id: i64, windows: &[(i64, i64)]) -> bool {
    let shown = windows.iter().any(|(oldest, newest)| (*oldest..=*newest).contains(&id));
    let full = |(oldest, newest): &(i64, i64)| newest - oldest + 1 == FEED_WINDOW as i64;
    !shown && windows.iter().find(|(oldest, _)| *oldest > id).is_some_and(full)
}

/// After the final poll the last version of each reading is there.
pub(super) fn the_last_reading_is_there(world: &World, facts: &Facts<'_>) -> Vec<String> {
    let last = |station| world.data.reading(station, world.elapsed()).0 as i64;
    let mut broken = Vec::new();
    for (stream, versions) in [("reading", vec![last(0)]), ("city", vec![last(1), last(2), last(3)])] {
        let arrived = arrived(facts, stream);
        let missing = versions.iter().filter(|version| !arrived.contains_key(version));
        broken.extend(missing.map(|version| format!("{stream}: the last version, {version}, is not there")));
    }
    broken
}
