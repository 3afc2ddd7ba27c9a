use super::*;
use ContractMode::{DiscardRow, DiscardValue, Evolve, Freeze};

/// A table of `a: Int53, o: {b: String}`.
fn table() -> TableSchema {
    load(&spec(), r#"[{"a":1,"o":{"b":"x"}}]"#).schema
}

const BODY: &str = r#"[{"a":2,"o":{"b":"y"}},{"a":"text","o":{"b":"z"}},{"a":3,"o":{"b":"w","new":[1]}},{"a":4,"gone":null}]"#;

#[test]
fn evolve_takes_new_fields_and_quarantines_what_no_type_holds() {
    let landed = load_into(&spec(), &table(), BODY);
    assert_eq!(
        landed.rows(),
        [r#"{"a":2,"o":{"b":"y"}}"#, r#"{"a":3,"o":{"b":"w","new":[1]}}"#, r#"{"a":4}"#]
    );
    let line = &landed.quarantine[0];
    assert_eq!((&line["batch"], &line["row"]), (&"s/000000000001".into(), &1.into()));
    assert_eq!((&line["field"], &line["value"]), (&"a".into(), &"text".into()));
    assert_eq!(line["record"], serde_json::json!({"a":"text","o":{"b":"z"}}));
    assert_eq!(line["reason"], "the column holds 64-bit integers, this is text");
    assert_eq!(line["page"], "pages/s/000000000001/0.json");
}

#[test]
fn discard_row_keeps_the_row_in_quarantine_alone() {
    let landed = load_into(&with_contract(Evolve, DiscardRow, DiscardRow), &table(), BODY);
    assert_eq!(landed.schema.version, 1);
    assert_eq!(landed.rows(), [r#"{"a":2,"o":{"b":"y"}}"#, r#"{"a":4}"#]);
    assert_eq!(landed.reasons()[1], "the table has no field o.new");
}

#[test]
fn discard_value_lands_the_rest_of_the_row() {
    let body = BODY.replace("\"w\"", "{}").replace("\"z\"", "7");
    let landed = load_into(&with_contract(Evolve, DiscardValue, DiscardValue), &table(), &body);
    assert_eq!(landed.rows(), [r#"{"a":2,"o":{"b":"y"}}"#, r#"{"o":{}}"#, r#"{"a":3,"o":{}}"#, r#"{"a":4}"#]);
    let fields: Vec<_> = landed.quarantine.iter().map(|line| line["field"].as_str().unwrap_or("")).collect();
    assert_eq!(fields, ["a", "o.b", "o.new"]);
}

#[test]
fn a_discarded_item_leaves_a_null_in_its_list() {
    let schema = load(&spec(), r#"{"l":[1]}"#).schema;
    let landed =
        load_into(&with_contract(Evolve, Evolve, DiscardValue), &schema, r#"[{"l":[1,"x",2]},{"l":[3]}]"#);
    assert_eq!(landed.rows(), [r#"{"l":[1,null,2]}"#, r#"{"l":[3]}"#]);
}

#[test]
fn freeze_ends_the_load_with_what_to_do() {
    let error = |spec: &LoadSpec, body: &str| {
        let pages = [(page(0, Format::Json), body.as_bytes())];
        let error = load_pages(spec, &table(), &pages).expect_err(body);
        assert_eq!(error.kind(), crate::error::Kind::Data);
        error.to_string()
    };
    let field = error(&with_contract(Evolve, Freeze, Evolve), r#"[{"a":1},{"z":5}]"#);
    assert!(
        field.contains("record 1 of batch s/000000000001 has z = 5") && field.contains("contract.columns"),
        "{field}"
    );
    let value = error(&with_contract(Evolve, Evolve, Freeze), r#"[{"a":1.5}]"#);
    assert!(value.contains("a = 1.5") && value.contains("contract.data_type"), "{value}");
    let nothing = with_contract(Evolve, Freeze, Freeze);
    assert_eq!(load_into(&nothing, &table(), r#"[{"a":1,"z":null}]"#).rows(), [r#"{"a":1}"#]);
}

#[test]
fn only_evolve_creates_a_table() {
    let body = [(page(0, Format::Json), br#"[{"a":1}]"#.as_slice())];
    let none = TableSchema::default();
    let frozen = load_pages(&with_contract(Freeze, Evolve, Evolve), &none, &body).expect_err("frozen");
    assert!(frozen.to_string().contains("contract.tables"));
    let discarded = load_pages(&with_contract(DiscardRow, Evolve, Evolve), &none, &body).expect("loads");
    assert_eq!((discarded.rows().len(), discarded.quarantine.len()), (0, 1));
    let created = load_pages(&with_contract(Evolve, Freeze, Freeze), &none, &body)
        .expect("a new table has no old columns");
    assert_eq!(created.rows(), [r#"{"a":1}"#]);
}

#[test]
fn a_record_with_too_many_new_fields_adds_none_of_them() {
    let spec = LoadSpec { max_columns: 3, ..spec() };
    let landed = load(&spec, r#"[{"a":1},{"b":1,"c":{"d":1,"e":2}},{"b":2}]"#);
    assert_eq!(types_of(&landed.schema), ["a: Int53", "b: Int53"]);
    assert!(landed.reasons()[0].contains("more than 3 columns"));
    assert_eq!(landed.rows(), [r#"{"a":1}"#, r#"{"b":2}"#]);
}

#[test]
fn repeated_records_are_counted_but_not_landed() {
    let mut page = page(0, Format::Json);
    page.repeats = vec![(0, 2), (3, 1)];
    let pages = [(page, br#"[{"a":0},{"a":1},{"a":2},{"a":3},{"a":"x"}]"#.as_slice())];
    let landed = load_pages(&spec(), &table(), &pages).expect("loads");
    assert_eq!(landed.rows(), [r#"{"a":2}"#]);
    assert_eq!(landed.quarantine[0]["row"], 4);
}

#[test]
fn rows_carry_their_lineage() {
    let spec = spec();
    let pages = [(page(0, Format::Json), b"[1,2]".as_slice()), (page(1, Format::Json), b"[3]".as_slice())];
    let schema = load_pages(&spec, &TableSchema::default(), &pages).expect("loads").schema;
    let mut loader = Loader::new(LoadId::of_batch("s", 1), &spec, &schema);
    for seq in [1, 2] {
        for (page, body) in &pages {
            loader.page(&batch(seq, &spec), page, Bytes::from_static(body)).expect("loads");
        }
    }
    let Ok(Outcome::Done { files, .. }) = loader.finish() else { panic!("done") };
    let batches = reading::batches_of(&files[0].bytes);
    let cell = |column: &str, row| reading::value(batches[0].column_by_name(column).expect(column), row);
    let lineage: Vec<_> = (0..6)
        .map(|row| format!("{} {}", cell("_tidegate_batch", row), cell("_tidegate_row", row)))
        .collect();
    assert_eq!(
        lineage[..4],
        ["\"s/000000000001\" 0", "\"s/000000000001\" 1", "\"s/000000000001\" 2", "\"s/000000000002\" 0"]
    );
    assert_eq!(cell("_tidegate_polled_at", 5), "\"2026-11-23T03:15:07Z\"");
}
