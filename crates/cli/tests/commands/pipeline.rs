//! Commands that ask an API: init, preview, run, load, replay, status.

use tempfile::TempDir;

use crate::{api, fails, json, ok, tidegate};

/// A directory with the pipeline file that `init` writes for an API on loopback.
pub(crate) fn initialised() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("{}/v1/things?limit=5", api::serve());
    ok(&tidegate(dir.path(), &["init", &url]));
    dir
}

#[test]
fn init_guesses_records_time_and_key() {
    let dir = initialised();
    let text = std::fs::read_to_string(dir.path().join("tidegate.toml")).expect("the file");
    for line in [
        "records = \"$.results[*]\"",
        "event_time = \"created_at\"",
        "primary_key = [\"id\"]",
        "ignore = [\"$.generated\"]",
        "limit = \"5\"",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
    }
    ok(&tidegate(dir.path(), &["check"]));
}

#[test]
fn init_never_writes_a_key_that_stands_in_the_address() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("{}/v1/things?api_key=hunter2", api::serve());
    let output = tidegate(dir.path(), &["init", &url]);
    ok(&output);
    let text = std::fs::read_to_string(dir.path().join("tidegate.toml")).expect("the file");
    assert!(text.contains("api_key = \"${API_KEY}\"") && !text.contains("hunter2"), "{text}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
}

#[test]
fn init_says_what_is_wrong_with_a_page_that_is_no_api() {
    let dir = tempfile::tempdir().expect("a directory");
    let address = api::serve();
    for (path, code, says) in [("none", 3, "404"), ("page", 3, "HTML"), ("busy", 5, "503")] {
        let said = fails(&tidegate(dir.path(), &["init", &format!("{address}/{path}")]), code);
        assert!(said.contains(says), "{said}");
        assert!(!dir.path().join("tidegate.toml").exists());
    }
    let output = tidegate(dir.path(), &["init", &format!("{address}/error")]);
    ok(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("may be an error"), "{said}");
}

#[test]
fn init_and_preview_know_a_packed_answer_by_its_first_bytes() {
    let dir = tempfile::tempdir().expect("a directory");
    ok(&tidegate(dir.path(), &["init", &format!("{}/rows.parquet", api::serve())]));
    let text = std::fs::read_to_string(dir.path().join("tidegate.toml")).expect("the file");
    for line in ["format = \"parquet\"", "event_time = \"picked_up\"", "primary_key = [\"id\"]"] {
        assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
    }
    let previewed = tidegate(dir.path(), &["preview"]);
    ok(&previewed);
    let said = String::from_utf8_lossy(&previewed.stdout);
    assert!(said.contains("-> 200, 2 records") && said.contains(" of Parquet\n"), "{said}");
}

