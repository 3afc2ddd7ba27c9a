use proptest::prelude::*;
use serde_json::json;

use super::*;

fn transforms(steps: Json) -> Transforms {
    let spec: TransformSpec =
        serde_json::from_value(json!({ "steps": steps, "config": { "site": "eu" } })).expect("steps");
    Transforms::new(&spec).expect("transforms")
}

fn applied(steps: Json, record: &str) -> Result<Option<String>, ExprError> {
    let values = json!({ "city": "Ulm" }).as_object().cloned().expect("a table");
    transforms(steps).apply(record, &values, Timestamp::UNIX_EPOCH)
}

#[test]
fn steps_are_taken_in_order_and_what_they_do_not_touch_keeps_its_spelling() {
    let steps = json!([
        { "add": { "sum": "{{ record.a + 1 }}", "new.deep.x": "{{ config.site }}-{{ city }}", "fixed": [1] } },
        { "rename": { "b.old": "b.fresh", "nothing": "x" } },
        { "remove": ["c", "b.gone", "nor.this"] },
        { "add": { "twice": "{{ record.sum * 2 }}" } },
    ]);
    let record = r#"{"a":1,"n":1.10,"big":123456789012345678901234567890,"b":{"old":1e2,"gone":0,"z":"\u00e4"},"c":{}}"#;
    assert_eq!(
        applied(steps, record),
        Ok(Some(
            r#"{"a":1,"n":1.10,"big":123456789012345678901234567890,"b":{"z":"\u00e4","fresh":1e2},"sum":2,"new":{"deep":{"x":"eu-Ulm"}},"fixed":[1],"twice":4}"#
                .to_owned()
        ))
    );
}

#[test]
fn what_is_left_out_may_stand_anywhere() {
    let record = r#"{"a":[{"x":1.0,"y":2},{"x":3}],"b":{"x":{"x":1},"z":[[{"x":4,"y":5}]]},"x":6}"#;
    for (path, left) in [
        ("a.*.x", r#"{"a":[{"y":2},{}],"b":{"x":{"x":1},"z":[[{"x":4,"y":5}]]},"x":6}"#),
        ("a.0", r#"{"a":[{"x":3}],"b":{"x":{"x":1},"z":[[{"x":4,"y":5}]]},"x":6}"#),
        ("b.*", r#"{"a":[{"x":1.0,"y":2},{"x":3}],"b":{},"x":6}"#),
        ("**.x", r#"{"a":[{"y":2},{}],"b":{"z":[[{"y":5}]]}}"#),
        ("b.**.y", r#"{"a":[{"x":1.0,"y":2},{"x":3}],"b":{"x":{"x":1},"z":[[{"x":4}]]},"x":6}"#),
        ("a.*.z", record),
    ] {
        assert_eq!(applied(json!([{ "remove": [path] }]), record), Ok(Some(left.to_owned())), "{path}");
    }
}

#[test]
fn a_filter_keeps_the_records_that_it_holds_of() {
    let steps = || json!([{ "filter": "{{ record.kind == 'a' and record.n > 2 }}" }]);
    assert_eq!(applied(steps(), r#"{"kind":"a","n":3}"#), Ok(Some(r#"{"kind":"a","n":3}"#.to_owned())));
    assert_eq!(applied(steps(), r#"{"kind":"b","n":3}"#), Ok(None));
    assert!(applied(steps(), r#"{"kind":"a"}"#).is_err());
    assert_eq!(applied(json!([{ "filter": "{{ record > 2 }}" }]), "3"), Ok(Some("3".to_owned())));
    assert_eq!(applied(json!([{ "add": { "x": "{{ 1 }}" } }]), "3"), Ok(Some("3".to_owned())));
}

#[test]
fn a_record_that_expressions_cannot_see_is_an_error_and_none_that_is_dropped() {
    for record in [r#"{"id":1,"x":1e400}"#, r#"{"id":1,"x":"\ud800"}"#, r#"{"id":1,"\ud800":2}"#] {
        let error = applied(json!([{ "filter": "{{ record.id == 1 }}" }]), record).expect_err(record);
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
    let kept = applied(json!([{ "rename": { "id": "n" } }]), r#"{"id":1,"x":1e400}"#);
    assert_eq!(kept, Ok(Some(r#"{"x":1e400,"n":1}"#.to_owned())));
}

#[test]
fn an_expression_sees_what_the_one_before_it_added() {
    let steps = json!([{ "add": { "a": "{{ 1 }}" } }, { "add": { "b.c": "{{ record.a + 1 }}" } },
        { "add": { "d": "{{ record.a + record.b.c }}" } }, { "filter": "{{ record.d == 3 }}" }]);
    assert_eq!(applied(steps, "{}"), Ok(Some(r#"{"a":1,"b":{"c":2},"d":3}"#.to_owned())));
}

#[test]
fn names_are_those_of_all_expressions() {
    let steps = json!([{ "filter": "{{ record.x }}" }, { "add": { "y": "{{ city }}" } }]);
    assert_eq!(transforms(steps).names().collect::<Vec<_>>(), ["record", "city"]);
}

proptest! {
    #[test]
    fn a_field_that_is_added_and_removed_leaves_the_record_as_it_was(names in prop::collection::btree_set("[a-z]{1,3}", 0..6), n in any::<i64>()) {
        let record = format!("{{{}}}", names.iter().map(|name| format!("\"{name}\":{n}")).collect::<Vec<_>>().join(","));
        let steps = json!([{ "add": { "_new": "{{ record | length }}" } }, { "remove": ["_new"] }]);
        prop_assert_eq!(applied(steps, &record), Ok(Some(record)));
    }
}
