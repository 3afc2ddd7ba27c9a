//! Operations as streams: those that list records, and those below one of them.

use serde_json::{Map, Value, json};
use tidegate_core::import::Table;

use super::document::{Document, Operation, Parameter};
use super::paging::{self, Paging};
use super::records::{self, Records};
use super::{plain, text};

/// Query parameters that ask for what is newer than a time.
const SINCE: [&str; 22] = [
    "since",
    "updatedsince",
    "updatedafter",
    "updatedat",
    "updatedatgte",
    "updatedatmin",
    "modifiedsince",
    "modifiedafter",
    "lastmodifiedafter",
    "lastmodified",
    "changedsince",
    "createdafter",
    "createdsince",
    "createdgte",
    "createdatmin",
    "createdatgte",
    "starttime",
    "startdate",
    "fromdate",
    "datefrom",
    "from",
    "after",
];

/// A stream in the making.
struct Proposed {
    path: String,
    name: String,
    key: Option<String>,
    table: Table,
}

/// A stream for every GET operation that answers with records, and what has none.
pub(super) fn all(document: &Document) -> (Vec<Table>, Vec<String>) {
    let mut operations = document.operations();
    // Parents before their children.
    operations.sort_by_key(|operation| operation.path.matches('{').count());
    let (mut done, mut left): (Vec<Proposed>, Vec<String>) = (Vec::new(), Vec::new());
    for operation in &operations {
        match propose(document, operation, &done) {
            Ok(stream) => done.push(stream),
            Err(why) => left.push(format!("GET {} is left out: {why}", operation.path)),
        }
    }
    (done.into_iter().map(|stream| stream.table).collect(), left)
}

fn propose(document: &Document, operation: &Operation<'_>, done: &[Proposed]) -> Result<Proposed, String> {
    let (response, answer) = document.success(operation.operation).ok_or("it does not answer with JSON")?;
    let resource = resource(operation.path);
    let records = records::records(document, &answer, &resource).ok_or("its answer holds no objects")?;
    let family = family(operation.path, done)?;
    // A list within the answer to a path that ends in a key belongs to that one record.
    let within = operation.path.trim_end_matches('/').ends_with('}') && records.path != "$";
    if family.is_some() && (!records.many || within) {
        return Err("it is one record of a list".to_owned());
    }
    let key = records::key(document, &records, &resource);
    let times = records::times(document, &records);
    let paging = records.many.then(|| {
        paging::paging(document, &operation.parameters, response, &answer, &records, key.as_deref())
    });
    let paging = paging.flatten();
    let mut table = Table::default();
    let summary = text(operation.operation, "summary").lines().next().unwrap_or_default();
    if !summary.is_empty() {
        table.say(summary);
    }
    let name = unique(&resource, family.as_ref().map(|(parent, _)| parent.name.as_str()), done);
    table.set("name", name.as_str());
    match &family {
        None => table.set("path", operation.path),
        Some((parent, path)) => {
            table.set("path", path.as_str());
            table.say(format!("Asked once for each record of `{}`.", parent.name));
            let key = parent.key.as_deref().unwrap_or("id");
            table.set(
                "parent",
                if key == "id" { json!(parent.name) } else { json!({ "stream": parent.name, "key": key }) },
            );
        }
    }
    fill(&mut table, &records, key.as_deref(), times.first().map(String::as_str));
    pages(&mut table, &records, paging.as_ref());
    let since = incremental(&mut table, &operation.parameters, &times);
    params(&mut table, &operation.parameters, paging.as_ref(), since.as_deref());
    Ok(Proposed { path: operation.path.to_owned(), name, key, table })
}

/// The last word of a path that is no parameter.
fn resource(path: &str) -> String {
    let word =
        path.split('/').rev().find(|part| !part.is_empty() && !part.contains('{')).unwrap_or("records");
    crate::words::name(word.split('.').next().unwrap_or(word))
}

/// The parent of a path with a parameter, and the path with the parent's field in its place.
fn family<'a>(path: &str, done: &'a [Proposed]) -> Result<Option<(&'a Proposed, String)>, String> {
    let Some(open) = path.rfind('{') else { return Ok(None) };
    let close = path[open..].find('}').map(|at| open + at).ok_or("its path has a brace without an end")?;
    if path[..open].contains('{') {
        return Err("it lies below two lists; write it with `parent` and `fields`".to_owned());
    }
    let above = path[..open].trim_end_matches('/');
    let parent = done.iter().find(|stream| stream.path.trim_end_matches('/') == above);
    let Some(parent) = parent.filter(|_| path[..open].ends_with('/')) else {
        return Err(format!("nothing lists the values of {}; write it with `for_each`", &path[open..=close]));
    };
    let key = parent.key.as_deref().ok_or("its parent has no key")?;
    Ok(Some((parent, format!("{}{{parent.{key}}}{}", &path[..open], &path[close + 1..]))))
}

