//! How long the command line takes to start, and what an idle run keeps in memory.

use std::process::Command;

use super::page;
use super::partition::measure::script;
use super::partition::{binary, options::Options};
use crate::shell;
use crate::tools;

/// Measures and writes the block `start`; with `--small` it only measures.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let (python, ours) = (tools::python()?, binary(&options)?);
    let said = shell::must(Command::new(python).arg(script("start.py")).arg(ours))?;
    let value = |name: &str| {
        let found = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).ok_or(format!("start.py told no {name}"))
    };
    let text = format!(
        "{}.\n\n| what | measured | goal |\n|---|---|---|\n| `tidegate check` from call to end, median of 21 | {} ms | below 20 ms |\n\
         | largest resident set of a `run` that has polled, loaded and waits | {} MiB | below 25 MB |\n",
        page::circumstances(),
        value("start")?,
        value("idle")?
    );
    println!("{text}");
    if !options.small {
        page::write("start", &text)?;
    }
    Ok(true)
}
