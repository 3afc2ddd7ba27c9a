use bytes::Bytes;
use tidegate_core::pipeline::Method;
use tidegate_core::request::Response;

use super::*;

fn taken(url: &str, header: (&str, &str), body: &str) -> Taken {
    Taken {
        poll: 1,
        request: Request {
            method: Method::Get,
            url: Url::parse(url).expect("a URL"),
            headers: vec![(header.0.to_owned(), header.1.to_owned())],
            body: None,
            form: false,
            secret_params: vec!["key".to_owned(), "pin".to_owned()],
            secret_body: false,
            away: false,
        },
        response: Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        },
    }
}

fn own(secrets: &[&str]) -> Scrub {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Scrub::new(&secrets, "", &[])
}

/// What becomes of an answer.
fn answer(scrub: &Scrub, taken: &Taken) -> String {
    String::from_utf8(scrub.bytes(&taken.response.body)).expect("UTF-8")
}

#[test]
fn secrets_go_in_every_spelling() {
    let scrub = own(&["a b\"c", "xy", "ab/cdefß"]);
    let word = SECRET;
    assert_eq!(scrub.text("q=a+b%22c&r=a%20b%22c"), format!("q={word}&r={word}"));
    assert_eq!(
        scrub.text(r#"{"a":"a b\"c","b":"xy","galaxy":1}"#),
        format!(r#"{{"a":"{word}","b":"{word}","galaxy":1}}"#)
    );
    assert_eq!(
        scrub.text(r#"{"a":"ab\/cdef\u00df","next":"https://h/?t=ab%2fcdef%c3%9f&u=ab/cdef%C3%9F"}"#),
        format!(r#"{{"a":"{word}","next":"https://h/?t={word}&u={word}"}}"#)
    );
}

#[test]
fn a_token_that_a_header_carries_goes_everywhere_and_a_cursor_stays() {
    let all = [
        taken(
            "https://h/login?key=k-1234",
            ("accept", "*/*"),
            r#"{"token":"T0KEN-abc","next_token":"page-2-cursor"}"#,
        ),
        taken("https://h/a", ("x-session", "T0KEN-abc"), r#"{"access_token":"other"}"#),
    ];
    let scrub = Scrub::new(&[], "", &all);
    assert_eq!(
        scrub.text("T0KEN-abc k-1234 other page-2-cursor"),
        format!("removed-2 {SECRET} other page-2-cursor")
    );
    assert_eq!(answer(&scrub, &all[1]), r#"{"access_token":"removed-3"}"#);
}

#[test]
fn a_plain_header_is_no_credential() {
    let all = [
        taken("https://h/a", ("x-version", "2026-01-01"), r#"{"day":"2026-01-01"}"#),
        taken("https://h/b", ("x-version", "2026-01-01"), r#"{"day":"2026-01-01"}"#),
    ];
    assert_eq!(answer(&Scrub::new(&[], "", &all), &all[1]), r#"{"day":"2026-01-01"}"#);
}

#[test]
fn what_basic_authentication_sends_goes_where_it_is_echoed() {
    // `user:passw0rd` in base64.
    let header = ("authorization", "Basic dXNlcjpwYXNzdzByZA==");
    let all = [taken("https://h/a", header, r#"{"headers":{"Authorization":"Basic dXNlcjpwYXNzdzByZA=="}}"#)];
    let secrets = ["user", "passw0rd"].map(str::to_owned);
    let shown = answer(&Scrub::new(&secrets, "", &all), &all[0]);
    assert!(!shown.contains("dXNlcjpwYXNz") && shown.contains("Basic removed-"), "{shown}");
}

#[test]
fn tokens_are_found_in_lines_forms_and_xml() {
    for (body, expected) in [
        ("{\"access_token\":\"t-one\"}\n{\"id\":1}\n", "{\"access_token\":\"removed-1\"}\n{\"id\":1}\n"),
        ("token_type=x&access_token=t%2Fone", "token_type=x&access_token=removed-1"),
        ("<r><access_token>t-one</access_token></r>", "<r><access_token>removed-1</access_token></r>"),
    ] {
        let all = [taken("https://h/a", ("accept", "*/*"), body)];
        assert_eq!(answer(&Scrub::new(&[], "", &all), &all[0]), expected);
    }
    let all = [
        taken("https://h/a", ("accept", "*/*"), "access_token=t-one-two"),
        taken("https://h/b?auth=t-one-two", ("accept", "*/*"), "[]"),
    ];
    let scrub = Scrub::new(&[], "", &all);
    assert_eq!(scrub.text(scrub.address(&all[1].request).as_str()), "https://h/b?auth=removed-1");
}

#[test]
fn a_secret_parameter_goes_however_short_it_is() {
    let request = taken("https://h/a?pin=123&key=eu&page=123", ("accept", "*/*"), "").request;
    let scrub = own(&["123"]);
    assert_eq!(scrub.address(&request).as_str(), format!("https://h/a?pin={SECRET}&key={SECRET}&page=123"));
    // What the file says in the open is no secret; an expression beside one makes the parameter none.
    let plain = Scrub::new(&["123".to_owned()], "config = { site = \"eu\", pin = \"${PIN}\" }", &[]);
    assert_eq!(plain.address(&request).as_str(), format!("https://h/a?pin={SECRET}&key=eu&page=123"));
}

#[test]
fn what_is_a_secret_by_its_name_leaves_the_rest_as_it_is() {
    let body = r#"{"secret":"true","active":true,"password":"summer-2026","note":"summer-2026","text":"in summer-2026"}"#;
    let all = [taken("https://h/a", ("accept", "*/*"), body)];
    assert_eq!(
        answer(&Scrub::new(&[], "", &all), &all[0]),
        r#"{"secret":"removed-1","active":true,"password":"removed-2","note":"removed-2","text":"in summer-2026"}"#
    );
}

#[test]
fn an_answer_without_short_secrets_is_as_sound_as_before() {
    let scrub = own(&["data", "1234", "true", "87654321"]);
    let shown = scrub.text(
        r#"{"data":[{"pin":1234,"n":12345,"ok":true,"id":87654321,"m":187654321,"t":"the data","u":"1234"}]}"#,
    );
    let word = SECRET;
    let expected = format!(
        r#"{{"data":[{{"pin":"{word}","n":12345,"ok":"{word}","id":"{word}","m":187654321,"t":"the {word}","u":"{word}"}}]}}"#
    );
    assert_eq!(shown, expected);
    assert!(serde_json::from_str::<Value>(&shown).is_ok());
    // A short one that is a word of the pipeline file is a word like any other.
    let scrub = Scrub::new(&["data".to_owned()], "records = \"$.data[*]\"", &[]);
    assert_eq!(
        scrub.text(r#"{"data":["data"],"t":"the data"}"#),
        format!(r#"{{"data":["{word}"],"t":"the data"}}"#)
    );
}

#[test]
fn numbers_columns_and_documents_in_a_text_are_credentials_by_their_names() {
    for (body, expected) in [
        (
            r#"{"secret":4711,"n":4711,"password":[1, -2.5e3]}"#,
            r#"{"secret":"removed-1","n":4711,"password":["removed-2", "removed-3"]}"#,
        ),
        (
            "id,api_key,note\n1,\"k \"\"one\",4711\n2,k-two,\n",
            "id,api_key,note\n1,\"removed-1\",4711\n2,removed-2,\n",
        ),
        ("id\tpassword\n1\t4711\n", "id\tpassword\n1\tremoved-1\n"),
        ("user%5Bpassword%5D=p+w&id=1", "user%5Bpassword%5D=removed-1&id=1"),
        (
            r#"{"payload":"{\"access_token\":\"t-one\",\"secret\":42,\"in\":\"{\\\"jwt\\\":7}\"}","n":42}"#,
            r#"{"payload":"{\"access_token\":\"removed-1\",\"secret\":\"removed-2\",\"in\":\"{\\\"jwt\\\":\\\"removed-3\\\"}\"}","n":42}"#,
        ),
    ] {
        let all = [taken("https://h/a", ("accept", "*/*"), body)];
        assert_eq!(answer(&Scrub::new(&[], "", &all), &all[0]), expected);
    }
}

#[test]
fn a_number_within_a_text_leaves_the_document_sound() {
    let scrub = own(&["87654321"]);
    for body in [
        r#"{"p":"{\"pin\":87654321}","q":"[87654321]","t":"a\\","n":87654321,"u":"1, 87654321, 2"}"#,
        r#"{"p":"{\"q\":\"{\\\"pin\\\":87654321}\",\"t\":\"\\\\\",\"n\":87654321}"}"#,
    ] {
        let shown = scrub.text(body);
        let value: Value = serde_json::from_str(&shown).expect(&shown);
        assert!(!shown.contains("87654321"), "{shown}");
        let inner: Value = serde_json::from_str(value["p"].as_str().expect("a text")).expect(&shown);
        let innermost = inner["q"].as_str().map(|text| serde_json::from_str::<Value>(text).expect(&shown));
        assert_eq!(innermost.unwrap_or(inner)["pin"], SECRET);
    }
}

#[test]
fn what_a_request_sends_as_a_credential_by_its_name_goes_unless_the_file_says_it() {
    let mut one = taken("https://h/a", ("accept", "*/*"), r#"{"echo":"5f4dcc3b5aa765d6"}"#);
    one.request.body = Some(Bytes::from_static(b"user[password]=5f4dcc3b5aa765d6&secret=1"));
    let scrub = Scrub::new(
        &[],
        "form = { \"user[password]\" = \"{{ hash(config.pin) }}\", secret = 1 }",
        &[one.clone()],
    );
    let body = one.request.body.as_ref().expect("a body");
    assert_eq!(scrub.bytes(body), b"user[password]=removed-1&secret=1");
    assert_eq!(answer(&scrub, &one), r#"{"echo":"removed-1"}"#);
}
