use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::*;
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType as Physical, FixedLenByteArrayType, Int32Type, Int96, Int96Type,
};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::*;

mod deep;
mod other_writers;

fn written(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    written_as(columns, WriterProperties::builder().set_compression(compression).build())
}

fn written_as(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).expect("a batch");
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a file");
    file
}

fn read(file: &[u8]) -> Result<Vec<String>, String> {
    let mut out = String::new();
    lines(file, 1 << 20, &mut out).map_err(|error| error.to_string())?;
    Ok(out.lines().map(str::to_owned).collect())
}

fn sole(column: ArrayRef) -> String {
    let lines = read(&written(vec![("v", column)], Compression::UNCOMPRESSED)).expect("rows");
    lines.iter().map(|line| &line[5..line.len() - 1]).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_value_is_as_exact_as_it_stands_there() {
    let decimals = |digits: Vec<i128>, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(digits).with_precision_and_scale(precision, scale);
        Arc::new(array.expect("a decimal"))
    };
    let columns: Vec<(ArrayRef, &str)> = vec![
        (Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-1)])), "9223372036854775807 null -1"),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), "18446744073709551615"),
        (Arc::new(Int8Array::from(vec![-128])), "-128"),
        (Arc::new(Int16Array::from(vec![i16::MIN])), "-32768"),
        (Arc::new(UInt8Array::from(vec![u8::MAX])), "255"),
        (Arc::new(UInt16Array::from(vec![u16::MAX])), "65535"),
        (Arc::new(UInt32Array::from(vec![u32::MAX])), "4294967295"),
        (Arc::new(NullArray::new(2)), "null null"),
        (Arc::new(BooleanArray::from(vec![true, false])), "true false"),
        (
            Arc::new(Float16Array::from(vec![half::f16::from_f32(0.1), half::f16::INFINITY])),
            "0.099975586 null",
        ),
        (Arc::new(Float32Array::from(vec![0.1, 1e30, f32::NAN])), "0.1 1e+30 null"),
        (Arc::new(Float64Array::from(vec![0.1, -5e-324, 42.0, f64::INFINITY])), "0.1 -5e-324 42.0 null"),
        (decimals(vec![-5, 12_345], 10, 2), "-0.05 123.45"),
        (
            decimals(vec![99_999_999_999_999_999_999_999_999_999_999_999_999], 38, 10),
            "9999999999999999999999999999.9999999999",
        ),
        (decimals(vec![7], 5, 0), "7"),
        (Arc::new(StringArray::from(vec!["a\"\n", "é"])), "\"a\\\"\\n\" \"é\""),
        (Arc::new(BinaryArray::from(vec![b"\xff\x00".as_slice()])), "\"/wA=\""),
        (Arc::new(LargeStringArray::from(vec!["x"])), "\"x\""),
        (
            Arc::new(FixedSizeBinaryArray::try_from_iter([b"\xff\x00"].into_iter()).expect("bytes")),
            "\"/wA=\"",
        ),
        (Arc::new(Date32Array::from(vec![20_780, -1])), "\"2026-11-23\" \"1969-12-31\""),
        (Arc::new(Time64MicrosecondArray::from(vec![3_723_000_004])), "\"01:02:03.000004\""),
        (Arc::new(Time32MillisecondArray::from(vec![3_723_004, -1])), "\"01:02:03.004\" -1"),
        (Arc::new(Time64NanosecondArray::from(vec![1])), "\"00:00:00.000000001\""),
        (
            Arc::new(TimestampMicrosecondArray::from(vec![-1]).with_timezone("UTC")),
            "\"1969-12-31T23:59:59.999999Z\"",
        ),
        (Arc::new(TimestampMillisecondArray::from(vec![1])), "\"1970-01-01T00:00:00.001Z\""),
        (
            Arc::new(TimestampNanosecondArray::from(vec![1_795_176_000_000_000_001])),
            "\"2026-11-20T12:00:00.000000001Z\"",
        ),
        (Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX])), "9223372036854775807"),
    ];
    for (column, expected) in columns {
        let shown = format!("{}", column.data_type());
        assert_eq!(sole(column), expected, "{shown}");
    }
}

