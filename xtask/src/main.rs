//! The project's own commands. Standard library only, so that it builds in a second on a bare machine.
#![allow(
    clippy::disallowed_methods,
    reason = "the task runner is a shell: it reads the clock and the environment"
)]

mod aws;
mod bench;
mod counts;
mod place;
mod s3;
mod shell;
mod steps;
mod suite;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  test                 sets up and runs all tests; the last line counts them
    --only STEP,…      runs these steps alone
    --skip STEP,…      leaves these steps out
    --seeds N          seeds of the simulation (default 500)
    --list             names the steps
  bench [NAME…]        measures: all benches, or the named ones
    --list             names the benches
  help                 shows this

Environment
  TIDEGATE_CACHE       where tools are kept (default ${XDG_CACHE_HOME:-$HOME/.cache}/tidegate)
  CARGO_TARGET_DIR     where cargo builds
  TIDEGATE_ARM64       set to run the step arm64
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("test") => suite::Selection::parse(&args[1..]).and_then(|selection| suite::run(&selection)),
        Some("bench") => bench::run(&args[1..]),
        // The server of the bench `ingest`, which starts it as a process of its own.
        Some("serve-ingest") => bench::ingest::server::serve(&args[1..]),
        None | Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(other) => Err(format!("there is no command `{other}`\n\n{USAGE}")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
