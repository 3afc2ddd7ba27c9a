use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn now() -> jiff::Timestamp {
    "2026-11-23T10:00:05.25Z".parse().expect("a time")
}

fn values() -> serde_json::Map<String, Json> {
    let values = json!({
        "config": { "key": "s3cret", "n": 7, "tags": ["a", "b"], "on": true, "none": null, "start": "2026-01-01" },
        "record": { "id": 1, "name": "Ä", "at": "2026-11-01T00:00:00Z", "sub": { "x": [1, 2.5] } },
        "response": { "next": "abc", "more": false, "items": [] },
    });
    values.as_object().cloned().expect("a table")
}

fn native(text: &str) -> Result<Json, ExprError> {
    Expr::parse(text)?.value(&Scope::new(now()).with_all(&values()))
}

fn cdk(text: &str) -> Result<Json, ExprError> {
    Expr::parse_as(text, Dialect::Cdk)?.value(&Scope::new(now()).with_all(&values()))
}

#[test]
fn a_sole_expression_keeps_its_type_and_a_mixed_one_is_text() {
    for (text, value) in [
        ("{{ config.n }}", json!(7)),
        ("{{config['n'] + 1}}", json!(8)),
        ("{{ config.tags }}", json!(["a", "b"])),
        ("{{ {'a': {'b': 1}} }}", json!({ "a": { "b": 1 } })),
        ("{{ record }}", values()["record"].clone()),
        ("{{ config.missing }}", Json::Null),
        ("{{ config.none }}", Json::Null),
        ("{{ config.on and response.more }}", json!(false)),
        ("n={{ config.n }}&on={{ config.on }}", json!("n=7&on=true")),
        ("{{ config.missing | default('x') }}!", json!("x!")),
        ("{{ response.next or '' }}", json!("abc")),
        ("{{ '1' }}", json!("1")),
        ("plain", json!("plain")),
        ("", json!("")),
        ("{% if config.on %}yes{% else %}no{% endif %}", json!("yes")),
        ("{% for tag in config.tags %}{{ tag }};{% endfor %}", json!("a;b;")),
        ("{{- config.n -}} {# no #}", json!("7")),
        ("{##}x{#}#}y", json!("xy")),
        ("{{ record.sub.x[-1] }}", json!(2.5)),
        ("{{ 'a,b'.split(',') }}", json!(["a", "b"])),
        ("{{ config.get('n') }}", json!(7)),
        ("{{ '%03d' % config.n }}", json!("007")),
        ("{{ '%s-%s' % (config.n, record.id) }}", json!("7-1")),
        ("{{ record.id in [1, 2] }}", json!(true)),
        ("{{ 'x' if config.n > 5 else 'y' }}", json!("x")),
        ("{{ 18446744073709551615 }}", json!(18_446_744_073_709_551_615_u64)),
    ] {
        assert_eq!(native(text), Ok(value), "{text}");
    }
}

