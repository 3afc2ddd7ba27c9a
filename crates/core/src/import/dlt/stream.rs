//! One resource as a stream.

use serde_json::{Map, Value, json};

use super::literal::Literal;
use super::params::{self, Refers};
use super::reading::{Dict, Reading, field_path, json_path, name};
use super::{Options, auth, paginator, rows};
use crate::import::Table;

/// A resource with the defaults under it.
pub(super) struct Resource {
    path: String,
    name: String,
    config: Literal,
    endpoint: Literal,
}

const RESOURCE: [&str; 19] = [
    "name",
    "endpoint",
    "include_from_parent",
    "processing_steps",
    "max_table_nesting",
    "selected",
    "parallelized",
    "primary_key",
    "merge_key",
    "write_disposition",
    "columns",
    "schema_contract",
    "table_format",
    "table_name",
    "file_format",
    "references",
    "incremental",
    "nested_hints",
    "parent_table_name",
];

const ENDPOINT: [&str; 11] = [
    "path",
    "method",
    "params",
    "json",
    "data",
    "paginator",
    "data_selector",
    "response_actions",
    "incremental",
    "auth",
    "headers",
];

impl Resource {
    /// A resource as it is written, short or long.
    pub(super) fn new(
        path: &str,
        resource: &Literal,
        defaults: Option<&Dict<'_>>,
        reading: &mut Reading,
    ) -> Option<Resource> {
        let config = match resource {
            Literal::Text(name) => Literal::Dict(vec![("name".to_owned(), Literal::Text(name.clone()))]),
            Literal::Dict(_) => resource.clone(),
            other => {
                reading.code(path, other, "a resource is a dict with `name` and `endpoint`");
                return None;
            }
        };
        let own = Dict::of(path, &config)?;
        let Some(name) = own.text("name", reading) else {
            reading.refuse(own.at("name"), "it is missing");
            return None;
        };
        let endpoint = |dict: &Dict<'_>| match dict.given("endpoint") {
            Some(Literal::Text(path)) => vec![("path".to_owned(), Literal::Text(path.clone()))],
            Some(Literal::Dict(fields)) => fields.clone(),
            _ => Vec::new(),
        };
        if let Some(code @ Literal::Code(_)) = own.get("endpoint") {
            reading.code(&own.at("endpoint"), code, "write a dict");
        }
        let under = defaults.map(&endpoint).unwrap_or_default();
        let endpoint = Literal::Dict(merged(&under, &endpoint(&own), &["params", "json"]));
        let under: Vec<_> = defaults
            .into_iter()
            .flat_map(Dict::fields)
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        let over: Vec<_> = own.fields().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        let config = Literal::Dict(merged(&under, &over, &["columns"]));
        Some(Resource { path: path.to_owned(), name, config, endpoint })
    }

    /// Where the endpoint's own credentials stand, and what they are.
    pub(super) fn auth(&self) -> (String, Option<Literal>) {
        let at = format!("{}.endpoint", self.path);
        let auth = Dict::of(&at, &self.endpoint).and_then(|endpoint| endpoint.given("auth").cloned());
        (format!("{at}.auth"), auth)
    }

    /// The stream.
    pub(super) fn table(&self, client: &Dict<'_>, options: &Options, reading: &mut Reading) -> Table {
        let mut table = Table::default();
        let at = format!("{}.endpoint", self.path);
        // Both were made as dicts.
        let (Some(config), Some(endpoint)) =
            (Dict::of(&self.path, &self.config), Dict::of(&at, &self.endpoint))
        else {
            return table;
        };
        config.only(&RESOURCE, reading);
        endpoint.only(&ENDPOINT, reading);
        let ours = name(&self.name);
        if ours != self.name {
            reading.note(config.at("name"), format!("`{}` is called `{ours}` here", self.name));
        }
        table.set("name", ours);
        if let Some(other) = config.text("table_name", reading) {
            table.set("table", name(&other));
        }
        let refers = request(&mut table, &self.name, &endpoint, client, reading);
        family(&mut table, &config, &refers, reading);
        let paginator = paginator::paginator(
            &endpoint.at("paginator"),
            endpoint.get("paginator"),
            client,
            options,
            reading,
        );
        records(&mut table, &endpoint, reading);
        table.set("paginator", paginator.unwrap_or_default());
        actions(&mut table, &endpoint, reading);
        incremental(&mut table, &config, &endpoint, &refers, reading);
        rows::rows(&mut table, &config, reading);
        rows::code(&config, reading);
        table
    }
}

