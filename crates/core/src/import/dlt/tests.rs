use serde_json::{Value, json};

use super::*;
use crate::expr::{Dialect, Scope};
use crate::pipeline;

fn imported(text: &str) -> Imported {
    import(text, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The pipeline file as JSON, checked.
fn checked(text: &str) -> Value {
    let file = imported(text).file;
    let pipeline = pipeline::read(&file, &[]).unwrap_or_else(|mistakes| panic!("{file}\n{mistakes:?}"));
    serde_json::to_value(pipeline).expect("JSON")
}

fn refused(text: &str) -> Vec<(String, String)> {
    match import(text, &Options::default()) {
        Err(ImportError::Refused(refusals)) => {
            refusals.into_iter().map(|one| (one.path, one.message)).collect()
        }
        other => panic!("not refused: {other:?}"),
    }
}

const GITHUB: &str = r##"
config: RESTAPIConfig = {
    "client": {
        "base_url": "https://api.github.com/repos/dlt-hub/dlt/",  # with a slash
        # we add an auth config if the auth token is present
        "auth": {"token": dlt.secrets["sources.github.token"]},
        "paginator": "header_link",
    },
    "resource_defaults": {
        "primary_key": "id", "write_disposition": "merge",
        "endpoint": {"params": {"per_page": 100}},
    },
    "resources": [
        {
            "name": "issues",
            "endpoint": {
                "path": "issues",
                "params": {
                    "sort": "updated", "state": "open",
                    "since": {
                        "type": "incremental", "cursor_path": "updated_at",
                        "initial_value": "2024-01-25T11:21:28Z",
                    },
                },
            },
        },
        {
            "name": "issue_comments",
            "endpoint": {
                "path": "issues/{issue_number}/comments",
                "params": {"issue_number": {"type": "resolve", "resource": "issues", "field": "number"}},
                "data_selector": "$",
                "response_actions": [{"status_code": 404, "action": "ignore"}],
            },
            "include_from_parent": ["id", "title"],
        },
        "labels",
    ],
}
"##;

#[test]
fn the_usual_example_is_taken_over() {
    let file = checked(GITHUB);
    assert_eq!(file["name"], "github");
    assert_eq!(file["source"]["auth"], json!({ "type": "bearer", "token": "${SOURCES__GITHUB__TOKEN}" }));
    let [issues, comments, labels] = [0, 1, 2].map(|at| &file["streams"][at]);
    assert_eq!(issues["params"], json!({ "per_page": 100, "sort": "updated", "state": "open" }));
    let incremental = json!({ "cursor_path": "updated_at", "initial_value": "2024-01-25T11:21:28Z", "start_param": "since" });
    assert_eq!(issues["incremental"], incremental);
    assert_eq!(comments["path"], "issues/{parent.number}/comments");
    assert_eq!(comments["parent"], json!({ "stream": "issues", "key": "number" }));
    assert_eq!(comments["fields"], json!({ "_issues_id": "{parent.id}", "_issues_title": "{parent.title}" }));
    assert_eq!(comments["response_actions"], json!([{ "status_code": [404], "action": "ignore" }]));
    assert_eq!((&labels["path"], &labels["primary_key"]), (&json!("labels"), &json!(["id"])));
    for stream in [issues, comments, labels] {
        assert_eq!(stream["paginator"]["type"], "header_link");
    }
}

/// A configuration of one resource, whose endpoint and further keys are given.
fn one(endpoint: &str, more: &str) -> String {
    format!(
        "{{'client': {{'base_url': 'https://h.example', 'paginator': 'single_page'}}, 'resources': [{{'name': 'a', \
         'endpoint': {{{endpoint}}}, {more}}}]}}"
    )
}

#[test]
fn every_paginator_keeps_its_words_and_gets_the_defaults_of_dlt() {
    let paginator = |dict: &str| {
        checked(&one(&format!("'method': 'POST', 'paginator': {dict}"), ""))["streams"][0]["paginator"]
            .clone()
    };
    let is = |dict: &str, wanted: Value| {
        let found = paginator(dict);
        for (key, value) in wanted.as_object().expect("a table") {
            assert_eq!(&found[key], value, "{dict}: {key} in {found}");
        }
    };
    is("'json_link'", json!({ "type": "json_link", "next_url_path": "$.next" }));
    is(
        "{'type': 'json_response', 'next_url_path': 'a.b-c'}",
        json!({ "type": "json_link", "next_url_path": "$.a['b-c']" }),
    );
    is("{'type': 'header_link', 'links_next_key': 'more'}", json!({ "links_next_key": "more" }));
    is(
        "{'type': 'header_cursor', 'cursor_key': 'X-Next'}",
        json!({ "cursor_key": "X-Next", "cursor_param": "cursor" }),
    );
    is("'cursor'", json!({ "cursor_path": "$.cursors.next", "cursor_param": "cursor" }));
    is(
        "{'type': 'cursor', 'cursor_path': 'n', 'cursor_body_path': 'v.after', 'stop_after_empty_page': True}",
        json!({ "cursor_path": "$.n", "cursor_body_path": "v.after", "stop_after_empty_page": true }),
    );
    is(
        "{'type': 'offset', 'limit': 50, 'total_path': None, 'maximum_offset': 90}",
        json!({ "limit": 50, "maximum_offset": 90, "offset_param": "offset" }),
    );
    assert_eq!(paginator("{'type': 'offset', 'limit': 50, 'total_path': None}")["total_path"], Value::Null);
    is(
        "{'type': 'page_number', 'base_page': 1, 'maximum_page': 4}",
        json!({ "base_page": 1, "maximum_page": 4, "total_path": "$.total", "page_param": "page" }),
    );
    is(
        "{'type': 'page_number', 'total_path': 'meta.pages', 'page_param': 'p'}",
        json!({ "base_page": 0, "total_path": "$.meta.pages", "page_param": "p" }),
    );
}

#[test]
fn newer_references_bodies_cursors_and_types_are_taken_over() {
    let text = r##"{'client': {'base_url': 'https://h.example/', 'headers': {'X-Api-Key': 'abc', 'Accept-Language': 'de'}},
      'resources': [
        {'name': 'Posts-All', 'endpoint': {'path': 'posts', 'paginator': {'type': 'single_page'}, 'data_selector': 'data.items',
           'incremental': {'cursor_path': '$.meta.ts', 'initial_value': 5, 'row_order': 'asc'}},
         'columns': {'n': {'data_type': 'bigint'}}, 'schema_contract': {'columns': 'freeze'}, 'max_table_nesting': 0},
        {'name': 'b', 'endpoint': {'path': 'b/{resources.Posts-All.id}', 'method': 'POST', 'paginator': 'single_page',
           'json': {'q': '{ viewer }', 'since': '{incremental.start_value}', 'n': 1},
           'incremental': {'cursor_path': 'at', 'initial_value': '2024-01-01', 'lag': 60}}, 'write_disposition': 'replace'}]}"##;
    let file = checked(text);
    let (posts, b) = (&file["streams"][0], &file["streams"][1]);
    assert_eq!(file["source"]["headers"], json!({ "X-Api-Key": "${X_API_KEY}", "Accept-Language": "de" }));
    assert_eq!((&posts["name"], &posts["records"]), (&json!("posts_all"), &json!("$.data.items")));
    assert_eq!(
        posts["incremental"],
        json!({ "cursor_path": "meta.ts", "initial_value": 5, "client_side": true })
    );
    assert_eq!((&posts["columns"]["n"], &posts["contract"]["columns"]), (&json!("int64"), &json!("freeze")));
    assert_eq!((&b["path"], &b["parent"]["stream"]), (&json!("b/{parent.id}"), &json!("posts_all")));
    assert_eq!(b["body"], json!({ "q": "{ viewer }", "since": "{incremental.start_value}", "n": 1 }));
    assert_eq!(b["incremental"]["lag"], "1m");
    let imported = imported(text);
    assert!(!imported.file.contains("abc"), "a secret was written");
    assert!(imported.file.contains("# write_disposition = replace"));
    let noted: Vec<&str> = imported.notes.iter().map(|note| note.path.as_str()).collect();
    for path in [
        "client.headers.X-Api-Key",
        "resources[0].endpoint.incremental.row_order",
        "resources[0].max_table_nesting",
    ] {
        assert!(noted.contains(&path), "{noted:?}");
    }
}

#[test]
fn what_needs_python_is_refused_by_name_with_its_path_all_at_once() {
    let text = r##"{'client': {'base_url': 'https://h.example', 'session': Session(), 'auth': MyAuth(1)},
      'resources': [dlt.resource(x), {'name': 'a', 'endpoint': {'response_actions': [handle], 'paginator': Own(),
         'incremental': {'cursor_path': 'at', 'convert': lambda x: x}},
         'processing_steps': [{'filter': lambda r: r['id'] < 10}, {'map': strip}]}]}"##;
    let refused = refused(text);
    for (path, code) in [
        ("client.session", "Session()"),
        ("client.auth", "MyAuth(1)"),
        ("resources[0]", "dlt.resource(x)"),
        ("resources[1].endpoint.response_actions[0]", "handle"),
        ("resources[1].endpoint.paginator", "Own()"),
        ("resources[1].endpoint.incremental.convert", "lambda x: x"),
        ("resources[1].processing_steps[0].filter", "lambda r: r['id'] < 10"),
        ("resources[1].processing_steps[1].map", "strip"),
    ] {
        let found =
            refused.iter().find(|(at, _)| at == path).unwrap_or_else(|| panic!("{path}: {refused:#?}"));
        assert!(found.1.contains(&format!("`{code}`")), "{found:?}");
    }
}

