//! What one answer tells about an API: where its records are, their time, their key, the next page. Guessed once, here,
//! and written into the file where the user sees it; nothing is guessed at run time.

use serde_json::{Map, Value};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{EventTime, Format, Paginator};
use tidegate_core::time;

use super::LISTS;

/// The guesses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Guess {
    /// JSONPath of the records.
    pub(super) records: String,
    /// How many there are in the answer.
    pub(super) count: usize,
    /// Dotted path of the record's own time, and its newest value.
    pub(super) event_time: Option<(String, Timestamp)>,
    /// Fields that identify a record; empty where none were found.
    pub(super) primary_key: Vec<String>,
    /// How the next page is found.
    pub(super) paginator: Paginator,
    /// JSONPaths of values that move on every request.
    pub(super) ignore: Vec<String>,
}

/// Most records that are looked at.
const SAMPLE: usize = 200;
/// How deep in the answer the records may lie.
const DEPTH: usize = 4;

/// Guesses from the parsed answer; for NDJSON and CSV that is the list of its records.
pub(super) fn guess(answer: &Value, format: Format) -> Guess {
    let (records, found) = match format {
        Format::Json => records(answer),
        _ => ("$".to_owned(), answer.as_array().into_iter().flatten().collect()),
    };
    let count = found.len();
    let sample: Vec<&Value> = found.into_iter().take(SAMPLE).collect();
    let event_time = event_time(&sample);
    let primary_key = primary_key(&sample, event_time.as_ref().map(|(path, _)| path.as_str()));
    let outside = if records == "$" && !answer.is_object() { Vec::new() } else { ignored(answer, &records) };
    Guess { records, count, event_time, primary_key, paginator: paginator(answer), ignore: outside }
}

/// The records and their path: the largest list of objects; else the object that has a time; else a list that is empty
/// now and has the name of one that holds records; else the whole answer.
fn records(answer: &Value) -> (String, Vec<&Value>) {
    let mut lists = Vec::new();
    walk(answer, "$".to_owned(), DEPTH, &mut |path, value| {
        if let Value::Array(items) = value
            && items.first().is_some_and(Value::is_object)
        {
            lists.push((path.to_owned(), items));
        }
    });
    // Of two equally long lists the first, which is the outer one.
    if let Some((path, items)) = lists.into_iter().rev().max_by_key(|(_, items)| items.len()) {
        let path = if path == "$" { path } else { format!("{path}[*]") };
        return (path, items.iter().collect());
    }
    let mut objects = Vec::new();
    walk(answer, "$".to_owned(), 2, &mut |path, value| {
        if value.is_object() && event_time(&[value]).is_some_and(|(field, _)| !field.contains('.')) {
            objects.push((path.to_owned(), value));
        }
    });
    if let Some((path, object)) = objects.into_iter().next() {
        return (path, vec![object]);
    }
    match (empty_list(answer), answer) {
        (Some(path), _) => (format!("{path}[*]"), Vec::new()),
        (None, Value::Array(items)) => ("$".to_owned(), items.iter().collect()),
        (None, one) => ("$".to_owned(), vec![one]),
    }
}

/// The outermost empty list that is named like one of records.
fn empty_list(answer: &Value) -> Option<String> {
    let mut found = None;
    walk(answer, "$".to_owned(), DEPTH, &mut |path, value| {
        let named = path.rsplit('.').next().is_some_and(|name| LISTS.contains(&name.to_lowercase().as_str()));
        if named && value.as_array().is_some_and(Vec::is_empty) {
            found.get_or_insert_with(|| path.to_owned());
        }
    });
    found
}

/// The field of an answer that says that it is an error, though its status says otherwise.
pub(super) fn complaint(answer: &Value) -> Option<&'static str> {
    let says = |name: &&str| match answer.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Bool(flag)) => *flag,
        _ => false,
    };
    let failed = |text: &str| ["error", "fail", "failed", "failure"].contains(&text.to_lowercase().as_str());
    let status = || answer.get("status").and_then(Value::as_str).is_some_and(failed).then_some("status");
    ["error", "errors", "fault"].into_iter().find(says).or_else(status)
}

/// Visits a value and what lies within its objects, outermost first.
fn walk<'a>(value: &'a Value, path: String, depth: usize, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(&path, value);
    if let Value::Object(fields) = value
        && depth > 0
    {
        for (key, inner) in fields {
            walk(inner, format!("{path}{}", step(key)), depth - 1, visit);
        }
    }
}

