//! `tidegate import dlt`: a configuration of dlt's rest_api as a pipeline file.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tidegate_core::import::dlt::{ImportError, Imported, Options, import};
use tidegate_core::pipeline;

use crate::failure::Failure;
use crate::output::Shell;
use crate::{target, words};

/// A configuration of dlt's rest_api, as JSON or as a Python dict literal; nothing in it is run
#[derive(Debug, Args)]
pub(crate) struct Dlt {
    /// The file with the configuration
    file: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "tidegate.toml")]
    out: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
    /// Name of the pipeline; from the host of the API where absent
    #[arg(long)]
    name: Option<String>,
    /// The paginator of resources that name none: a word (`header_link`, `single_page`) or a JSON object
    #[arg(long, value_name = "PAGINATOR", value_parser = paginator)]
    paginator: Option<Value>,
    /// Write what became of it as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// A paginator as a word or an object.
fn paginator(text: &str) -> Result<Value, String> {
    let value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => json!({ "type": text }),
    };
    let read: Result<pipeline::Paginator, _> = serde_json::from_value(value.clone());
    read.map(|_| value).map_err(|error| error.to_string())
}

impl Dlt {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        target::free(&self.out, self.force)?;
        let file = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Failure::config(format!("cannot read {file}: {error}")))?;
        let options = Options { name: self.name.clone(), paginator: self.paginator.clone() };
        let imported = import(&text, &options).map_err(|error| self.refused(&error, shell))?;
        // What was written must be a pipeline file; where it is not, its mistakes say which line is to be mended.
        let checked = pipeline::read(&imported.file, &[]);
        target::write(&self.out, &imported.file)?;
        self.report(&imported, shell);
        checked.map(drop).map_err(|mistakes| Failure::File {
            path: self.out.clone(),
            text: imported.file,
            mistakes,
        })
    }

    fn refused(&self, error: &ImportError, shell: &Shell) -> Failure {
        let file = self.file.display();
        match error {
            ImportError::Literal(error) => Failure::config(format!("{file}: {error}")),
            ImportError::Refused(refusals) => {
                if self.json {
                    shell.json(&json!({ "ok": false, "refused": refusals }));
                }
                for refusal in refusals {
                    shell.complain(format_args!("refused  {}: {}", refusal.path, refusal.message));
                }
                let count = words::count(refusals.len() as u64, "part");
                Failure::config(format!(
                    "{file}: {count} of it cannot be taken over, see above; nothing was written"
                ))
            }
        }
    }

    fn report(&self, imported: &Imported, shell: &Shell) {
        if self.json {
            return shell.json(&json!({ "ok": true, "out": self.out, "notes": imported.notes }));
        }
        for note in &imported.notes {
            shell.line(format_args!("note  {}: {}", note.path, note.message));
        }
        let out = self.out.display();
        let file = target::argument(&self.out);
        shell.say(format_args!("wrote {out}; next: `tidegate check{file}`, then `tidegate preview{file}`"));
    }
}