#[test]
fn a_paginator_that_dlt_would_guess_is_refused_or_pinned() {
    for paginator in ["", "'paginator': 'auto'", "'paginator': {'type': 'auto'}"] {
        let text = format!(
            "{{'client': {{'base_url': 'https://h.example'}}, 'resources': [{{'name': 'a', 'endpoint': {{{paginator}}}}}]}}"
        );
        let refused = refused(&text);
        assert!(
            refused[0].0 == "resources[0].endpoint.paginator" && refused[0].1.contains("--paginator"),
            "{refused:?}"
        );
        let pinned = Options { paginator: Some(json!({ "type": "header_link" })), ..Options::default() };
        assert!(
            import(&text, &pinned).expect("pinned").file.contains("paginator = { type = \"header_link\" }")
        );
    }
}

#[test]
fn what_has_no_counterpart_says_what_to_do() {
    for (endpoint, more, path, words) in [
        ("'path': 'https://other.example/a'", "", "resources[0].endpoint.path", "a file for each"),
        ("'method': 'DELETE'", "", "resources[0].endpoint.method", "GET or POST"),
        ("'data': 'x'", "", "resources[0].endpoint.data", "the fields of the form as a dict"),
        ("'json': {'a': 1}, 'data': {'b': 2}", "", "resources[0].endpoint.data", "leave one of them out"),
        ("'path': '{resources.gone.id}'", "", "resources[0].endpoint", "there is none"),
        ("'params': {'s': '{incremental.start_value}'}", "", "resources[0].endpoint", "no `incremental`"),
        ("'params': {'s': '{incremental.other}'}", "", "resources[0].endpoint.params", "start_value"),
        ("'paginator': 'odd'", "", "resources[0].endpoint.paginator.type", "one of json_link"),
        ("'paginator': 'offset'", "", "resources[0].endpoint.paginator.limit", "missing"),
        ("", "'include_from_parent': ['id']", "resources[0].include_from_parent", "no parent"),
    ] {
        let refused = refused(&one(endpoint, more));
        assert!(
            refused.iter().any(|(at, message)| at == path && message.contains(words)),
            "{endpoint}: {refused:?}"
        );
    }
}

