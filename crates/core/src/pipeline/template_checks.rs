//! Every template of a stream must find its values, for every element it is rendered with.

use serde_json::Value as Json;

use super::Stream;
use super::checks::Checks;
use super::template::{Template, TemplateError, Values};
use crate::request;

/// Renders every template with every element, as a poll would.
pub(super) fn check(stream: &Stream, at: &str, checks: &mut Checks<'_>) {
    let values = sample_values(stream);
    let mut render = |steps: &[&str], template: &Json| {
        // What a record of the parent holds is known when it is there.
        if stream.parent.is_some() && template.to_string().contains("{parent.") {
            return;
        }
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
            "give the values by for_each = { name = [ … ] }; write {{ and }} for braces that are text"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// The values a template meets: one set for each element; none where a list is empty.
fn sample_values(stream: &Stream) -> Vec<Values> {
    let mut all: Vec<Values> =
        request::elements(stream).unwrap_or_default().into_iter().map(|element| element.values).collect();
    if let Some(incremental) = &stream.incremental {
        let start = incremental.initial_value.clone().unwrap_or_else(|| Json::from(""));
        for values in &mut all {
            values.insert(
                "incremental".to_owned(),
                serde_json::json!({ "start_value": start, "end_value": start }),
            );
        }
    }
    all
}
