//! `tidegate record`: the real answers of an API as a case for `tidegate test`.

use std::path::{Path, PathBuf};

use clap::Args;
use tidegate_core::pipeline::{Secret, Span};

use super::case::{self, Suite};
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::PipelineFile;
use crate::runtime::block_on;
use crate::words;
use crate::world::{self, Purpose};

/// Poll once and keep the answers, without secrets, as a case for `tidegate test`
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The pipeline file
    #[arg(value_name = "FILE", default_value = "tidegate.toml")]
    file: PathBuf,
    /// The folder to write; `cases/` and the pipeline's name where absent
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Polls to record
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    polls: u32,
    /// Time between two polls
    #[arg(long, value_name = "TIME", default_value = "1m")]
    every: Span,
    /// Write over the folder if it is there
    #[arg(long)]
    force: bool,
}

impl Record {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = PipelineFile::read(&self.file, &[])?;
        let out = self.out.clone().unwrap_or_else(|| Path::new("cases").join(&file.pipeline.name));
        self.check(&file, &out)?;
        let env = world::open(&file, Purpose::Try)?;
        let reveal = |name: &&str| env.secrets.reveal(&Secret(format!("${{{name}}}"))).ok();
        let secrets: Vec<String> = file.pipeline.secret_references().iter().filter_map(reveal).collect();
        shell.say(format_args!("asking {} …", file.pipeline.source.base_url));
        let (polls, taken) = block_on(case::record(env, &file.pipeline, self.polls, self.every.0))?;
        if out.exists() {
            std::fs::remove_dir_all(&out)
                .map_err(|error| Failure::config(format!("cannot write {}: {error}", out.display())))?;
        }
        case::write(&out, &file.text, &file.pipeline, &secrets, &polls, &taken)?;
        shell.say(format_args!(
            "wrote {}: {} in {}; look through it for what should not be shared, then commit it",
            out.display(),
            words::count(taken.len() as u64, "exchange"),
            words::count(polls.len() as u64, "poll"),
        ));
        let suite = Suite { bless: true, keep: None };
        case::conclude(&suite.run(&[out])?, false, shell)
    }

    /// Whether there is a place for the recording, and no secret in plain text in the file that becomes a part of it.
    fn check(&self, file: &PipelineFile, out: &Path) -> Result<(), Failure> {
        if out.exists() && !self.force {
            let out = out.display();
            return Err(Failure::config(format!(
                "{out} is there already; choose another --out, or add --force"
            )));
        }
        let source = &file.pipeline.source.headers;
        for (name, value) in
            source.iter().chain(file.pipeline.streams.iter().flat_map(|stream| &stream.headers))
        {
            let lower = name.to_ascii_lowercase();
            let telling =
                ["auth", "token", "key", "secret", "cookie"].iter().any(|word| lower.contains(word));
            if telling && value.references().is_empty() {
                return Err(Failure::config(format!(
                    "the header {name} stands in {} with its value, which would become a part of the recording; \
                     write ${{NAME}} in its place and export NAME",
                    file.path.display()
                )));
            }
        }
        Ok(())
    }
}
