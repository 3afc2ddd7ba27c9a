use proptest::prelude::*;
use serde_json::json;

use super::*;

fn json_of(text: &str) -> Value {
    read(text).expect(text).json("").expect("no code")
}

#[test]
fn python_is_read_as_python_reads_it() {
    let text = r#"
# a comment with { and '
config: RESTAPIConfig = {  # {
    "a": 'it\'s', 'b': "x" "y"
         'z',
    "c": ("long "
          "text"), "d": (1, 2.5, -3, 1_000, 0x10,), "e": [True, False, None,], "f": (1,),
    'g': """two
lines""", "h": r'\d+', "i": "\u00e9\x41\n\q", 7: {}, "a2": "s" + 't',
}
"#;
    let expected = json!({
        "a": "it's", "b": "xyz", "c": "long text", "d": [1, 2.5, -3, 1000, 16], "e": [true, false, null], "f": [1],
        "g": "two\nlines", "h": "\\d+", "i": "éA\n\\q", "7": {}, "a2": "st",
    });
    assert_eq!(json_of(text), expected);
    assert_eq!(json_of("{\"a\": \"\\/\\ud83d\\ude00\", \"b\": null}"), json!({ "a": "/😀", "b": null }));
    assert_eq!(json_of("return {'a': '\\ud83d\\ude00'}"), json!({ "a": "😀" }));
}

#[test]
fn code_is_kept_as_its_text_and_never_run() {
    let text =
        "{'f': lambda r, x: {'a': r[0], \"b\": x}, 'g': dlt.secrets['a.b'], 'h': f(1, [2, 3]), 'i': name,
        'j': f\"{x},{y}\", 'k': 60 * 60, 'l': 'a'.format(b), 'm': [x for x in (1, 2)], 'n': -x, 'o': 1}";
    let Literal::Dict(fields) = read(text).expect("a dict") else { panic!("no dict") };
    let code: Vec<&str> = fields
        .iter()
        .filter_map(|(_, value)| match value {
            Literal::Code(code) => Some(code.as_str()),
            Literal::List(items) => match &items[..] {
                [Literal::Code(code)] => Some(code),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(
        code,
        [
            "lambda r, x: {'a': r[0], \"b\": x}",
            "dlt.secrets['a.b']",
            "f(1, [2, 3])",
            "name",
            "f\"{x},{y}\"",
            "60 * 60",
            "'a'.format(b)",
            "x for x in (1, 2)",
            "-x",
        ]
    );
    assert_eq!(fields.last(), Some(&("o".to_owned(), Literal::Number(1.into()))));
}

#[test]
fn an_error_says_where() {
    for (text, line, column, message) in [
        ("{\n  'a': 1\n  'b': 2}", 3, 3, "`,` or `}`"),
        ("{'a': 'x\n}", 1, 7, "the text has no end"),
        ("{'a': [1, 2", 1, 12, "`,` or `]`"),
        ("{**base, 'a': 1}", 1, 2, "write its keys out"),
        ("{'a': 1}\nrest_api_source(x)", 2, 1, "something follows"),
        ("{'a': }", 1, 7, "a value is missing"),
        ("", 1, 1, "a value is missing"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
    let deep = "[".repeat(200_000);
    assert!(read(&deep).expect_err("too deep").message.contains("too deep"));
}

/// A value as Python writes it, in one of its ways.
fn python(value: &Value, way: usize) -> String {
    let quote = |text: &str| {
        let escaped: String = text
            .chars()
            .flat_map(|c| match c {
                '\\' | '\'' | '"' => vec!['\\', c],
                '\n' => vec!['\\', 'n'],
                c => vec![c],
            })
            .collect();
        let quote = if way.is_multiple_of(2) { '\'' } else { '"' };
        format!("{quote}{escaped}{quote}")
    };
    let end = if way.is_multiple_of(3) { ",\n# end\n" } else { "" };
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quote(text),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| python(item, way + 1)).collect();
            format!("[ {}{end}]", items.join(" , "))
        }
        Value::Object(fields) if fields.is_empty() => "{ }".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", quote(key), python(value, way + 1)))
                .collect();
            format!("{{{}{end}}}", fields.join(","))
        }
    }
}

proptest! {
    #[test]
    fn every_literal_survives(value in values(), way in 0usize..6) {
        prop_assert_eq!(read(&python(&value, way)).expect("a literal").json("").expect("no code"), value);
    }

    #[test]
    fn reading_never_panics(text in "[{}\\[\\]()'\":,a1 #\\\\\n+lambdé.*=-]{0,40}") {
        let _ = read(&text);
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        "[^\r]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z'\"é]{0,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}