#[test]
fn what_is_nested_stays_nested() {
    let mut lists = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    lists.values().append_value([Some(1), None]);
    lists.values().append_null();
    lists.append(true);
    lists.append(true);
    lists.append(false);
    assert_eq!(sole(Arc::new(lists.finish())), "[[1,null],null] [] null");
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k\"");
    map.values().append_value(1);
    map.append(true).expect("an entry");
    map.append(true).expect("none");
    assert_eq!(sole(Arc::new(map.finish())), "{\"k\\\"\":1} {}");
    let inner =
        Fields::from(vec![Field::new("a b", DataType::Int32, true), Field::new("c", DataType::Utf8, true)]);
    let arrays: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![1, 2])), Arc::new(StringArray::from(vec![None, Some("x")]))];
    let rows = StructArray::new(inner, arrays, None);
    assert_eq!(sole(Arc::new(rows)), "{\"a b\":1,\"c\":null} {\"a b\":2,\"c\":\"x\"}");
}

#[test]
fn every_usual_compression_is_read_and_a_file_is_no_larger_than_it_may_be() {
    let numbers = || -> ArrayRef { Arc::new(Int32Array::from((0..1000).collect::<Vec<i32>>())) };
    for compression in [
        Compression::SNAPPY,
        Compression::ZSTD(Default::default()),
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
    ] {
        let rows = read(&written(vec![("n", numbers())], compression))
            .unwrap_or_else(|error| panic!("{compression}: {error}"));
        assert_eq!((rows.len(), rows[999].as_str()), (1000, "{\"n\":999}"), "{compression}");
    }
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 16); 200]));
    let bomb = written(vec![("t", texts)], Compression::SNAPPY);
    assert!(bomb.len() < 1 << 17);
    assert!(read(&bomb).expect_err("too much").contains("more than 1048576 bytes"));
    let mut zeros = ListBuilder::new(Int32Builder::new());
    zeros.append_value(std::iter::repeat_n(Some(0), 1 << 23));
    let bomb = written(vec![("z", Arc::new(zeros.finish()))], Compression::UNCOMPRESSED);
    assert!(bomb.len() < 1 << 17);
    assert!(read(&bomb).expect_err("too much").contains("more than 1048576 bytes"));
}

#[test]
fn rows_are_whole_wherever_pages_and_groups_end() {
    let items = |row: i32| (row % 5 != 0).then(|| (0..row % 4).map(Some).collect::<Vec<_>>());
    let mut lists = ListBuilder::new(Int32Builder::new());
    (0..1000).for_each(|row| lists.append_option(items(row)));
    let lists: ArrayRef = Arc::new(lists.finish());
    let numbers: ArrayRef = Arc::new(Int32Array::from((0..1000).collect::<Vec<i32>>()));
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_max_row_group_row_count(Some(300))
            .set_write_batch_size(16)
            .set_data_page_row_count_limit(50)
            .build();
        let rows = read(&written_as(vec![("l", lists.clone()), ("n", numbers.clone())], properties));
        for (row, line) in (0..).zip(rows.expect("rows")) {
            let list = items(row).map(|items| items.into_iter().flatten().collect::<Vec<_>>());
            let list = serde_json::to_string(&list).expect("JSON");
            assert_eq!(line, format!("{{\"l\":{list},\"n\":{row}}}"), "{version:?}");
        }
    }
}

#[test]
fn a_damaged_file_is_an_error_or_is_read_and_never_ends_the_program() {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None, Some(2)]);
    lists.append_null();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("l", Arc::new(lists.finish())),
        ("t", Arc::new(StringArray::from(vec!["x", "y"]))),
    ];
    let file = written(columns, Compression::UNCOMPRESSED);
    for cut in 0..file.len() {
        assert!(read(&file[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 0x55;
        let _ = read(&flipped);
    }
}
