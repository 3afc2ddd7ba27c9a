//! `tidegate generate`: what is made from the types and the arguments themselves.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory, Subcommand};
use clap_complete::Shell as Dialect;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::Shell;
use crate::reference;

/// Generate the editor schema, the reference pages, shell completions or man pages
#[derive(Debug, ClapArgs)]
pub(crate) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The JSON Schema of the pipeline file, for editors
    Schema {
        /// Write it to this file instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// The reference pages and the schema
    Reference {
        /// Directory they are written to
        #[arg(long, value_name = "DIR", default_value = "docs/reference")]
        out: PathBuf,
        /// Write nothing; fail if a file there differs from what would be written
        #[arg(long)]
        check: bool,
    },
    /// Completions for bash, zsh, fish, elvish and PowerShell
    Completions {
        /// Directory they are written to
        #[arg(long, value_name = "DIR", default_value = "completions")]
        out: PathBuf,
    },
    /// Man pages
    Man {
        /// Directory they are written to
        #[arg(long, value_name = "DIR", default_value = "man")]
        out: PathBuf,
    },
}

impl Generate {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match &self.what {
            What::Schema { out: None } => shell.text(&reference::schema()),
            What::Schema { out: Some(file) } => write(file, &reference::schema(), shell)?,
            What::Reference { out, check: true } => check(out, shell)?,
            What::Reference { out, check: false } => {
                directory(out)?;
                for (name, text) in reference::files() {
                    write(&out.join(name), &text, shell)?;
                }
            }
            What::Completions { out } => completions(out, shell)?,
            What::Man { out } => man(out, shell)?,
        }
        Ok(())
    }
}

fn directory(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))
}

fn write(file: &Path, text: &str, shell: &Shell) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| unwritable(file, &error))?;
    shell.say(format_args!("wrote {}", file.display()));
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::config(format!("cannot write {}: {error}", path.display()))
}

fn check(dir: &Path, shell: &Shell) -> Result<(), Failure> {
    let differs =
        |(name, text): &(&str, String)| std::fs::read_to_string(dir.join(name)).ok().as_ref() != Some(text);
    let stale: Vec<&str> =
        reference::files().iter().filter(|file| differs(file)).map(|(name, _)| *name).collect();
    if stale.is_empty() {
        shell.say("the reference is up to date");
        return Ok(());
    }
    let stale = stale.join(", ");
    Err(Failure::config(format!(
        "{} is out of date: {stale}; run `tidegate generate reference`",
        dir.display()
    )))
}

fn completions(out: &Path, shell: &Shell) -> Result<(), Failure> {
    directory(out)?;
    for dialect in [Dialect::Bash, Dialect::Zsh, Dialect::Fish, Dialect::Elvish, Dialect::PowerShell] {
        let file = clap_complete::generate_to(dialect, &mut Args::command(), "tidegate", out)
            .map_err(|error| unwritable(out, &error))?;
        shell.say(format_args!("wrote {}", file.display()));
    }
    Ok(())
}

fn man(out: &Path, shell: &Shell) -> Result<(), Failure> {
    directory(out)?;
    clap_mangen::generate_to(Args::command(), out).map_err(|error| unwritable(out, &error))?;
    shell.say(format_args!("wrote the man pages to {}", out.display()));
    Ok(())
}
