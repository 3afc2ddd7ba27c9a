//! Manifests as they stand, each against an API that is made from it: does every record of every stream arrive?
//! `tests/airbyte/run.py` makes the API and looks into the lake.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counts::Counts;
use crate::{place, shell, steps, tools};

/// What the options are.
const USAGE: &str = "cargo xtask bench airbyte [--folder DIR] [--all] [--only NAME]…";

/// The project's own manifests: all kinds of components in a few files.
fn own() -> PathBuf {
    place::root().join("crates/airbyte/tests/manifests")
}

/// Runs the manifests of a folder, the project's own where none is named: of each combination of paginator,
/// authenticator, routers and cursor the first manifest, or all of them.
pub(super) fn run(args: &[String]) -> Result<bool, String> {
    let mut folder = own();
    let mut options = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = |args: &mut std::slice::Iter<'_, String>| {
            args.next().cloned().ok_or_else(|| format!("`{arg}` wants a value: {USAGE}"))
        };
        match arg.as_str() {
            "--folder" => folder = PathBuf::from(value(&mut args)?),
            "--all" => options.push(arg.clone()),
            "--only" => options.extend([arg.clone(), value(&mut args)?]),
            other => return Err(format!("`{other}` is no option: {USAGE}")),
        }
    }
    shell::run(&mut command(&folder, &options)?).map(|ran| ran.succeeded)
}

/// The step of `cargo xtask test`: the project's own manifests, all of them.
pub(crate) fn step() -> Result<Counts, String> {
    let ran = shell::run(&mut command(&own(), &["--all".to_owned()])?)?;
    Ok(Counts::read(&ran.output, ran.succeeded))
}

fn command(folder: &Path, options: &[String]) -> Result<Command, String> {
    steps::build_binaries()?;
    let mut command = Command::new(tools::venv("venv-manifests", "tests/airbyte/requirements.txt")?);
    command.arg(place::root().join("tests/airbyte/run.py"));
    command.arg(place::binary("debug", "tidegate")).arg(folder).args(options);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}
