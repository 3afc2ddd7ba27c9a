//! Where the records are in an answer, and which of their fields say who and when.

use serde_json::Value;

use super::document::Document;
use super::{plain, text};
use crate::commands::init::LISTS;
use crate::commands::init::guess::{step, time_rank};

/// The records of an answer.
pub(super) struct Records {
    /// JSONPath.
    pub(super) path: String,
    /// The schema of one of them.
    pub(super) schema: Value,
    /// Whether there may be many of them.
    pub(super) many: bool,
}

/// How deep in the answer the list may lie.
const DEPTH: usize = 3;

/// Most fields of an answer that is taken for an envelope whatever its list is called.
const ENVELOPE: usize = 8;

/// Finds the records in the schema of an answer.
pub(super) fn records(document: &Document, answer: &Value, resource: &str) -> Option<Records> {
    match text(answer, "type") {
        "array" => {
            let schema = document.schema(&answer["items"]);
            Some(Records { path: "$".to_owned(), schema, many: true })
        }
        "object" => {
            let mut lists = Vec::new();
            collect(document, answer, "$", DEPTH, &mut lists);
            let small = document.properties(answer).len() <= ENVELOPE;
            let rank = |name: &str| {
                LISTS.iter().position(|list| *list == plain(name)).or_else(|| {
                    (plain(name) == plain(resource))
                        .then_some(LISTS.len())
                        .or(small.then_some(LISTS.len() + 1))
                })
            };
            let best = lists.into_iter().filter_map(|(name, path, schema)| {
                let depth = path.matches('.').count();
                Some((rank(&name)? + depth, path, schema))
            });
            match best.min_by_key(|(rank, _, _)| *rank) {
                Some((_, path, schema)) => Some(Records { path: format!("{path}[*]"), schema, many: true }),
                None => Some(Records { path: "$".to_owned(), schema: answer.clone(), many: false }),
            }
        }
        _ => None,
    }
}

/// Lists of objects within a schema: name, path, schema of an item.
fn collect(
    document: &Document,
    schema: &Value,
    path: &str,
    depth: usize,
    lists: &mut Vec<(String, String, Value)>,
) {
    for (name, property) in document.properties(schema) {
        let path = format!("{path}{}", step(&name));
        match text(&property, "type") {
            "array" => {
                let item = document.schema(&property["items"]);
                if text(&item, "type") == "object" {
                    lists.push((name, path, item));
                }
            }
            "object" if depth > 1 => collect(document, &property, &path, depth - 1, lists),
            _ => {}
        }
    }
}

/// The field that identifies a record.
pub(super) fn key(document: &Document, records: &Records, resource: &str) -> Option<String> {
    let one = resource.trim_end_matches('s');
    let rank = |name: &str| match plain(name).as_str() {
        "id" => Some(0),
        "uuid" | "guid" | "uid" => Some(1),
        own if own == format!("{}id", plain(one)) => Some(2),
        "key" | "code" | "slug" => Some(3),
        _ => None,
    };
    let scalar = |schema: &Value| matches!(text(schema, "type"), "string" | "integer" | "number");
    let named = document.properties(&records.schema).into_iter().filter(|(_, schema)| scalar(schema));
    let best = named.filter_map(|(name, _)| Some((rank(&name)?, name))).min_by_key(|(rank, _)| *rank);
    best.map(|(_, name)| name)
}

/// The fields that are times, the likeliest event time first.
pub(super) fn times(document: &Document, records: &Records) -> Vec<String> {
    let is_time =
        |schema: &Value| matches!(text(schema, "format"), "date-time" | "date" | "unix-time" | "timestamp");
    let mut found: Vec<(usize, String)> = document
        .properties(&records.schema)
        .into_iter()
        .filter(|(_, schema)| matches!(text(schema, "type"), "string" | "integer" | "number"))
        .filter_map(|(name, schema)| match (time_rank(&name.to_lowercase()), is_time(&schema)) {
            (Some(rank), true) => Some((rank, name)),
            (None, true) => Some((90, name)),
            // A name alone must be a sure one.
            (Some(rank), false) if rank < 20 && text(&schema, "format").is_empty() => {
                Some((100 + rank, name))
            }
            _ => None,
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, name)| name).collect()
}
