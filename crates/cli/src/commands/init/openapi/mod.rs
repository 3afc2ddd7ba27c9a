//! `tidegate init --openapi`: a pipeline file from the description of an API (OpenAPI 3, Swagger 2). Nothing is asked:
//! every line is a guess from names and types, said so in the file.

mod auth;
mod document;
mod paging;
mod records;
mod stream;

use std::path::Path;

use serde_json::Value;
use tidegate_core::import::Draft;
use url::Url;

use self::document::Document;
use crate::failure::Failure;

/// A pipeline file, and how many streams it has.
pub(super) struct Proposal {
    pub(super) text: String,
    pub(super) streams: usize,
    /// What has no stream, and why.
    pub(super) left: Vec<String>,
}

/// Proposes a pipeline file for the API that `file` describes; `url` is its address where the file names none.
pub(super) fn propose(file: &Path, url: Option<&Url>) -> Result<Proposal, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::config(format!("cannot read {}: {error}", file.display())))?;
    let document =
        Document::read(&text).map_err(|error| Failure::config(format!("{}: {error}", file.display())))?;
    of(&document, url)
}

fn of(document: &Document, url: Option<&Url>) -> Result<Proposal, Failure> {
    let base = match (url, document.server()) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (None, Some(server)) if server.starts_with("http") => server,
        (None, server) => {
            let said = server.map_or_else(String::new, |server| format!(" but `{server}`"));
            return Err(Failure::config(format!(
                "the description names no address of the API{said}; give it: tidegate init https://… --openapi FILE"
            )));
        }
    };
    let mut draft = Draft::default();
    let title = document.root["info"]["title"].as_str().unwrap_or("an API").replace(['\n', '\r'], " ");
    draft.head.say(format!(
        "Made by `tidegate init --openapi` from the description of {title}: every line is a guess"
    ));
    draft
        .head
        .say("to be checked. Keep the streams that you want, and look at each with `tidegate preview`.");
    draft.head.set(
        "name",
        super::write::pipeline_name(
            &Url::parse(&base).map_err(|error| Failure::config(format!("{base}: {error}")))?,
        ),
    );
    draft.head.set("staging", "file:./staging");
    draft.head.set("lake", "file:./lake");
    draft.source.set("base_url", base);
    auth::propose(document, &mut draft.source);
    let (streams, left) = stream::all(document);
    if document.is_endless() {
        return Err(Failure::config(
            "the schemas of the description refer to one another too often to be followed; cut it down to the paths \
             that you want",
        ));
    }
    draft.streams = streams;
    if draft.streams.is_empty() {
        return Err(Failure::config(format!(
            "no GET operation of the description answers with records in JSON{}",
            left.first().map_or_else(String::new, |first| format!("; {first}"))
        )));
    }
    Ok(Proposal { streams: draft.streams.len(), text: draft.text(), left })
}

/// A name with nothing but its letters and digits, in lower case: `next_page-Token` is `nextpagetoken`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The text of a value, where it is one.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
