//! `tidegate import airbyte`: a declarative manifest, run as it stands by a pipeline file that refers to it; or a report
//! on a folder of manifests.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use tidegate_airbyte::{AirbyteError, Config, Manifest, Report, Translation, judge, translate};
use tidegate_engine::{Clock, SystemClock};

use crate::failure::Failure;
use crate::manifest_file;
use crate::output::Shell;

/// A declarative manifest of Airbyte's, which stays as it is
#[derive(Debug, Args)]
pub(crate) struct Airbyte {
    /// The manifest
    #[arg(value_name = "MANIFEST", required_unless_present = "report")]
    manifest: Option<PathBuf>,
    /// The connector's config, as JSON; where it is absent the file gets a table to fill in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "tidegate.toml")]
    out: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
    /// Name of the pipeline; from the manifest's folder where absent
    #[arg(long)]
    name: Option<String>,
    /// Write the translation to stdout instead: a native pipeline file that needs no manifest
    #[arg(long, conflicts_with = "json")]
    translation: bool,
    /// Judge every manifest in a folder, without writing anything
    #[arg(long, value_name = "DIR", conflicts_with_all = ["manifest", "config", "translation"])]
    report: Option<PathBuf>,
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Airbyte {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match (&self.report, &self.manifest) {
            (Some(dir), _) => self.report(dir, shell),
            (None, Some(manifest)) => self.import(manifest, shell),
            (None, None) => Err(Failure::config("name a manifest, or a folder of them by --report")),
        }
    }

    fn import(&self, path: &Path, shell: &Shell) -> Result<(), Failure> {
        if self.out.exists() && !self.force && !self.translation {
            let out = self.out.display();
            return Err(Failure::config(format!(
                "{out} is there already; choose another --out, or add --force"
            )));
        }
        let text = manifest_file::text(path, "the manifest")?;
        let refused = |error: AirbyteError| self.refused(path, &error, shell);
        let manifest = Manifest::read(&text).map_err(refused)?;
        let specification = manifest.connection_specification();
        let config = match &self.config {
            Some(config) => {
                Config::check(specification, manifest_file::config(config)?, &[].into()).map_err(refused)?
            }
            None => Config::sample(specification, false),
        };
        let translation =
            translate(&manifest, &config, &[], &[].into(), SystemClock.now()).map_err(refused)?;
        let name = self.name.clone().unwrap_or_else(|| name_of(path));
        let head = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
        let (pipeline, native) = translation.to_pipeline(&head).map_err(|(text, mistakes)| {
            Failure::File { path: path.with_extension("translated.toml"), text, mistakes }
        })?;
        if self.translation {
            shell.text(&native);
            return Ok(());
        }
        let file = self.file(path, &name, &config);
        std::fs::write(&self.out, &file)
            .map_err(|error| Failure::config(format!("cannot write {}: {error}", self.out.display())))?;
        self.tell(&translation, &pipeline, shell);
        Ok(())
    }

    /// The pipeline file that refers to the manifest.
    fn file(&self, manifest: &Path, name: &str, config: &Config) -> String {
        let from = self.out.parent().filter(|dir| *dir != Path::new(""));
        let at = |path: &Path| {
            from.and_then(|dir| path.strip_prefix(dir).ok()).unwrap_or(path).display().to_string()
        };
        let quoted = |text: String| Value::String(text).to_string();
        let head = format!(
            "name = \"{name}\"\n\n[source]\nkind = \"airbyte\"\nmanifest = {}\n",
            quoted(at(manifest))
        );
        match &self.config {
            Some(config) => format!("{head}config = {}\n", quoted(at(config))),
            None => {
                let table = placeholders(config.values());
                let table = toml::to_string(&json!({ "source": { "config": table } })).unwrap_or_default();
                format!(
                    "{head}\n# What the manifest wants to be told: fill in, secrets as environment variables.\n{table}"
                )
            }
        }
    }

