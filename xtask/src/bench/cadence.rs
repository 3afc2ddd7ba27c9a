//! Every policy on every trace at every level, conditions, convergence, ablation and the planner: pure computation, so
//! it is an example of the core crate, which this builds in release and runs.

use std::process::Command;

use crate::place;
use crate::shell;

/// Runs the example's `page` mode into `docs/cadence-measured.md`, with its options (`--only MODE,…`); each table of the page has a mark that says how it is made.
pub(super) fn run(options: &[String]) -> Result<bool, String> {
    let page = place::root().join("docs/cadence-measured.md");
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--quiet", "--package", "tidegate-core"]);
    command.args(["--example", "cadence", "--", "page", "--out"]).arg(page).args(options);
    shell::run(command.current_dir(place::root())).map(|ran| ran.succeeded)
}
