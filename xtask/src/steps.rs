//! The steps of `cargo xtask test`, in order: cheap and likely to fail first.

use std::path::Path;
use std::process::Command;

use crate::aws;
use crate::bench;
use crate::counts::Counts;
use crate::place;
use crate::s3::Server;
use crate::shell::{self, Ran};
use crate::suite::Selection;
use crate::tools;

/// One step.
pub(crate) struct Step {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) headline: &'static str,
    /// Does it.
    pub(crate) run: fn(&Selection) -> Result<Counts, String>,
}

/// All steps.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", headline: "the code is formatted", run: fmt },
    Step { name: "clippy", headline: "no warning in any target", run: clippy },
    Step { name: "deny", headline: "licences, sources and banned crates", run: deny },
    Step { name: "unit", headline: "unit, property and documentation tests", run: unit },
    Step {
        name: "template",
        headline: "the CloudFormation template: linters and our own rules",
        run: aws::template,
    },
    Step { name: "s3", headline: "the stores' suite over an S3 API", run: s3 },
    Step { name: "sim", headline: "simulation: one seed, one run", run: sim },
    Step { name: "generated", headline: "generated references are up to date", run: generated },
    Step { name: "process", headline: "the binary: killed, fed hostile input, read back", run: process },
    Step {
        name: "manifests",
        headline: "manifests as they stand, each against an API made from it: every record arrives",
        run: |_| bench::airbyte::step(),
    },
    Step {
        name: "bench",
        headline: "the partition job beside DuckDB: the same rows",
        run: |_| bench::partition::step(),
    },
    Step {
        name: "memory",
        headline: "the partition job's memory stays within its budget, whatever the input",
        run: |_| bench::memory::step(),
    },
    Step {
        name: "hot",
        headline: "the hot functions take no more instructions than agreed",
        run: |_| bench::instructions::step(),
    },
    Step { name: "runtime", headline: "the functions under Lambda's runtime API", run: aws::runtime },
    Step { name: "arm64", headline: "the functions for arm64, under qemu", run: aws::arm64 },
    Step { name: "stack", headline: "the stack in an emulator of AWS", run: aws::stack },
    Step { name: "glue", headline: "the loader on Spark beside the one in Rust", run: aws::glue },
    Step { name: "readme", headline: "the commands of the README and the guides", run: readme },
];

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(place::root());
    command
}

/// A program that is one check by itself.
pub(crate) fn passes(command: &mut Command) -> Result<Counts, String> {
    shell::run(command).map(|ran| Counts::one(ran.succeeded))
}

fn counted(ran: &Ran) -> Counts {
    Counts::read(&ran.output, ran.succeeded)
}

fn fmt(_: &Selection) -> Result<Counts, String> {
    passes(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy(_: &Selection) -> Result<Counts, String> {
    let args = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    passes(&mut cargo(&args))
}

/// Advisories are left out: their database is a git repository, and a test run needs package registries only.
fn deny(_: &Selection) -> Result<Counts, String> {
    let mut command = Command::new(tools::cargo_deny()?);
    command.args([
        "--workspace",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    passes(command.current_dir(place::root()))
}

/// What one runner of Rust tests is told, and what the other where it is not there.
struct Chosen {
    nextest: &'static [&'static str],
    cargo: &'static [&'static str],
}

fn unit(_: &Selection) -> Result<Counts, String> {
    let chosen = Chosen {
        nextest: &["--run-ignored=all", "-E", "not test(stores::s3::)"],
        cargo: &["--", "--include-ignored", "--skip", "stores::s3::"],
    };
    let mut counts = counted(&shell::run(&mut rust_tests(&chosen))?);
    counts += counted(&shell::run(&mut cargo(&["test", "--workspace", "--locked", "--quiet", "--doc"]))?);
    // Left out is what the step `s3` runs.
    Ok(Counts { skipped: 0, ..counts })
}

/// The tests that need a server, out of the binaries that are built already.
fn s3(_: &Selection) -> Result<Counts, String> {
    let server = Server::start(&tools::python()?)?;
    let chosen = Chosen {
        nextest: &["--run-ignored=only", "-E", "test(stores::s3::)"],
        cargo: &["--", "--ignored", "stores::s3::"],
    };
    let ran = shell::run(rust_tests(&chosen).envs(server.environment()))?;
    Ok(Counts { skipped: 0, ..counted(&ran) })
}

fn rust_tests(chosen: &Chosen) -> Command {
    if tools::has_nextest() {
        let mut command =
            cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--status-level=fail"]);
        command.arg("--cargo-quiet").args(chosen.nextest);
        return command;
    }
    let mut command = cargo(&["test", "--workspace", "--locked", "--quiet", "--bins", "--lib", "--tests"]);
    command.args(chosen.cargo);
    command
}

/// The whole workspace, as every other step: another choice of packages is another choice of their features, and a
/// second build of the dependencies.
pub(crate) fn build_binaries() -> Result<(), String> {
    shell::must(&mut cargo(&["build", "--workspace", "--bins", "--locked", "--quiet"])).map(drop)
}

/// Runs tests in a folder. A line for each of them: some wait a minute, and silence looks like a hang.
pub(crate) fn pytest(
    python: &Path,
    folder: &str,
    tests: &[&str],
    environment: &[(&str, &Path)],
) -> Result<Counts, String> {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-v", "-p", "no:cacheprovider", "-rs", "--tb=short"]).args(tests);
    command.envs(environment.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1");
    shell::run(command.current_dir(place::root().join(folder))).map(|ran| counted(&ran))
}

fn on_binary(tests: &[&str]) -> Result<Counts, String> {
    build_binaries()?;
    let binary = place::binary("debug", "tidegate");
    pytest(&tools::python()?, "tests", tests, &[("TIDEGATE_BIN", &*binary)])
}

fn readme(_: &Selection) -> Result<Counts, String> {
    on_binary(&["test_commands.py"])
}

fn sim(selection: &Selection) -> Result<Counts, String> {
    build_binaries()?;
    let seeds = format!("0..{}", selection.seeds);
    let mut command = Command::new(place::binary("debug", "tidegate-sim"));
    shell::run(command.args(["--seeds", &seeds])).map(|ran| counted(&ran))
}

fn generated(_: &Selection) -> Result<Counts, String> {
    build_binaries()?;
    let mut counts = Counts::default();
    for arguments in [["generate", "reference", "--check"], ["aws", "reference", "--check"]] {
        let mut command = Command::new(place::binary("debug", "tidegate"));
        counts += passes(command.args(arguments).current_dir(place::root()))?;
    }
    Ok(counts)
}

fn process(_: &Selection) -> Result<Counts, String> {
    on_binary(&["--ignore=test_commands.py", "--ignore=aws", "--ignore=glue", "."])
}