proptest::proptest! {
    /// Whatever can be said in words of ours passes the checks of a pipeline file.
    #[test]
    fn what_is_imported_is_a_pipeline_file(
        name in "[A-Za-z -]{1,12}", path in "[a-z/]{0,12}", per_page in 1u32..500, selector in "([a-z]{1,5}\\.){0,2}[a-z]{1,5}",
        key in "[a-z]{1,6}", text in "[a-zA-Z \"{}#\\\\]{0,12}", kind in 0usize..5,
    ) {
        let paginator = [json!("single_page"), json!("header_link"), json!("cursor"), json!("json_link"),
            json!({ "type": "offset", "limit": per_page })][kind].clone();
        let config = json!({
            "client": { "base_url": "https://h.example" },
            "resources": [{ "name": name, "primary_key": key, "endpoint": {
                "path": path, "params": { "q": text, "n": per_page }, "data_selector": selector, "paginator": paginator,
            } }],
        });
        let file = checked(&config.to_string());
        let stream = &file["streams"][0];
        proptest::prop_assert_eq!(&stream["params"]["n"], &json!(per_page));
        let params = pipeline::Template::parse(stream["params"]["q"].as_str().expect("a text"), Dialect::Native);
        let scope = Scope::new(jiff::Timestamp::UNIX_EPOCH);
        // Doubled braces are what Python's templates read as one, too.
        proptest::prop_assert_eq!(params.expect("a template").text(&scope, str::to_owned).expect("no reference").replace(['{', '}'], ""), text.replace(['{', '}'], ""));
    }
}

