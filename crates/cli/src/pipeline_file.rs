//! The pipeline file as a command is given it: path, overrides, and the directory its relative addresses start from.

use std::path::{Path, PathBuf};

use clap::Args;
use tidegate_airbyte::ManifestFile;
use tidegate_core::pipeline::{self, Pipeline, Secrets};

use crate::failure::Failure;
use crate::manifest_file;

/// The arguments that name a pipeline file.
#[derive(Clone, Debug, Args)]
pub(crate) struct FileArgs {
    /// The pipeline file
    #[arg(value_name = "FILE", default_value = "tidegate.toml")]
    pub(crate) file: PathBuf,
    /// Override a value of the file, such as `source.limits.timeout=10s` or `streams.weather.cadence=7m`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) overrides: Vec<String>,
}

/// A pipeline file that was read and holds no mistake.
#[derive(Debug)]
pub(crate) struct PipelineFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) pipeline: Pipeline,
    /// Secrets that came with the config of a manifest.
    pub(crate) secrets: Secrets,
}

impl FileArgs {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<PipelineFile, Failure> {
        PipelineFile::read(&self.file, &self.overrides)
    }
}

impl PipelineFile {
    /// Reads the file at `path`, with overrides.
    pub(crate) fn read(path: &Path, overrides: &[String]) -> Result<PipelineFile, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        if let Some(file) = ManifestFile::read(&text) {
            let file = file.map_err(|message| Failure::config(format!("{}: {message}", path.display())))?;
            let expanded = manifest_file::expand(&file, path, dir_of(path), overrides)?;
            let secrets = Secrets::new(expanded.translation.secrets);
            let pipeline = expanded.pipeline;
            return Ok(PipelineFile { path: path.to_owned(), text: expanded.text, pipeline, secrets });
        }
        match pipeline::read(&text, overrides) {
            Ok(pipeline) => {
                Ok(PipelineFile { path: path.to_owned(), text, pipeline, secrets: Secrets::default() })
            }
            Err(mistakes) => Err(Failure::File { path: path.to_owned(), text, mistakes }),
        }
    }

    /// Where relative `file:` addresses start from.
    pub(crate) fn dir(&self) -> &Path {
        dir_of(&self.path)
    }
}

/// The directory of a file.
pub(crate) fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::config(match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no file {path}; name the pipeline file, or write one with `tidegate init URL`")
        }
        std::io::ErrorKind::IsADirectory => format!("{path} is a directory; name the pipeline file in it"),
        _ => format!("cannot read {path}: {error}"),
    })
}
