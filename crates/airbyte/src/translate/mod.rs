//! From a manifest to a native pipeline, one module a family of components. What cannot be said natively is a reason
//! not to run; nothing is left out in silence.

mod auth;
mod component;
mod errors;
mod incremental;
mod jinja;
mod job;
mod names;
mod paginator;
mod partition;
mod records;
mod requester;
mod session;
mod shape;
mod stream;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Secrets;

use crate::config::Config;
use crate::error::{AirbyteError, Reason};
use crate::manifest::Manifest;
use component::Component;
use names::Names;

/// A manifest as a native pipeline.
#[derive(Clone, PartialEq)]
pub struct Translation {
    /// The tables `source` and `streams` of a pipeline file. No secret stands in them.
    pub pipeline: Map<String, Value>,
    /// Native name of each stream by the manifest's.
    pub names: Vec<(String, String)>,
    /// What has no bearing on the data and is left out.
    pub remarks: Vec<Reason>,
    /// Paths of the streams that this config has asked for nothing: their lists are empty.
    pub left_out: Vec<String>,
    /// Value of each secret by its reference, without `${` and `}`.
    pub secrets: BTreeMap<String, String>,
}

impl std::fmt::Debug for Translation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Translation")
            .field("names", &self.names)
            .field("remarks", &self.remarks)
            .finish_non_exhaustive()
    }
}

/// Translates the streams of these names (all where the list is empty) and those above them. `secrets` are the values
/// that `${…}` in the config stands for; `now` is the time that decides what is fixed before the first request.
pub fn translate(
    manifest: &Manifest,
    config: &Config,
    wanted: &[String],
    secrets: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Translation, AirbyteError> {
    let values = config.secrets().iter().chain(secrets).map(|(name, value)| (name.clone(), value.clone()));
    let mut translator = Translator {
        config,
        secrets: Secrets::new(values),
        now,
        reasons: Vec::new(),
        remarks: Vec::new(),
        derived: BTreeMap::new(),
        names: Names::default(),
        streams: Vec::new(),
        left_out: Vec::new(),
        attempts: 0,
    };
    let pipeline = translator.pipeline(manifest, wanted);
    if !translator.reasons.is_empty() {
        return Err(AirbyteError::Refused(distinct(translator.reasons)));
    }
    let mut found = config.secrets().clone();
    found.extend(translator.derived);
    Ok(Translation {
        pipeline,
        names: translator.names.pairs(),
        remarks: distinct(translator.remarks),
        left_out: translator.left_out,
        secrets: found,
    })
}

fn distinct(reasons: Vec<Reason>) -> Vec<Reason> {
    let mut kept: Vec<Reason> = Vec::new();
    for reason in reasons {
        if !kept.contains(&reason) {
            kept.push(reason);
        }
    }
    kept
}

/// What a translation has found so far.
pub(crate) struct Translator<'a> {
    config: &'a Config,
    secrets: Secrets,
    now: Timestamp,
    reasons: Vec<Reason>,
    remarks: Vec<Reason>,
    /// Secrets that expressions make out of secrets.
    derived: BTreeMap<String, String>,
    names: Names,
    /// The streams so far: native name, definition, translation with `base_url` and `auth` of its own.
    streams: Vec<Translated>,
    /// Paths of the streams that are asked for nothing.
    left_out: Vec<String>,
    /// Most attempts that a stream wants.
    attempts: u64,
}

/// A stream and what it was made from.
struct Translated {
    name: String,
    definition: Value,
    table: Map<String, Value>,
}

