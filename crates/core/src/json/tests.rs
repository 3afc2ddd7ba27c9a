use super::*;

fn canonical(text: &str) -> String {
    let mut out = Vec::new();
    canonicalize(text.as_bytes(), &[], &mut out).expect(text);
    String::from_utf8(out).expect("utf8")
}

fn fault(text: &str) -> Fault {
    let mut reader = Reader::new(text);
    reader.skip().and_then(|_| reader.end()).expect_err(text).fault
}

#[test]
fn canonical_text_is_equal_for_equal_content_only() {
    assert_eq!(
        canonical(" { \"b\" : 1.50 , \"a\" : [ 1 , \"\\u0041\\/\" ] } "),
        r#"{"a":[1,"A/"],"b":1.50}"#
    );
    assert_eq!(canonical(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
    assert_eq!(canonical(r#"{"b":{},"a":[],"c":[[],{}]}"#), r#"{"a":[],"b":{},"c":[[],{}]}"#);
    assert_ne!(canonical("[1.0]"), canonical("[1]"));
    assert_eq!(canonical(r#""\u00e9\u0001\n""#), "\"é\\u0001\\n\"");
}

#[test]
fn an_order_known_from_one_object_serves_only_those_that_it_fits() {
    for (text, expected) in [
        (r#"[{"b":1,"a":2},{"b":3,"a":4}]"#, r#"[{"a":2,"b":1},{"a":4,"b":3}]"#),
        (r#"[{"b":1,"a":2},{"a":3,"b":4},{"c":5,"a":6}]"#, r#"[{"a":2,"b":1},{"a":3,"b":4},{"a":6,"c":5}]"#),
        (r#"[{"c":1,"b":2,"a":3},{"b":4,"c":5,"a":6}]"#, r#"[{"a":3,"b":2,"c":1},{"a":6,"b":4,"c":5}]"#),
        (r#"[{"b":1,"a":2},{"b":3,"b":4}]"#, r#"[{"a":2,"b":1},{"b":4}]"#),
        (r#"[{"b":1,"b":2},{"b":3,"a":4}]"#, r#"[{"b":2},{"a":4,"b":3}]"#),
        (
            r#"{"z":{"b":1,"a":2},"y":{"d":{"f":1,"e":2},"c":0}}"#,
            r#"{"y":{"c":0,"d":{"e":2,"f":1}},"z":{"a":2,"b":1}}"#,
        ),
    ] {
        assert_eq!(canonical(text), expected);
    }
}

#[test]
fn ignored_values_leave_the_canonical_text_with_their_keys() {
    let text = r#"{"t": 5, "a": [1, 2, 3], "b": {"t": 6}}"#;
    let skip = |path: &str| crate::decode::locate(text.as_bytes(), path).expect(path);
    let mut out = Vec::new();
    let ranges: Vec<_> = [skip("$.t"), skip("$.a[1]"), skip("$.b.t")].concat();
    canonicalize(text.as_bytes(), &ranges, &mut out).expect("json");
    assert_eq!(String::from_utf8(out).expect("utf8"), r#"{"a":[1,3],"b":{}}"#);
}

#[test]
fn what_is_not_json_is_named() {
    for (text, expected) in [
        ("", Fault::Empty),
        ("[1,]", Fault::TrailingComma),
        ("{\"a\":1,}", Fault::TrailingComma),
        ("[1 2]", Fault::Expected("a comma or `]`")),
        ("{\"a\" 1}", Fault::Expected("a colon after the key")),
        ("{a:1}", Fault::Expected("a key in double quotes")),
        ("[NaN]", Fault::NotANumber),
        ("[-Infinity]", Fault::NotANumber),
        ("[+1]", Fault::NotANumber),
        ("[01]", Fault::BadNumber),
        ("[1.]", Fault::BadNumber),
        ("[1e]", Fault::BadNumber),
        ("[0x10]", Fault::BadNumber),
        ("[tru]", Fault::Literal),
        ("['a']", Fault::SingleQuote),
        ("<html>", Fault::Markup),
        ("[\"a\nb\"]", Fault::Control),
        (r#"["\x"]"#, Fault::Escape),
        (r#"["\u12g4"]"#, Fault::Escape),
        (r#"["\ud800"]"#, Fault::Surrogate),
        (r#"["\udc00"]"#, Fault::Surrogate),
        (r#"["\ud800\u0041"]"#, Fault::Surrogate),
        ("{} {}", Fault::Trailing),
        ("[1]]", Fault::Trailing),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn a_text_cut_off_at_any_byte_ends_in_the_middle_of_something() {
    let text = r#"{"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":{}},"d":"é"}"#;
    for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        let fault = fault(&text[..cut]);
        assert!(matches!(fault, Fault::Ends(_)), "{}: {fault:?}", &text[..cut]);
    }
}

#[test]
fn deep_nesting_is_an_error_and_never_a_stack_overflow() {
    for depth in [129, 10_000, 1_000_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(fault(&text), Fault::TooDeep);
            assert!(canonicalize(text.as_bytes(), &[], &mut Vec::new()).is_err());
        }
    }
    let deepest = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(canonical(&deepest), deepest);
}

#[test]
fn strings_are_borrowed_where_they_hold_no_escape() {
    let text = |raw| Reader::new(raw).string().expect(raw);
    assert!(matches!(text("\"plain é\"").value(), std::borrow::Cow::Borrowed("plain é")));
    assert_eq!(text(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00x""#).value(), "\"\\/\u{8}\u{c}\n\r\té😀x");
}

#[test]
fn numbers_keep_their_spelling() {
    for (text, integer, double) in [
        ("0", Some(0), 0.0),
        ("-0", Some(0), 0.0),
        ("9223372036854775807", Some(i64::MAX), 9.223_372_036_854_776e18),
        ("-9223372036854775808", Some(i64::MIN), -9.223_372_036_854_776e18),
        ("9223372036854775808", None, 9.223_372_036_854_776e18),
        ("1.50", None, 1.5),
        ("-0.001", None, -0.001),
        ("1e3", None, 1000.0),
        ("123456789012345678901234567890", None, 1.234_567_890_123_456_8e29),
    ] {
        let number = Number::parse(text).expect(text);
        assert_eq!((number.text(), number.as_i64(), number.as_f64()), (text, integer, double));
    }
    assert!(Number::parse("1E400").expect("json").as_f64().is_infinite());
    assert!(["", "-", "01", "1 ", "NaN", "1.e3", "--1", "1_000"].iter().all(|t| Number::parse(t).is_none()));
}

proptest::proptest! {
    #[test]
    fn canonical_text_is_what_serde_reads(value in crate::json::tests::any_json(4)) {
        let text = serde_json::to_string_pretty(&value).expect("json");
        let again: serde_json::Value = serde_json::from_str(&canonical(&text)).expect("canonical is JSON");
        proptest::prop_assert_eq!(&again, &value);
        proptest::prop_assert_eq!(canonical(&again.to_string()), canonical(&text));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let text = String::from_utf8_lossy(&bytes);
        let ours = { let mut r = Reader::new(&text); r.skip().and_then(|_| r.end()) };
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        proptest::prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn near_json_is_accepted_exactly_where_serde_does(text in r#"[\[\]{},:"\\/un0-9eE.+\- truefalsnl]{0,24}"#) {
        let ours = { let mut r = Reader::new(&text); r.skip().and_then(|_| r.end()) };
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
        proptest::prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
    }
}

/// Any JSON value.
pub(crate) fn any_json(depth: u32) -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<i32>().prop_map(|n| (f64::from(n) / 4.0).into()),
        any::<f64>().prop_filter("JSON has finite numbers only", |n| n.is_finite()).prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::vec((".{0,4}", inner), 0..5)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}
