//! The binary as a user runs it: arguments in, files, stdout, stderr and exit code out.

mod airbyte;
mod api;
mod cadence;
mod cadence_simulate;
mod files;
mod imports;
mod partition;
mod pipeline;
mod record;

use std::path::Path;
use std::process::{Command, Output};

/// Runs `tidegate` in a directory.
fn tidegate(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("the binary runs")
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(dir).args(args).env_remove("GITHUB_TOKEN").env_remove("SECRET_TOKEN");
    command
}

/// Stdout of a run that succeeded.
#[track_caller]
fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Stderr of a run that ended with this exit code.
#[track_caller]
fn fails(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

/// The one JSON document on stdout of a run that succeeded.
#[track_caller]
fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&ok(output)).expect("one JSON document")
}
