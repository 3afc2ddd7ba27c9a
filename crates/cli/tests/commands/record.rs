//! `record` and `test`: what an API answered, without its secrets, replayed without it.

use std::path::Path;

use tempfile::TempDir;

use crate::{api, command, fails, json, ok, tidegate};

/// A recorded case of three pages, below `cases/shop`.
fn recorded(paginator: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let file = format!(
        "name = \"shop\"\n[source]\nbase_url = \"{}\"\n[source.auth]\ntype = \"api_key\"\nlocation = \"query\"\n\
         name = \"key\"\napi_key = \"${{SHOP_KEY}}\"\n[source.headers]\nAuthorization = \"Bearer ${{SHOP_TOKEN}}\"\n\
         [[streams]]\nname = \"things\"\npath = \"/v1/pages\"\nrecords = \"$.data[*]\"\nevent_time = \"at\"\n\
         primary_key = [\"id\"]\npaginator = {paginator}\n",
        api::serve()
    );
    std::fs::write(dir.path().join("tidegate.toml"), file).expect("written");
    let mut record = command(dir.path(), &["record", "--polls", "2", "--every", "1ms"]);
    record.env("SHOP_KEY", "k-4711/ß").env("SHOP_TOKEN", "t0ken-0815");
    let said = ok(&record.output().expect("it runs"));
    assert!(said.contains("ok      shop"), "{said}");
    dir
}

const BY_TOTAL: &str = r#"{ type = "page_number", base_page = 1, total_path = "$.total_pages" }"#;

/// All files of a case, one after the other.
fn everything(dir: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(dir).expect("listed") {
        let path = entry.expect("listed").path();
        match path.is_dir() {
            true => text.push_str(&everything(&path)),
            false => text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).expect("read"))),
        }
    }
    text
}

fn exchange(dir: &TempDir, name: &str) -> std::path::PathBuf {
    dir.path().join("cases/shop/responses").join(name)
}

#[test]
fn a_recording_holds_no_secret_and_replays_without_a_network() {
    let dir = recorded(BY_TOTAL);
    let text = everything(&dir.path().join("cases/shop"));
    for secret in ["k-4711", "t0ken-0815", "s3ss10n", "c00kie"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(
        text.contains("key=secret-of-the-case") && text.contains("\"caller\":\"Bearer secret-of-the-case\""),
        "{text}"
    );
    let pipeline = dir.path().join("cases/shop/pipeline.toml");
    // Nobody listens there: what is replayed asks nobody.
    let file = std::fs::read_to_string(&pipeline).expect("read");
    let url = file.lines().find(|line| line.starts_with("base_url")).expect("a line").to_owned();
    std::fs::write(&pipeline, file.replace(&url, "base_url = \"http://127.0.0.1:9\"")).expect("written");
    let result = json(&tidegate(dir.path(), &["test", "--json"]));
    assert_eq!(result["cases"][0]["ok"], true, "{result}");
    let rows = std::fs::read_to_string(dir.path().join("cases/shop/expected/things.ndjson")).expect("read");
    assert_eq!(rows.lines().count(), 6, "{rows}");
}

#[test]
fn a_stream_that_signs_by_itself_is_recorded_without_signatures() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = format!(
        "name = \"shop\"\n[source]\nbase_url = \"{}\"\nauth = {{ type = \"api_key\", location = \"query\", \
         name = \"key\", api_key = \"${{SHOP_KEY}}\" }}\n[[streams]]\nname = \"things\"\npath = \"/v1/things\"\n\
         records = \"$.results[*]\"\n[[streams]]\nname = \"signed\"\npath = \"/v1/pages\"\nrecords = \"$.data[*]\"\n\
         auth = {{ type = \"hmac\", key = \"${{SHOP_TOKEN}}\", location = \"query\", name = \"sig\", \
         timestamp_name = \"ts\" }}\n",
        api::serve()
    );
    std::fs::write(dir.path().join("tidegate.toml"), file).expect("written");
    let said = ok(&record(&dir, &[]));
    assert!(said.contains("ok      shop"), "{said}");
    let text = everything(&dir.path().join("cases/shop/responses"));
    assert!(text.contains("> GET /v1/pages\n") && text.contains("key=secret-of-the-case\n"), "{text}");
    assert!(!text.contains("sig=") && !text.contains("k-4711"), "{text}");
}

#[test]
fn a_request_that_was_not_recorded_shows_the_nearest_one() {
    let dir = recorded(BY_TOTAL);
    std::fs::remove_file(exchange(&dir, "1-0002.http")).expect("removed");
    let output = tidegate(dir.path(), &["test", "cases/shop"]);
    fails(&output, 4);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("nothing (more) is recorded for GET /v1/pages?") && said.contains("page=2"),
        "{said}"
    );
    assert!(said.contains("the nearest is GET /v1/pages?"), "{said}");
}

