//! Tools that the tests need and a bare machine does not have, each pinned and kept in the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::place;
use crate::shell;

/// cargo-deny: 0.20 reads the configuration in `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

/// A Python with the packages of `tests/requirements.txt`.
pub(crate) fn python() -> Result<PathBuf, String> {
    venv("venv", "tests/requirements.txt")
}

/// A Python with the packages of a requirements file; made anew when that file changes.
pub(crate) fn venv(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let path = place::root().join(requirements);
    let wanted = fs::read_to_string(&path).map_err(|error| format!("{requirements}: {error}"))?;
    let venv = place::cache().join(name);
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let host = first_python().ok_or("no python3 with venv found; install Python 3.11 or later")?;
    shell::must(Command::new(host).args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
    shell::must(Command::new(&python).args(pip).arg(&path))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

fn first_python() -> Option<&'static str> {
    ["python3.11", "python3"]
        .into_iter()
        .find(|name| shell::first_line(name, &["-m", "venv", "--help"]).is_some())
}

/// cargo-deny, from the path if it is there, else built once into the cache. Built without optimisation: it runs for
/// a second and builds in a third of the time.
pub(crate) fn cargo_deny() -> Result<PathBuf, String> {
    let ours = place::cache().join("cargo").join("bin/cargo-deny");
    let wanted = format!("cargo-deny {CARGO_DENY}");
    for candidate in [PathBuf::from("cargo-deny"), ours.clone()] {
        if shell::first_line(&candidate, &["--version"]).is_some_and(|version| version == wanted) {
            return Ok(candidate);
        }
    }
    shell::must(
        Command::new("cargo")
            .args(["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--debug", "--quiet"])
            .args(["--no-default-features", "--force", "--root"])
            .arg(place::cache().join("cargo"))
            .env("CARGO_TARGET_DIR", place::cache().join("cargo-deny-build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0"),
    )?;
    let _ = fs::remove_dir_all(place::cache().join("cargo-deny-build"));
    Ok(ours)
}

/// Whether cargo-nextest is there: it runs the test binaries side by side.
pub(crate) fn has_nextest() -> bool {
    shell::first_line("cargo", &["nextest", "--version"]).is_some()
}