#[test]
fn data_is_a_form() {
    let file = checked(
        "{'client': {'base_url': 'https://h.example'}, 'resources': [{'name': 'a', 'endpoint': {'method': 'post', \
         'data': {'q': 'all', 'n': 2, 'deep': True, 'ids': [1, 2]}, 'data_selector': '$', 'paginator': {'type': 'offset', \
         'limit': 5, 'offset_body_path': 'skip', 'limit_body_path': 'first'}}}]}",
    );
    let stream = &file["streams"][0];
    assert_eq!(stream["form"], json!({ "q": "all", "n": 2, "deep": "True", "ids": [1, 2] }));
    assert_eq!(
        (&stream["method"], &stream["paginator"]["offset_body_path"]),
        (&json!("POST"), &json!("skip"))
    );
}

fn with_auths(client: &str, first: &str, second: &str) -> String {
    let endpoint = |auth: &str| format!("{{'data_selector': '$', 'paginator': 'single_page'{auth}}}");
    format!(
        "{{'client': {{'base_url': 'https://h.example'{client}}}, 'resources': [{{'name': 'a', 'endpoint': {}}}, \
         {{'name': 'b', 'endpoint': {}}}]}}",
        endpoint(first),
        endpoint(second)
    )
}

#[test]
fn the_credentials_of_an_endpoint_are_taken_over_or_refused_and_never_dropped() {
    let (one, other) = (", 'auth': {'token': dlt.secrets['a']}", ", 'auth': {'token': dlt.secrets['b']}");
    let auth = |text: &str| checked(text)["source"]["auth"].clone();
    let taken = json!({ "type": "bearer", "token": "${A}" });
    assert_eq!(auth(&with_auths("", one, one)), taken);
    assert_eq!(auth(&with_auths(one, one, "")), taken);
    assert_eq!(auth(&with_auths(other, one, one)), taken);
    for (client, first, second, paths) in [
        ("", one, "", vec![0]),
        ("", "", one, vec![1]),
        ("", one, other, vec![0, 1]),
        (one, other, one, vec![0]),
    ] {
        let found: Vec<String> =
            refused(&with_auths(client, first, second)).into_iter().map(|(path, _)| path).collect();
        let expected: Vec<String> = paths.iter().map(|at| format!("resources[{at}].endpoint.auth")).collect();
        assert_eq!(found, expected, "{client} {first} {second}");
    }
}
