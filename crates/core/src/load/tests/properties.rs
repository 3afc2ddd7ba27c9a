use proptest::prelude::*;

use super::*;
use crate::json::tests::any_json;

/// A record as it comes back: nulls left out, numbers and times by value.
fn expected(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), expected(v))).collect()
        }
        Value::Array(items) => items.iter().map(expected).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn any_value_comes_back_with_every_digit(leaf in any_scalar(), lists in 0usize..3, structs in 0usize..3) {
        let nested = (0..lists).fold(leaf, |inner, _| format!("[{inner},{inner}]"));
        let nested = (0..structs).fold(nested, |inner, _| format!("{{\"é\":{inner}}}"));
        let landed = load(&spec(), &format!("[{{\"v\":{nested}}}]"));
        prop_assert!(landed.quarantine.is_empty(), "{:?}", landed.quarantine);
        prop_assert_eq!(landed.rows(), vec![format!("{{\"v\":{nested}}}")]);
    }

    #[test]
    fn records_of_any_shape_land_or_are_quarantined(values in proptest::collection::vec(any_json(3), 1..6)) {
        let records: Vec<String> = values.iter().map(|v| format!("{{\"v\":{v}}}")).collect();
        let landed = load(&spec(), &format!("[{}]", records.join(",")));
        prop_assert_eq!(landed.rows().len() + landed.quarantine.len(), records.len());
    }

    #[test]
    fn pages_may_be_split_anywhere(values in proptest::collection::vec(any_json(2), 1..8), at in 0usize..8) {
        let records: Vec<String> = values.iter().map(|v| format!("{{\"v\":{v}}}")).collect();
        let at = at.min(records.len());
        let whole = records.join("\n");
        let (head, tail) = (records[..at].join("\n"), records[at..].join("\n"));
        let one = load_pages(&spec(), &TableSchema::default(), &[(page(0, Format::Ndjson), whole.as_bytes())]);
        let two = load_pages(&spec(), &TableSchema::default(), &[
            (page(0, Format::Ndjson), head.as_bytes()),
            (page(0, Format::Ndjson), tail.as_bytes()),
        ]);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn a_misfit_row_leaves_no_trace(good in proptest::collection::vec(any_json(2), 1..4), bad in any_json(3)) {
        let good: Vec<String> = good.iter().map(|v| format!("{{\"v\":{v},\"n\":[{v}]}}")).collect();
        let schema = load(&spec(), &format!("[{}]", good.join(","))).schema;
        let strict = with_contract(ContractMode::Freeze, ContractMode::DiscardRow, ContractMode::DiscardRow);
        let alone = load_into(&strict, &schema, &format!("[{}]", good.join(",")));
        // The last field is of a type that no column has, so every second row is undone.
        let misfit = format!("{{\"v\":{bad},\"n\":[{bad},{bad}],\"zz\":[1,{{\"q\":true}}]}}");
        let mixed: Vec<&str> = good.iter().flat_map(|g| [misfit.as_str(), g.as_str()]).collect();
        let beside = load_into(&strict, &schema, &format!("[{}]", mixed.join(",")));
        prop_assert_eq!(alone.rows(), beside.rows());
    }

    #[test]
    fn objects_come_back_as_they_were(value in any_json(3)) {
        let landed = load(&spec(), &format!("[{{\"v\":{value}}}]"));
        if landed.quarantine.is_empty() && !folds(&value) {
            let row: serde_json::Value = serde_json::from_str(landed.rows()[0]).expect("json");
            prop_assert_eq!(bare(&row), bare(&expected(&serde_json::json!({ "v": value }))));
        }
    }
}

proptest! {
    #[test]
    fn records_of_one_shape_come_back_whole_and_in_order(records in proptest::collection::vec(any_record(), 1..12)) {
        let landed = load(&spec(), &serde_json::Value::from(records.clone()).to_string());
        prop_assert!(landed.quarantine.is_empty(), "{:?}", landed.quarantine);
        let rows: Vec<serde_json::Value> =
            landed.rows().iter().map(|row| serde_json::from_str(row).expect("json")).collect();
        prop_assert_eq!(rows, records.iter().map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn no_page_makes_the_loader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), damaged in any_json(3), at in any::<prop::sample::Index>()) {
        let mut text = damaged.to_string().into_bytes();
        let at = at.index(text.len());
        text.splice(at..at, bytes.iter().copied().take(2));
        for format in [Format::Json, Format::Ndjson, Format::Csv] {
            for body in [&bytes, &text] {
                let _ = load_pages(&with_event("v"), &TableSchema::default(), &[(page(0, format), body)]);
            }
        }
    }
}

/// A record whose fields always have the same types, where they are there at all.
fn any_record() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let text = || "s.{0,6}";
    let field = |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 4 => value];
    let double = any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from).boxed();
    let list = proptest::collection::vec(any::<i64>(), 1..4).prop_map(Value::from).boxed();
    let inner = (any::<bool>(), text()).prop_map(|(flag, é)| json!({ "flag": flag, "é": é }));
    let structs = proptest::collection::vec(inner.clone(), 1..3).prop_map(Value::from).boxed();
    let fields = (
        field(any::<i64>().prop_map(Value::from).boxed()),
        field(double),
        field(text().prop_map(Value::from).boxed()),
        field(list),
        field(structs),
        field(inner.boxed()),
    );
    fields.prop_map(|(a, b, c, d, e, f)| json!({ "a": a, "b": b, "c": c, "d": d, "e": e, "f": f }))
}

/// Whether two names of an object are equal but for case, or one is empty: then columns are renamed.
fn folds(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let names: std::collections::HashSet<_> = map.keys().map(|k| k.to_lowercase()).collect();
            names.len() < map.len() || map.contains_key("") || map.values().any(folds)
        }
        Value::Array(items) => items.iter().any(folds),
        _ => false,
    }
}

/// The scalars of a value, in order: what is left when empty containers and nulls say nothing.
fn bare(value: &serde_json::Value) -> Vec<String> {
    use serde_json::Value;
    match value {
        Value::Object(map) => map.values().flat_map(bare).collect(),
        Value::Array(items) => items.iter().flat_map(bare).collect(),
        Value::Null => Vec::new(),
        Value::Number(number) => vec![format!("{:?}", number.as_f64())],
        other => vec![other.to_string()],
    }
}

/// A scalar in the spelling in which it is read back.
fn any_scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|i| i.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:?}")),
        "[1-9][0-9]{19,37}",
        "-?[1-9][0-9]{10,18}\\.[0-9]{17}[1-9]",
        ".{0,12}".prop_map(|text| {
            let mut out = Vec::new();
            crate::json::write_string(&text, &mut out);
            String::from_utf8(out).expect("utf8")
        }),
    ]
}