#[test]
fn a_page_that_paging_does_not_come_to_is_told() {
    let dir = recorded(BY_TOTAL);
    let first = std::fs::read(exchange(&dir, "1-0001.http")).expect("read");
    let text = String::from_utf8(first).expect("UTF-8").replace("\"total_pages\":3", "\"total_pages\":1");
    std::fs::write(exchange(&dir, "1-0001.http"), text).expect("written");
    let output = tidegate(dir.path(), &["test", "cases/shop"]);
    let advice = fails(&output, 4);
    // What is written as expected now would be no better.
    assert!(advice.contains("record --force") && !advice.contains("--bless"), "{advice}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("responses/1-0002.http: never asked for"), "{said}");
}

#[test]
fn a_record_that_two_pages_share_is_told_where_it_would_land_twice() {
    let dir = recorded(BY_TOTAL);
    let pipeline = dir.path().join("cases/shop/pipeline.toml");
    let text = std::fs::read_to_string(&pipeline).expect("read").replace("primary_key", "# primary_key");
    std::fs::write(&pipeline, text).expect("written");
    for name in ["1-0002.http", "2-0005.http"] {
        let text = std::fs::read_to_string(exchange(&dir, name)).expect("read");
        let shared = r#"{"id":3,"at":"2026-11-23T01:00:00Z","n":30}"#;
        let own = r#"{"id":4,"at":"2026-11-23T02:00:00Z","n":40}"#;
        assert!(text.contains(own), "{text}");
        std::fs::write(exchange(&dir, name), text.replace(own, shared)).expect("written");
    }
    let output = tidegate(dir.path(), &["test", "cases/shop"]);
    fails(&output, 4);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("begins with the record that the page before ended with"), "{said}");
}

/// Runs `record` with the secrets of [`recorded`].
fn record(dir: &TempDir, args: &[&str]) -> std::process::Output {
    let mut record = command(dir.path(), &[["record"].as_slice(), args].concat());
    record.env("SHOP_KEY", "k-4711/ß").env("SHOP_TOKEN", "t0ken-0815").output().expect("it runs")
}

#[test]
fn force_writes_over_a_recording_and_touches_nothing_else() {
    let dir = recorded(BY_TOTAL);
    std::fs::create_dir(dir.path().join("mine")).expect("made");
    std::fs::write(dir.path().join("mine/pipeline.toml"), "mine").expect("written");
    for out in [".", "mine"] {
        let said = fails(&record(&dir, &["--out", out, "--force"]), 2);
        assert!(said.contains("holds no recording"), "{said}");
    }
    assert!(dir.path().join("tidegate.toml").exists() && dir.path().join("cases/shop").exists());
    assert_eq!(std::fs::read_to_string(dir.path().join("mine/pipeline.toml")).expect("read"), "mine");

    let case = dir.path().join("cases/shop");
    std::fs::write(case.join("notes.md"), "kept").expect("written");
    std::fs::write(exchange(&dir, "9-0001.http"), "old").expect("written");
    ok(&record(&dir, &["--force"]));
    assert!(case.join("notes.md").exists() && case.join("expected/things.ndjson").exists());
    assert!(!exchange(&dir, "9-0001.http").exists() && exchange(&dir, "1-0003.http").exists());
    let names = std::fs::read_dir(dir.path().join("cases")).expect("listed").count();
    assert_eq!(names, 1, "what was written beside it is gone");
}

#[test]
fn a_file_that_holds_a_secret_as_it_is_is_not_recorded() {
    let dir = recorded(BY_TOTAL);
    let file = dir.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    for (from, to, named) in [
        ("paginator", "params = { api_key = \"abc\" }\npaginator", "streams.things.params.api_key"),
        ("[source.auth]", "config = { api_key = \"abc\" }\n[source.auth]", "source.config.api_key"),
        (
            "name = \"things\"",
            "name = \"things\"\ncolumns = { \"t0ken-0815\" = \"string\" }",
            "${SHOP_TOKEN}",
        ),
    ] {
        std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
        let said = fails(&record(&dir, &["--out", "other"]), 2);
        assert!(said.contains(named), "{said}");
        assert!(!dir.path().join("other").exists());
    }
}

#[test]
fn nothing_is_recorded_over_a_folder_or_with_a_secret_in_plain_text() {
    let dir = recorded(BY_TOTAL);
    let said = fails(&tidegate(dir.path(), &["record"]), 2);
    assert!(said.contains("--force"), "{said}");
    let file = dir.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&file).expect("read").replace("Bearer ${SHOP_TOKEN}", "Bearer abc");
    std::fs::write(&file, text).expect("written");
    let said = fails(&tidegate(dir.path(), &["record", "--out", "other"]), 2);
    assert!(said.contains("Authorization") && said.contains("${NAME}"), "{said}");
    assert!(!dir.path().join("other").exists());
    let said = fails(&tidegate(dir.path(), &["test", "nowhere"]), 2);
    assert!(said.contains("nowhere"), "{said}");
}
