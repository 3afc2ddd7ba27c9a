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
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(case::MOST_POLLS)))]
    polls: u32,
    /// Time between two polls
    #[arg(long, value_name = "TIME", default_value = "1m")]
    every: Span,
    /// Write over the recording if it is there; other files in its folder stay
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
        let value = |name: &str| env.secrets.reveal(&Secret(format!("${{{name}}}"))).ok();
        let references = file.pipeline.secret_references().into_iter();
        let secrets: Vec<(&str, String)> = references.filter_map(|name| Some((name, value(name)?))).collect();
        unwritten(&file, &secrets)?;
        let secrets: Vec<String> = secrets.into_iter().map(|(_, value)| value).collect();
        shell.say(format_args!("asking {} …", file.pipeline.source.base_url));
        let (polls, taken) = block_on(case::record(env, &file.pipeline, self.polls, self.every.0))?;
        case::put(&out, |dir| case::write(dir, &file.text, &file.pipeline, &secrets, &polls, &taken))?;
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
        case::free(out, self.force)?;
        let open = file.pipeline.secrets_in_the_open();
        if open.is_empty() {
            return Ok(());
        }
        Err(Failure::config(format!(
            "{} holds a secret as it is ({}), which would become a part of the recording; let `auth` send it, or write \
             config = {{ key = \"${{NAME}}\" }} under [source], \"{{{{ config.key }}}}\" in its place, and export NAME",
            file.path.display(),
            open.join(", ")
        )))
    }
}

/// Shortest value that is looked for in the file; a shorter one is a part of ordinary words.
const SHORTEST: usize = 8;

/// Refuses a file in which the value of a secret stands: it becomes a part of the recording as it is.
fn unwritten(file: &PipelineFile, secrets: &[(&str, String)]) -> Result<(), Failure> {
    let stands = |(_, value): &&(&str, String)| value.len() >= SHORTEST && file.text.contains(value.as_str());
    match secrets.iter().find(stands) {
        Some((name, _)) => Err(Failure::config(format!(
            "the value of ${{{name}}} stands in {} as well, which would become a part of the recording; write \
             ${{{name}}} there, or the value in both places if it is no secret",
            file.path.display()
        ))),
        None => Ok(()),
    }
}
