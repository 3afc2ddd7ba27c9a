//! What the load of one small batch takes of its own, beyond the calls of the stores.

use std::fs;
use std::process::Command;

use super::page;
use super::partition::options::Options;
use crate::place;
use crate::shell;

/// Loads 300 batches of 2 KiB one by one and tells the medians.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let options = Options::parse(args)?;
    let (release, folder) = if options.profile == "dev" { (false, "debug") } else { (true, "release") };
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--workspace", "--example", "event", "--locked", "--quiet"]);
    if release {
        cargo.arg("--release");
    }
    shell::must(cargo.current_dir(place::root()))?;
    let directory = place::cache().join("bench/event");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let count = if options.small { "20" } else { "300" };
    let mut event = Command::new(place::target().join(folder).join("examples/event"));
    let said = shell::must(event.arg(&directory).arg(count));
    let _ = fs::remove_dir_all(&directory);
    let said = said?;
    let value = |name: &str| {
        let found = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).ok_or(format!("the example told no {name}"))
    };
    let text = format!(
        "{}. Medians of {count} loads of one batch of 2 KiB, event mode, `file:` stores that wait for the disk.\n\n\
         | what | measured | goal |\n|---|---|---|\n| our own time of a load | {} ms | below 5 ms |\n\
         | the stores' time | {} ms | |\n| calls of the stores | {} | |\n",
        page::circumstances(),
        value("own")?,
        value("store")?,
        value("calls")?
    );
    println!("{text}");
    if !options.small {
        page::write("event", &text)?;
    }
    Ok(true)
}
