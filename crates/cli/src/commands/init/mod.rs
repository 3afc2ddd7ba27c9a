//! `tidegate init`: a pipeline file from one look at an API.

mod answer;
mod guess;
mod openapi;
mod write;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use crate::failure::Failure;
use crate::output::Shell;
use crate::runtime::block_on;
use crate::{target, words};

/// Names that envelopes give to their list of records, the likeliest first.
const LISTS: [&str; 15] = [
    "data", "items", "results", "records", "value", "values", "entries", "list", "content", "rows",
    "elements", "objects", "features", "events", "hits",
];

/// The default example, which needs no key.
const EXAMPLE: &str = include_str!("../../../../../examples/open-meteo.toml");

/// Write a pipeline file: look once at an API and guess its records, their time and their key
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Address of the API, with its query; without one a working example is written
    url: Option<String>,
    /// Propose streams from the description of an API (OpenAPI 3, Swagger 2) in JSON or YAML; nothing is asked
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "tidegate.toml")]
    out: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl Init {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        target::free(&self.out, self.force)?;
        let text = match (&self.openapi, self.url()?) {
            (Some(file), url) => describe(file, url.as_ref(), shell)?,
            (None, Some(url)) => look(&url, shell)?,
            (None, None) => example(),
        };
        if !self.agreed(&text)? {
            shell.say("nothing was written");
            return Ok(());
        }
        target::write(&self.out, &text)?;
        self.next_steps(shell);
        Ok(())
    }

    fn asks(&self) -> bool {
        !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn url(&self) -> Result<Option<Url>, Failure> {
        let text = match &self.url {
            Some(text) => text.clone(),
            None if self.asks() && self.openapi.is_none() => {
                ask("Address of the API (empty for an example, the current weather): ")?
            }
            None => String::new(),
        };
        if text.is_empty() {
            return Ok(None);
        }
        let absolute = if text.contains("://") { text } else { format!("https://{text}") };
        match Url::parse(&absolute) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Some(url)),
            Ok(url) => Err(Failure::config(format!("{}: is not http or https", url.scheme()))),
            Err(error) => Err(Failure::config(format!("the address is not a URL: {error}"))),
        }
    }

    /// Shows the file and asks whether to write it, where somebody is there to be asked.
    fn agreed(&self, text: &str) -> Result<bool, Failure> {
        if !self.asks() {
            return Ok(true);
        }
        eprintln!("\n{text}");
        let answer = ask(&format!("Write this to {}? [Y/n] ", self.out.display()))?;
        Ok(!answer.to_lowercase().starts_with('n'))
    }

    fn next_steps(&self, shell: &Shell) {
        let out = self.out.display();
        let file = target::argument(&self.out);
        shell.say(format_args!("wrote {out}; next:"));
        shell.say(format_args!("  tidegate preview{file}      fetch once and show the rows, write nothing"));
        shell.say(format_args!("  tidegate run --once{file}   one poll into the lake"));
        shell.say(format_args!("  tidegate run{file}          poll at its cadence until Ctrl-C"));
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    let mut answer = String::new();
    let unreadable = |error: io::Error| Failure::config(format!("cannot read the answer: {error}"));
    eprint!("{question}");
    io::stderr().flush().map_err(unreadable)?;
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(answer.trim().to_owned())
}

/// The example without the line that only holds within this project.
fn example() -> String {
    let body =
        EXAMPLE.split_once('\n').map_or(EXAMPLE, |(first, rest)| match first.starts_with("#:schema") {
            true => rest,
            false => EXAMPLE,
        });
    body.to_owned()
}

fn describe(file: &Path, url: Option<&Url>, shell: &Shell) -> Result<String, Failure> {
    let proposal = openapi::propose(file, url)?;
    proposal.left.iter().for_each(|left| shell.say(format_args!("note: {left}")));
    shell.say(format_args!("{} proposed", words::count(proposal.streams as u64, "stream")));
    Ok(proposal.text)
}

fn look(url: &Url, shell: &Shell) -> Result<String, Failure> {
    shell.say(format_args!("looking at {} …", url.host_str().unwrap_or("")));
    let answer = block_on(answer::fetch(url))?;
    let value = answer.value()?;
    let guess = guess::guess(&value, answer.format);
    let elsewhere = guess.event_time.is_some() || !["$", "$.error", "$.errors[*]"].contains(&&*guess.records);
    if let Some(field) = guess::complaint(&value).filter(|_| !elsewhere) {
        shell.say(format_args!(
            "note: the answer has a field `{field}` and may be an error, though its status says success: look at it \
             with `tidegate preview`, correct the address and run `tidegate init` again with --force"
        ));
    } else if guess.count == 0 {
        shell.say(
            "note: the answer holds no record; `records` is a guess, look at it with `tidegate preview`",
        );
    }
    Ok(write::file(url, answer.format, &guess, &answer.columns(&guess.records)))
}
