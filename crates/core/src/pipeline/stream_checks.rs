//! The checks of one stream.

use serde_json::{Map, Value as Json};

use super::checks::{self, Checks};
use super::template::{Template, TemplateError, Values};
use super::{Method, Stream};

/// Every mistake of the stream at `at` in the list of streams.
pub(super) fn check(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let under = |key: &'static str| ["streams", at, key];
    checks::headers(&stream.headers, &under("headers"), checks);
    if stream.body.is_some() && stream.method == Method::Get {
        checks.wrong(&under("body"), "a GET request has no body", "add method = \"POST\"");
    }
    for (key, form, values) in
        [("ignore", "jsonpath", &stream.ignore), ("primary_key", "field", &stream.primary_key)]
    {
        for (index, value) in values.iter().enumerate() {
            checks::form(form, value, &["streams", at, key, &index.to_string()], checks);
        }
    }
    for column in stream.columns.keys() {
        checks::form("field", column, &["streams", at, "columns", column], checks);
    }
    cadence(stream, at, checks);
    fan_out(stream, at, checks);
    templates(stream, at, checks);
    fields(stream, at, checks);
}

fn cadence(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let cadence = &stream.cadence;
    let steps = ["streams", at, "cadence"];
    if cadence.every.is_some() && cadence.cron.is_some() {
        checks.wrong(&steps, "`every` and `cron` exclude each other", "keep one of the two");
    }
    for (key, span) in [("every", cadence.every), ("min", cadence.min), ("max", cadence.max)] {
        if span.is_some_and(|span| span.0.is_zero()) {
            let help = "such as \"7m\"";
            checks.wrong(&["streams", at, "cadence", key], format!("`{key}` is more than 0"), help);
        }
    }
    if let (Some(min), Some(max)) = (cadence.min, cadence.max)
        && min > max
    {
        let message = format!("`min` ({min}) is longer than `max` ({max})");
        checks.wrong(&["streams", at, "cadence", "min"], message, "swap them");
    }
}

fn fan_out(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let steps = ["streams", at, "for_each"];
    if stream.for_each.len() > 1 {
        let names: Vec<&str> = stream.for_each.keys().map(String::as_str).collect();
        let help = "give one name and one list; put the combinations into the list";
        checks.wrong(&steps, format!("more than one name to fan out over: {}", names.join(", ")), help);
    }
    for (name, elements) in &stream.for_each {
        let steps = ["streams", at, "for_each", name];
        checks::form("name", name, &steps, checks);
        if name == "incremental" {
            checks.wrong(&steps, "`incremental` is taken by the cursor", "choose another name");
        }
        if elements.is_empty() {
            let help = format!("list what to ask for: {name} = [{{ name = \"a\" }}, {{ name = \"b\" }}]");
            checks.wrong(&steps, format!("the list of `{name}` is empty"), help);
        }
        let names: Vec<String> =
            elements.iter().enumerate().map(|(i, element)| Stream::element_name(element, i)).collect();
        for (index, element) in names.iter().enumerate() {
            if names[..index].contains(element) {
                let help = "an element is called by its `name`, else its `id`, else its text; give each its own";
                let item = index.to_string();
                let message = format!("two elements are called `{element}`");
                checks.wrong(&["streams", at, "for_each", name, &item], message, help);
            }
        }
    }
}

/// Renders every template with every element, as a poll would.
fn templates(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let values = sample_values(stream);
    let mut render = |steps: &[&str], template: &Json| {
        let wrong = values.iter().find_map(|values| Template::render(template, values).err());
        if let Some(error) = wrong {
            checks.wrong(steps, error.to_string(), template_help(&error, stream));
        }
    };
    render(&["streams", at, "path"], &Json::from(stream.path.as_str()));
    for (key, value) in &stream.params {
        render(&["streams", at, "params", key], value);
    }
    if let Some(body) = &stream.body {
        render(&["streams", at, "body"], body);
    }
    for (key, value) in &stream.fields {
        render(&["streams", at, "fields", key], value);
    }
}

fn template_help(error: &TemplateError, stream: &Stream) -> String {
    match error {
        TemplateError::Unknown { .. } if stream.for_each.is_empty() => {
            "give the values by for_each = { name = [ … ] }; write {{ and }} for braces that are text".to_owned()
        }
        _ => String::new(),
    }
}

/// The values a template meets: one set for each element.
fn sample_values(stream: &Stream) -> Vec<Values> {
    let mut common = Values::new();
    if let Some(incremental) = &stream.incremental {
        let start = incremental.initial_value.clone().unwrap_or_else(|| Json::from(""));
        common.insert("incremental".to_owned(), Json::Object(Map::from_iter([("start_value".to_owned(), start)])));
    }
    let of_element = |name: &String, element: &Json| {
        let mut values = common.clone();
        values.insert(name.clone(), element.clone());
        values
    };
    let all: Vec<Values> = (stream.for_each.iter())
        .flat_map(|(name, elements)| elements.iter().map(move |element| of_element(name, element)))
        .collect();
    if all.is_empty() { vec![common] } else { all }
}

/// Added columns must not take the names that partitions and lineage have.
fn fields(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    for name in stream.fields.keys() {
        let taken = ["year", "month", "day", "hour", "minute"].contains(&name.as_str());
        if taken || name.starts_with("_tidegate") || name.is_empty() {
            let message = format!("a column `{name}` would hide a partition or lineage column");
            checks.wrong(&["streams", at, "fields", name], message, "choose another name");
        }
    }
}