#[test]
fn times_are_made_added_compared_and_written() {
    for (text, value) in [
        ("{{ now_utc() }}", json!("2026-11-23T10:00:05.250000+00:00")),
        ("{{ now_utc().strftime('%Y-%m-%dT%H:%M:%SZ') }}", json!("2026-11-23T10:00:05Z")),
        ("{{ now_utc().strftime('%f|%_ms|%s|%j|%-d') }}", json!("250000|250|1795428005|327|23")),
        ("{{ (now_utc() - duration('P1D')).strftime('%Y-%m-%d') }}", json!("2026-11-22")),
        (
            "{{ (now_utc() + duration('PT14H') - duration('P1M')).isoformat() }}",
            json!("2026-10-24T00:00:05.250000+00:00"),
        ),
        ("{{ (today_utc() - duration('P1Y')).isoformat() }}", json!("2025-11-23")),
        ("{{ today_with_timezone('Pacific/Kiritimati') }}", json!("2026-11-24")),
        ("{{ (now_utc() - str_to_datetime('2026-11-22')).days }}", json!(1)),
        (
            "{{ (str_to_datetime('2026-11-22') - str_to_datetime('2026-11-21')).total_seconds() | int }}",
            json!(86_400),
        ),
        ("{{ timestamp('2022-02-28T00:00:00Z') }}", json!(1_646_006_400)),
        ("{{ timestamp(1658505815.223235) }}", json!(1_658_505_815)),
        ("{{ day_delta(-1, format='%Y-%m-%d') }}", json!("2026-11-22")),
        ("{{ day_delta(1) }}", json!("2026-11-24T10:00:05.250000+0000")),
        ("{{ format_datetime(record.at, '%d.%m.%y') }}", json!("01.11.26")),
        ("{{ format_datetime('31/12/2025', '%Y-%m-%d', '%d/%m/%Y') }}", json!("2025-12-31")),
        (
            "{{ format_datetime('2026-01-01T00:00:00.123+0200', '%ms', '%Y-%m-%dT%H:%M:%S.%f%z') }}",
            json!("1767218400123"),
        ),
        (
            "{{ max(str_to_datetime(record.at), now_utc() - duration('P2Y')) == str_to_datetime(record.at) }}",
            json!(true),
        ),
        ("{{ now_utc() > str_to_datetime(record.at) }}", json!(true)),
        ("{{ now_utc().weekday() }}", json!(0)),
        ("{{ now_utc().replace(day=1, hour=0).strftime('%d %H') }}", json!("01 00")),
        ("{{ max(2, 3) + min([5, 4]) }}", json!(7)),
        ("{{ 2 - 1 + (now_utc().year - 2000) * 2 }}", json!(53)),
        ("{{ [1] + [2] if duration('P1D') else 'a' + 'b' }}", json!([1, 2])),
        ("{% set d = now_utc() - duration('P1D') %}{{ d.strftime('%d') }}", json!("22")),
        ("{{ now_utc().date() - duration('PT36H') }}", json!("2026-11-22")),
        ("{{ {'set': now_utc()}.set - duration('P1D') < now_utc() - duration('PT1H') }}", json!(true)),
    ] {
        assert_eq!(native(text), Ok(value), "{text}");
    }
}

