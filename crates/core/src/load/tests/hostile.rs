use super::*;

fn error(body: &[u8]) -> String {
    load_pages(&spec(), &TableSchema::default(), &[(page(0, Format::Json), body)])
        .expect_err("hostile")
        .to_string()
}

#[test]
fn a_page_cut_off_at_any_byte_is_an_error_that_names_the_page() {
    let body = r#"[{"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":{}},"d":"é"}]"#.as_bytes();
    for cut in 0..body.len() {
        let message = error(&body[..cut]);
        assert!(message.starts_with("page pages/s/000000000001/0.json: "), "{message}");
    }
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    for (body, words) in [
        ("[{\"a\":NaN}]", "NaN"),
        ("[{\"a\":1}] trailing", "ndjson"),
        ("<html>", "HTML"),
        ("", "empty"),
        ("[{\"a\":\"\u{1}\"}]", "control character"),
    ] {
        assert!(error(body.as_bytes()).contains(words), "{body}");
    }
    assert!(error(b"[{\"a\":\"\xff\"}]").contains("0xFF"));
    for depth in [10_000, 1_000_000] {
        assert!(
            error(format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).as_bytes())
                .contains("128 levels")
        );
    }
}

#[test]
fn nothing_makes_no_file() {
    for body in ["[]", "null", " [ ] "] {
        let landed = load(&spec(), body);
        assert_eq!((landed.files.len(), landed.schema.version), (0, 0), "{body}");
    }
    let bom =
        load_pages(&spec(), &TableSchema::default(), &[(page(0, Format::Json), b"\xef\xbb\xbf[{\"a\":1}]")]);
    assert_eq!(bom.expect("loads").rows(), [r#"{"a":1}"#]);
}

#[test]
fn records_of_nothing_are_rows() {
    let landed = load(&spec(), r#"[{},{"a":null},{"a":null,"b":[],"c":{}}]"#);
    assert_eq!(landed.rows(), ["{}", "{}", "{}"]);
    assert_eq!(types_of(&landed.schema), ["a: Unknown", "b: Unknown", "c: Unknown"]);
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_lands() {
    let landed = load(&spec(), r#"[{"a":1,"b":[1],"a":2,"b":[2,3]},{"a":3,"a":null}]"#);
    assert_eq!(landed.rows(), [r#"{"a":2,"b":[2,3]}"#, "{}"]);
}

#[test]
fn an_empty_list_or_object_is_no_value_of_another_type() {
    let landed =
        load(&spec(), r#"[{"o":{"a":1},"l":[1],"s":"x"},{"o":[],"l":{},"s":[ ]},{"o":{},"l":[],"s":{}}]"#);
    assert_eq!(landed.rows()[1..], ["{}", r#"{"o":{},"l":[]}"#]);
}

#[test]
fn mixed_lists_and_structs_beside_scalars_go_to_quarantine() {
    let landed = load(&spec(), r#"[{"l":[1,"x",{}]},{"l":[2,3.5]},{"s":{"a":1}},{"s":5},{"s":[{"a":1}]}]"#);
    assert_eq!(landed.rows(), [r#"{"l":[2.0,3.5]}"#, r#"{"s":{"a":1}}"#]);
    let fields: Vec<_> = landed.quarantine.iter().map(|line| line["field"].as_str().unwrap_or("")).collect();
    assert_eq!(fields, ["l", "s", "s"]);
}

#[test]
fn a_hundred_thousand_fields_are_one_clear_misfit() {
    let wide: Vec<String> = (0..100_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let landed = load(&spec(), &format!("[{{{}}},{{\"a\":1}}]", wide.join(",")));
    assert_eq!((landed.rows(), landed.quarantine.len()), (vec![r#"{"a":1}"#], 1));
    assert!(landed.reasons()[0].contains("more than 2000 columns"));
    let scattered: Vec<String> = (0..10_000).map(|i| format!("{{\"k{i}\":1}}")).collect();
    let landed = load(&spec(), &format!("[{}]", scattered.join(",")));
    assert_eq!((landed.rows().len(), landed.quarantine.len()), (2000, 8_000));
}

#[test]
fn a_table_may_be_very_wide_where_the_limit_allows() {
    let spec = LoadSpec { max_columns: 5000, ..spec() };
    let wide: Vec<String> = (0..5000).map(|i| format!("\"k{i}\":{i}")).collect();
    assert_eq!(load(&spec, &format!("{{{}}}", wide.join(","))).schema.columns(), 5000);
}
