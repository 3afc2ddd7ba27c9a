//! The decode path beside serde_json, RFC 9535's library and no one: what is read is what they read, and nothing panics.

use proptest::prelude::*;
use serde_json::{Value, json};
use serde_json_path::JsonPath;

use super::*;
use crate::json::tests::any_json;

fn parsed(slices: &[Cow<'_, [u8]>]) -> Vec<Value> {
    slices.iter().map(|slice| serde_json::from_slice(slice).expect("a record is JSON")).collect()
}

/// Values whose names are few, so that paths lead somewhere.
fn nested() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<i8>().prop_map(Into::into), "[ab]{0,2}".prop_map(Into::into)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec(("[ab]", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Bytes that are nothing, nearly JSON, or JSON that lost or changed a part.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (any_json(3), any::<prop::sample::Index>(), any::<u8>(), 0usize..3).prop_map(
        |(value, at, byte, how)| {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            match how {
                0 => text.truncate(at),
                1 => text[at] = byte,
                _ => text.insert(at, byte),
            }
            text
        },
    );
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        r#"[\[\]{},:"\\/un0-9eE.+\- \r\ntruefalsnl]{0,40}"#.prop_map(String::into_bytes),
        damaged,
    ]
}

const PATHS: [&str; 9] =
    ["$", "$.a", "$.a[*]", "$[*].a", "$['b'][1]", "$.*", "$[0][*].b", "$..a", "$[?@.a > 1]"];

proptest! {
    #[test]
    fn any_sequence_of_values_is_read_as_serde_reads_it(values in proptest::collection::vec(any_json(3), 0..6)) {
        let array = serde_json::to_string_pretty(&values).expect("JSON");
        prop_assert_eq!(&parsed(&records(array.as_bytes(), Format::Json, "$").expect("JSON")), &values);
        let inside = json!({ "meta": 1, "my data": { "items": values }, "z": [] }).to_string();
        let path = "$['my data'].items[*]";
        prop_assert_eq!(&parsed(&records(inside.as_bytes(), Format::Json, path).expect("JSON")), &values);
        let objects: Vec<Value> = values.into_iter().map(|value| json!({ "v": value })).collect();
        let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
        prop_assert_eq!(parsed(&records(lines.join("\r\n").as_bytes(), Format::Ndjson, "$").expect("NDJSON")), objects);
    }

    #[test]
    fn a_path_finds_what_the_standard_says(value in nested()) {
        let text = value.to_string();
        for path in PATHS {
            let ours: Vec<Value> = locate(text.as_bytes(), path)
                .expect("JSON")
                .into_iter()
                .map(|place| serde_json::from_str(&text[place]).expect("JSON"))
                .collect();
            let query = JsonPath::parse(path).expect(path);
            let theirs: Vec<Value> = query.query(&value).iter().map(|found| (*found).clone()).collect();
            prop_assert_eq!(&ours, &theirs, "{} in {}", path, text);
            let nowhere = leads_nowhere(text.as_bytes(), path).expect("JSON");
            prop_assert!(!nowhere || theirs.is_empty(), "{} in {}", path, text);
        }
    }

    #[test]
    fn cells_come_back_as_they_were(rows in proptest::collection::vec(["x[^\\x00]{0,9}", "x[,\"\r\n é]{0,5}"], 1..6)) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let body: String = rows.iter().map(|[a, b]| format!("{},{}\r\n", quoted(a), quoted(b))).collect();
        let read = parsed(&records(format!("a,b\n{body}").as_bytes(), Format::Csv, "$").expect("CSV"));
        let expected: Vec<Value> = rows.iter().map(|[a, b]| json!({ "a": a, "b": b })).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in hostile()) {
        for charset in [None, Some("utf-8"), Some("latin1"), Some("shift_jis"), Some("utf-16"), Some("\"")] {
            let Ok(body) = to_utf8(&bytes, charset) else { continue };
            for path in PATHS {
                for format in [Format::Json, Format::Ndjson, Format::Csv] {
                    let _ = records(&body, format, path);
                }
                let _ = (locate(&body, path), leads_nowhere(&body, path));
            }
            let ours = records(&body, Format::Json, "$").is_ok();
            prop_assert_eq!(ours, serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok());
        }
    }

    #[test]
    fn no_path_makes_it_panic(path in r#"\$?[\[\]().*@?:,'"$ab0-9 \-]{0,12}|.{0,6}"#) {
        let _ = records(br#"{"a":[{"b":1}],"b":[[2]]}"#, Format::Json, &path);
    }
}