fn unique(resource: &str, parent: Option<&str>, done: &[Proposed]) -> String {
    let taken = |name: &str| done.iter().any(|stream| stream.name == name);
    let own = [Some(resource.to_owned()), parent.map(|parent| format!("{parent}_{resource}"))];
    let numbered = (2..).map(|number| format!("{resource}_{number}"));
    own.into_iter().flatten().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

fn fill(table: &mut Table, records: &Records, key: Option<&str>, time: Option<&str>) {
    table.set("records", records.path.as_str());
    if let Some(key) = key.filter(|_| records.many) {
        table.set("primary_key", json!([key]));
    }
    match time {
        Some(time) => table.set("event_time", time),
        None => table
            .say("No time is described, so the time of the poll partitions the records: event_time = \"…\""),
    }
}

fn pages(table: &mut Table, records: &Records, paging: Option<&Paging>) {
    match paging {
        Some(paging) => {
            table.say(paging.why.as_str());
            table.set("paginator", paging.paginator.clone());
        }
        None if records.many => {
            table.say("Nothing speaks of pages: the answer is taken for the only one. Is it?")
        }
        None => {}
    }
}

/// The parameter that asks for what is newer, and its place in the file.
fn incremental(table: &mut Table, parameters: &[Parameter], times: &[String]) -> Option<String> {
    let since = SINCE.iter().find_map(|name| {
        parameters.iter().find(|one| {
            let sure =
                !matches!(*name, "from" | "after" | "updatedat" | "lastmodified") || paging::is_time(one);
            one.place == "query" && plain(&one.name) == *name && sure
        })
    })?;
    let changes = ["updat", "modif", "chang"].iter().any(|word| plain(&since.name).contains(word));
    let is_change =
        |time: &&String| ["updat", "modif", "chang"].iter().any(|word| plain(time).contains(word));
    let cursor = times
        .iter()
        .find(|time| is_change(time) == changes)
        .or_else(|| times.iter().find(is_change))
        .or(times.first())?;
    let mut incremental = Map::from_iter([
        ("cursor_path".to_owned(), json!(cursor)),
        ("start_param".to_owned(), json!(since.name)),
    ]);
    match (text(&since.schema, "type"), text(&since.schema, "format")) {
        (_, "date") => drop(incremental.insert("format".to_owned(), json!("%Y-%m-%d"))),
        ("integer", _) => drop(incremental.insert("format".to_owned(), json!("%s"))),
        _ => {}
    }
    table.say(format!(
        "`{}` asks for what is newer than the last poll; the first poll asks for everything.",
        since.name
    ));
    table.set("incremental", incremental);
    Some(since.name.clone())
}

/// What must be given besides: with its example, or a word to be replaced.
fn params(table: &mut Table, parameters: &[Parameter], paging: Option<&Paging>, since: Option<&str>) {
    let mut params = Map::new();
    if let Some((name, size)) = paging.and_then(|paging| paging.size.as_ref()) {
        params.insert(name.clone(), json!(size));
    }
    let set = |name: &String| {
        paging.is_some_and(|paging| paging.params.contains(name)) || since == Some(name.as_str())
    };
    let mut blank = Vec::new();
    for one in parameters.iter().filter(|one| one.place == "query" && one.required && !set(&one.name)) {
        let candidates = [&one.example, &one.schema["default"], &one.schema["enum"][0]];
        let value =
            candidates.into_iter().find(|value| value.is_string() || value.is_number() || value.is_boolean());
        let value = value.cloned().unwrap_or_else(|| {
            blank.push(one.name.clone());
            json!("")
        });
        let value = match value {
            Value::String(text) => Value::from(text.replace('{', "{{").replace('}', "}}")),
            other => other,
        };
        params.insert(one.name.clone(), value);
    }
    if !blank.is_empty() {
        table.say(format!("The API wants a value for {}.", blank.join(", ")));
    }
    if !params.is_empty() {
        table.set("params", params);
    }
}
