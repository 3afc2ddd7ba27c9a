use super::*;
use crate::schema::{DataType, Field};

#[test]
fn nested_records_land_as_structs_and_lists() {
    let body = r#"[{"id":1,"at":"2026-11-23T03:15:07.25+01:00","on":"2026-11-23","c":{"lat":52.5,"tags":["a","é\n"]},
        "w":[{"k":1},{"k":2,"m":true}],"e":{},"l":[]}, {"id":2,"c":null,"w":[null,{}],"l":[[1]]}]"#;
    let landed = load(&spec(), body);
    assert_eq!(
        landed.rows(),
        [
            r#"{"id":1,"at":"2026-11-23T02:15:07.25Z","on":"2026-11-23","c":{"lat":52.5,"tags":["a","é\n"]},"w":[{"k":1},{"k":2,"m":true}],"l":[]}"#,
            r#"{"id":2,"w":[null,{}],"l":[[1]]}"#
        ]
    );
    assert_eq!(landed.files[0].0, "t/year=2026/month=11/day=23/hour=03/s-000000000001-0.parquet");
    assert!(landed.quarantine.is_empty());
}

#[test]
fn lists_that_no_row_of_a_load_has_are_null() {
    let schema = load(&spec(), r#"{"v":{"a":[1],"b":[{"c":[1]}]},"l":[[1]]}"#).schema;
    let landed = load_into(&spec(), &schema, r#"[{"v":{}},{"v":null},{"v":{"b":[{},{}]}}]"#);
    assert_eq!(landed.rows(), [r#"{"v":{}}"#, "{}", r#"{"v":{"b":[{},{}]}}"#]);
}

#[test]
fn numbers_land_with_every_digit_or_not_at_all() {
    let body = r#"[{"i":9007199254740993,"b":123456789012345678901234567890,"d":10.357019999999999,"x":0.1234567890123456789,
        "y":12345678901234567890.123456789012345678,"z":-0.0,"e":1e3,"u":1e-7,"o":-0}]"#;
    let landed = load(&spec(), body);
    assert_eq!(
        landed.reasons(),
        ["no number type holds all its digits; declare the column as string or double"]
    );
    let landed = load(&spec(), &body.replace("0.1234567890123456789", "0.123456789012345678"));
    assert_eq!(
        landed.rows(),
        [
            r#"{"i":9007199254740993,"b":123456789012345678901234567890,"d":10.357019999999999,"x":0.123456789012345678,"y":12345678901234567890.123456789012345678,"z":-0.0,"e":1000.0,"u":1e-7,"o":0}"#
        ]
    );
    let too_large = load(
        &spec(),
        r#"[{"a":1},{"a":1e39},{"a":1e-400},{"a":1e38},{"a":123456789012345678901234567890123456789}]"#,
    );
    assert_eq!(too_large.rows(), [r#"{"a":1.0}"#, r#"{"a":1e39}"#, r#"{"a":1e38}"#]);
    assert_eq!(too_large.quarantine.len(), 2);
}

#[test]
fn a_column_widens_once_for_the_whole_load_and_keeps_the_digits() {
    let landed = load(
        &spec(),
        r#"[{"n":1,"t":"2026-11-23","k":5},{"n":1.5,"t":"soon","k":9223372036854775807},{"k":1e2}]"#,
    );
    assert_eq!(types_of(&landed.schema), ["n: Double", "t: String", "k: Int64"]);
    assert_eq!(
        landed.rows(),
        [r#"{"n":1.0,"t":"2026-11-23","k":5}"#, r#"{"n":1.5,"t":"soon","k":9223372036854775807}"#]
    );
    assert_eq!(landed.quarantine[0]["field"], "k");
    let wider = load_into(&spec(), &landed.schema, r#"[{"n":7,"k":18446744073709551616,"new":{"a":null}}]"#);
    assert_eq!(wider.schema.version, 2);
    assert_eq!(
        types_of(&wider.schema)[2..],
        [
            "k: Decimal(0)",
            "new: Struct([Field { name: \"a\", column: None, data_type: Unknown, declared: false }])"
        ]
    );
    assert_eq!(wider.rows(), [r#"{"n":7.0,"k":18446744073709551616}"#]);
}

#[test]
fn declared_types_win_and_never_widen() {
    use DeclaredType::*;
    let spec = with_columns(&[
        ("zip", String),
        ("price", Decimal),
        ("ok", Boolean),
        ("n", Int64),
        ("raw", Json),
        ("f", Double),
        ("at", Timestamp),
        ("o.s", String),
    ]);
    let body = r#"[{"zip":1234,"price":"12.30","ok":"true","n":"5","raw":{"b": [1, 2.50]},"f":0.1234567890123456789,"at":1700000000,"o":{"s":true}},
        {"zip":12.50,"price":1.0000000000000000001,"n":1.5}]"#;
    let landed = load(&spec, body);
    assert_eq!(
        landed.rows(),
        [
            r#"{"zip":"1234","price":12.300000000000000000,"ok":true,"n":5,"raw":"{\"b\": [1, 2.50]}","f":0.12345678901234568,"at":"2023-11-14T22:13:20Z","o":{"s":"true"}}"#
        ]
    );
    assert_eq!(landed.quarantine[0]["field"], "price");
    let again = load_into(&with_columns(&[("zip", DeclaredType::Json)]), &landed.schema, r#"{"zip":[1]}"#);
    assert_eq!((again.schema.version, again.rows()), (2, vec![r#"{"zip":"[1]"}"#]));
}

#[test]
fn names_that_are_taken_get_a_number() {
    let landed = load(
        &spec(),
        r#"[{"ID":1,"id":2,"Id":3,"year":4,"_tidegate_row":5,"":6,"o":{"A":1,"a":2,"year":3}}]"#,
    );
    assert_eq!(
        landed.rows(),
        [r#"{"ID":1,"id_2":2,"Id_3":3,"year_2":4,"_tidegate_row_2":5,"_2":6,"o":{"A":1,"a_2":2,"year":3}}"#]
    );
    let again = load_into(&spec(), &landed.schema, r#"[{"id":7,"iD":8}]"#);
    assert_eq!(again.rows(), [r#"{"id_2":7,"iD_4":8}"#]);
}

#[test]
fn the_event_time_partitions_and_is_a_timestamp() {
    let body = r#"[{"p":{"time":1700000000123},"v":1},{"p":{"time":1700003600000},"v":2},{"p":{"time":"2023-11-14T22:13"},"v":3},
        {"v":4},{"p":{"time":null},"v":5},{"p":{"time":"soon"},"v":6},{"p":null,"v":7},{"p":{"time":999999999999999999999999},"v":8}]"#;
    let landed = load(&with_event("p.time"), body);
    let files: Vec<_> = landed.files.iter().map(|(key, rows)| (key.as_str(), rows.len())).collect();
    assert_eq!(
        files,
        [
            ("t/year=2023/month=11/day=14/hour=22/s-000000000001-0.parquet", 2),
            ("t/year=2023/month=11/day=14/hour=23/s-000000000001-0.parquet", 1)
        ]
    );
    assert_eq!(landed.rows()[0], r#"{"p":{"time":"2023-11-14T22:13:20.123Z"},"v":1}"#);
    let rows: Vec<_> = landed.quarantine.iter().map(|line| line["row"].as_u64()).collect();
    assert_eq!(rows, [3, 4, 5, 6, 7].map(Some));
    assert!(
        landed.reasons()[0].contains("p.time is missing") && landed.reasons()[2].contains("no point in time")
    );
}

#[test]
fn constants_of_the_page_are_columns_and_win() {
    let mut page = page(0, Format::Ndjson);
    page.fields.insert("city".to_owned(), "Berlin".into());
    page.fields.insert("n".to_owned(), 5.into());
    let body = b"{\"city\":{\"x\":1},\"v\":1}\n{\"v\":2,\"n\":\"text\"}\n7\n";
    let landed = load_pages(&spec(), &TableSchema::default(), &[(page, body)]).expect("loads");
    assert_eq!(
        landed.rows(),
        [
            r#"{"city":"Berlin","v":1,"n":5}"#,
            r#"{"city":"Berlin","v":2,"n":5}"#,
            r#"{"city":"Berlin","n":5,"value":7}"#
        ]
    );
}

#[test]
fn records_that_are_no_objects_land_in_one_field() {
    assert_eq!(load(&spec(), "[1,2,null]").rows(), [r#"{"value":1}"#, r#"{"value":2}"#, "{}"]);
}

#[test]
fn csv_values_are_typed_by_what_they_say() {
    let body = b"id,zip,when,v\n1,01234,2026-11-23T00:00:00Z,1.5\n2,98765,,\n3,x,2026-11-23T01:00:00Z,n/a\n";
    let landed =
        load_pages(&spec(), &TableSchema::default(), &[(page(0, Format::Csv), body)]).expect("loads");
    assert_eq!(types_of(&landed.schema), ["id: Int53", "zip: String", "when: Timestamp", "v: Double"]);
    assert_eq!(landed.rows(), [r#"{"id":1,"zip":"01234","when":"2026-11-23T00:00:00Z","v":1.5}"#]);
    assert_eq!(landed.quarantine[0]["value"], 98765);
}

#[test]
fn the_ledger_is_read_back_as_it_was_written() {
    let fields = vec![
        Field::new(
            "a",
            DataType::List(Box::new(DataType::Struct(vec![Field::new("b", DataType::Decimal(18))]))),
        ),
        Field { column: Some("A_2".to_owned()), declared: true, ..Field::new("A", DataType::Json) },
    ];
    let schema = TableSchema { version: 3, fields };
    let text = serde_json::to_string(&schema).expect("json");
    assert_eq!(serde_json::from_str::<TableSchema>(&text).expect("json"), schema);
}
