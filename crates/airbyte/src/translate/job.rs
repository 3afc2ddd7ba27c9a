//! `AsyncRetriever`: a job is created, asked about until it has ended, and its results are downloaded.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, Text, shown};
use super::requester::REQUESTER;

/// What of a request belongs to it alone.
const OWN: [&str; 5] = ["method", "params", "headers", "body", "form"];

impl Translator<'_> {
    /// What follows the request that creates a job, which stands in the table already.
    pub(crate) fn job(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        self.not_of_jobs(at);
        let slice = Slice { of_a_job: true, ..slice.clone() };
        let mut job = Map::new();
        let requests = [
            ("polling_requester", "poll"),
            ("download_requester", "download"),
            ("delete_requester", "delete"),
        ];
        for (key, name) in requests {
            match at.get(key) {
                Some(requester) => {
                    let request = self.about_a_job(&requester, table, &slice);
                    job.insert(name.to_owned(), request.into());
                }
                None if name == "delete" => {}
                None => self.refuse(at, format!("it has no `{key}`")),
            }
        }
        for (key, name) in [("status_extractor", "status_path"), ("download_target_extractor", "urls_path")] {
            if let Some(extractor) = at.get(key) {
                let mut found = Map::new();
                self.extractor(&extractor, &mut found);
                job.insert(name.to_owned(), found.shift_remove("records").unwrap_or_else(|| "$".into()));
            }
        }
        if !job.contains_key("status_path") {
            self.refuse(at, "it has no `status_extractor`");
        }
        self.statuses(at, &mut job);
        if let Some(minutes) = at.get("polling_job_timeout").and_then(|minutes| self.known_text(&minutes)) {
            match minutes.trim().parse::<u32>() {
                Ok(0) => {}
                Ok(minutes) => drop(job.insert("timeout".to_owned(), format!("{minutes}m").into())),
                Err(_) => {
                    self.refuse(at, format!("`polling_job_timeout` is no number of minutes: {minutes}"))
                }
            }
        }
        // The selector filters and changes records; where they are in a result says the download alone.
        table.shift_remove("records");
        if let Some(extractor) = at.get("download_extractor") {
            self.extractor(&extractor, table);
        }
        // What is packed is known by its first bytes.
        let mut decoder = at.get("download_decoder");
        while let Some(packed) = decoder.as_ref().filter(|one| one.kind() == "GzipDecoder") {
            self.only(packed, &["decoder"]);
            decoder = packed.get("decoder");
        }
        self.decoder(decoder, table);
        table.insert("job".to_owned(), job.into());
    }

    /// What jobs have in the CDK and not here.
    fn not_of_jobs(&mut self, at: &Component<'_>) {
        for key in ["download_target_requester", "failed_retry_wait_time_in_seconds"] {
            if at.get(key).is_some() {
                self.refuse(at, format!("`{key}` is not supported"));
            }
        }
        if let Some(paginator) = at.get("download_paginator").filter(|one| one.kind() != "NoPagination") {
            self.refuse(&paginator, "results in pages are not supported");
        }
        if let Some(decoder) = at.get("decoder").filter(|one| one.kind() != "JsonDecoder") {
            self.refuse(&decoder, "answers about a job are read as JSON alone");
        }
        if let Some(abort) = at.get("abort_requester") {
            self.remark(&abort, "a job that is given up is left to the API");
        }
    }

    /// A request about a job of the stream in `table`, with whose credentials and rules it is sent.
    fn about_a_job(
        &mut self,
        at: &Component<'_>,
        table: &mut Map<String, Value>,
        slice: &Slice,
    ) -> Map<String, Value> {
        if at.kind() != "HttpRequester" {
            self.unsupported(at);
            return Map::new();
        }
        self.only(at, &REQUESTER);
        let text = at.value.to_string();
        if ["extra_fields", "'headers'", ".headers", "'request'", ".request"]
            .iter()
            .any(|name| text.contains(name))
        {
            self.refuse(at, "of an answer about a job its body alone has a name");
        }
        let mut asked = Map::new();
        self.parts(at, &mut asked, slice);
        if asked.contains_key("paginator") {
            self.refuse(at, "results in pages are not supported");
        }
        if asked.get("auth").is_some_and(|auth| table.get("auth") != Some(auth)) {
            self.refuse(at, "credentials other than those that create the job are not supported");
        }
        match (asked.shift_remove("response_actions"), table.get("response_actions")) {
            (None, _) => {}
            (Some(rules), None) if rules.as_array().is_some_and(|rules| rules.iter().all(is_harmless)) => {
                table.insert("response_actions".to_owned(), rules);
            }
            (Some(rules), known) if known == Some(&rules) => {}
            _ => self.refuse(at, "an error handler other than that of the creation is not supported"),
        }
        let path = self.job_address(at, table, slice).unwrap_or_default();
        asked.retain(|key, _| OWN.contains(&key.as_str()));
        asked.insert("path".to_owned(), path.into());
        asked
    }

    /// Where a request about a job goes: a path below the stream's address, or an address of its own.
    fn job_address(
        &mut self,
        at: &Component<'_>,
        table: &Map<String, Value>,
        slice: &Slice,
    ) -> Option<String> {
        let mut text = |key: &str| {
            let part = at.get(key)?;
            let text = self.text(&part, slice, slice.names())?;
            Some(match self.as_expression(text, &part, slice) {
                Text::Known(Value::Null) => String::new(),
                Text::Known(value) => shown(&value),
                Text::Open(text) => text,
            })
        };
        let base = text("url_base").or_else(|| text("url")).unwrap_or_default();
        let path = text("path").unwrap_or_default();
        let (base, path) = (base.trim().trim_end_matches('/'), path.trim());
        let is_own = table.get("base_url").and_then(Value::as_str) == Some(base);
        if path.starts_with('{') && !is_own && !base.is_empty() && !path.contains("download_target") {
            self.refuse(
                at,
                "an address and a path that begins with an expression are not supported together",
            );
        }
        Some(match () {
            () if path.is_empty() => base.to_owned(),
            // An address of an answer takes the place of any other.
            () if is_own || base.is_empty() || path.starts_with('{') => path.to_owned(),
            () => format!("{base}/{}", path.trim_start_matches('/')),
        })
    }

    /// What the states mean; a job that the API gave up is one that failed.
    fn statuses(&mut self, at: &Component<'_>, job: &mut Map<String, Value>) {
        let Some(mapping) = at.get("status_mapping").filter(|mapping| mapping.get("class_name").is_none())
        else {
            return self.refuse(at, "it has no `status_mapping` that is read here");
        };
        let mut status = Map::new();
        let mut met: Vec<(String, &str)> = Vec::new();
        for (key, name) in [
            ("running", "running"),
            ("completed", "completed"),
            ("failed", "failed"),
            ("timeout", "failed"),
            ("skipped", "skipped"),
        ] {
            let words = status.entry(name).or_insert_with(|| json!([]));
            for word in mapping.list(key) {
                let Some(word) = self.known_text(&word) else { continue };
                // The CDK tells upper and lower case apart.
                let lower = word.to_lowercase();
                if met.iter().any(|(known, other)| *known == lower && *other != name) {
                    self.refuse(&mapping, format!("`{word}` has two meanings where case does not count"));
                }
                met.push((lower, name));
                if let Value::Array(words) = words {
                    words.push(word.into());
                }
            }
        }
        if status["running"].as_array().is_none_or(Vec::is_empty) {
            self.refuse(&mapping, "it names no state in which a job is `running`");
        }
        job.insert("status".to_owned(), status.into());
    }
}

/// Whether a rule may hold of other requests as well: nothing that fails is taken for good by it.
fn is_harmless(rule: &Value) -> bool {
    matches!(rule["action"].as_str(), Some("retry" | "rate_limited" | "fail"))
}