impl Translator<'_> {
    /// Notes why the manifest cannot be run.
    pub(crate) fn refuse(&mut self, at: &Component<'_>, message: impl Into<String>) {
        self.reasons.push(Reason::of(&at.path, at.kind(), message));
    }

    /// Notes what is left out without harm.
    pub(crate) fn remark(&mut self, at: &Component<'_>, message: impl Into<String>) {
        self.remarks.push(Reason::of(&at.path, at.kind(), message));
    }

    /// Refuses a component of a type that is none of ours, and says whether it needs Python.
    pub(crate) fn unsupported(&mut self, at: &Component<'_>) {
        match at.text("class_name") {
            Some(class) => self.refuse(at, format!("needs Python: `{class}`")),
            None if at.kind().starts_with("Custom") => self.refuse(at, "needs Python"),
            None if at.kind().is_empty() => self.refuse(at, "a component without a `type`"),
            None => self.refuse(at, "is not supported"),
        }
    }

    /// Refuses every key of a component that is none of these.
    pub(crate) fn only(&mut self, at: &Component<'_>, known: &[&str]) {
        for key in at.strangers(known) {
            self.refuse(at, format!("`{key}` is not supported"));
        }
    }

    fn pipeline(&mut self, manifest: &Manifest, wanted: &[String]) -> Map<String, Value> {
        for found in self.definitions(manifest) {
            let at = Component::new(&found, format!("streams.{}", name_of(&found)));
            if wanted.is_empty() || wanted.iter().any(|name| *name == name_of(&found)) {
                self.stream(&at);
            }
        }
        let left_out = |name: &&String| self.left_out.contains(&format!("streams.{name}"));
        for name in wanted.iter().filter(|name| !self.names.knows(name) && !left_out(name)) {
            let known: Vec<String> = manifest.streams().iter().map(name_of).collect();
            let message = format!("the manifest has no stream `{name}`; it has {}", known.join(", "));
            self.reasons.push(Reason::at("streams", message));
        }
        if self.streams.is_empty() && self.reasons.is_empty() {
            self.reasons.push(Reason::at("streams", "no stream is left to run with this config"));
        }
        self.joined(manifest)
    }

    /// The streams of the manifest as they are with this config.
    fn definitions(&mut self, manifest: &Manifest) -> Vec<Value> {
        let mut all = Vec::new();
        for (index, value) in manifest.streams().iter().enumerate() {
            let at = Component::new(value, format!("streams[{index}]"));
            match at.kind() {
                "DeclarativeStream" | "StateDelegatingStream" => all.push(value.clone()),
                "ConditionalStreams" => {
                    let holds = at.get("condition").and_then(|condition| self.known_value(&condition));
                    if holds.is_some_and(|value| crate::parameters::is_set(&value)) {
                        all.extend(at.list("streams").into_iter().map(|stream| stream.value.clone()));
                    }
                }
                _ => self.unsupported(&at),
            }
        }
        for (index, value) in
            manifest.part("dynamic_streams").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let at = Component::new(value, format!("dynamic_streams[{index}]"));
            let resolver = at.get("components_resolver").map(|resolver| resolver.kind()).unwrap_or_default();
            self.refuse(&at, format!("streams that are made in the run ({resolver}) are not supported"));
        }
        all
    }

    /// Puts the streams together: what all have in common goes to the source.
    fn joined(&mut self, manifest: &Manifest) -> Map<String, Value> {
        let base_url = self.commonest("base_url");
        let auth = self.commonest("auth");
        let mut source = Map::new();
        source.insert("base_url".to_owned(), base_url.clone());
        if !auth.is_null() {
            source.insert("auth".to_owned(), auth.clone());
        }
        let mut streams = Vec::new();
        for translated in std::mem::take(&mut self.streams) {
            let mut table = translated.table;
            if table.get("base_url") == Some(&base_url) {
                table.shift_remove("base_url");
            }
            let own = table.shift_remove("auth").unwrap_or(Value::Null);
            if own != auth {
                table.insert("auth".to_owned(), if own.is_null() { json!({ "type": "none" }) } else { own });
            }
            streams.push(Value::Object(table));
        }
        let mut limits = Map::new();
        if self.attempts > 0 {
            limits.insert("attempts".to_owned(), self.attempts.into());
        }
        self.budget(manifest, &mut limits);
        if !limits.is_empty() {
            source.insert("limits".to_owned(), limits.into());
        }
        if streams.iter().any(names_config) {
            source.insert("config".to_owned(), self.config.values().clone());
        }
        source.insert("expressions".to_owned(), "cdk".into());
        let mut pipeline = Map::new();
        pipeline.insert("source".to_owned(), source.into());
        pipeline.insert("streams".to_owned(), streams.into());
        pipeline
    }

    /// The value that most streams have under a key.
    fn commonest(&self, key: &str) -> Value {
        let mut counts: Vec<(&Value, usize)> = Vec::new();
        for value in self.streams.iter().map(|stream| stream.table.get(key).unwrap_or(&Value::Null)) {
            match counts.iter_mut().find(|(known, _)| *known == value) {
                Some((_, count)) => *count += 1,
                None => counts.push((value, 1)),
            }
        }
        // The first of those that are equally common.
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        counts.into_iter().find(|(_, count)| *count == most).map_or(Value::Null, |(value, _)| value.clone())
    }

    /// Call rates become windows over all requests of the source: a rate that is meant for some of them holds for all, so
    /// that no more is asked than the API allows.
    fn budget(&mut self, manifest: &Manifest, limits: &mut Map<String, Value>) {
        let Some(budget) = manifest.part("api_budget") else { return };
        let at = Component::new(budget, "api_budget");
        let mut windows: Vec<Value> = Vec::new();
        for policy in at.list("policies") {
            let rates = match policy.kind() {
                "MovingWindowCallRatePolicy" => policy.list("rates"),
                "FixedWindowCallRatePolicy" => vec![Component::new(policy.value, policy.path.clone())],
                "UnlimitedCallRatePolicy" => Vec::new(),
                _ => {
                    self.unsupported(&policy);
                    continue;
                }
            };
            windows.extend(rates.iter().filter_map(|rate| self.window(rate)));
        }
        windows.dedup();
        if !windows.is_empty() {
            limits.insert("windows".to_owned(), windows.into());
        }
    }

    fn window(&mut self, rate: &Component<'_>) -> Option<Value> {
        let calls = rate.get("limit").or_else(|| rate.get("call_limit"));
        let calls = self.known_value(&calls?)?;
        let calls = calls.as_u64().or_else(|| calls.as_str()?.trim().parse().ok());
        let span = rate.get("interval").or_else(|| rate.get("period"));
        let span = self.span(&span?, incremental::Rounding::Up).filter(|span| !span.is_zero())?;
        Some(json!({ "requests": calls?.max(1), "per": incremental::written(span) }))
    }
}

/// Whether an expression in it may name the config.
fn names_config(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("config"),
        Value::Array(items) => items.iter().any(names_config),
        Value::Object(table) => table.values().any(names_config),
        _ => false,
    }
}

/// A stream's name in the manifest.
fn name_of(stream: &Value) -> String {
    stream.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