/// The keys of both, the later before the earlier; dicts at `deep` are merged themselves.
fn merged(under: &[(String, Literal)], over: &[(String, Literal)], deep: &[&str]) -> Vec<(String, Literal)> {
    let mut all = under.to_vec();
    for (key, value) in over {
        match all.iter_mut().find(|(known, _)| known == key) {
            Some((_, Literal::Dict(below)))
                if deep.contains(&key.as_str()) && matches!(value, Literal::Dict(_)) =>
            {
                if let Literal::Dict(above) = value {
                    *below = merged(below, above, &[]);
                }
            }
            Some((_, known)) => *known = value.clone(),
            None => all.push((key.clone(), value.clone())),
        }
    }
    all
}

/// Path, method, params, headers and body, and what they refer to.
fn request(
    table: &mut Table,
    resource: &str,
    endpoint: &Dict<'_>,
    client: &Dict<'_>,
    reading: &mut Reading,
) -> Refers {
    let mut refers = Refers::default();
    let params = address(table, resource, endpoint, client, &mut refers, reading);
    match endpoint.text("method", reading).map(|method| method.to_uppercase()).as_deref() {
        None | Some("GET") => {}
        Some("POST") => table.set("method", "POST"),
        Some(other) => reading.refuse(endpoint.at("method"), format!("`{other}` is not known; GET or POST")),
    }
    table.set("params", params);
    if let Some(headers) = endpoint.dict("headers", reading) {
        table.set("headers", auth::values(&headers, reading));
    }
    if let Some(body) = endpoint.given("json") {
        let body = reading.json(&endpoint.at("json"), body);
        table.set("body", params::templates(&body, &mut refers));
    }
    form(table, endpoint, &mut refers, reading);
    for unknown in &refers.unknown {
        reading.refuse(
            endpoint.at("params"),
            format!("`{{{unknown}}}` is not known; start_value and end_value are"),
        );
    }
    refers
}

/// `data`: a form.
fn form(table: &mut Table, endpoint: &Dict<'_>, refers: &mut Refers, reading: &mut Reading) {
    let Some(data) = endpoint.given("data") else { return };
    let at = endpoint.at("data");
    let Some(fields) = Dict::of(&at, data) else {
        return reading.code(&at, data, "write the fields of the form as a dict, or `json`");
    };
    if endpoint.given("json").is_some() {
        reading.refuse(&at, "a request has a JSON body (`json`) or a form (`data`); leave one of them out");
    }
    let mut form = Map::new();
    for (name, value) in fields.fields() {
        let value = match value {
            // As Python writes them.
            Literal::Bool(truth) => if *truth { "True" } else { "False" }.into(),
            value => params::templates(&reading.json(&fields.at(name), value), refers),
        };
        form.insert(name.to_owned(), value);
    }
    table.set("form", form);
}

/// Sets the path; returns the query parameters that are not a part of it, null where there are none.
fn address(
    table: &mut Table,
    resource: &str,
    endpoint: &Dict<'_>,
    client: &Dict<'_>,
    refers: &mut Refers,
    reading: &mut Reading,
) -> Value {
    let mut path = endpoint.text("path", reading).unwrap_or_else(|| resource.to_owned());
    let mut params = Map::new();
    for (key, value) in endpoint.dict("params", reading).iter().flat_map(Dict::fields) {
        let at = endpoint.at(&format!("params.{key}"));
        let placeholder = format!("{{{key}}}");
        match bound(&at, key, value, refers, reading) {
            Some(Value::String(text)) if path.contains(&placeholder) => {
                path = path.replace(&placeholder, &text)
            }
            Some(Value::Number(number)) if path.contains(&placeholder) => {
                path = path.replace(&placeholder, &number.to_string());
            }
            Some(Value::Null) | None => {}
            Some(value) => {
                params.insert(key.to_owned(), params::templates(&value, refers));
            }
        }
    }
    if let Some(base) =
        client.get("base_url").and_then(|base| if let Literal::Text(base) = base { Some(base) } else { None })
        && let Some(below) = path.strip_prefix(base.trim_end_matches('/'))
        && (below.is_empty() || below.starts_with(['/', '?']))
    {
        path = below.to_owned();
    }
    if path.starts_with("http://") || path.starts_with("https://") {
        reading.refuse(
            endpoint.at("path"),
            "it is an address of its own; a pipeline asks one API, so write a file for each",
        );
    }
    table.set("path", params::template(&path, refers));
    if params.is_empty() { Value::Null } else { params.into() }
}

