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

/// What becomes of a record by one step.
fn by(step: Json, record: &str) -> String {
    applied(json!([step]), record).expect("a transformed record").expect("a record")
}

#[test]
fn fields_are_added_where_a_condition_holds_of_record_or_value() {
    let step = |when: &str| json!({ "add": { "twice": "{{ record.a * 2 }}", "b": 4 }, "add_when": when });
    assert_eq!(by(step("{{ value > 3 }}"), r#"{"a":1}"#), r#"{"a":1,"b":4}"#);
    assert_eq!(by(step("{{ record.a == 2 }}"), r#"{"a":2}"#), r#"{"a":2,"twice":4,"b":4}"#);
    assert_eq!(by(step("{{ record.a == 2 }}"), r#"{"a":3}"#), r#"{"a":3}"#);
    // A field that is set is there for the next.
    let step = json!({ "add": { "x": 1, "y": 2 }, "add_when": "{{ record.x is not defined }}" });
    assert_eq!(by(step, "{}"), r#"{"x":1}"#);
}

#[test]
fn a_table_is_unnested_unless_a_name_is_taken() {
    let record = r#"{"id":1,"a":{"b":{"x":1.50,"y":[2]}}}"#;
    let step = |more: Json| {
        let mut unnest = json!({ "path": "a.b" });
        unnest.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        json!({ "unnest": unnest })
    };
    for (more, expected) in [
        (json!({}), r#"{"id":1,"a":{"b":{"x":1.50,"y":[2]}},"x":1.50,"y":[2]}"#),
        (json!({ "remove": true }), r#"{"id":1,"a":{},"x":1.50,"y":[2]}"#),
        (json!({ "alone": true, "prefix": "p_", "suffix": "_s" }), r#"{"p_x_s":1.50,"p_y_s":[2]}"#),
    ] {
        assert_eq!(by(step(more), record), expected);
    }
    for same in [r#"{"x":0,"a":{"b":{"x":1}}}"#, r#"{"a":{"b":[{"x":1}]}}"#, r#"{"a":1}"#, "{}"] {
        assert_eq!(by(step(json!({ "remove": true })), same), same);
    }
    // Nothing within it is no record.
    assert_eq!(
        by(step(json!({ "alone": true, "remove": true })), r#"{"id":1,"a":{"b":{}}}"#),
        r#"{"id":1,"a":{}}"#
    );
}

#[test]
fn records_are_flattened_as_the_cdk_does_it() {
    // What the CDK makes of these records.
    let record = r#"{"id":1,"a":{"x":1.0,"b":{"y":2,"id":3}},"l":[{"z":4},5,[]],"m":{"q":6}}"#;
    assert_eq!(
        by(json!({ "flatten": "all" }), record),
        r#"{"q":6,"l.1":5,"l.0.z":4,"a.b.id":3,"a.b.y":2,"a.x":1.0,"id":1}"#
    );
    assert_eq!(
        by(json!({ "flatten": "tables" }), record),
        r#"{"q":6,"l":[{"z":4},5,[]],"id":1,"y":2,"x":1.0}"#
    );
    let (name, items) = ("n".repeat(1 << 20), "1,".repeat(100));
    assert!(applied(json!([{ "flatten": "all" }]), &format!("{{\"{name}\":[{items}1]}}")).is_err());
}

#[test]
fn names_are_spelled_anew() {
    assert_eq!(by(json!({ "keys": "lower" }), r#"{"ÄB":{"C":1},"c d":2}"#), r#"{"äb":{"C":1},"c d":2}"#);
    let replace = json!({ "replace_in_keys": { " ": "_" } });
    assert_eq!(
        by(replace, r#"{"a b":{"c d ":1.0},"e":[{"f g":2}],"a_b":3}"#),
        r#"{"a_b":3,"e":[{"f g":2}]}"#
    );
    for (name, expected) in [
        ("userID", "user_id"),
        ("HTTPServer2x", "httpserver_2_x"),
        ("_id", "_id"),
        ("a--b.c", "a_b_c"),
        ("1st", "_1_st"),
        ("a-", "a_"),
        ("--", ""),
        ("$", ""),
        ("", ""),
        ("ABc dE", "abc_d_e"),
    ] {
        let record = json!({ name: { name: [] } }).to_string();
        assert_eq!(
            by(json!({ "keys": "snake_case" }), &record),
            json!({ expected: { expected: [] } }).to_string()
        );
    }
    assert!(applied(json!([{ "keys": "snake_case" }]), r#"{"é":1}"#).is_err());
}
