//! `import dlt` and `init --openapi`: what others have written, run as a pipeline.

use tempfile::TempDir;

use crate::{api, command, fails, json, ok, tidegate};

fn dir_with(name: &str, text: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(name), text).expect("written");
    dir
}

#[test]
fn an_imported_configuration_runs_with_parent_and_pages() {
    let config = format!(
        r#"config = {{
            "client": {{"base_url": "{}/v1/", "paginator": "single_page"}},
            "resource_defaults": {{"primary_key": "id"}},
            "resources": [
                {{"name": "pages", "endpoint": {{"data_selector": "data",
                    "paginator": {{"type": "page_number", "base_page": 1, "total_path": "total_pages"}}}}}},
                {{"name": "things", "endpoint": {{"data_selector": "results"}}}},
                {{"name": "parts", "primary_key": "part", "include_from_parent": ["value"],
                    "endpoint": {{"path": "things/{{resources.things.id}}/parts", "data_selector": "$"}}}},
            ],
        }}"#,
        api::serve()
    );
    let dir = dir_with("config.py", &config);
    ok(&tidegate(dir.path(), &["import", "dlt", "config.py"]));
    ok(&tidegate(dir.path(), &["check"]));
    ok(&tidegate(dir.path(), &["run", "--once", "--quiet"]));
    let status = json(&tidegate(dir.path(), &["status", "--json"]));
    let text = status.to_string();
    let seen = json(&tidegate(dir.path(), &["preview", "--json", "--stream", "parts"]));
    assert_eq!(seen["streams"][0]["rows_total"], 6, "{text}");
    assert_eq!(seen["streams"][0]["rows"][0]["_things_value"], 0.5);
    let seen = json(&tidegate(dir.path(), &["preview", "--json", "--stream", "pages"]));
    assert_eq!(seen["streams"][0]["rows_total"], 6);
}

#[test]
fn an_import_that_needs_python_writes_nothing_and_names_it() {
    let config = r#"{"client": {"base_url": "https://h.example"}, "resources": [{"name": "a", "processing_steps": [{"map": lambda x: x}],
        "endpoint": {"paginator": "auto"}}]}"#;
    let dir = dir_with("config.py", config);
    let said = fails(&tidegate(dir.path(), &["import", "dlt", "config.py"]), 2);
    assert!(said.contains("resources[0].processing_steps[0].map: `lambda x: x` is Python"), "{said}");
    assert!(
        said.contains("resources[0].endpoint.paginator") && said.contains("--paginator header_link"),
        "{said}"
    );
    assert!(!dir.path().join("tidegate.toml").exists());
    let broken = dir_with("config.py", "{'a': [1, 2");
    let said = fails(&tidegate(broken.path(), &["import", "dlt", "config.py"]), 2);
    assert!(said.contains("line 1, column 12"), "{said}");
}

#[test]
fn a_description_becomes_a_pipeline_that_runs() {
    let description = format!(
        r##"openapi: 3.0.3
info: {{ title: Things }}
servers: [{{ url: "{}/v1" }}]
paths:
  /pages:
    get:
      parameters: [{{ name: page, in: query, schema: {{ type: integer, default: 1 }} }}]
      responses:
        "200":
          content:
            application/json:
              schema:
                type: object
                properties:
                  total_pages: {{ type: integer }}
                  data:
                    type: array
                    items: {{ type: object, properties: {{ id: {{ type: integer }}, at: {{ type: string, format: date-time }} }} }}
"##,
        api::serve()
    );
    let dir = dir_with("api.yaml", &description);
    let output = tidegate(dir.path(), &["init", "--openapi", "api.yaml", "--yes"]);
    ok(&output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 stream proposed"));
    let seen = json(&tidegate(dir.path(), &["preview", "--json"]));
    assert_eq!(seen["streams"][0]["rows_total"], 6, "{seen}");
    assert_eq!(seen["streams"][0]["columns"]["at"], "timestamp");
}

const MANIFEST: &str = r#"version: 6.0.0
type: DeclarativeSource
check: { type: CheckStream, stream_names: [things] }
streams:
  - type: DeclarativeStream
    name: things
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: https://h.example
        path: /things
        request_headers: { X-Site: "{{ config['other']['api_key'] }}" }
        authenticator: { type: BearerAuthenticator, api_token: "{{ config['api_key'] }}" }
      record_selector: { type: RecordSelector, extractor: { type: DpathExtractor, field_path: [] } }
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%Y-%m-%d"
      start_datetime: { type: MinMaxDatetime, datetime: "{{ config['start'] }}", datetime_format: "%Y-%m-%d" }
      start_time_option: { type: RequestOption, inject_into: request_parameter, field_name: since }
spec:
  type: Spec
  connection_specification:
    type: object
    properties:
      api_key: { type: string, airbyte_secret: true }
      start: { type: string, examples: ["2026-01-01"], default: "2026-01-01" }
      other: { type: object, required: [api_key], properties: { api_key: { type: string, airbyte_secret: true, default: none } } }
    required: [api_key, other]
"#;

#[test]
fn a_translation_needs_no_manifest_and_says_what_to_export() {
    let dir = dir_with("manifest.yaml", MANIFEST);
    let config = r#"{ "api_key": "s3cret-1", "other": { "api_key": "s3cret-2" }, "start": "2026-01-01" }"#;
    std::fs::write(dir.path().join("config.json"), config).expect("written");
    let output = tidegate(
        dir.path(),
        &["import", "airbyte", "manifest.yaml", "--config", "config.json", "--name", "it", "--translation"],
    );
    let native = ok(&output);
    assert!(!native.contains("s3cret") && !native.contains("${config:"), "{native}");
    for line in
        ["# export API_KEY (api_key)\n", "# export API_KEY_2 (other.api_key)\n", "token = \"${API_KEY}\""]
    {
        assert!(native.contains(line), "{line} in {native}");
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("API_KEY_2 (other.api_key)"));
    std::fs::remove_file(dir.path().join("manifest.yaml")).expect("removed");
    std::fs::write(dir.path().join("tidegate.toml"), native).expect("written");
    let mut check = command(dir.path(), &["check"]);
    ok(&check.env("API_KEY", "a").env("API_KEY_2", "b").output().expect("it runs"));
}

#[test]
fn a_manifest_is_found_from_the_file_that_is_written() {
    let dir = dir_with("manifest.yaml", MANIFEST);
    std::fs::create_dir(dir.path().join("conf")).expect("made");
    let config = r#"{ "api_key": "${KEY}", "other": { "api_key": "${KEY}" }, "start": "${START}" }"#;
    std::fs::write(dir.path().join("config.json"), config).expect("written");
    for more in [["--config", "config.json"].as_slice(), &[]] {
        let args =
            ["import", "airbyte", "manifest.yaml", "--name", "it", "--force", "--out", "conf/tidegate.toml"];
        let mut import = command(dir.path(), &[&args[..], more].concat());
        let output = import.env("START", "2026-02-03").env("KEY", "k").output().expect("it runs");
        ok(&output);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("`tidegate check conf/tidegate.toml`"), "{said}");
        let mut check = command(dir.path(), &["check", "conf/tidegate.toml"]);
        let check =
            check.env("START", "2026-02-03").env("KEY", "k").env("API_KEY", "k").env("API_KEY_2", "k");
        ok(&check.output().expect("it runs"));
    }
}
