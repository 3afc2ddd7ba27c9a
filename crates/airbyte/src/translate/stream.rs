//! `DeclarativeStream`.

use serde_json::{Map, Value};

use super::component::Component;
use super::jinja::Slice;
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
const RETRIEVER: [&str; 7] = [
    "requester",
    "record_selector",
    "paginator",
    "partition_router",
    "decoder",
    "pagination_reset",
    "ignore_stream_slicer_parameters_on_paginated_requests",
];

impl Translator<'_> {
    /// Translates a stream and what it stands on, once; returns its native name, or `None` where this config has it asked
    /// for nothing.
    pub(crate) fn stream(&mut self, at: &Component<'_>) -> Option<String> {
        if at.kind() == "StateDelegatingStream" {
            return self.delegating(at);
        }
        // Names differ at once where whole definitions are compared to their end.
        let named = |known: &&Translated| known.definition.get("name") == at.value.get("name");
        if let Some(known) = self.streams.iter().filter(named).find(|known| known.definition == *at.value) {
            return Some(known.name.clone());
        }
        if self.left_out.contains(&at.path) {
            return None;
        }
        let own = name_of(at.value);
        let name = self.names.take(&own);
        if at.kind() != "DeclarativeStream" {
            self.unsupported(at);
            return Some(name);
        }
        self.only(at, &STREAM);
        let mut table = Map::new();
        table.insert("name".to_owned(), name.clone().into());
        let slice = self.fill(at, &mut table);
        if slice.nothing {
            self.names.give_back(&name);
            self.left_out.push(at.path.clone());
            return None;
        }
        self.streams.push(Translated { name: name.clone(), definition: at.value.clone(), table });
        Some(name)
    }

    /// Without a state of Airbyte's the full stream is the one that is read.
    fn delegating(&mut self, at: &Component<'_>) -> Option<String> {
        let Some(full) = at.get("full_refresh_stream") else {
            self.unsupported(at);
            return None;
        };
        self.remark(at, "reads its full stream in each poll");
        self.stream(&full)
    }

    fn fill(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) -> Slice {
        let mut slice = Slice::default();
        if at.get("file_uploader").is_some() {
            self.refuse(at, "`file_uploader` (copying files) is not supported");
        }
        for migration in at.list("state_migrations") {
            self.remark(&migration, "concerns states that Airbyte has kept, of which there is none");
        }
        let Some(retriever) = at.get("retriever") else {
            self.refuse(at, "it has no `retriever`");
            return slice;
        };
        let is_job = match retriever.kind() {
            "SimpleRetriever" => false,
            "AsyncRetriever" => true,
            _ => {
                self.unsupported(&retriever);
                return slice;
            }
        };
        self.only(&retriever, &RETRIEVER);
        let ignored = "ignore_stream_slicer_parameters_on_paginated_requests";
        // The address of a next page is asked as it is, so nothing is added to it in any case.
        let token = retriever.get("paginator").and_then(|paginator| paginator.get("page_token_option"));
        let is_address = token.is_some_and(|token| token.kind() == "RequestPath");
        let sliced = retriever.get("partition_router").is_some() || at.get("incremental_sync").is_some();
        if retriever.flag(ignored) && sliced && !is_address {
            self.refuse(&retriever, format!("`{ignored}` is not supported"));
        }
        self.partitions(&retriever, table, &mut slice);
        let sync = at.get("incremental_sync");
        self.pagination_reset(&retriever, sync.is_some());
        if let Some(sync) = &sync {
            slice.window = incremental::window_names(sync);
        }
        let asked_by = if is_job { "creation_requester" } else { "requester" };
        if let Some(requester) = retriever.get(asked_by) {
            self.requester(&requester, table, &slice);
        } else {
            self.refuse(&retriever, format!("it has no `{asked_by}`"));
        }
        self.router_options(&retriever, table, &slice);
        if let Some(sync) = &sync {
            self.incremental(sync, table);
        }
        if let Some(paginator) = retriever.get("paginator") {
            self.paginator(&paginator, table);
        }
        if let Some(selector) = retriever.get("record_selector") {
            self.selector(&selector, table, &slice);
        }
        if is_job {
            self.job(&retriever, table, &slice);
        } else {
            self.decoder(retriever.get("decoder"), table);
        }
        self.transformations(at, table, &slice);
        self.primary_key(at, table);
        slice
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

    pub(crate) fn decoder(&mut self, decoder: Option<Component<'_>>, table: &mut Map<String, Value>) {
        let Some(decoder) = decoder else {
            table.insert("format".to_owned(), "json".into());
            return;
        };
        let format = match decoder.kind() {
            "JsonDecoder" => "json",
            "JsonlDecoder" => "ndjson",
            "XmlDecoder" => "xml",
            "CsvDecoder" => match self.separated(&decoder) {
                Some(format) => format,
                None => return,
            },
            _ => {
                self.unsupported(&decoder);
                return;
            }
        };
        table.insert("format".to_owned(), format.into());
    }

    /// The format of lines whose fields stand apart by a delimiter.
    fn separated(&mut self, at: &Component<'_>) -> Option<&'static str> {
        self.only(at, &["delimiter", "encoding"]);
        let encoding = at.text("encoding").unwrap_or("utf-8").to_ascii_lowercase();
        if !encoding.starts_with("utf") {
            self.refuse(at, format!("the encoding `{encoding}` is not supported"));
            return None;
        }
        match at.text("delimiter").unwrap_or(",") {
            "," => Some("csv"),
            ";" => Some("csv_semicolon"),
            "|" => Some("csv_pipe"),
            "\t" | "\\t" => Some("tsv"),
            other => {
                self.refuse(at, format!("the delimiter `{other}` is not supported"));
                None
            }
        }
    }

    /// Paging that begins again from the highest cursor, or from the first page where there is none: what
    /// `reset_pagination` does.
    fn pagination_reset(&mut self, retriever: &Component<'_>, incremental: bool) {
        let Some(reset) = retriever.get("pagination_reset") else { return };
        if reset.get("limits").is_some() {
            self.refuse(&reset, "`limits` is not supported");
        }
        match (reset.text("action"), incremental) {
            (Some("SPLIT_USING_CURSOR"), true) | (Some("RESET"), false) => {}
            (action, _) => {
                let action = action.unwrap_or_default();
                self.refuse(&reset, format!("the action `{action}` is not supported for this stream"));
            }
        }
    }
}
