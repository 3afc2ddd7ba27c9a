//! `pipeline-file.md`: every key of the pipeline file, from its JSON Schema.

use serde_json::Value as Json;

use super::cell;

/// The tables of the file in reading order: definition, heading.
const SECTIONS: [(&str, &str); 20] = [
    ("Source", "[source]"),
    ("Auth", "source.auth"),
    ("Login", "source.auth.login"),
    ("Tls", "source.tls"),
    ("Limits", "source.limits"),
    ("Window", "source.limits.windows"),
    ("Stream", "[[streams]]"),
    ("Paginator", "streams.paginator"),
    ("Job", "streams.job"),
    ("JobRequest", "streams.job.poll"),
    ("StatusMapping", "streams.job.status"),
    ("Transform", "[[streams.transform]]"),
    ("Unnest", "streams.transform.unnest"),
    ("Rule", "streams.response_actions"),
    ("Backoff", "streams.response_actions.backoff"),
    ("Parent", "streams.parent"),
    ("EventTime", "streams.event_time"),
    ("Incremental", "streams.incremental"),
    ("Contract", "streams.contract"),
    ("Cadence", "streams.cadence"),
];

const HEAD: &str = "# The pipeline file

`tidegate.toml` describes one API and what is asked of it. `tidegate check` shows every mistake with its line;
editors complete and check it by [tidegate.schema.json](tidegate.schema.json) (put
`#:schema <path or URL of that file>` into the first line). Every value can be overridden from the command line:
`--set source.limits.timeout=10s`, `--set streams.weather.cadence=7m`.

Texts in `path`, `params`, `body` and `fields` are templates: `{city.lat}` takes a value of the `for_each` element,
`{parent.id}` a field of the parent stream's record, `{incremental.start_value}` the cursor; a brace that no name follows is text. `{{ … }}` is an
[expression](../guides/sources.md#expressions). Secrets stand in the environment or in files, and the pipeline file names them: `${NAME}`,
`${file:/path}` (the line end at the end of the file is cut off).

";

pub(super) fn page() -> String {
    let schema = tidegate_core::pipeline::json_schema();
    let mut page = format!("{}{HEAD}## The top of the file\n\n", super::GENERATED);
    keys(&schema, &schema, &mut page);
    for (definition, heading) in SECTIONS {
        let table = &schema["$defs"][definition];
        page.push_str(&format!("## {heading}\n\n{}\n\n", description(table)));
        match table["oneOf"].as_array() {
            Some(variants) => variants.iter().for_each(|variant| self::variant(&schema, variant, &mut page)),
            None => keys(&schema, table, &mut page),
        }
    }
    format!("{}\n", page.trim_end())
}

fn variant(root: &Json, variant: &Json, page: &mut String) {
    let word = variant["properties"]["type"]["const"].as_str().unwrap_or("");
    page.push_str(&format!("### type = \"{word}\"\n\n{}\n\n", description(variant)));
    keys(root, variant, page);
}

fn keys(root: &Json, table: &Json, page: &mut String) {
    let required: Vec<&str> =
        table["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let rows: Vec<String> = (table["properties"].as_object().into_iter().flatten())
        .filter(|(_, schema)| schema.get("const").is_none())
        .map(|(key, schema)| {
            let default =
                if required.contains(&key.as_str()) { "**required**".to_owned() } else { default(schema) };
            format!("| `{key}` | {} | {default} | {} |\n", kind(root, schema), cell(description(schema)))
        })
        .collect();
    if !rows.is_empty() {
        page.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        page.push_str(&rows.concat());
        page.push('\n');
    }
}

fn description(schema: &Json) -> &str {
    schema["description"].as_str().unwrap_or("")
}

fn default(schema: &Json) -> String {
    match schema.get("default") {
        None | Some(Json::Null | Json::Object(_) | Json::Array(_)) => String::new(),
        Some(value) => format!("`{value}`"),
    }
}

/// What a key takes, in words.
fn kind(root: &Json, schema: &Json) -> String {
    if schema["format"] == "secret" {
        return text_kind("secret").to_owned();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        let target = &root["$defs"][name];
        return match SECTIONS.iter().find(|(definition, _)| *definition == name) {
            Some((_, heading)) => format!("[table](#{})", anchor(heading)),
            None => kind_of_name(root, name, target),
        };
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let kinds: Vec<String> = any
            .iter()
            .filter(|one| one["type"] != "null")
            .map(|one| kind(root, one))
            .filter(|kind| !kind.is_empty())
            .collect();
        return kinds.join(" or ");
    }
    match kinds(schema).first().copied() {
        Some("array") => format!("list of {}", kind(root, &schema["items"])),
        Some("object") => format!("table of {}", kind(root, &schema["additionalProperties"])),
        Some("string") => text_kind(schema["format"].as_str().unwrap_or("")).to_owned(),
        Some(other) => other.to_owned(),
        None => "any value".to_owned(),
    }
}

fn kind_of_name(root: &Json, name: &str, target: &Json) -> String {
    match (name, target["oneOf"].as_array()) {
        ("Span", _) => "span of time".to_owned(),
        ("ByteSize", _) => "number of bytes".to_owned(),
        (_, Some(words)) => {
            let words: Vec<String> =
                words.iter().map(|one| format!("`{}`", one["const"].as_str().unwrap_or(""))).collect();
            words.join(", ")
        }
        _ => kind(root, target),
    }
}

fn kinds(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(kind) => vec![kind.as_str()],
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    }
}

fn text_kind(form: &str) -> &'static str {
    match form {
        "name" => "name",
        "http-url" | "store-url" => "URL",
        "jsonpath" => "JSONPath",
        "expression" => "expression",
        "field" => "field path",
        "cron" => "cron expression",
        "secret" => "secret reference",
        "cadence" => "span of time",
        "timezone" => "time zone",
        "contract" => "word",
        _ => "text",
    }
}

/// The anchor that Markdown renderers give a heading.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect()
}
