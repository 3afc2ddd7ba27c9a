//! `import airbyte`: a manifest as it stands, its translation, and a report on many.

use std::path::Path;

use tempfile::TempDir;

use crate::{api, fails, json, ok, tidegate};

/// A manifest of things with a page each, and of their parts.
const MANIFEST: &str = r##"
version: 6.44.0
type: DeclarativeSource
check: { type: CheckStream, stream_names: [Things] }
definitions:
  requester:
    type: HttpRequester
    url_base: "{{ config['url'] }}"
    authenticator: { type: BearerAuthenticator, api_token: "{{ config['api_key'] }}" }
streams:
  - type: DeclarativeStream
    name: Things
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: { $ref: "#/definitions/requester", path: /things }
      record_selector: { type: RecordSelector, extractor: { type: DpathExtractor, field_path: [results] } }
  - type: DeclarativeStream
    name: parts
    primary_key: part
    retriever:
      type: SimpleRetriever
      requester: { $ref: "#/definitions/requester", path: "/things/{{ stream_partition.thing }}/parts" }
      record_selector: { type: RecordSelector, extractor: { type: DpathExtractor, field_path: [] } }
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - { type: ParentStreamConfig, parent_key: id, partition_field: thing, stream: "#/streams/0" }
spec:
  type: Spec
  connection_specification:
    type: object
    required: [url, api_key]
    properties:
      url: { type: string, examples: ["https://api.example.com"] }
      api_key: { type: string, airbyte_secret: true }
"##;

fn dir(config: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "manifest.yaml", MANIFEST);
    write(dir.path(), "config.json", config);
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_manifest_with_its_config_runs_as_it_stands() {
    let dir = dir(&format!(r#"{{ "url": "{}/v1", "api_key": "k3y" }}"#, api::serve()));
    let said = json(&tidegate(
        dir.path(),
        &["import", "airbyte", "manifest.yaml", "--config", "config.json", "--name", "shop", "--json"],
    ));
    assert_eq!(said["streams"][0]["name"], "Things");
    assert_eq!(
        (&said["streams"][1]["stream"], &said["streams"][1]["parents"][0]),
        (&"parts".into(), &"things".into())
    );
    let file = std::fs::read_to_string(dir.path().join("tidegate.toml")).expect("the file");
    assert!(file.contains("kind = \"airbyte\"") && file.contains("config = \"config.json\""), "{file}");
    assert!(!file.contains("k3y"));
    ok(&tidegate(dir.path(), &["check"]));
    ok(&tidegate(dir.path(), &["run", "--once", "--quiet"]));
    let seen = json(&tidegate(dir.path(), &["preview", "--json", "--stream", "parts"]));
    assert_eq!(seen["streams"][0]["rows_total"], 6);
    // What is there already is not overwritten.
    let again = &["import", "airbyte", "manifest.yaml", "--config", "config.json"];
    assert!(fails(&tidegate(dir.path(), again), 2).contains("--force"));
}

#[test]
fn without_a_config_the_file_has_a_table_to_fill_in() {
    let dir = dir("{}");
    ok(&tidegate(dir.path(), &["import", "airbyte", "manifest.yaml"]));
    let file = std::fs::read_to_string(dir.path().join("tidegate.toml")).expect("the file");
    assert!(file.contains("[source.config]") && file.contains("api_key = \"${API_KEY}\""), "{file}");
    // A config that does not fit is told field by field.
    let wrong = &["import", "airbyte", "manifest.yaml", "--config", "config.json", "--out", "other.toml"];
    let said = fails(&tidegate(dir.path(), wrong), 2);
    assert!(
        said.contains("config.url: is required") && said.contains("config.api_key: is required"),
        "{said}"
    );
}

#[test]
fn the_translation_is_a_pipeline_file_of_its_own() {
    let dir = dir(r#"{ "url": "https://api.example.com", "api_key": "k3y" }"#);
    let args = &["import", "airbyte", "manifest.yaml", "--config", "config.json", "--translation"];
    let out = tidegate(dir.path(), args);
    ok(&out);
    let text = String::from_utf8(out.stdout).expect("text");
    assert!(
        text.contains("base_url = \"https://api.example.com\"") && text.contains("[source.auth]"),
        "{text}"
    );
    assert!(!text.contains("k3y") && text.contains("${API_KEY}"), "{text}");
    assert!(!dir.path().join("tidegate.toml").exists());
}

#[test]
fn a_report_says_of_each_manifest_whether_it_runs_and_why_not() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "source-good/manifest.yaml", MANIFEST);
    let python =
        MANIFEST.replace("type: BearerAuthenticator", "type: CustomAuthenticator, class_name: x.Signed");
    write(dir.path(), "source-python/manifest.yaml", &python);
    write(dir.path(), "put.yml", &MANIFEST.replace("path: /things", "http_method: PUT, path: /things"));
    write(dir.path(), "note.yaml", "a: 1");
    let report = json(&tidegate(dir.path(), &["import", "airbyte", "--report", ".", "--json"]));
    assert_eq!(
        (&report["manifests"], &report["runnable"], &report["python"]),
        (&4.into(), &1.into(), &1.into())
    );
    assert_eq!(report["percent"], 25.0);
    let names: Vec<&str> = report["verdicts"]
        .as_array()
        .expect("verdicts")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["note.yaml", "put.yml", "source-good", "source-python"]);
    let reason =
        |at: usize| report["verdicts"][at]["reasons"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(reason(0).contains("it has no `streams`"), "{}", reason(0));
    assert!(reason(1).contains("the method PUT is not supported"), "{}", reason(1));
    assert!(reason(3).contains("needs Python: `x.Signed`"), "{}", reason(3));
    let out = tidegate(dir.path(), &["import", "airbyte", "--report", "."]);
    ok(&out);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains("1 of 4 manifests can be run (25 %); 1 need Python"), "{said}");
}