/// The value of a parameter; one that is bound in the older way as the reference that it means.
fn bound(at: &str, key: &str, value: &Literal, refers: &mut Refers, reading: &mut Reading) -> Option<Value> {
    let Some(dict) = Dict::of(at, value) else { return Some(reading.json(at, value)) };
    match dict.text("type", reading).as_deref() {
        Some("resolve") => {
            let (resource, field) = (dict.text("resource", reading)?, dict.text("field", reading)?);
            Some(format!("{{resources.{resource}.{}}}", field_path(&field)).into())
        }
        Some("incremental") => {
            refers.start = true;
            refers.older = Some((key.to_owned(), at.to_owned(), value.clone()));
            None
        }
        _ => Some(reading.json(at, value)),
    }
}

/// The parent, and the columns that come from it.
fn family(table: &mut Table, config: &Dict<'_>, refers: &Refers, reading: &mut Reading) {
    let included = config.texts("include_from_parent", reading);
    let Some((parent, field)) = refers.parents.first() else {
        if !included.is_empty() {
            reading.refuse(config.at("include_from_parent"), "the resource refers to no parent");
        }
        return;
    };
    if let Some((other, _)) = refers.parents.iter().find(|(other, _)| other != parent) {
        let message = format!("it takes values from `{parent}` and from `{other}`; a stream has one parent");
        return reading.refuse(config.at("endpoint"), message);
    }
    let ours = name(parent);
    match field.as_str() {
        "id" => table.set("parent", ours),
        field => table.set("parent", json!({ "stream": ours, "key": field })),
    }
    if !included.is_empty() {
        let column = |field: &String| {
            (format!("_{parent}_{field}"), Value::from(format!("{{parent.{}}}", field_path(field))))
        };
        table.set("fields", Value::Object(included.iter().map(column).collect()));
    }
}

fn records(table: &mut Table, endpoint: &Dict<'_>, reading: &mut Reading) {
    match endpoint.text("data_selector", reading) {
        Some(path) => table.set("records", json_path(&path)),
        None => {
            table.say("dlt looks for the records by itself; `$` is the list, or the one record, that the answer is.");
            table.set("records", "$");
            reading.note(
                endpoint.at("data_selector"),
                "it is missing, and nothing is guessed at run time: `records = \"$\"` was written; look with `tidegate preview`",
            );
        }
    }
}

fn actions(table: &mut Table, endpoint: &Dict<'_>, reading: &mut Reading) {
    let mut rules = Vec::new();
    for (at, action) in endpoint.list("response_actions", reading).iter().enumerate() {
        let path = endpoint.at(&format!("response_actions[{at}]"));
        let Some(dict) = Dict::of(&path, action) else {
            reading.code(&path, action, "write {\"status_code\": …, \"action\": \"ignore\"}");
            continue;
        };
        let word = match dict.get("action") {
            Some(Literal::Text(word)) => match word.as_str() {
                "ignore" => "ignore",
                "raise" | "fail" => "fail",
                "retry" => "retry",
                other => {
                    reading.refuse(
                        dict.at("action"),
                        format!("`{other}` is not known; one of ignore, fail, retry"),
                    );
                    continue;
                }
            },
            Some(other) => {
                reading.code(&dict.at("action"), other, "one of ignore, fail, retry");
                continue;
            }
            None => "fail",
        };
        let mut rule = Map::new();
        if let Some(status) = dict.number("status_code", reading) {
            rule.insert("status_code".to_owned(), status.into());
        }
        if let Some(content) = dict.text("content", reading) {
            rule.insert("content".to_owned(), content.into());
        }
        rule.insert("action".to_owned(), word.into());
        rules.push(Value::Object(rule));
    }
    if !rules.is_empty() {
        table.set("response_actions", rules);
    }
}

