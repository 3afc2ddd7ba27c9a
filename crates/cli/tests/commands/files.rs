//! Commands that need no API: check, generate, the examples.

use std::path::{Path, PathBuf};

use crate::{fails, json, ok, tidegate};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_shipped_example_is_right() {
    let examples: Vec<PathBuf> = std::fs::read_dir(project().join("examples"))
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    assert!(examples.len() >= 5);
    for example in examples {
        let shown = ok(&tidegate(&project(), &["check", &example.display().to_string()]));
        assert!(shown.contains(": ok\n"), "{shown}");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    ok(&tidegate(&project(), &["generate", "reference", "--check"]));
}

#[test]
fn a_reference_that_drifted_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    ok(&tidegate(dir.path(), &["generate", "reference", "--out", "r"]));
    ok(&tidegate(dir.path(), &["generate", "reference", "--out", "r", "--check"]));
    std::fs::write(dir.path().join("r/errors.md"), "old").expect("written");
    let said = fails(&tidegate(dir.path(), &["generate", "reference", "--out", "r", "--check"]), 2);
    assert!(said.contains("out of date: errors.md"), "{said}");
}

#[test]
fn completions_and_man_pages_are_written() {
    let dir = tempfile::tempdir().expect("a directory");
    ok(&tidegate(dir.path(), &["generate", "completions", "--out", "c"]));
    ok(&tidegate(dir.path(), &["generate", "man", "--out", "m"]));
    assert!(dir.path().join("c/_tidegate").exists() && dir.path().join("m/tidegate-run.1").exists());
}

#[test]
fn a_mistake_is_shown_with_its_line_a_caret_and_what_was_meant() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "name = \"x\"\n[source]\nbase_ulr = \"https://example.org\"\n[[streams]]\nname = \"a\"\npath = \"/\"\n";
    std::fs::write(dir.path().join("tidegate.toml"), text).expect("written");
    let said = fails(&tidegate(dir.path(), &["check"]), 2);
    assert!(said.contains("tidegate.toml:3:1") && said.contains("────"), "{said}");
    assert!(said.contains("did you mean `base_url`?") && said.contains("2 mistakes"), "{said}");
}

#[test]
fn check_tells_what_a_budget_cannot_keep() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |own: u32, all: u32| {
        let text = format!(
            "name = \"a\"\nstaging = \"memory://\"\nlake = \"memory://\"\n[source]\nbase_url = \"https://h.example\"\n\
             limits = {{ calls_per_day = {all} }}\n[[streams]]\nname = \"b\"\npath = \"/{{kind}}/{{place}}\"\n\
             for_each = {{ kind = [\"x\", \"y\"], place = [\"p\", \"q\", \"r\"] }}\n\
             cadence = {{ max_staleness = \"1h\", calls_per_day = {own} }}\n"
        );
        std::fs::write(dir.path().join("tidegate.toml"), text).expect("written");
        let output = tidegate(dir.path(), &["check"]);
        let shown = ok(&output);
        (shown, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (shown, said) = file(143, 143);
    assert!(shown.contains("(6 elements)"), "{shown}");
    assert!(
        said.contains("stream b: its `max_staleness` takes 144 requests a day, `calls_per_day` allows 143")
    );
    assert!(said.contains("`calls_per_day` of source.limits allows 143"), "{said}");
    assert_eq!(
        json(&tidegate(dir.path(), &["check", "--json"]))["warnings"].as_array().map(Vec::len),
        Some(2)
    );
    assert!(!file(144, 144).1.contains("max_staleness"));
}

#[test]
fn a_missing_file_and_wrong_arguments_are_config_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = fails(&tidegate(dir.path(), &["check", "none.toml"]), 2);
    assert!(said.contains("none.toml") && said.contains("tidegate init"), "{said}");
    fails(&tidegate(dir.path(), &["chekc"]), 2);
}

#[test]
fn the_exit_code_stands_where_nobody_reads_stderr() {
    let dir = tempfile::tempdir().expect("a directory");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut check = crate::command(dir.path(), &["check", "none.toml"]);
    assert_eq!(check.stderr(writer).status().expect("the binary runs").code(), Some(2));
}

#[test]
fn init_without_an_address_writes_the_example_and_never_overwrites() {
    let dir = tempfile::tempdir().expect("a directory");
    ok(&tidegate(dir.path(), &["init"]));
    let checked = json(&tidegate(dir.path(), &["check", "--json"]));
    assert_eq!(checked["pipeline"]["name"], "open_meteo");
    let said = fails(&tidegate(dir.path(), &["init"]), 2);
    assert!(said.contains("--force"), "{said}");
    ok(&tidegate(dir.path(), &["init", "--force"]));
}
