use super::*;

fn field(name: &str, data_type: DataType) -> Field {
    Field { name: name.to_owned(), column: None, data_type, declared: false }
}

fn schema() -> TableSchema {
    TableSchema {
        version: 3,
        fields: vec![
            field("Temp", DataType::Double),
            field("later", DataType::Unknown),
            field(
                "place",
                DataType::Struct(vec![
                    field("lat", DataType::Double),
                    field("odd name", DataType::Int53),
                    field("tags", DataType::List(Box::new(DataType::String))),
                ]),
            ),
        ],
    }
}

fn described(schema: &TableSchema, by: PartitionBy) -> Described<'_> {
    Described { table: "weather", schema, by, lake: "s3://lake", years: (2013, 2026) }
}

#[test]
fn columns_come_from_the_ledger_and_end_with_the_lineage() {
    let schema = schema();
    let input = table_input(&described(&schema, PartitionBy::Minute));
    let columns: Vec<(&str, &str)> = input["StorageDescriptor"]["Columns"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(|column| Some((column["Name"].as_str()?, column["Type"].as_str()?)))
        .collect();
    assert_eq!(
        columns,
        [
            ("temp", "double"),
            ("place", "struct<lat:double,tags:array<string>>"),
            ("_tidegate_batch", "string"),
            ("_tidegate_row", "bigint"),
            ("_tidegate_polled_at", "timestamp"),
        ]
    );
}

#[test]
fn partitions_are_projected_to_the_grain_and_one_year_ahead() {
    let schema = schema();
    let input = table_input(&described(&schema, PartitionBy::Hour));
    let parameters = &input["Parameters"];
    assert_eq!(parameters["projection.year.range"], "2013,2027");
    assert_eq!(parameters["projection.month.digits"], "2");
    assert!(parameters.get("projection.minute.type").is_none());
    assert_eq!(
        parameters["storage.location.template"],
        "s3://lake/weather/year=${year}/month=${month}/day=${day}/hour=${hour}"
    );
    assert_eq!(input["PartitionKeys"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_table_is_written_again_only_when_it_differs() {
    let schema = schema();
    let wanted = table_input(&described(&schema, PartitionBy::Hour));
    let mut there = wanted.clone();
    there["CreateTime"] = 1.into();
    there["Parameters"]["added"] = "by hand".into();
    assert!(same(&there, &wanted));
    there["Parameters"]["projection.year.range"] = "2013,2026".into();
    assert!(!same(&there, &wanted));
}
