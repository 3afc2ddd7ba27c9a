//! Which of many manifests can be run, and why the others cannot.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use tidegate_core::jiff::Timestamp;

use crate::{AirbyteError, Config, Manifest, Reason, translate};

/// What is known of one manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What it is called in the report.
    pub name: String,
    /// Whether every stream of it can be run.
    pub runnable: bool,
    /// Its streams.
    pub streams: usize,
    /// Why it cannot be run: every reason there is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// Many manifests, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Manifests.
    pub manifests: usize,
    /// Those that can be run.
    pub runnable: usize,
    /// The same in percent.
    pub percent: f64,
    /// Those that need Python.
    pub python: usize,
    /// How many manifests each component (or other reason) keeps from running, the most first.
    pub reasons: Vec<(String, usize)>,
    /// One by one.
    pub verdicts: Vec<Verdict>,
}

/// Judges a manifest with a config such as its specification wants: translated, checked as a pipeline file, every
/// expression read. Where what is optional is needed after all, it is there.
pub fn judge(name: &str, text: &str, now: Timestamp) -> Verdict {
    let manifest = match Manifest::read(text) {
        Ok(manifest) => manifest,
        Err(error) => return refused(name, 0, vec![Reason::at("manifest", error.to_string())]),
    };
    let streams = manifest.streams().len();
    let reasons = reasons(&manifest, false, now);
    match reasons.is_empty() || self::reasons(&manifest, true, now).is_empty() {
        true => Verdict { name: name.to_owned(), runnable: true, streams, reasons: Vec::new() },
        false => refused(name, streams, reasons),
    }
}

/// Why a manifest cannot be run with a sample of its config.
fn reasons(manifest: &Manifest, all: bool, now: Timestamp) -> Vec<Reason> {
    let config = Config::sample(manifest.connection_specification(), all);
    let translation = match translate(manifest, &config, &[], &BTreeMap::new(), now) {
        Ok(translation) => translation,
        Err(AirbyteError::Refused(reasons) | AirbyteError::Config(reasons)) => return reasons,
        Err(error) => return vec![Reason::at("manifest", error.to_string())],
    };
    if !translation.left_out.is_empty() {
        let empty = |path: &String| Reason::of(path, "ListPartitionRouter", "its list of values is empty");
        return translation.left_out.iter().map(empty).collect();
    }
    let head = Map::from_iter([("name".to_owned(), Value::from("judged"))]);
    let Err((text, mistakes)) = translation.to_pipeline(&head) else { return Vec::new() };
    let reason = |mistake: tidegate_core::pipeline::Mistake| {
        let at = text.get(mistake.span).unwrap_or_default().lines().next().unwrap_or_default();
        Reason::at("pipeline", format!("{} (`{at}`)", mistake.message))
    };
    mistakes.into_iter().map(reason).collect()
}

fn refused(name: &str, streams: usize, reasons: Vec<Reason>) -> Verdict {
    Verdict { name: name.to_owned(), runnable: false, streams, reasons }
}

impl Report {
    /// Adds verdicts up.
    pub fn of(verdicts: Vec<Verdict>) -> Report {
        let runnable = verdicts.iter().filter(|verdict| verdict.runnable).count();
        let python = |reason: &Reason| reason.message.starts_with("needs Python");
        let needs_python = verdicts.iter().filter(|verdict| verdict.reasons.iter().any(python)).count();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for verdict in &verdicts {
            let mut own: Vec<String> = verdict.reasons.iter().map(label).collect();
            own.sort();
            own.dedup();
            own.into_iter().for_each(|label| *counts.entry(label).or_default() += 1);
        }
        let mut reasons: Vec<(String, usize)> = counts.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let percent = match verdicts.len() {
            0 => 0.0,
            all => (runnable as f64 * 1000.0 / all as f64).round() / 10.0,
        };
        Report { manifests: verdicts.len(), runnable, percent, python: needs_python, reasons, verdicts }
    }
}

/// What reasons are counted by.
fn label(reason: &Reason) -> String {
    match reason.component.as_str() {
        "" => reason.path.split(['.', '[']).next().unwrap_or_default().to_owned(),
        component => component.to_owned(),
    }
}
