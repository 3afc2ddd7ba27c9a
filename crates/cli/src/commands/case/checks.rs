//! What must hold of every case, whatever is expected of it: no page is left out, every record of the answers is landed
//! once, in the partition of its time, and none twice where two pages meet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_core::pipeline::{Pipeline, Stream};
use tidegate_engine::Env;

use super::compare::Files;
use super::outcome;
use super::raw::{self, Staged};
use crate::failure::Failure;

/// Name of a batch and number of the row in it.
type Row = (String, u64);

/// What does not hold; empty if all is well.
pub(super) async fn broken(env: &Env, pipeline: &Pipeline) -> Result<Vec<String>, Failure> {
    let made = outcome::read(env.lake.as_ref()).await?;
    let (landed, quarantined) = (landed(&made), quarantined(&made));
    let mut found = Vec::new();
    for stream in &pipeline.streams {
        let batches = raw::staged(env.staging.as_ref(), stream).await?;
        for (number, staged) in (1..).zip(&batches) {
            numbers(staged, number, &mut found);
            rows(staged, &landed, &quarantined, &mut found);
            doubled(staged, stream, &mut found);
        }
    }
    found.extend(landed.iter().filter(|(_, places)| places.len() > 1).map(|((batch, row), places)| {
        format!("{batch} row {row} is landed {} times: {}", places.len(), places.join(", "))
    }));
    Ok(found)
}

/// The partitions in which each row lies.
fn landed(made: &Files) -> BTreeMap<Row, Vec<String>> {
    let mut rows: BTreeMap<Row, Vec<String>> = BTreeMap::new();
    let tables = made.iter().filter(|(name, _)| name.ends_with(".ndjson") && *name != "quarantine.ndjson");
    for line in tables.flat_map(|(_, text)| text.lines()) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let row = line["_tidegate_batch"].as_str().zip(line["_tidegate_row"].as_u64());
        if let Some((batch, row)) = row {
            let partition = line["_partition"].as_str().unwrap_or_default().to_owned();
            rows.entry((batch.to_owned(), row)).or_default().push(partition);
        }
    }
    rows
}

fn quarantined(made: &Files) -> BTreeSet<Row> {
    let lines = made.get("quarantine.ndjson").into_iter().flat_map(|text| text.lines());
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some((line["batch"].as_str()?.to_owned(), line["row"].as_u64()?))).collect()
}

/// Batches and the pages of an element are numbered without gaps, and a page holds as many records as its batch says.
fn numbers(staged: &Staged, number: u64, found: &mut Vec<String>) {
    let batch = &staged.batch;
    let name = name(staged);
    if batch.seq != number {
        found.push(format!("{name}: batch {number} is missing"));
    }
    let mut held = vec![0u64; batch.pages.len()];
    for record in &staged.records {
        held[record.page] += 1;
    }
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for (page, records) in batch.pages.iter().zip(held) {
        let wanted = next.entry(&page.element).or_default();
        if page.number != *wanted {
            found.push(format!("{name}: page {wanted} of `{}` was skipped ({})", page.element, page.request));
        }
        *wanted = page.number + 1;
        if records != page.records {
            found.push(format!(
                "{name}: {} holds {records} records, the batch says {}",
                page.request, page.records
            ));
        }
    }
}

/// Every record that is wanted is landed, where its time puts it, or is in quarantine; no other is.
fn rows(
    staged: &Staged,
    landed: &BTreeMap<Row, Vec<String>>,
    quarantined: &BTreeSet<Row>,
    found: &mut Vec<String>,
) {
    let name = name(staged);
    for (row, record) in (0u64..).zip(&staged.records) {
        let id = (name.clone(), row);
        match (landed.get(&id).and_then(|places| places.first()), record.wanted) {
            (None, true) if !quarantined.contains(&id) => {
                found.push(format!("{name} row {row} is lost: {}", record.json));
            }
            (Some(_), false) => found.push(format!("{name} row {row} is landed again: {}", record.json)),
            (Some(place), true) if record.partition.as_ref() != Some(place) => {
                let due = record.partition.as_deref().unwrap_or("quarantine, as it has no time");
                found.push(format!("{name} row {row} lies in {place}, its time belongs into {due}"));
            }
            _ => {}
        }
    }
}

/// With a key, no record of a batch is there twice with the same content; without one, the last record of a page is not
/// the first of the next.
fn doubled(staged: &Staged, stream: &Stream, found: &mut Vec<String>) {
    let name = name(staged);
    let wanted: Vec<_> = staged.records.iter().filter(|record| record.wanted).collect();
    if stream.primary_key.is_empty() {
        for pair in
            wanted.windows(2).filter(|pair| pair[0].page + 1 == pair[1].page && pair[0].json == pair[1].json)
        {
            let pages = [pair[0].page, pair[1].page].map(|at| &staged.batch.pages[at]);
            if pages[0].element == pages[1].element {
                found.push(format!(
                    "{name}: {} begins with the record that the page before ended with: {}; name a `primary_key`, and \
                     it lands once",
                    pages[1].request, pair[1].json
                ));
            }
        }
        return;
    }
    let mut seen = BTreeSet::new();
    for record in wanted {
        let fields = stream.fields.keys().map(|name| staged.batch.pages[record.page].fields.get(name));
        let content = format!("{}{:?}", record.json, fields.collect::<Vec<_>>());
        if !seen.insert(content) {
            found.push(format!("{name}: a record is landed twice though it has a key: {}", record.json));
        }
    }
}

fn name(staged: &Staged) -> String {
    format!("{}/{:012}", staged.batch.stream, staged.batch.seq)
}