/// One step of a JSONPath.
pub(super) fn step(key: &str) -> String {
    let plain =
        key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.starts_with(|c: char| c.is_numeric());
    if plain && !key.is_empty() {
        return format!(".{key}");
    }
    format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Names of a record's own time, the likeliest first; a name that only contains one of them comes after all.
const TIMES: [&str; 23] = [
    "event_time",
    "eventtime",
    "time",
    "timestamp",
    "ts",
    "datetime",
    "at",
    "observed_at",
    "occurred_at",
    "created_at",
    "createdat",
    "created",
    "published_at",
    "published",
    "last_reported",
    "updated_at",
    "updatedat",
    "updated",
    "last_updated",
    "modified",
    "date",
    "dt",
    "t",
];

/// The field of the records that is a time in each of them.
fn event_time(records: &[&Value]) -> Option<(String, Timestamp)> {
    let mut best: Option<(usize, String, Timestamp)> = None;
    let first = records.first()?;
    for (path, value) in leaves(first) {
        let name = path.rsplit('.').next().unwrap_or(&path).to_lowercase();
        let Some(rank) = time_rank(&name).or_else(|| is_dated(value).then_some(TIMES.len() + 1)) else {
            continue;
        };
        let rank = rank + 100 * path.matches('.').count();
        if best.as_ref().is_none_or(|(other, _, _)| rank < *other)
            && let Some(newest) = newest(records, &path)
        {
            best = Some((rank, path, newest));
        }
    }
    best.map(|(_, path, newest)| (path, newest))
}

pub(super) fn time_rank(name: &str) -> Option<usize> {
    let plain = name.replace('-', "_");
    let exact = TIMES.iter().position(|time| *time == plain);
    let parts = ["time", "date", "_at", "timestamp"];
    let telling = parts.iter().any(|part| plain.contains(part))
        && !plain.contains("zone")
        && !plain.contains("update_");
    exact.or_else(|| telling.then_some(TIMES.len()))
}

/// Whether a text begins with a calendar date and goes on, so that it tells a time whatever its name is.
fn is_dated(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default().as_bytes();
    let shape = b"0000-00-00T";
    text.len() > shape.len()
        && shape.iter().zip(text).all(|(s, c)| if *s == b'0' { c.is_ascii_digit() } else { s == c })
}

/// The newest time in a field, if every record has a plausible one there.
fn newest(records: &[&Value], path: &str) -> Option<Timestamp> {
    let rules = EventTime { path: path.to_owned(), unit: None, format: None, timezone: None };
    let plausible = |at: &Timestamp| (315_532_800..=7_258_118_400).contains(&at.as_second()); // 1980 to 2200
    let times: Option<Vec<Timestamp>> = records
        .iter()
        .map(|record| time::parse(at(record, path)?.to_string().as_bytes(), &rules).filter(plausible))
        .collect();
    times?.into_iter().max()
}

/// The scalars of a record by dotted path. Names with a dot cannot be told from paths and are left out.
fn leaves(record: &Value) -> Vec<(String, &Value)> {
    fn collect<'a>(
        prefix: &str,
        fields: &'a Map<String, Value>,
        depth: usize,
        out: &mut Vec<(String, &'a Value)>,
    ) {
        for (key, value) in fields.iter().filter(|(key, _)| !key.contains('.')) {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                Value::Object(inner) if depth > 0 => collect(&path, inner, depth - 1, out),
                Value::String(_) | Value::Number(_) => out.push((path, value)),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    if let Value::Object(fields) = record {
        collect("", fields, 2, &mut out);
    }
    out
}

fn at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(record, |value, key| value.get(key))
}

/// The field that is named like an identifier and differs in every record; else the record's time, by itself or with
/// one text field, where that differs in every record, as in the series of one or several places.
fn primary_key(records: &[&Value], event_time: Option<&str>) -> Vec<String> {
    if records.len() < 2 {
        return Vec::new();
    }
    let rank = |path: &String| match path.to_lowercase().as_str() {
        "id" => Some(0),
        "uuid" | "guid" | "_id" | "key" => Some(1),
        name if !name.contains('.') && (name.ends_with("_id") || path.ends_with("Id")) => Some(2),
        "code" | "slug" | "url" => Some(3),
        _ => None,
    };
    let leaves = leaves(records[0]);
    let mut named: Vec<(usize, &String)> =
        leaves.iter().filter_map(|(path, _)| Some((rank(path)?, path))).collect();
    named.sort_by_key(|(rank, _)| *rank);
    let texts = leaves.iter().filter(|(_, value)| value.is_string()).map(|(path, _)| path.as_str());
    let single = named.into_iter().map(|(_, path)| vec![path.as_str()]);
    let timed = event_time.into_iter().flat_map(|time| {
        let others = texts.clone().filter(move |path| *path != time);
        std::iter::once(vec![time]).chain(others.map(move |path| vec![path, time]))
    });
    single
        .chain(timed)
        .find(|paths| unique(records, paths))
        .map(|paths| paths.into_iter().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn unique(records: &[&Value], paths: &[&str]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    records.iter().all(|record| {
        let key: Option<Vec<String>> = paths
            .iter()
            .map(|path| match at(record, path)? {
                value @ (Value::String(_) | Value::Number(_)) => Some(value.to_string()),
                _ => None,
            })
            .collect();
        key.is_some_and(|key| seen.insert(key))
    })
}

/// A link to the next page in the answer.
fn paginator(answer: &Value) -> Paginator {
    let mut link = None;
    walk(answer, "$".to_owned(), 3, &mut |path, value| {
        let last = path.rsplit('.').next().unwrap_or("").to_lowercase();
        let named = ["next", "next_url", "nexturl", "next_page_url", "next_link", "nextlink"]
            .contains(&last.as_str())
            || path.ends_with(".next.href");
        if named && value.as_str().is_some_and(|text| text.starts_with("http") || text.starts_with('/')) {
            link.get_or_insert_with(|| path.to_owned());
        }
    });
    match link {
        Some(next_url_path) => Paginator::json_link(next_url_path),
        None => Paginator::SinglePage,
    }
}

/// Values beside the records that are likely to move on every request.
fn ignored(answer: &Value, records: &str) -> Vec<String> {
    let telling = [
        "generated",
        "generation",
        "request_id",
        "requestid",
        "server_time",
        "servertime",
        "last_updated",
        "took",
        "elapsed",
        "query_time",
        "ttl",
        "now",
    ];
    let inside = records.trim_end_matches("[*]");
    let mut found = Vec::new();
    walk(answer, "$".to_owned(), 2, &mut |path, value| {
        let name = path.rsplit('.').next().unwrap_or("").to_lowercase();
        let named = telling.iter().any(|word| match word.len() {
            0..=4 => name == *word,
            _ => name.starts_with(word),
        });
        let within = inside != "$" && path.starts_with(inside);
        if named && !within && (value.is_string() || value.is_number()) {
            found.push(path.to_owned());
        }
    });
    found
}

#[cfg(test)]
mod tests;
