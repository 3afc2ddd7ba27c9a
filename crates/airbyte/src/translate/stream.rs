//! `DeclarativeStream`.

use serde_json::{Map, Value};

use super::component::Component;
use super::jinja::{SLICE, Slice};
use super::{Translated, Translator, incremental, name_of};

const STREAM: [&str; 9] = [
    "retriever",
    "incremental_sync",
    "schema_loader",
    "transformations",
    "state_migrations",
    "primary_key",
    "file_uploader",
    "$comment",
    "stream_cursor_field",
];
const RETRIEVER: [&str; 6] = [
    "requester",
    "record_selector",
    "paginator",
    "partition_router",
    "decoder",
    "ignore_stream_slicer_parameters_on_paginated_requests",
];

impl Translator<'_> {
    /// Translates a stream and what it stands on, once; returns its native name.
    pub(crate) fn stream(&mut self, at: &Component<'_>) -> String {
        if at.kind() == "StateDelegatingStream" {
            return self.delegating(at);
        }
        // Names differ at once where whole definitions are compared to their end.
        let named = |known: &&Translated| known.definition.get("name") == at.value.get("name");
        if let Some(known) = self.streams.iter().filter(named).find(|known| known.definition == *at.value) {
            return known.name.clone();
        }
        let own = name_of(at.value);
        let name = self.names.take(&own);
        if at.kind() != "DeclarativeStream" {
            self.unsupported(at);
            return name;
        }
        self.only(at, &STREAM);
        let mut table = Map::new();
        table.insert("name".to_owned(), name.clone().into());
        self.fill(at, &mut table);
        self.streams.push(Translated { name: name.clone(), definition: at.value.clone(), table });
        name
    }

    /// Without a state of Airbyte's the full stream is the one that is read.
    fn delegating(&mut self, at: &Component<'_>) -> String {
        let Some(full) = at.get("full_refresh_stream") else {
            self.unsupported(at);
            return String::new();
        };
        self.remark(at, "reads its full stream in each poll");
        self.stream(&full)
    }

    fn fill(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        if at.get("file_uploader").is_some() {
            self.refuse(at, "`file_uploader` (copying files) is not supported");
        }
        for migration in at.list("state_migrations") {
            self.remark(&migration, "concerns states that Airbyte has kept, of which there is none");
        }
        let Some(retriever) = at.get("retriever") else {
            self.refuse(at, "it has no `retriever`");
            return;
        };
        if retriever.kind() != "SimpleRetriever" {
            self.unsupported(&retriever);
            return;
        }
        self.only(&retriever, &RETRIEVER);
        let mut slice = Slice::default();
        self.partitions(&retriever, table, &mut slice);
        let sync = at.get("incremental_sync");
        if let Some(sync) = &sync {
            slice.window = incremental::window_names(sync);
        }
        if let Some(requester) = retriever.get("requester") {
            self.requester(&requester, table, &slice);
        } else {
            self.refuse(&retriever, "it has no `requester`");
        }
        self.router_options(&retriever, table, &slice);
        if let Some(sync) = &sync {
            self.incremental(sync, table);
        }
        if let Some(paginator) = retriever.get("paginator") {
            self.paginator(&paginator, table);
        }
        self.decoder(&retriever, table);
        if let Some(selector) = retriever.get("record_selector") {
            self.selector(&selector, table, &slice);
        }
        self.transformations(at, table, &slice);
        self.primary_key(at, table);
    }

    fn primary_key(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        let mut keys = Vec::new();
        for key in at.list("primary_key") {
            let parts = match key.value {
                Value::Array(parts) => parts.clone(),
                one => vec![one.clone()],
            };
            let mut path = Vec::new();
            for part in &parts {
                let part = key.within(part, key.path.clone());
                path.extend(self.known_text(&part));
            }
            keys.push(path.join("."));
        }
        keys.retain(|key| !key.is_empty());
        if !keys.is_empty() {
            table.insert("primary_key".to_owned(), keys.into());
        }
    }

    fn decoder(&mut self, retriever: &Component<'_>, table: &mut Map<String, Value>) {
        let Some(decoder) = retriever.get("decoder") else {
            table.insert("format".to_owned(), "json".into());
            return;
        };
        let format = match decoder.kind() {
            "JsonDecoder" => "json",
            "JsonlDecoder" => "ndjson",
            "CsvDecoder" if self.plain_csv(&decoder) => "csv",
            _ => {
                self.unsupported(&decoder);
                return;
            }
        };
        table.insert("format".to_owned(), format.into());
    }

    fn plain_csv(&mut self, at: &Component<'_>) -> bool {
        self.only(at, &["delimiter", "encoding"]);
        at.text("delimiter").is_none_or(|delimiter| delimiter == ",")
            && at.text("encoding").is_none_or(|encoding| encoding.to_ascii_lowercase().starts_with("utf"))
    }
}

/// Names that request parts may use.
pub(crate) const IN_REQUESTS: [&str; 3] = SLICE;
