//! Files that commands write for the user: nothing is written over unasked.

use std::path::Path;

use crate::failure::Failure;

/// Whether `out` may be written.
pub(crate) fn free(out: &Path, force: bool) -> Result<(), Failure> {
    match out.exists() && !force {
        true => Err(Failure::config(format!(
            "{} is there already; choose another --out, or add --force",
            out.display()
        ))),
        false => Ok(()),
    }
}

/// Writes the file.
pub(crate) fn write(out: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(out, text)
        .map_err(|error| Failure::config(format!("cannot write {}: {error}", out.display())))
}

/// How a further command is told of the pipeline file: ` conf/weather.toml`; nothing where it looks there by itself.
pub(crate) fn argument(out: &Path) -> String {
    match out == Path::new("tidegate.toml") {
        true => String::new(),
        false => format!(" {}", out.display()),
    }
}
