//! `tidegate import airbyte`: a declarative manifest, run as it stands by a pipeline file that refers to it; or a report
//! on a folder of manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use tidegate_airbyte::{AirbyteError, Config, Manifest, Report, Translation, judge, translate};
use tidegate_engine::{Clock, SystemClock};

use super::variables::Variables;
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::dir_of;
use crate::{manifest_file, target, words};

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
        target::free(&self.out, self.force || self.translation)?;
        let text = manifest_file::text(path, "the manifest")?;
        let refused = |error: AirbyteError| self.refused(path, &error, shell);
        let manifest = Manifest::read(&text).map_err(refused)?;
        let specification = manifest.connection_specification();
        let (config, values) = match &self.config {
            Some(config) => {
                let given = manifest_file::config(config)?;
                let values = manifest_file::values(&given, dir_of(&self.out));
                (Config::check(specification, given, &values).map_err(refused)?, values)
            }
            None => (Config::sample(specification, false), BTreeMap::new()),
        };
        let mut translation =
            translate(&manifest, &config, &[], &values, SystemClock.now()).map_err(refused)?;
        let name = self.name.clone().unwrap_or_else(|| name_of(path));
        let head = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
        let variables = Variables::of(&Value::Object(translation.pipeline.clone()));
        if self.translation {
            translation.pipeline = variables.put_into(&translation.pipeline);
        }
        let (pipeline, native) = translation.to_pipeline(&head).map_err(|(text, mistakes)| {
            Failure::File { path: path.with_extension("translated.toml"), text, mistakes }
        })?;
        if self.translation {
            let exported = variables.list();
            let listed: String = exported.iter().map(|variable| format!("# export {variable}\n")).collect();
            shell.text(&format!("{listed}{native}"));
            if !exported.is_empty() {
                shell.say(format_args!("export before it runs: {}", exported.join(", ")));
            }
            return Ok(());
        }
        target::write(&self.out, &self.file(path, &name, &config)?)?;
        self.tell(&translation, &pipeline, shell);
        Ok(())
    }

    /// The pipeline file that refers to the manifest.
    fn file(&self, manifest: &Path, name: &str, config: &Config) -> Result<String, Failure> {
        let quoted = |path: &Path| -> Result<String, Failure> {
            Ok(Value::String(self.located(path)?.display().to_string()).to_string())
        };
        let manifest = quoted(manifest)?;
        let head = format!("name = \"{name}\"\n\n[source]\nkind = \"airbyte\"\nmanifest = {manifest}\n");
        Ok(match &self.config {
            Some(config) => format!("{head}config = {}\n", quoted(config)?),
            None => {
                let table = Variables::of(config.values()).put_in(config.values());
                let table = toml::to_string(&json!({ "source": { "config": table } })).unwrap_or_default();
                format!(
                    "{head}\n# What the manifest wants to be told: fill in, secrets as environment variables.\n{table}"
                )
            }
        })
    }

    /// A path as the written file has it, from whose directory it is looked up.
    fn located(&self, path: &Path) -> Result<PathBuf, Failure> {
        let Some(dir) = self.out.parent().filter(|dir| *dir != Path::new("")) else {
            return Ok(path.to_owned());
        };
        match path.strip_prefix(dir) {
            Ok(below) => Ok(below.to_owned()),
            Err(_) => std::path::absolute(path)
                .map_err(|error| Failure::config(format!("cannot find {}: {error}", path.display()))),
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
        let (out, file) = (self.out.display(), target::argument(&self.out));
        shell.say(format_args!("wrote {out}; next: `tidegate check{file}`, then `tidegate preview{file}`"));
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
    words::name(name.strip_prefix("source-").unwrap_or(&name))
}
