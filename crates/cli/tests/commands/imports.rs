//! `import dlt` and `init --openapi`: what others have written, run as a pipeline.

use tempfile::TempDir;

use crate::{api, fails, json, ok, tidegate};

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
