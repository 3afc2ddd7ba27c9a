//! The steps that show the AWS deployment, all of them on this machine.

use std::path::Path;
use std::process::Command;

use crate::counts::Counts;
use crate::suite::Selection;
use crate::{place, shell, steps, tools};

const TEMPLATE: &str = "infra/cloudformation.yaml";

/// cfn-lint with warnings as errors, checkov, and what we promise ourselves.
pub(crate) fn template(_: &Selection) -> Result<Counts, String> {
    let lint = tools::venv("venv-lint", "tests/aws/requirements-lint.txt")?;
    let mut counts =
        passes(beside(&lint, "cfn-lint").args(["--non-zero-exit-code", "informational", TEMPLATE]))?;
    let checkov = tools::venv("venv-checkov", "tests/aws/requirements-checkov.txt")?;
    let quiet = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-f", TEMPLATE];
    counts += passes(beside(&checkov, "checkov").args(quiet))?;
    counts += pytest(&lint, "tests/aws", &["--noconftest", "test_template.py"], &[])?;
    Ok(counts)
}

/// The template and the real functions in an emulator: created, polled by schedule, loaded, updated, deleted.
pub(crate) fn stack(_: &Selection) -> Result<Counts, String> {
    steps::build_binaries()?;
    let binaries = place::target().join("debug");
    pytest(&tools::python()?, "tests/aws", &["test_stack.py"], &[("TIDEGATE_BINARIES", &binaries)])
}

/// The Glue script on Spark as Glue has it: its rows beside those of the binary, its runs beside those of the functions.
pub(crate) fn glue(_: &Selection) -> Result<Counts, String> {
    steps::build_binaries()?;
    let binaries = place::target().join("debug");
    let environment = [("TIDEGATE_BINARIES", &*binaries), ("TIDEGATE_BIN", &*binaries.join("tidegate"))];
    let python = tools::venv("venv-glue", "tests/glue/requirements.txt")?;
    pytest(&python, "tests/glue", &["--durations=5", "."], &environment)
}

/// A program of a Python's environment, run in the checkout.
fn beside(python: &Path, program: &str) -> Command {
    let mut command = Command::new(python.with_file_name(program));
    command.current_dir(place::root());
    command
}

fn passes(command: &mut Command) -> Result<Counts, String> {
    shell::run(command).map(|ran| Counts::one(ran.succeeded))
}

fn pytest(
    python: &Path,
    folder: &str,
    tests: &[&str],
    environment: &[(&str, &Path)],
) -> Result<Counts, String> {
    let mut command = beside(python, "python");
    // A line for each test: the first waits a minute for the schedule, and silence looks like a hang.
    command.args(["-m", "pytest", "-v", "-p", "no:cacheprovider", "-rs", "--tb=short"]).args(tests);
    command.envs(environment.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = shell::run(command.current_dir(place::root().join(folder)))?;
    Ok(Counts::read(&ran.output, ran.succeeded))
}
