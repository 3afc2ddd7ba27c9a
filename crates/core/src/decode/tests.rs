mod properties;

use super::*;

fn texts(body: &str, format: Format, path: &str) -> Vec<String> {
    let records = records(body.as_bytes(), format, path).expect(path);
    records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
}

fn error(body: &str, format: Format, path: &str) -> String {
    records(body.as_bytes(), format, path).expect_err(path).to_string()
}

#[test]
fn paths_select_exact_slices() {
    let body = r#" {"data": {"items": [{"v": 1.00}, {"v": 12345678901234567890123}], "n": 2}, "my key": [1, [2]], "x": null} "#;
    for (path, expected) in [
        ("$.data.items[*]", vec![r#"{"v": 1.00}"#, r#"{"v": 12345678901234567890123}"#]),
        ("$.data.items", vec![r#"{"v": 1.00}"#, r#"{"v": 12345678901234567890123}"#]),
        ("$['data'][\"items\"][1]", vec![r#"{"v": 12345678901234567890123}"#]),
        ("$['my key'][*]", vec!["1", "[2]"]),
        ("$.data.items[?@.v > 1e20]", vec![r#"{"v": 12345678901234567890123}"#]),
        ("$..items", vec![r#"{"v": 1.00}"#, r#"{"v": 12345678901234567890123}"#]),
        ("$..v", vec!["1.00", "12345678901234567890123"]),
        ("$.data.items[::-1]", vec![r#"{"v": 12345678901234567890123}"#, r#"{"v": 1.00}"#]),
        ("$.x", vec![]),
        ("$.absent[*]", vec![]),
    ] {
        assert_eq!(texts(body, Format::Json, path), expected, "{path}");
    }
    assert_eq!(texts("[1,2]", Format::Json, "$"), ["1", "2"]);
    assert_eq!(texts("[[1],2]", Format::Json, "$[*]"), ["[1]", "2"]);
    assert_eq!(texts("{\"a\":1}", Format::Json, "$"), ["{\"a\":1}"]);
    assert!(texts("[]", Format::Json, "$").is_empty());
}

#[test]
fn located_values_are_ranges_of_the_page() {
    let body = r#"{"meta": {"next": "é"}, "a": [{"t": 1}, {"t": 22}]}"#;
    let slices = |path| -> Vec<&str> {
        locate(body.as_bytes(), path).expect(path).into_iter().map(|r| &body[r]).collect()
    };
    assert_eq!(slices("$.meta.next"), ["\"é\""]);
    assert_eq!(slices("$.a[*].t"), ["1", "22"]);
    assert_eq!(slices("$..t"), ["1", "22"]);
    assert_eq!(slices("$"), [body]);
}

#[test]
fn a_place_that_is_empty_is_told_from_one_that_is_not_there() {
    for (body, path, nowhere) in [
        (r#"{"error": "quota"}"#, "$.data.items[*]", true),
        (r#"{"data": {}}"#, "$.data.items[*]", true),
        (r#"{"data": []}"#, "$.data.items", true),
        (r#"{"data": []}"#, "$.data[0]", true),
        (r#"{"data": {"items": []}}"#, "$.data.items[*]", false),
        (r#"{"data": {"items": null}}"#, "$.data.items", false),
        (r#"{"data": []}"#, "$.data[*].items", false),
        ("[]", "$", false),
        ("[]", "$[*]", false),
        (r#"{"data": [1]}"#, "$.data[?@ > 5]", false),
    ] {
        assert_eq!(leads_nowhere(body.as_bytes(), path), Ok(nowhere), "{body} {path}");
    }
}

#[test]
fn a_wrong_path_says_how_to_write_it() {
    assert!(error("{}", Format::Json, "data").contains("RFC 9535"));
    for deep in [("(", ")"), ("[?", "]"), ("!(", ")")]
        .map(|(open, close)| format!("$[?{}@.a{}]", open.repeat(10_000), close.repeat(10_000)))
    {
        assert!(error("{}", Format::Json, &deep).contains("more than 12 brackets within each other"));
    }
    assert_eq!(texts(r#"{"((((((((((((((": 1}"#, Format::Json, "$['((((((((((((((']"), ["1"]);
    assert!(error("a\n1", Format::Csv, "$.data").contains("leave `records` out"));
    assert!(error(r#"{"a":[],"a":[1]}"#, Format::Json, "$.a[*]").contains("stands twice"));
}

#[test]
fn json_pages_are_checked_to_their_end() {
    assert!(error("{\"a\":[1,2", Format::Json, "$.b").contains("cut off"));
    assert!(error("[1] x", Format::Json, "$").contains("more text"));
    assert!(error("", Format::Json, "$").contains("empty"));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(error(&deep, Format::Json, "$").contains("128"));
    assert!(error(&deep, Format::Json, "$..a").contains("128"));
}

#[test]
fn ndjson_skips_blank_lines_and_names_the_wrong_one() {
    let lines = "{\"a\":1}\r\n\n  \r\n{\"a\":2}";
    assert_eq!(texts(lines, Format::Ndjson, "$"), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(texts("{\"d\":[1,2]}\n{\"d\":[3]}\n", Format::Ndjson, "$.d[*]"), ["1", "2", "3"]);
    assert!(texts("", Format::Ndjson, "$").is_empty());
    assert!(error("{\"a\":1}\n\n{\"a\":\n1}", Format::Ndjson, "$").starts_with("line 3: the text ends"));
    assert!(error("1 2", Format::Ndjson, "$").starts_with("line 1:"));
}

#[test]
fn csv_cells_keep_what_they_say() {
    let body = "id,name,v,v,\n1,\"Sm\"\"ith, J\",1.50,,x\n01234,true,+5,NaN,\"a\nb\"\n";
    assert_eq!(
        texts(body, Format::Csv, "$"),
        [
            r#"{"id":1,"name":"Sm\"ith, J","v":1.50,"v_2":null,"column_5":"x"}"#,
            r#"{"id":"01234","name":true,"v":"+5","v_2":"NaN","column_5":"a\nb"}"#
        ]
    );
    assert!(texts("", Format::Csv, "$").is_empty() && texts("a,b\n", Format::Csv, "$").is_empty());
    assert!(error("a,b\n1,2\n1,2,3\n", Format::Csv, "$").starts_with("line 3: 3 cells"));
    for (body, format) in [
        ("a\tb\n1\tx,y\n", Format::Tsv),
        ("a;b\n1;\"x,y\"\n", Format::CsvSemicolon),
        ("a|b\n1|x,y\n", Format::CsvPipe),
    ] {
        assert_eq!(texts(body, format, "$"), [r#"{"a":1,"b":"x,y"}"#], "{format:?}");
    }
    let feed = "<feed><entry id=\"1\"><t>a</t></entry><entry id=\"2\"/></feed>";
    assert_eq!(texts(feed, Format::Xml, "$.feed.entry"), [r#"{"@id":1,"t":"a"}"#, r#"{"@id":2}"#]);
    let one = "<feed><entry id=\"1\"/></feed>";
    assert_eq!(texts(one, Format::Xml, "$.feed.entry"), [r#"{"@id":1}"#]);
    assert!(texts("<feed/>", Format::Xml, "$.feed.entry").is_empty());
    for open in ["a,b\n1,\"2", "a,b\n1,\"2\n", "a,b\n1,2\n3,\"4\n5,6\n", "a,b\n1,\"2\"\"\n"] {
        assert!(error(open, Format::Csv, "$").contains("cut off"), "{open}");
    }
    assert_eq!(texts("a,b\n1,5\" pipe\n", Format::Csv, "$"), [r#"{"a":1,"b":"5\" pipe"}"#]);
}

#[test]
fn other_character_sets_become_utf8() {
    let latin = b"{\"a\":\"\xe9\"}";
    let error = to_utf8(latin, None).expect_err("not UTF-8").to_string();
    assert!(error.contains("0xE9") && error.contains("windows-1252") && error.contains("byte 6"), "{error}");
    assert_eq!(to_utf8(latin, Some("iso-8859-1")).expect("latin").as_ref(), "{\"a\":\"é\"}".as_bytes());
    assert_eq!(to_utf8(b"\xef\xbb\xbf[1]", Some("latin1")).expect("bom").as_ref(), b"[1]");
    let utf16: Vec<u8> = "\u{feff}{\"a\":\"東\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(to_utf8(&utf16, None).expect("utf-16").as_ref(), "{\"a\":\"東\"}".as_bytes());
    assert!(to_utf8(b"[1]", Some("klingon")).expect_err("unknown").to_string().contains("klingon"));
    assert!(to_utf8(b"ab\x81", Some("shift_jis")).is_err());
}

#[test]
fn ascii_and_utf8_bodies_are_borrowed() {
    assert!(matches!(to_utf8(b"[1]", Some("utf-8")).expect("utf8"), Cow::Borrowed(_)));
    assert!(matches!(to_utf8("é".as_bytes(), None).expect("utf8"), Cow::Borrowed(_)));
}

#[test]
fn a_frame_shows_what_stands_beside_the_records() {
    let body = r#" {"meta": {"total": 7}, "data": {"items": [ {"v": 1, "total": 9}, {"v": [2]} ] , "n": 2}, "next": "u"} "#;
    let frame = |body: &str, path: &str| {
        let records = records(body.as_bytes(), Format::Json, path).expect(path);
        Frame::of(body.as_bytes(), &records, path)
    };
    for path in ["$.data.items[*]", "$.data.items"] {
        let frame = frame(body, path).expect(path);
        let shown = |path: &str| {
            let text = frame.text_for(path)?;
            let of = |text: &[u8]| {
                let places = locate(text, path).expect(path);
                places.into_iter().map(|place| text[place].to_vec()).collect::<Vec<_>>()
            };
            assert_eq!(of(text), of(body.as_bytes()), "{path}");
            Some(of(text).len())
        };
        for (path, found) in
            [("$.meta.total", 1), ("$.data.n", 1), ("$['next']", 1), ("$.absent", 0), ("$.data.absent.x", 0)]
        {
            assert_eq!(shown(path), Some(found), "{path}");
        }
        // What may lead to the records is looked for in the page.
        for path in
            ["$", "$.data", "$.data.items", "$.data.items[1].v", "$.*", "$..total", "$.data.items[*].v"]
        {
            assert_eq!(frame.text_for(path), None, "{path}");
        }
    }
    for (body, path) in [
        (r#"[{"v": 1}]"#, "$"),
        (r#"{"data": {"v": 1}}"#, "$.data"),
        (r#"{"data": {"a": {"v": 1}, "b": {"v": 2}}}"#, "$.data[*]"),
        (r#"{"a": [{"x": [1, 2]}, {"x": [3]}]}"#, "$.a[*].x[*]"),
        (r#"{"data": []}"#, "$.data"),
        (r#"{"data": [{"v": 1}]}"#, "$..data[*]"),
    ] {
        assert_eq!(frame(body, path), None, "{body} {path}");
    }
}
