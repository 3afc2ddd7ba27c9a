use proptest::prelude::*;

use super::*;
use crate::json::Number;

fn of(json: &str) -> DataType {
    infer(json.as_bytes())
}

#[test]
fn values_have_the_narrowest_type_that_keeps_every_digit() {
    use DataType::*;
    for (json, expected) in [
        ("null", Unknown),
        ("[]", Unknown),
        ("{}", Unknown),
        ("true", Boolean),
        ("0", Int53),
        ("-0", Int53),
        ("9007199254740992", Int53),
        ("9007199254740993", Int64),
        ("-9223372036854775808", Int64),
        ("9223372036854775808", Decimal(0)),
        ("99999999999999999999999999999999999999", Decimal(0)),
        ("100000000000000000000000000000000000000", Unknown),
        ("1.50", Double),
        ("10.357019999999999", Double),
        ("0.30000000000000004", Double),
        ("0.10000000000000001", Decimal(18)),
        ("1786226096751402.2", Double),
        ("1786226096751402.3", Double),
        ("1786226096751402.4", Decimal(18)),
        ("12345678901234567890.5", Decimal(18)),
        ("0.1234567890123456789", Unknown),
        ("1e3", Double),
        ("1E400", Unknown),
        ("1e-400", Unknown),
        ("5e-324", Double),
        ("0e99999999999999999999", Double),
        ("1e99999999999999999999", Unknown),
        ("-0.0", Double),
        ("\"2026-11-23\"", Date),
        ("\"2026-02-29\"", String),
        ("\"2026-11-23T03:15:07Z\"", Timestamp),
        ("\"2026-11-23T03:15:07.123456+05:30\"", Timestamp),
        ("\"2026-11-23T03:15:07.1234567Z\"", String),
        ("\"2026-11-23T03:15:07\"", String),
        ("\"\"", String),
    ] {
        assert_eq!(of(json), expected, "{json}");
    }
    assert_eq!(of("[1, 2.5, null]"), List(Box::new(Double)));
    assert_eq!(of("[1, \"a\"]"), List(Box::new(Int53)));
    assert_eq!(of(r#"{"a":"x","a":1}"#), Struct(vec![Field::new("a", Int53)]));
    assert_eq!(
        of(r#"[{"a":1},{"b":true}]"#),
        List(Box::new(Struct(vec![Field::new("a", Int53), Field::new("b", Boolean)])))
    );
}

#[test]
fn the_lattice_is_as_written() {
    use DataType::*;
    for (a, b, joined) in [
        (Unknown, Boolean, Some(Boolean)),
        (Int53, Int64, Some(Int64)),
        (Int53, Double, Some(Double)),
        (Int53, Decimal(0), Some(Decimal(0))),
        (Int64, Decimal(0), Some(Decimal(0))),
        (Int53, Decimal(18), Some(Decimal(18))),
        (Int64, Decimal(18), Some(Decimal(18))),
        (Int64, Double, None),
        (Double, Decimal(18), None),
        (Decimal(0), Decimal(18), None),
        (Date, Timestamp, Some(String)),
        (Date, String, Some(String)),
        (Timestamp, String, Some(String)),
        (Int53, String, None),
        (Boolean, Int53, None),
        (Struct(vec![]), String, None),
        (List(Box::new(Int53)), Int53, None),
        (List(Box::new(Int53)), List(Box::new(Double)), Some(List(Box::new(Double)))),
    ] {
        let expected = joined.map_or(Widened::Conflict, Widened::To);
        assert_eq!((widen(&a, &b), widen(&b, &a)), (expected.clone(), expected), "{a:?} {b:?}");
    }
    let (a, b) = (Field::new("a", Int53), Field::new("b", Date));
    let both = widen(&Struct(vec![a.clone()]), &Struct(vec![b.clone(), Field::new("a", Int64)]));
    assert_eq!(both, Widened::To(Struct(vec![Field::new("a", Int64), b])));
    assert_eq!(widen(&Struct(vec![a]), &Struct(vec![Field::new("a", Boolean)])), Widened::Conflict);
}

#[test]
fn decimals_are_exact() {
    let of = |text, scale| decimal(&Number::parse(text).expect(text), scale);
    assert_eq!(of("-1.50", 18), Some(-1_500_000_000_000_000_000));
    assert_eq!(of("0.0000000000000000010", 18), Some(1));
    assert_eq!(of("0.0000000000000000001", 18), None);
    assert_eq!(of("123e2", 0), Some(12_300));
    assert_eq!(of("1.230e1", 0), None);
    assert_eq!(of("1.230e2", 0), Some(123));
    assert_eq!(of("1e37", 0), Some(10i128.pow(37)));
    assert_eq!((of("1e38", 0), of("1e20", 18), of("0.000", 0)), (None, None, Some(0)));
    assert_eq!(of("99999999999999999999.999999999999999999", 18), Some(10i128.pow(38) - 1));
}

fn any_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let leaf = proptest::sample::select(vec![
        Unknown,
        Boolean,
        Int53,
        Int64,
        Decimal(0),
        Decimal(18),
        Double,
        Date,
        Timestamp,
        String,
    ]);
    leaf.prop_recursive(2, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| List(Box::new(item))),
            (inner.clone(), inner).prop_map(|(a, b)| Struct(vec![Field::new("a", a), Field::new("b", b)])),
        ]
    })
}

proptest! {
    #[test]
    fn joining_is_the_same_from_both_sides_and_never_undone(a in any_type(), b in any_type()) {
        prop_assert_eq!(widen(&a, &b), widen(&b, &a));
        prop_assert_eq!(widen(&a, &a), Widened::To(a.clone()));
        if let Widened::To(both) = widen(&a, &b) {
            prop_assert_eq!(widen(&both, &a), Widened::To(both.clone()));
            prop_assert_eq!(widen(&both, &b), Widened::To(both));
        }
    }

    #[test]
    fn the_shortest_spelling_of_a_double_is_a_double(value in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let spelled = format!("{value:?}");
        prop_assert_eq!(double(&Number::parse(&spelled).expect("json")), Some(value));
        let positional = format!("{value}");
        if positional.contains('.') {
            prop_assert_eq!(double(&Number::parse(&positional).expect("json")), Some(value));
        }
    }

    #[test]
    fn fast_doubles_are_those_of_the_library(text in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let number = Number::parse(&text).expect("json");
        prop_assert_eq!(number.as_f64().to_bits(), text.parse::<f64>().expect("float").to_bits());
    }
}