    fn tell(&self, translation: &Translation, pipeline: &tidegate_core::pipeline::Pipeline, shell: &Shell) {
        let stream = |(own, native): &(String, String)| {
            let stream = pipeline.stream(native)?;
            Some(json!({
                "name": own, "stream": native, "path": stream.path,
                "incremental": stream.incremental.is_some(),
                "parents": stream.parents().map(|parent| parent.stream.as_str()).collect::<Vec<_>>(),
            }))
        };
        let streams: Vec<Value> = translation.names.iter().filter_map(stream).collect();
        if self.json {
            let remarks = &translation.remarks;
            return shell
                .json(&json!({ "ok": true, "out": self.out, "streams": streams, "remarks": remarks }));
        }
        for stream in &streams {
            let text = |key: &str| stream[key].as_str().unwrap_or_default().to_owned();
            let mut more = Vec::new();
            if stream["incremental"] == true {
                more.push("incremental".to_owned());
            }
            let parents: Vec<&str> =
                stream["parents"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !parents.is_empty() {
                more.push(format!("for each of {}", parents.join(", ")));
            }
            let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
            shell.line(format_args!("{}{more}", text("stream")));
        }
        for remark in &translation.remarks {
            shell.say(format_args!("note  {remark}"));
        }
        shell.say(format_args!(
            "wrote {}; next: `tidegate check`, then `tidegate preview`",
            self.out.display()
        ));
    }

    fn refused(&self, path: &Path, error: &AirbyteError, shell: &Shell) -> Failure {
        if self.json {
            let reasons: &[_] = match error {
                AirbyteError::Refused(reasons) | AirbyteError::Config(reasons) => reasons,
                AirbyteError::Unreadable(_) => &[],
            };
            shell.json(&json!({ "ok": false, "error": error.to_string(), "reasons": reasons }));
        }
        Failure::config(format!("{}: {error}", path.display()))
    }

    fn report(&self, dir: &Path, shell: &Shell) -> Result<(), Failure> {
        let mut found = Vec::new();
        manifests(dir, 0, &mut found)
            .map_err(|error| Failure::config(format!("cannot read {}: {error}", dir.display())))?;
        found.sort();
        let now = SystemClock.now();
        let mut verdicts = Vec::new();
        for path in &found {
            let name = path.strip_prefix(dir).unwrap_or(path);
            let name = match name.file_name().is_some_and(|file| file == "manifest.yaml") {
                true => name.parent().unwrap_or(name),
                false => name,
            };
            let text = manifest_file::text(path, "the manifest")?;
            verdicts.push(judge(&name.display().to_string(), &text, now));
        }
        if verdicts.is_empty() {
            return Err(Failure::config(format!("{} holds no manifest (*.yaml, *.yml)", dir.display())));
        }
        let report = Report::of(verdicts);
        if self.json {
            shell.json(&report);
            return Ok(());
        }
        for verdict in report.verdicts.iter().filter(|verdict| !verdict.runnable) {
            shell.line(format_args!("refused  {}", verdict.name));
            for reason in &verdict.reasons {
                shell.line(format_args!("  {reason}"));
            }
        }
        let Report { manifests, runnable, percent, python, .. } = report;
        shell.line(format_args!(
            "{runnable} of {manifests} manifests can be run ({percent} %); {python} need Python"
        ));
        Ok(())
    }
}

/// Manifests in a folder, down to three levels.
fn manifests(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if path.is_dir() && depth < 3 {
            manifests(&path, depth + 1, found)?;
        } else if yaml && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// The name of a pipeline, from the file or the folder of its manifest.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = if stem == "manifest" { folder.unwrap_or(stem) } else { stem };
    let name = name.strip_prefix("source-").unwrap_or(&name).to_lowercase();
    name.replace(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()), "_")
}

/// A config to fill in: secrets as environment variables of their own names.
fn placeholders(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("${config:").and_then(|rest| rest.strip_suffix('}')) {
            Some(path) => {
                let name = path.rsplit('.').next().unwrap_or(path).to_ascii_uppercase();
                Value::String(format!("${{{}}}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")))
            }
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(placeholders).collect(),
        Value::Object(table) => table
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), placeholders(value)))
            .collect::<Map<_, _>>()
            .into(),
        plain => plain.clone(),
    }
}