#[test]
fn a_stream_that_fails_in_a_preview_takes_no_other_along() {
    let dir = initialised();
    let file = dir.path().join("tidegate.toml");
    let mut text = std::fs::read_to_string(&file).expect("the file");
    text.push_str(
        "\n[[streams]]\nname = \"none\"\npath = \"/none\"\n[[streams]]\nname = \"page\"\npath = \"/page\"\n",
    );
    std::fs::write(&file, text).expect("written");
    let output = tidegate(dir.path(), &["preview"]);
    let said = fails(&output, 3);
    assert!(said.contains("/none: 404") && said.contains("/page: page"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 rows, 2 partitions"));
}

#[test]
fn preview_shows_rows_and_writes_nothing() {
    let dir = initialised();
    let seen = json(&tidegate(dir.path(), &["preview", "--json", "--rows", "2"]));
    let stream = &seen["streams"][0];
    assert_eq!(stream["rows_total"], 3);
    assert_eq!(stream["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(stream["columns"]["created_at"], "timestamp");
    assert_eq!(stream["partitions"][0], "year=2026/month=11/day=23/hour=08");
    assert!(ok(&tidegate(dir.path(), &["preview"])).contains("3 rows, 2 partitions"));
    assert!(!dir.path().join("lake").exists() && !dir.path().join("staging").exists());
    fails(&tidegate(dir.path(), &["preview", "--stream", "other"]), 2);
}

#[test]
fn a_run_lands_each_record_once_and_status_tells_it() {
    let dir = initialised();
    assert_eq!(json(&tidegate(dir.path(), &["run", "--once", "--json"]))["rows"], 3);
    let again = json(&tidegate(dir.path(), &["run", "--once", "--json"]));
    assert_eq!((&again["polls"], &again["changed"], &again["rows"]), (&1.into(), &0.into(), &0.into()));
    let status = json(&tidegate(dir.path(), &["status", "--json"]));
    assert_eq!(status["tables"][0]["rows"], 3);
    assert_eq!(status["tables"][0]["files"], 2);
    assert_eq!((&status["streams"][0]["lag"], &status["streams"][0]["changed"]), (&0.into(), &1.into()));
    assert!(ok(&tidegate(dir.path(), &["status"])).contains("things"));
}

#[test]
fn status_of_a_pipeline_that_never_ran_makes_nothing() {
    let dir = initialised();
    let status = json(&tidegate(dir.path(), &["status", "--json"]));
    assert_eq!(status["tables"][0]["rows"], 0);
    assert!(!dir.path().join("lake").exists() && !dir.path().join("staging").exists());
}

#[test]
fn load_finishes_a_lake_that_was_lost_and_replay_makes_it_anew() {
    let dir = initialised();
    ok(&tidegate(dir.path(), &["run", "--once"]));
    std::fs::remove_dir_all(dir.path().join("lake")).expect("removed");
    let loaded = json(&tidegate(dir.path(), &["load", "--missing", "--json"]));
    assert_eq!(loaded["loads"][0]["rows"], 3);
    assert!(ok(&tidegate(dir.path(), &["load"])).contains("0 loads"));
    let replayed = json(&tidegate(dir.path(), &["replay", "--json"]));
    assert_eq!(
        (&replayed["loads"][0]["rows"], &replayed["loads"][0]["end"]),
        (&3.into(), &"rewritten".into())
    );
    let none = json(&tidegate(dir.path(), &["replay", "--to", "2020-01-01", "--json"]));
    assert_eq!(none["loads"].as_array().map(Vec::len), Some(0));
    fails(&tidegate(dir.path(), &["replay", "--table", "other"]), 2);
}

#[test]
fn a_secret_without_a_value_is_shown_where_it_is_named() {
    let dir = initialised();
    let file = dir.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    let with =
        text.replace("[source]\n", "[source]\nauth = { type = \"bearer\", token = \"${SECRET_TOKEN}\" }\n");
    std::fs::write(&file, with).expect("written");
    ok(&tidegate(dir.path(), &["check"]));
    let said = fails(&tidegate(dir.path(), &["run", "--once"]), 2);
    assert!(said.contains("SECRET_TOKEN is not set") && said.contains("tidegate.toml:8:"), "{said}");
}

#[test]
fn an_api_that_is_down_is_transient_and_one_that_refuses_is_the_source() {
    let dir = initialised();
    let down =
        ["run", "--once", "--set", "source.base_url=http://127.0.0.1:1", "--set", "source.limits.attempts=1"];
    fails(&tidegate(dir.path(), &down), 5);
    fails(&tidegate(dir.path(), &["run", "--once", "--set", "streams.things.path=/none"]), 3);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_cleanly() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let dir = initialised();
    let mut run = crate::command(dir.path(), &["run"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let stderr = run.stderr.take().expect("a pipe");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("loaded things-")), "it loads");
    let killed = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert!(run.wait().expect("it ends").success());
    assert_eq!(json(&tidegate(dir.path(), &["status", "--json"]))["streams"][0]["lag"], 0);
}