fn incremental(
    table: &mut Table,
    config: &Dict<'_>,
    endpoint: &Dict<'_>,
    refers: &Refers,
    reading: &mut Reading,
) {
    let at = endpoint.at("incremental");
    let older = refers
        .older
        .as_ref()
        .and_then(|(param, at, value)| Some((Some(param.as_str()), Dict::of(at, value)?)));
    if let Some(code @ Literal::Code(_)) = endpoint.get("incremental") {
        reading.code(&at, code, "write {\"cursor_path\": …, \"initial_value\": …}");
    }
    let newer = || endpoint.get("incremental").and_then(|value| Some((None, Dict::of(&at, value)?)));
    let Some((param, dict)) = older.or_else(newer) else {
        if refers.start && reading.refusals.is_empty() {
            reading.refuse(
                config.at("endpoint"),
                "`{incremental.start_value}` stands there, and no `incremental`",
            );
        }
        return;
    };
    let out = cursor(&dict, param, refers, reading);
    for key in ["convert", "last_value_func"] {
        if let Some(value) =
            dict.given(key).filter(|value| !matches!(value, Literal::Text(word) if word == "max"))
        {
            reading.code(
                &dict.at(key),
                value,
                "a cursor rises and is sent as it came; `incremental.format` writes times",
            );
        }
    }
    for key in [
        "row_order",
        "on_cursor_value_missing",
        "primary_key",
        "range_start",
        "range_end",
        "allow_external_schedulers",
    ] {
        if dict.given(key).is_some() {
            reading.note(
                dict.at(key),
                "left out: records without a cursor are landed, and their order does not matter",
            );
        }
    }
    table.set("incremental", out);
}

/// The keys of `incremental`; `param` is the one in which it was declared, in the older way.
fn cursor(
    dict: &Dict<'_>,
    param: Option<&str>,
    refers: &Refers,
    reading: &mut Reading,
) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            out.insert(key.to_owned(), value);
        }
    };
    let cursor = dict.text("cursor_path", reading).unwrap_or_default();
    put("cursor_path", field_path(&cursor).into());
    for key in ["initial_value", "end_value"] {
        put(key, dict.given(key).map(|value| reading.json(&dict.at(key), value)).unwrap_or_default());
    }
    let start_param = dict.text("start_param", reading).or(param.map(str::to_owned));
    let asked = start_param.is_some() || refers.start;
    put("start_param", start_param.into());
    put("end_param", dict.text("end_param", reading).into());
    if let Some(lag) = dict.number("lag", reading) {
        reading
            .note(dict.at("lag"), format!("{lag} is taken for seconds, as it is where the cursor is a time"));
        put("lag", format!("{lag}s").into());
    }
    if !asked {
        put("client_side", true.into());
    }
    if cursor.is_empty() {
        reading.refuse(dict.at("cursor_path"), "it is missing");
    }
    out
}

/// What can be said once all streams are there: names are unique, parents exist.
pub(super) fn settle(streams: &mut [Table], reading: &mut Reading) {
    let name = |table: &Table| table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let names: Vec<String> = streams.iter().map(name).collect();
    for (at, stream) in streams.iter().enumerate() {
        let path = format!("resources[{at}]");
        if names.iter().filter(|other| **other == names[at]).count() > 1 {
            reading.refuse(
                format!("{path}.name"),
                format!("two resources are called `{}` here; rename one", names[at]),
            );
        }
        let parent =
            stream.get("parent").and_then(|parent| parent.as_str().or_else(|| parent["stream"].as_str()));
        if let Some(parent) = parent.filter(|parent| !names.iter().any(|name| name == parent)) {
            reading.refuse(
                format!("{path}.endpoint"),
                format!("it refers to a resource `{parent}`, and there is none"),
            );
        }
    }
}
