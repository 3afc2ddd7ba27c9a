//! Manifests that others wrote, with or without care: what they cannot do, and what is not lost of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_airbyte::{AirbyteError, Config, Manifest, Translation, translate};
use tidegate_core::jiff::Timestamp;

/// A manifest of one stream, its retriever and its requester filled up.
fn manifest(retriever: Value, requester: Value) -> Value {
    let mut stream = json!({ "type": "DeclarativeStream", "name": "things", "retriever": {
        "type": "SimpleRetriever", "record_selector": { "type": "RecordSelector" },
        "requester": { "type": "HttpRequester", "url_base": "https://h.example", "path": "/things" },
    } });
    for (place, more) in [("/retriever", retriever), ("/retriever/requester", requester)] {
        let table = stream.pointer_mut(place).and_then(Value::as_object_mut).expect("a table");
        table.extend(more.as_object().cloned().unwrap_or_default());
    }
    json!({ "version": "6.0.0", "type": "DeclarativeSource", "streams": [stream], "spec": {
        "type": "Spec", "connection_specification": { "properties": {
            "api_key": { "type": "string", "airbyte_secret": true }, "other": { "type": "string", "airbyte_secret": true },
        } },
    } })
}

fn translated(manifest: &Value) -> Result<Translation, AirbyteError> {
    let manifest = Manifest::read(&manifest.to_string())?;
    let given = json!({ "api_key": "s3cret", "other": "0ther" });
    let config = Config::check(manifest.connection_specification(), given, &BTreeMap::new())?;
    translate(&manifest, &config, &[], &BTreeMap::new(), Timestamp::UNIX_EPOCH)
}

fn stream(manifest: &Value) -> Map<String, Value> {
    let translation = translated(manifest).expect("a translation");
    translation.pipeline["streams"][0].as_object().expect("a stream").clone()
}

/// The one reason why a manifest is refused.
fn reason(manifest: &Value) -> String {
    match translated(manifest) {
        Err(AirbyteError::Refused(reasons)) if reasons.len() == 1 => reasons[0].to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_expression_makes_no_reference_to_a_secret_of_this_machine() {
    for made in ["{{ '$' ~ '{HOME}' }}", "{{ '$' ~ '{' ~ 'file:/etc/passwd}' }}"] {
        let bearer = json!({ "authenticator": { "type": "BearerAuthenticator", "api_token": made } });
        assert!(reason(&manifest(json!({}), bearer)).contains("the config does not hold"), "{made}");
        let header = json!({ "request_headers": { "X-Site": made } });
        assert!(reason(&manifest(json!({}), header)).contains("the config does not hold"), "{made}");
    }
    let own = json!({ "request_headers": { "X-Key": "Key {{ config.api_key }}" } });
    assert_eq!(stream(&manifest(json!({}), own))["headers"]["X-Key"], "Key ${config:api_key}");
}

#[test]
fn a_secret_beside_a_parameter_keeps_it() {
    let requester = json!({
        "$parameters": { "prefix": "key-" },
        "url_base": "https://h.example/{{ parameters['prefix'] }}{{ config['api_key'] }}",
        "request_parameters": { "key": "{{ parameters['prefix'] }}{{ config['api_key'] }}" },
        "http_method": "POST",
        "request_body_json": { "key": ["{{ parameters['prefix'] }}{{ config['api_key'] }}"] },
    });
    let stream = stream(&manifest(json!({}), requester));
    for text in [&stream["path"], &stream["params"]["key"], &stream["body"]["key"][0]] {
        let text = text.as_str().expect("a text");
        assert!(
            text.contains("set parameters = {'prefix': 'key-'}") && text.contains("config['api_key']"),
            "{text}"
        );
    }
}

#[test]
fn secrets_that_expressions_make_keep_each_its_value() {
    let values = json!(["{{ config.api_key | upper }}", "{{ config.other | upper }}"]);
    let router = json!({ "type": "ListPartitionRouter", "cursor_field": "key", "values": values });
    let translation =
        translated(&manifest(json!({ "partition_router": router }), json!({}))).expect("a translation");
    let listed = translation.pipeline["streams"][0]["for_each"]["key"].as_array().expect("a list");
    let value = |reference: &Value| {
        let name = reference.as_str().and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
        translation.secrets[name.expect("a reference")].clone()
    };
    assert_eq!(listed.iter().map(value).collect::<Vec<_>>(), ["S3CRET", "0THER"]);
    // Two streams of one name have their components at one path.
    let header =
        |key: &str| json!({ "request_headers": { "X-Key": format!("{{{{ config.{key} | upper }}}}") } });
    let mut both = manifest(json!({}), header("api_key"));
    let second = manifest(json!({}), header("other"))["streams"][0].clone();
    both["streams"].as_array_mut().expect("a list").push(second);
    let translation = translated(&both).expect("a translation");
    let mut values: Vec<&str> = translation.secrets.values().map(String::as_str).collect();
    values.sort_unstable();
    assert_eq!(values, ["0THER", "0ther", "S3CRET", "s3cret"]);
}

#[test]
fn the_field_of_a_parent_has_a_name_that_expressions_can_use() {
    let parent = manifest(json!({}), json!({}))["streams"][0].clone();
    let config = json!({
        "type": "ParentStreamConfig", "stream": parent, "parent_key": "id", "partition_field": "thing id",
        "request_option": { "type": "RequestOption", "inject_into": "request_parameter", "field_name": "of" },
    });
    let router = json!({ "type": "SubstreamPartitionRouter", "parent_stream_configs": [config] });
    let mut child = manifest(
        json!({ "partition_router": router }),
        json!({ "path": "/things/{{ stream_partition['thing id'] }}/parts" }),
    );
    child["streams"][0]["name"] = "parts".into();
    let translation = translated(&child).expect("a translation");
    let parts =
        translation.pipeline["streams"].as_array().expect("a list").iter().find(|one| one["name"] == "parts");
    let parts = parts.expect("a stream");
    assert_eq!(parts["parent"]["partition_field"], "thing_id");
    assert_eq!(parts["params"]["of"], "{{ thing_id | tojson }}");
    assert!(parts["path"].as_str().is_some_and(|path| path.contains("'thing id': thing_id")), "{parts}");
    let head = Map::from_iter([("name".to_owned(), "test".into())]);
    assert!(translation.to_pipeline(&head).is_ok());
}

#[test]
fn statuses_of_a_filter_are_read_or_refused() {
    let filter = |codes: Value, more: Value| {
        let filter = json!({ "type": "HttpResponseFilter", "action": "IGNORE", "http_codes": codes });
        let mut handler = json!({ "type": "DefaultErrorHandler", "response_filters": [filter] });
        handler.as_object_mut().expect("a table").extend(more.as_object().cloned().unwrap_or_default());
        manifest(json!({}), json!({ "error_handler": handler }))
    };
    let rules = stream(&filter(json!(["{{ 400 + 4 }}", 410]), json!({ "max_retries": u64::MAX })));
    assert_eq!(rules["response_actions"][0]["status_code"], json!([404, 410]));
    assert!(reason(&filter(json!([4_290_000]), json!({}))).contains("4290000 is no HTTP status"));
    assert!(reason(&filter(json!(["many"]), json!({}))).contains("is no HTTP status"));
}
