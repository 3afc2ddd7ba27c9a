//! A configuration of dlt's rest_api, as JSON or as a Python dict literal, as a pipeline file. Nothing is run: what needs
//! Python is refused by name. What dlt finds out while it runs (paginators, records) is pinned or asked for.

mod auth;
pub mod literal;
mod paginator;
mod params;
mod reading;
mod rows;
mod stream;

use serde::Serialize;

use self::literal::{Literal, LiteralError};
use self::reading::{Dict, Reading};
use super::{Draft, Note, Refusal, Table};

/// What is said besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of the pipeline; from the host of the API where absent.
    pub name: Option<String>,
    /// The paginator of the resources whose paginator dlt would find out by itself.
    pub paginator: Option<serde_json::Value>,
}

/// A configuration taken over.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// The pipeline file.
    pub file: String,
    /// What was left out or means something else here.
    pub notes: Vec<Note>,
}

/// Why a configuration is not taken over.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("{0}")]
    Literal(#[from] LiteralError),
    /// Parts of it have no counterpart; all of them.
    #[error("{}", shown(.0))]
    Refused(Vec<Refusal>),
}

fn shown(refusals: &[Refusal]) -> String {
    let lines = refusals.iter().map(|refusal| format!("{}: {}", refusal.path, refusal.message));
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads the text of a configuration and writes the pipeline file.
pub fn import(text: &str, options: &Options) -> Result<Imported, ImportError> {
    let mut reading = Reading::default();
    let draft = draft(&literal::read(text)?, options, &mut reading);
    match reading.refusals.is_empty() {
        true => Ok(Imported { file: draft.text(), notes: reading.notes }),
        false => Err(ImportError::Refused(reading.refusals)),
    }
}

fn draft(config: &Literal, options: &Options, reading: &mut Reading) -> Draft {
    let mut draft = Draft::default();
    let Some(top) = Dict::of("", config) else {
        reading.refuse(
            "",
            "the file must hold one dict with `client` and `resources`; calls and imports are left out",
        );
        return draft;
    };
    top.only(&["client", "resource_defaults", "resources"], reading);
    let Some(client) = top.dict("client", reading) else {
        reading.refuse("client", "it is missing; the API's address is `client.base_url`");
        return draft;
    };
    client.only(&["base_url", "headers", "auth", "paginator", "session"], reading);
    let base_url = client.text("base_url", reading).unwrap_or_default();
    head(&mut draft.head, &base_url, options);
    source(&mut draft.source, &base_url, &client, reading);
    let defaults = top.dict("resource_defaults", reading);
    let mut endpoints = Vec::new();
    for (at, resource) in top.list("resources", reading).iter().enumerate() {
        let resource =
            stream::Resource::new(&format!("resources[{at}]"), resource, defaults.as_ref(), reading);
        let Some(resource) = resource else { continue };
        draft.streams.push(resource.table(&client, options, reading));
        endpoints.push(resource.auth());
    }
    auth::of_endpoints(&mut draft.source, client.given("auth"), &endpoints, reading);
    stream::settle(&mut draft.streams, reading);
    if draft.streams.is_empty() && reading.refusals.is_empty() {
        reading.refuse("resources", "there is none; name what is to be asked");
    }
    draft
}

fn head(head: &mut Table, base_url: &str, options: &Options) {
    head.say("Made by `tidegate import dlt`; every line may be changed: docs/guides/imports.md.");
    let host = base_url.split("://").nth(1).unwrap_or(base_url).split(['/', ':']).next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').filter(|label| !["www", "api"].contains(label)).collect();
    let from_host = match labels.as_slice() {
        [] => "api",
        [only] => only,
        [.., label, _] => label,
    };
    head.set("name", reading::name(options.name.as_deref().unwrap_or(from_host)));
    head.set("staging", "file:./staging");
    head.set("lake", "file:./lake");
}

fn source(table: &mut Table, base_url: &str, client: &Dict<'_>, reading: &mut Reading) {
    if base_url.is_empty() {
        reading.refuse("client.base_url", "it is missing");
    }
    table.set("base_url", base_url);
    if let Some(session) = client.get("session").filter(|session| **session != Literal::Null) {
        reading.code(
            "client.session",
            session,
            "headers and auth stand in the file; a proxy in `source.proxy`",
        );
    }
    auth::headers(table, client, reading);
    if let Some(auth) = client.get("auth") {
        auth::auth(table, "client.auth", auth, reading);
    }
}

#[cfg(test)]
mod tests;
