use super::*;

fn digest(body: &str, format: Format, ignore: &[&str]) -> [u8; 32] {
    let ignore: Vec<String> = ignore.iter().map(|path| (*path).to_owned()).collect();
    let path = if format == Format::Json { "$.items" } else { "$" };
    let records = decode::records(body.as_bytes(), format, path).expect(body);
    content(body.as_bytes(), format, &records, &ignore, false).expect(body).digest
}

fn hashes(body: &str, ignore: &[&str]) -> Vec<String> {
    let ignore: Vec<String> = ignore.iter().map(|path| (*path).to_owned()).collect();
    let records = decode::records(body.as_bytes(), Format::Json, "$.items").expect(body);
    content(body.as_bytes(), Format::Json, &records, &ignore, true).expect(body).hashes
}

#[test]
fn spelling_is_no_change_and_a_value_is() {
    let one = digest(r#"{"at": 1, "items": [{"a": 1, "b": "é"}]}"#, Format::Json, &["$.at"]);
    let same = digest("{\"items\":[{\"b\":\"\\u00e9\",\n\"a\":1}],\"at\":2}", Format::Json, &["$.at"]);
    let other = digest(r#"{"at": 1, "items": [{"a": 2, "b": "é"}]}"#, Format::Json, &["$.at"]);
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn digits_beyond_a_double_count() {
    let body = |n: &str| format!(r#"{{"items":[{n}]}}"#);
    assert_ne!(
        digest(&body("12345678901234567890123"), Format::Json, &[]),
        digest(&body("12345678901234567890124"), Format::Json, &[])
    );
}

#[test]
fn lines_count_one_by_one() {
    let one = digest("{\"a\":1,\"at\":5}\n{\"a\":2}\n", Format::Ndjson, &["$.at"]);
    assert_eq!(one, digest("{ \"a\":1 }\r\n\n{\"at\":7,\"a\":2}", Format::Ndjson, &["$.at"]));
    assert_ne!(one, digest("{\"a\":2}\n{\"a\":1}\n", Format::Ndjson, &["$.at"]));
    assert_eq!(digest("a,b\n1,2\n", Format::Csv, &["$.b"]), digest("a,b\r\n1,3\r\n", Format::Csv, &["$.b"]));
    assert_ne!(digest("a,b\n1,2\n", Format::Csv, &[]), digest("a,b\n1,3\n", Format::Csv, &[]));
}

#[test]
fn records_are_known_again_without_what_is_ignored() {
    let before = hashes(r#"{"items":[{"id":1,"age":10},{"id":2,"age":20}]}"#, &["$.items[*].age"]);
    let now =
        hashes(r#"{"items":[{"id":3,"age":1},{"age":11,"id":1},{"id":2,"age":21}]}"#, &["$.items[*].age"]);
    let seen = before.iter().map(String::as_str).collect();
    assert_eq!(before.iter().map(String::len).collect::<Vec<_>>(), [16, 16]);
    assert_eq!(repeats(&now, &seen), [(1, 2)]);
    assert_eq!(repeats(&now, &HashSet::new()), []);
}

#[test]
fn a_fingerprint_depends_on_the_order_of_pages() {
    let (a, b) = (sha256(b"a"), sha256(b"b"));
    assert_ne!(Fingerprint::of_pages([&a, &b]), Fingerprint::of_pages([&b, &a]));
    assert_eq!(Fingerprint::of_pages([&a, &b]).0.len(), 64);
}

/// Records as text, with what else is known of a page; or what is wrong with it.
fn known(read: Result<Known<'_>, DecodeError>) -> Result<(Vec<String>, Content), DecodeError> {
    let text = |record: &Cow<'_, [u8]>| String::from_utf8_lossy(record).into_owned();
    read.map(|(records, content)| (records.iter().map(text).collect(), content))
}

#[test]
fn a_page_that_is_read_once_says_the_same_as_one_that_is_read_twice() {
    let bodies = [
        r#"{"n": 1, "items": [{"b": 2, "a": 1}, 7, [ ], {"at": 3}], "at": {"items": [1]}}"#,
        r#" { "items" : [ {"a" : "[1]"} , {"\u0061":"\\"} ] } "#,
        r#"{"items": [1], "items": [2]}"#,
        r#"{"items": [1], "it\u0065ms": 2}"#,
        r#"{"items": {"items": [1, {"at": 2}]}}"#,
        r#"{"items": null}"#,
        r#"{"items": []}"#,
        r#"{"items": 5}"#,
        r#"[[1, 2], {"at": 3, "items": [4]}]"#,
        r#"{"items": [1, 2,]}"#,
        r#"{"items": [1, 2]"#,
        r#"{"items": [1]} 2"#,
        "",
        "null",
    ];
    let paths = ["$", "$[*]", "$.items", "$.items[*]", "$.items.items[*]", "$.items[0]", "$..items", "$["];
    let ignored = [vec![], vec!["$.at"], vec!["$.items[0]"], vec!["$.items"], vec!["$..at"]];
    let cases = bodies.into_iter().flat_map(|body| paths.map(|path| (body.as_bytes(), path)));
    let (mut read_once, mut wrong) = (0, 0);
    for ((body, path), ignore) in cases.flat_map(|case| ignored.iter().map(move |ignore| (case, ignore))) {
        let ignore: Vec<String> = ignore.iter().map(|path| (*path).to_owned()).collect();
        for format in [Format::Json, Format::Ndjson] {
            let twice = decode::records(body, format, path).and_then(|records| {
                let content = content(body, format, &records, &ignore, true)?;
                Ok((records, content))
            });
            let once = known(read(body, format, path, &ignore, true));
            let case = format!("{} by {path} without {ignore:?}", String::from_utf8_lossy(body));
            match known(twice) {
                Ok(twice) => assert_eq!(once, Ok(twice), "{case}"),
                Err(_) => assert!(once.is_err(), "{case}"),
            }
            read_once += usize::from(once.is_ok());
            wrong += usize::from(once.is_err());
        }
    }
    assert!(read_once > 100 && wrong > 100, "{read_once} {wrong}");
}

#[test]
fn the_hash_of_a_json_text_is_that_of_its_bytes() {
    let value: Vec<String> = (0..5_000).map(|number| format!("\"{number}\"")).collect();
    let text = serde_json::to_string(&value).expect("texts");
    assert_eq!(sha256_of_json(&value).expect("texts"), sha256(text.as_bytes()));
    let keys = std::collections::BTreeMap::from([(vec![1], 1)]);
    sha256_of_json(&keys).expect_err("keys that are no texts");
}
