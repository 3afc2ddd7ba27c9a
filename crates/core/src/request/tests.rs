use serde_json::json;

use super::*;
use crate::expr::Base;
use crate::pipeline::{Source, Stream, Values};

fn source(value: serde_json::Value) -> Source {
    serde_json::from_value(value).expect("a source")
}

fn stream(value: serde_json::Value) -> Stream {
    serde_json::from_value(value).expect("a stream")
}

fn secrets() -> Secrets {
    Secrets::new([("TOKEN".to_owned(), "s3cr3t/+".to_owned()), ("BAD".to_owned(), "line\n".to_owned())])
}

fn values() -> Values {
    json!({ "city": { "name": "São/Paulo", "lat": 52.5, "tags": ["a", "b"], "gone": null, "dots": ".." } })
        .as_object()
        .cloned()
        .expect("a table")
}

fn source_base(source: &Source) -> Base {
    source.base(&secrets(), jiff::Timestamp::UNIX_EPOCH).expect("all secrets are there")
}

fn built(base: &str, rest: serde_json::Value) -> Result<Request, RequestError> {
    let mut table = json!({ "name": "s" });
    table.as_object_mut().expect("a table").extend(rest.as_object().cloned().expect("a table"));
    let source = source(json!({ "base_url": base, "config": { "site": "eu/1", "key": "${TOKEN}" } }));
    build(&source, &stream(table), &values(), &secrets(), &source_base(&source))
}

#[test]
fn base_and_path_are_joined_with_one_slash_and_both_queries() {
    for (base, path, url) in [
        ("https://x.org", "a", "https://x.org/a"),
        ("https://x.org/", "/a/", "https://x.org/a/"),
        ("https://x.org/v1/", "a?b=1", "https://x.org/v1/a?b=1"),
        ("https://x.org/v1?k=0", "a?b=1", "https://x.org/v1/a?k=0&b=1"),
        ("https://x.org/v1/feed.json", "", "https://x.org/v1/feed.json"),
        ("https://x.org/v1", "{city.name}/x", "https://x.org/v1/S%C3%A3o%2FPaulo/x"),
        ("https://x.org/v1", "at/{city.lat}", "https://x.org/v1/at/52.5"),
        ("http://127.0.0.1:80", "a#b", "http://127.0.0.1/a"),
    ] {
        let request = built(base, json!({ "path": path })).expect(path);
        assert_eq!(request.url.as_str(), url, "{base} + {path}");
    }
    for (base, path) in [("x.org", "a"), ("ftp://x.org", "a"), ("https://x.org", "https://y.org/a")] {
        assert!(
            matches!(built(base, json!({ "path": path })), Err(RequestError::Url { .. })),
            "{base} {path}"
        );
    }
}

