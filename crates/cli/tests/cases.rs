//! Every folder of `cases/`: recorded answers through the whole line become exactly the expected rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

fn check(case: &Path) -> Output {
    let mut tidegate = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    tidegate.args(["check", "--case"]).arg(case).output().expect("tidegate runs")
}

/// A copy of a case that may be spoilt.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for part in ["", "responses", "expected"] {
        let (from, to) = (cases().join(name).join(part), copy.path().join(part));
        std::fs::create_dir_all(&to).expect("made");
        for entry in std::fs::read_dir(from).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("copied");
            }
        }
    }
    copy
}

#[test]
fn every_case_gives_what_is_expected() {
    let output = check(&cases());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let folders = std::fs::read_dir(cases())
        .expect("listed")
        .filter(|entry| entry.as_ref().expect("listed").path().join("pipeline.toml").exists());
    assert_eq!(out.lines().filter(|line| line.starts_with("ok")).count(), folders.count());
}

#[test]
fn a_differing_value_is_named_and_fails() {
    let case = copy("coinbase_trades");
    let rows = case.path().join("expected/trades.ndjson");
    let text = std::fs::read_to_string(&rows).expect("read").replace("94325.01", "94325.02");
    std::fs::write(&rows, text).expect("written");
    let output = check(case.path());
    assert_eq!(output.status.code(), Some(4));
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--bless"));
    let named = "trades/000000000001 row 0: price is \"94325.01\", expected \"94325.02\"";
    assert!(out.contains(named), "{out}");
}

#[test]
fn a_request_that_nobody_recorded_and_an_answer_that_nobody_wanted_fail() {
    let case = copy("github_events");
    let responses = case.path().join("responses");
    std::fs::rename(responses.join("3.http"), responses.join("4.http")).expect("moved");
    let output = check(case.path());
    assert_eq!(output.status.code(), Some(4));
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("poll 3: nothing (more) is recorded for GET /events")
    );
    std::fs::write(responses.join("3.http"), "> GET /other\n< 200\n\n[]").expect("written");
    assert_eq!(check(case.path()).status.code(), Some(4));
}