#[test]
fn filters_do_what_their_names_say() {
    for (text, value) in [
        ("{{ 'abc' | hash }}", json!("900150983cd24fb0d6963f7d28e17f72")),
        ("{{ 'a' | hash('sha1', 'bc') }}", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        ("{{ 'user:pass' | base64encode }}", json!("dXNlcjpwYXNz")),
        ("{{ 'dXNlcjpwYXNz' | base64decode }}", json!("user:pass")),
        ("{{ 'a=12;' | regex_search('a=(\\\\d+)') }}", json!("12")),
        ("{{ 'b' | regex_search('a=(\\\\d+)') }}", json!("")),
        (
            "{{ {'b': 'ä<', 'a': [1, 2.0, none]} | tojson }}",
            json!("{\"a\": [1, 2.0, null], \"b\": \"\\u00e4\\u003c\"}"),
        ),
        ("{{ '12.7' | int }}", json!(12)),
        ("{{ 'x' | int(3) }}", json!(3)),
        ("{{ '1.5' | float }}", json!(1.5)),
        ("{{ 'a b/c' | urlencode }}", json!("a%20b/c")),
        ("{{ config.tags | map('upper') | join(',') }}", json!("A,B")),
    ] {
        assert_eq!(native(text), Ok(value), "{text}");
    }
    // RFC 4231, test case 2.
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(native("{{ 'what do ya want for nothing?' | hmac('Jefe') }}"), Ok(json!(expected)));
}

#[test]
fn errors_say_where_and_what() {
    for (text, part) in [
        ("{{ config.n | hsh }}", "no filter is called `hsh` (at character 14); known: did you mean `hash`?"),
        (
            "ä {{ nwo_utc() }}",
            "no function is called `nwo_utc` (at character 5); known: did you mean `now_utc`?",
        ),
        ("{{ 1 is nun }}", "no test is called `nun`"),
        ("{{ range(9) }}", "no function is called `range`"),
        ("{{ town.x }}", "no value named `town`; known here: config, record, response"),
        ("{{ config.n", "`{{` is not closed by `}}` (at character 0)"),
        ("x{{ 'a }}", "a string that begins with ' is not closed (at character 4)"),
        ("{{ 1 + }}", "(at character"),
        ("{% for x in config.tags %}", "(at character"),
        ("a{{ config.missing }}", "is missing"),
        ("a{{ config.tags }}", "a list cannot become part of a text"),
        ("a{{ config.none }}", "null cannot become part of a text"),
        ("{{ config.missing.more }}", "undefined value"),
        ("{{ now_utc() + 1 }}", "cannot be added or subtracted"),
        ("{{ 'x' * 99999999999 }}", "{{ 'x' * 99999999999 }}"),
        ("{{ duration('1 day') }}", "ISO 8601 duration"),
        ("{{ str_to_datetime('soon') }}", "no time"),
    ] {
        let error = native(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn hostile_input_runs_out_of_fuel() {
    for text in [
        "{% for a in config.tags * 1000 %}{% for b in config.tags * 1000 %}{% for c in config.tags * 1000 %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ ('x' * 99999999) | length }}",
    ] {
        assert!(matches!(native(text), Err(ExprError::Failed { .. })), "{text}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(Expr::parse(&deep).is_err());
}

#[test]
fn an_expression_as_long_as_it_may_be_is_evaluated_and_a_longer_one_refused() {
    for (before, between) in [
        ("", " + 1"),
        ("", " - 1"),
        ("", " ~ 1"),
        ("", " and 1"),
        ("", " | string"),
        ("not ", ""),
        ("", " if 1 else 1"),
    ] {
        let times = 4095 / between.split_whitespace().count().max(1);
        let text = |times: usize| format!("{{{{ {}1{} }}}}", before.repeat(times), between.repeat(times));
        let expr = Expr::parse(&text(times)).map(|expr| expr.value(&Scope::new(now())).is_ok());
        assert!(expr.is_ok(), "{between}: {expr:?}");
        let error = Expr::parse(&text(100_000)).expect_err("too long").to_string();
        assert!(error.contains("more than 4096 names, values and signs (at character"), "{error}");
    }
}

#[test]
fn the_cdk_reads_what_it_rendered_as_a_python_literal() {
    for (text, value) in [
        ("{{ config.n }}", json!(7)),
        ("{{ '1' }}", json!(1)),
        ("1", json!(1)),
        ("01234", json!("01234")),
        ("{{ \"'1'\" }}", json!("1")),
        ("{{ config.on }}", json!(true)),
        ("{{ config.none }}", Json::Null),
        ("{{ config.missing }}", Json::Null),
        ("{{ config.missing.more }}", Json::Null),
        ("{{ config.tags }}", json!(["a", "b"])),
        ("{{ record.sub }}", json!({ "x": [1, 2.5] })),
        ("{{ {'a': true, 'b': none} }}", json!({ "a": true, "b": null })),
        ("x{{ config.on }}{{ config.missing }}{{ config.none }}", json!("xTrueNone")),
        ("{{ now_utc() }}", json!("2026-11-23 10:00:05.250000+00:00")),
        ("{{ today_utc() }}", json!("2026-11-23")),
        ("{{ timestamp('2022-02-28T00:00:00Z') }}", json!(1_646_006_400.0)),
        ("{{ {'a': 1} | string }}", json!("{\"a\": 1}")),
        ("{{ config.n | string }}", json!("7")),
        ("1,2", json!([1, 2])),
        ("1+2j", json!("1+2j")),
        ("2026-11-23", json!("2026-11-23")),
        ("{{ config.n }}.5", json!(7.5)),
    ] {
        assert_eq!(cdk(text), Ok(value), "{text}");
    }
    assert!(cdk("{{ nothing }}").is_err());
}

#[test]
fn python_literals() {
    for (text, value) in [
        ("[1, 'a', None, True, ]", json!([1, "a", null, true])),
        ("{'a': {'b': (1,)}}", json!({ "a": { "b": [1] } })),
        ("{1, 2}", json!([1, 2])),
        ("{}", json!({})),
        ("()", json!([])),
        ("(1)", json!(1)),
        ("'a' 'b'", json!("ab")),
        ("'''a\nb'''", json!("a\nb")),
        (r"'\x41\u00e4\n\q'", json!("Aä\n\\q")),
        ("r'\\d'", json!("\\d")),
        ("0x1f", json!(31)),
        ("1_000", json!(1000)),
        ("1__0", json!("1__0")),
        ("-1.5e-3", json!(-0.0015)),
        ("1e5", json!(100_000.0)),
        ("--1", json!(1)),
        ("1e999", json!("1e999")),
        ("99999999999999999999", json!("99999999999999999999")),
        ("nan", json!("nan")),
        ("Truex", json!("Truex")),
        ("[1, 2", json!("[1, 2")),
        ("1 # one", json!(1)),
        ("5 apples", json!("5 apples")),
        ("{'a': 1, 2}", json!("{'a': 1, 2}")),
    ] {
        assert_eq!(python::literal(text), value, "{text}");
    }
    for (number, text) in
        [(1.0, "1.0"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (123.456, "123.456")]
    {
        assert_eq!(python::float(number), text);
    }
}

#[test]
fn what_holds() {
    let scope_values = values();
    let scope = Scope::new(now()).with_all(&scope_values);
    let truth = |text: &str, dialect| Expr::parse_as(text, dialect).expect(text).truth(&scope);
    for (text, native, cdk) in [
        ("{{ config.on }}", true, true),
        ("{{ response.more }}", false, false),
        ("{{ response.items }}", false, false),
        ("{{ 'false' }}", true, false),
        ("{{ config.missing }}", false, false),
        ("{{ record.id == 1 and record.name }}", true, true),
    ] {
        assert_eq!(
            (truth(text, Dialect::Native), truth(text, Dialect::Cdk)),
            (Ok(native), Ok(cdk)),
            "{text}"
        );
    }
}

#[test]
fn methods_of_what_is_not_there_give_nothing_in_the_cdk() {
    let nothing = json!({ "a": null, "b": {} });
    let scope = Scope::new(jiff::Timestamp::UNIX_EPOCH).with("record", &nothing);
    for text in ["{{ record.a.get('x') }}", "{{ record.c.get('x') }}", "{{ record.b.split(',') }}"] {
        let value = |dialect| Expr::parse_as(text, dialect).expect("an expression").value(&scope);
        assert_eq!(value(Dialect::Cdk), Ok(Json::Null), "{text}");
        assert!(value(Dialect::Native).is_err(), "{text}");
    }
}

#[test]
fn names_are_those_that_the_scope_must_have() {
    let expr =
        Expr::parse("{% set x = config.a %}{{ x }}{{ now_utc() }}{{ record.b }}").expect("an expression");
    assert_eq!(expr.names().collect::<Vec<_>>(), ["config", "record"]);
    for text in ["{{ a[1:b].split(';')[0][c[0]:-1] }}", "{% set x = a[:2] %}{{ x ~ b[c:] }}"] {
        let expr = Expr::parse_as(text, Dialect::Cdk).expect("an expression");
        assert_eq!(expr.names().collect::<Vec<_>>(), ["a", "b", "c"], "{text}");
    }
}

/// Texts near the language.
fn near() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{%"),
        Just("%}"),
        Just("{#"),
        Just("#}"),
        Just(" "),
        Just("'"),
        Just("\""),
        Just("config"),
        Just("record.sub"),
        Just("now_utc()"),
        Just("duration('P1D')"),
        Just("-"),
        Just("+"),
        Just("%"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("|"),
        Just("int"),
        Just("~"),
        Just("1"),
        Just("if"),
        Just("else"),
        Just("is"),
        Just("not"),
        Just("in"),
        Just(","),
        Just("="),
        Just("set"),
        Just("for"),
        Just("x"),
        Just("raw"),
        Just("endraw"),
        Just("ä"),
        Just(":"),
        Just("."),
        Just("'%d'"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics_on_any_text(text in prop_oneof![".*", near(), near().prop_map(|text| format!("{{{{ {text} }}}}"))]) {
        for dialect in [Dialect::Native, Dialect::Cdk] {
            if let Ok(expr) = Expr::parse_as(&text, dialect) {
                let values = values();
                let scope = Scope::new(now()).with_all(&values);
                let _ = (expr.value(&scope), expr.text(&scope), expr.truth(&scope));
            }
        }
        let _ = python::literal(&text);
    }

    #[test]
    fn a_text_without_braces_is_itself(text in "[^{}]*") {
        prop_assert_eq!(native(&text), Ok(Json::String(text)));
    }

    #[test]
    fn integers_survive_in_both_dialects(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
        let text = format!("{{{{ {a} - ({b}) if duration('P1D') else 0 }}}}");
        prop_assert_eq!(native(&text), Ok(json!(a - b)));
        prop_assert_eq!(cdk(&text), Ok(json!(a - b)));
    }

    #[test]
    fn texts_that_are_printed_in_a_list_come_back(text in "\\PC{0,12}") {
        let values = json!({ "t": [text] }).as_object().cloned().expect("a table");
        let expr = Expr::parse_as("{{ t }}", Dialect::Cdk).expect("an expression");
        prop_assert_eq!(expr.value(&Scope::new(now()).with_all(&values)), Ok(json!([text])));
    }
}
