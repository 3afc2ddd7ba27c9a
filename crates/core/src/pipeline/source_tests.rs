//! The mistakes of what this page of the file says about an API: paging, parents, errors, credentials.

use super::read;

const GOOD: &str = r#"name = "demo"
[source]
base_url = "https://api.example.org"
[[streams]]
name = "posts"
path = "/posts"
[[streams]]
name = "comments"
path = "/posts/{parent.id}/comments"
parent = "posts"
"#;

/// The first mistake of the good file with these lines added to its last stream.
fn wrong(lines: &str) -> String {
    let mistakes = read(&format!("{GOOD}{lines}\n"), &[]).err().unwrap_or_default();
    mistakes.first().map_or_else(|| "good".to_owned(), |mistake| mistake.message.clone())
}

#[test]
fn every_paginator_is_read_and_its_keys_are_checked() {
    for paginator in [
        "type = \"single_page\"",
        "type = \"page_number\", base_page = 1, page_size = 50, maximum_page = 9, total_path = \"$.pages\"",
        "type = \"offset\", limit = 100, total_path = \"$.total\", has_more_path = \"$.more\"",
        "type = \"cursor\", cursor_path = \"$.next\", cursor_param = \"after\"",
        "type = \"cursor\", record_path = \"id\"",
        "type = \"json_link\", next_url_path = \"$.next\"",
        "type = \"header_link\"",
        "type = \"header_cursor\", cursor_key = \"X-Next\"",
    ] {
        assert_eq!(wrong(&format!("paginator = {{ {paginator} }}")), "good");
        let unknown = wrong(&format!("paginator = {{ {paginator}, zzz = 1 }}"));
        assert!(unknown.contains("`zzz`"), "{paginator}: {unknown}");
    }
    for (paginator, says) in [
        ("type = \"offset\"", "`limit` is missing"),
        ("type = \"offset\", limit = 0", "at least 1"),
        ("type = \"offset\", limit = 5, stop_after_empty_page = false", "nothing ends the paging"),
        ("type = \"offset\", limit = 5, offset_body_path = \"v.skip\"", "a GET request has no body"),
        ("type = \"page_number\", stop_after_empty_page = false", "nothing ends the paging"),
        ("type = \"page_number\", stop_after_short_page = true", "what a short page is"),
        ("type = \"page_number\", base_page = 1, maximum_page = 1", "before its first page"),
        ("type = \"cursor\"", "where the cursor stands is missing"),
        ("type = \"cursor\", cursor_path = \"$.a\", record_path = \"id\"", "exclude each other"),
        ("type = \"cursor\", cursor_path = \"next\"", "not a JSONPath"),
    ] {
        let message = wrong(&format!("paginator = {{ {paginator} }}"));
        assert!(message.contains(says), "{paginator}: {message}");
    }
    let filtered = wrong("records = \"$[?@.a]\"\npaginator = { type = \"offset\", limit = 5 }");
    assert!(filtered.contains("hides how many records"), "{filtered}");
}

#[test]
fn a_parent_is_another_stream_and_no_stream_is_its_own_ancestor() {
    assert_eq!(wrong(""), "good");
    let of = |old: &str, new: &str| {
        let mistakes = read(&GOOD.replace(old, new), &[]).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join(", ")
    };
    assert!(of("parent = \"posts\"", "parent = \"post\"").contains("no stream is called `post`"));
    assert!(of("parent = \"posts\"", "parent = \"comments\"").contains("its own ancestor"));
    let circle = of("path = \"/posts\"\n", "path = \"/posts\"\nparent = \"comments\"\n");
    assert_eq!(circle.matches("its own ancestor").count(), 2, "{circle}");
    assert_eq!(of("parent = \"posts\"", "parent = { stream = \"posts\", key = \"uuid\" }"), "");
    assert!(of("parent = \"posts\"", "").contains("no value named `parent.id`"));
}

#[test]
fn rules_and_windows_are_checked() {
    for good in [
        "response_actions = [{ status_code = 404, action = \"ignore\" }]",
        "response_actions = [{ status_code = [400, 429], path = \"$.error\", action = \"rate_limited\", backoff = { type = \"header\", name = \"X-Reset\" } }]",
        "incremental = { cursor_path = \"t\", initial_value = \"2026-01-01\", step = \"1d\", granularity = \"1s\", format = \"%Y\" }",
    ] {
        assert_eq!(wrong(good), "good", "{good}");
    }
    for (bad, says) in [
        ("response_actions = [{ status_code = 404 }]", "`action` is missing"),
        ("response_actions = [{ status_code = \"404\", action = \"fail\" }]", "`status_code` is"),
        ("response_actions = [{ action = \"giveup\" }]", "cannot be `giveup`"),
        ("response_actions = [{ path = \"error\", action = \"fail\" }]", "not a JSONPath"),
        ("incremental = { cursor_path = \"t\", step = \"0s\", initial_value = 1 }", "more than 0"),
        ("incremental = { cursor_path = \"t\", step = \"1d\" }", "initial_value"),
    ] {
        let message = wrong(bad);
        assert!(message.contains(says), "{bad}: {message}");
    }
}

#[test]
fn a_job_is_checked_as_its_stream_is() {
    let job = |job: &str| wrong(&format!("method = \"POST\"\njob = {{ {job} }}"));
    for good in [
        "poll = { path = \"/jobs/{creation_response.id}\" }",
        "poll = { path = \"{creation_headers.location}\" }, status_path = \"$.s\", urls_path = \"$.u\", wait = \"1h\"",
        "poll = { path = \"/x\" }, download = { path = \"{{ download_target }}\", method = \"POST\", form = { a = \"{parent.id}\" } }, delete = { path = \"/x\", method = \"DELETE\" }",
    ] {
        assert_eq!(job(good), "good", "{good}");
    }
    for (bad, says) in [
        ("status_path = \"$.s\"", "`poll` is missing"),
        ("poll = { path = \"/x/{{ creation.id }}\" }", "no value named `creation`"),
        ("poll = { path = \"/x\", body = { a = 1 } }", "a GET request has no body"),
        ("poll = { path = \"/x\", headers = { x-api-key = \"open\" } }", "holds a secret in the open"),
        ("poll = { path = \"/x\" }, interval = \"0s\"", "more than 0"),
        ("poll = { path = \"/x\" }, urls_path = \"urls\"", "not a JSONPath"),
        ("poll = { path = \"/x\" }, status = { done = [\"a\"] }", "`done`"),
    ] {
        let message = job(bad);
        assert!(message.contains(says), "{bad}: {message}");
    }
    let paged = "job = { poll = { path = \"/x\" } }\npaginator = { type = \"header_link\" }";
    assert!(wrong(paged).contains("are not paged"));
    assert!(wrong("method = \"DELETE\"").contains("not asked for by DELETE"));
    assert!(wrong("params = { a = \"{{ download_target }}\" }").contains("no value named `download_target`"));
}
