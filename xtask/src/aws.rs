//! The steps that show the AWS deployment, all of them on this machine.

use std::path::Path;
use std::process::Command;

use crate::counts::Counts;
use crate::steps::{self, passes, pytest};
use crate::suite::Selection;
use crate::{place, shell, tools};

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

/// The functions' release binaries under Lambda's runtime API: start, memory, timeouts, panics, kills.
pub(crate) fn runtime(_: &Selection) -> Result<Counts, String> {
    on_functions(&["-s", "test_runtime.py"])
}

/// The template, the command line and the functions in an emulator: deployed, polled by schedule, loaded, updated,
/// deleted, and with roles enforced.
pub(crate) fn stack(_: &Selection) -> Result<Counts, String> {
    on_functions(&["--durations=5", "test_stack.py", "test_cli.py", "test_roles.py", "test_guide.py"])
}

/// Tests that run the functions as they are deployed. Their build is shared by the steps.
fn on_functions(tests: &[&str]) -> Result<Counts, String> {
    let build = ["build", "--workspace", "--bins", "--example", "panics", "--locked", "--quiet"];
    shell::must(Command::new("cargo").args(build).current_dir(place::root()))?;
    let binaries = place::target().join("debug");
    let package = ["package", "--build", "--out"];
    let zips = place::target().join("functions");
    shell::must(
        Command::new(binaries.join("tidegate-aws")).args(package).arg(zips).current_dir(place::root()),
    )?;
    let functions = place::target().join("x86_64-unknown-linux-gnu").join("lambda");
    let environment = [("TIDEGATE_BINARIES", &*binaries), ("TIDEGATE_FUNCTIONS", &*functions)];
    pytest(&tools::python()?, "tests/aws", tests, &environment)
}

/// The functions built for arm64 and run under qemu. A second build of everything, so only where it is asked for.
pub(crate) fn arm64(_: &Selection) -> Result<Counts, String> {
    if std::env::var_os("TIDEGATE_ARM64").is_none() {
        eprintln!("skipped: it builds everything a second time; set TIDEGATE_ARM64=1");
        return Ok(Counts { passed: 0, failed: 0, skipped: 1 });
    }
    steps::build_binaries()?;
    let mut command = Command::new("bash");
    command.arg("tests/aws/arm64.sh").args([place::cache(), place::target(), tools::python()?]);
    let ran = shell::run(command.current_dir(place::root()))?;
    Ok(Counts::read(&ran.output, ran.succeeded))
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