#[test]
fn expressions_name_the_config_the_element_and_the_time_and_secrets_stay_hidden() {
    let request = built(
        "https://x.org",
        json!({
            "path": "{{ config.site }}/{{ city.lat | int }}",
            "method": "POST",
            "params": { "key": "{{ config.key }}", "day": "{{ now_utc().strftime('%Y') }}", "none": "{{ city.gone }}", "all": "{{ city.tags }}" },
            "headers": { "x-key": "k {{ config.key | base64encode }}" },
            "body": { "lat": "{{ city.lat * 2 }}", "text": "{ {{ city.lat }} }" },
        }),
    )
    .expect("a request");
    let url = request.url.as_str();
    assert_eq!(url, "https://x.org/eu%2F1/52?all=a&all=b&day=1970&key=s3cr3t%2F%2B");
    assert_eq!(request.shown(&secrets()), "POST https://x.org/eu%2F1/52?all=a&all=b&day=1970&key=***");
    assert_eq!(request.body.as_deref(), Some(r#"{"lat":105.0,"text":"{ 52.5 }"}"#.as_bytes()));
    assert!(request.headers.contains(&("x-key".to_owned(), "k czNjcjN0Lys=".to_owned())));
    let error =
        built("https://x.org", json!({ "path": "{{ town.x }}" })).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("path: no value named `town`; known here: city, config"));
}

#[test]
fn a_value_cannot_walk_about_in_the_path() {
    let error = built("https://x.org/v1", json!({ "path": "a/{city.dots}/b" })).err();
    assert!(matches!(error, Some(RequestError::Url { .. })), "{error:?}");
}

#[test]
fn params_are_encoded_repeated_or_left_out() {
    let params = json!({ "q": "{city.name} & more", "tag": "{city.tags}", "n": [1, 2], "no": "{city.gone}", "on": true });
    let request = built("https://x.org", json!({ "path": "a", "params": params })).expect("a request");
    assert_eq!(request.url.query(), Some("n=1&n=2&on=true&q=S%C3%A3o%2FPaulo+%26+more&tag=a&tag=b"));
}

#[test]
fn a_body_keeps_the_types_of_its_values() {
    let body = json!({ "lat": "{city.lat}", "n": { "name": "{city.name}!" } });
    let request =
        built("https://x.org", json!({ "path": "a", "method": "POST", "body": body })).expect("a request");
    assert_eq!(request.body.as_deref(), Some(r#"{"lat":52.5,"n":{"name":"São/Paulo!"}}"#.as_bytes()));
    assert!(request.headers.contains(&("content-type".to_owned(), "application/json".to_owned())));
}

#[test]
fn a_form_holds_what_the_body_is_told_to_hold() {
    let form = json!({ "q": "{city.name} & more", "tag": "{city.tags}", "no": "{city.gone}", "n": 1, "t": { "a": [1] } });
    let mut request =
        built("https://x.org", json!({ "path": "a", "method": "POST", "form": form })).expect("a request");
    let body = |request: &Request| String::from_utf8(request.body.clone().unwrap_or_default().into());
    let begins = "n=1&q=S%C3%A3o%2FPaulo+%26+more&t=%7B%22a%22%3A%5B1%5D%7D";
    assert_eq!(body(&request), Ok(format!("{begins}&tag=a&tag=b")));
    let kind = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    assert!(request.headers.contains(&kind));
    request.set_body("tag", json!(["x"])).expect("a field");
    request.set_body("page.number", json!(2)).expect("a field");
    assert_eq!(body(&request), Ok(format!("{begins}&tag=x&page.number=2")));
    request.set_credential(crate::pipeline::Location::Body, "key", "s&").expect("a field");
    assert!(body(&request).is_ok_and(|body| body.ends_with("&key=s%26")) && request.secret_body);
    assert_eq!(request.headers.iter().filter(|(name, _)| name == "content-type").count(), 1);
}

#[test]
fn unknown_references_name_the_place() {
    let error = built("https://x.org", json!({ "path": "a", "params": { "q": "{town}" } })).err();
    assert_eq!(
        error.map(|e| e.to_string()),
        Some("params.q: no value named `town`; known here: city".to_owned())
    );
}

fn with_auth(auth: serde_json::Value) -> Result<Request, RequestError> {
    let source = source(
        json!({ "base_url": "https://x.org", "auth": auth, "headers": { "X-App": "tide", "Accept": "a/b" } }),
    );
    let stream = stream(json!({ "name": "s", "path": "a", "headers": { "x-app": "gate" } }));
    build(&source, &stream, &Values::new(), &secrets(), &source_base(&source))
}

#[test]
fn credentials_go_where_they_belong_and_are_never_shown() {
    let header = |request: &Request, name: &str| {
        request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let bearer = with_auth(json!({ "type": "bearer", "token": "${TOKEN}" })).expect("a request");
    assert_eq!(header(&bearer, "authorization"), "Bearer s3cr3t/+");
    assert_eq!((header(&bearer, "x-app").as_str(), header(&bearer, "accept").as_str()), ("gate", "a/b"));
    let basic = with_auth(json!({ "type": "http_basic", "username": "me", "password": "${TOKEN}" }))
        .expect("a request");
    assert_eq!(header(&basic, "authorization"), "Basic bWU6czNjcjN0Lys=");
    let key =
        with_auth(json!({ "type": "api_key", "name": "X-Key", "api_key": "${TOKEN}" })).expect("a request");
    assert_eq!(header(&key, "x-key"), "s3cr3t/+");
    let query =
        with_auth(json!({ "type": "api_key", "name": "k", "api_key": "${TOKEN}", "location": "query" }))
            .expect("a request");
    assert_eq!(query.url.query(), Some("k=s3cr3t%2F%2B"));
    assert_eq!(query.shown(&Secrets::default()), "GET https://x.org/a?k=***");
    let cookie = |key: &str| {
        with_auth(json!({ "type": "api_key", "name": "sid", "api_key": key, "location": "cookie" }))
    };
    assert_eq!(header(&cookie("${TOKEN}").expect("a request"), "cookie"), "sid=s3cr3t/+");
    assert!(matches!(cookie("${BAD}"), Err(RequestError::Header { .. })));
    for request in [bearer, basic, key, query, cookie("${TOKEN}").expect("a request")] {
        assert!(!request.shown(&secrets()).contains("s3cr3t"));
    }
}

#[test]
fn a_secret_without_a_value_or_with_a_line_break_is_named_not_shown() {
    let missing = with_auth(json!({ "type": "bearer", "token": "${NONE}" })).err().map(|e| e.to_string());
    assert_eq!(
        missing,
        Some("source.auth.token: the secret `NONE` has no value; set it and start again".to_owned())
    );
    let broken = with_auth(json!({ "type": "bearer", "token": "${BAD}" })).err().map(|e| e.to_string());
    assert!(
        broken.is_some_and(|message| message.starts_with("source.auth.token") && !message.contains("line\n"))
    );
}

#[test]
fn what_a_body_takes_from_the_config_stays_at_its_origin() {
    let request = built("https://x.org", json!({ "path": "a", "body": { "k": "{{ config.key }}" } }));
    let request = request.expect("a request");
    let url = |text: &str| Url::parse(text).expect("a URL");
    assert!(request.follow(url("https://x.org/b")).expect("same origin").body.is_some());
    let sent = request.follow(url("https://y.org/b")).ok().and_then(|other| other.body);
    assert_eq!(sent, None);
}

#[test]
fn what_an_expression_gives_a_header_is_sent_as_it_is() {
    let source = source(json!({ "base_url": "https://x.org", "config": { "key": "ab${TOKEN}" } }));
    let stream = stream(json!({ "name": "s", "path": "", "headers": { "x-key": "{{ '$' ~ '{TOKEN}' }}" } }));
    let request = build(&source, &stream, &values(), &secrets(), &source_base(&source)).expect("a request");
    assert!(request.headers.contains(&("x-key".to_owned(), "${TOKEN}".to_owned())), "{:?}", request.headers);
}

#[test]
fn credentials_stay_at_their_origin() {
    let query =
        with_auth(json!({ "type": "api_key", "name": "k", "api_key": "${TOKEN}", "location": "query" }))
            .expect("a request");
    let url = |text: &str| Url::parse(text).expect("a URL");
    let same = query.follow(url("https://x.org/b?page=2")).expect("same origin");
    assert_eq!(same.url.query(), Some("page=2&k=s3cr3t%2F%2B"));
    let cookie = json!({ "type": "api_key", "name": "k", "api_key": "${TOKEN}", "location": "cookie" });
    let other = with_auth(cookie).expect("a request").follow(url("https://y.org/b")).expect("another origin");
    assert!(other.headers.iter().all(|(name, _)| HARMLESS.contains(&name.as_str())));
    let other = query.follow(url("https://y.org/b")).expect("another origin");
    assert_eq!(other.url.query(), None);
    assert!(other.headers.iter().all(|(name, _)| HARMLESS.contains(&name.as_str())));
    assert_eq!(query.follow(url("http://x.org/b")).err(), Some(FollowError::Downgrade));
    assert_eq!(query.follow(url("file:///etc/passwd")).err(), Some(FollowError::Scheme("file".to_owned())));
}

#[test]
fn elements_are_named_by_what_identifies_them() {
    let names = |for_each: serde_json::Value| {
        elements(&stream(json!({ "name": "s", "path": "a", "for_each": for_each })))
            .map(|elements| elements.into_iter().map(|e| e.name).collect::<Vec<_>>())
    };
    assert_eq!(names(json!({})), Ok(vec![String::new()]));
    assert_eq!(
        names(json!({ "c": ["a", 7, { "id": 3 }, { "name": "n", "id": 1 }] })),
        Ok(vec!["a".into(), "7".into(), "3".into(), "n".into()])
    );
    assert_eq!(names(json!({ "a": [1, 2], "b": ["x"] })), Ok(vec!["1/x".into(), "2/x".into()]));
    assert_eq!(names(json!({ "a": ["1", 1] })), Err(RequestError::Twice("1".to_owned())));
}

#[test]
fn the_charset_is_read_from_the_content_type() {
    let charset = |value: &str| {
        Response { status: 200, headers: vec![("content-type".into(), value.into())], body: Bytes::new() }
            .charset()
    };
    assert_eq!(charset("application/json"), None);
    assert_eq!(charset("application/json; charset=UTF-8"), None);
    assert_eq!(charset("text/csv; header=present; Charset=\"ISO-8859-1\""), Some("iso-8859-1".to_owned()));
}

#[test]
fn a_last_modified_of_the_same_second_is_no_validator() {
    let modified = |date: Option<&str>| {
        let mut headers = vec![("last-modified".to_owned(), "Mon, 23 Nov 2026 10:00:00 GMT".to_owned())];
        headers.extend(date.map(|date| ("date".to_owned(), date.to_owned())));
        Response { status: 200, headers, body: Bytes::new() }.validators().last_modified.is_some()
    };
    assert!(!modified(Some("Mon, 23 Nov 2026 10:00:00 GMT")));
    assert!(modified(Some("Mon, 23 Nov 2026 10:00:01 GMT")));
    assert!(modified(None));
}
