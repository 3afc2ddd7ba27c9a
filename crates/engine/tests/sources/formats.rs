//! Answers that must be unpacked: zip and gzip archives, Parquet files. They are staged as they came.

use std::io::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tidegate_core::pipeline::Format;
use tidegate_engine::{Outcome, load_batch};

use crate::api::{Api, World, answer};
use crate::model::records;

/// A zip archive whose members are stored as they are.
fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in members {
        let (crc, size) = (crc32(text.as_bytes()), text.len() as u32);
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend([crc, size, size].map(u32::to_le_bytes).concat());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        let offset = body.len() as u32;
        body.extend([b"PK\x03\x04".as_slice(), &common, name.as_bytes(), text.as_bytes()].concat());
        directory.extend([b"PK\x01\x02\x14\x00".as_slice(), &common, &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, length, count) =
        (body.len() as u32, directory.len() as u32, (members.len() as u16).to_le_bytes());
    body.extend(directory);
    body.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count].concat());
    body.extend([length, at].map(u32::to_le_bytes).concat());
    body.extend([0, 0]);
    body
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).expect("its bytes");
    gzip.finish().expect("a file")
}

fn parquet_file() -> Vec<u8> {
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(Int64Array::from(vec![1, 2]))), ("v", Arc::new(StringArray::from(vec!["a", "b"])))];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a file");
    file
}

async fn landed(content_type: &'static str, body: Vec<u8>, stream: &Value) -> (Format, Vec<Value>, u64) {
    let served = body.clone();
    let api = Api::serve(move |_| answer(200, &[("content-type", content_type)], served.clone())).await;
    let mut world = World::new(&api, &json!({}), stream);
    let visit = world.poll().await.expect("a visit");
    let Outcome::Staged { key, bytes, .. } = &visit.outcome else { panic!("nothing staged") };
    assert_eq!(*bytes, body.len() as u64, "staged as it came");
    let report = load_batch(&world.env, key).await.expect("a load");
    let again = world.poll().await.expect("a visit");
    assert!(matches!(again.outcome, Outcome::Unchanged));
    (world.batch(1).await.pages[0].format, records(&world, "items", 1).await, report.rows)
}

#[tokio::test]
async fn packed_answers_are_known_by_their_first_bytes_staged_as_they_came_and_unpacked_at_load() {
    let rows = || vec![json!({ "id": 1, "v": "a" }), json!({ "id": 2, "v": "b" })];
    let csv = "id;v\n1;a\n2;b\n";
    let semicolons = json!({ "format": "csv_semicolon" });
    let listed = json!({ "records": "$.items" });
    let members =
        [("x/1.json", r#"{"items":[{"id":1,"v":"a"}]}"#), ("2.json", r#"{"items":[{"id":2,"v":"b"}]}"#)];
    let chosen = json!({ "format": "csv_semicolon", "members": "stops.txt" });
    for (content_type, body, stream, format) in [
        ("application/octet-stream", zipped(&members), &listed, Format::Zip),
        ("text/csv", zipped(&[("../a.txt", csv)]), &semicolons, Format::Zip),
        ("application/zip", zipped(&[("stops.txt", csv), ("LICENSE", "free")]), &chosen, Format::Zip),
        ("text/csv", gzipped(csv), &semicolons, Format::Gzip),
        (
            "application/json",
            gzipped(r#"{"items":[{"id":1,"v":"a"},{"id":2,"v":"b"}]}"#),
            &listed,
            Format::Gzip,
        ),
        ("application/octet-stream", parquet_file(), &json!({}), Format::Parquet),
    ] {
        assert_eq!(landed(content_type, body, stream).await, (format, rows(), 2), "{content_type} {stream}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_unpacked_is_an_error_that_says_why_and_stages_nothing() {
    let whole = zipped(&[("a.json", r#"[{"id":1}]"#)]);
    let large = gzipped(&"[1]\n".repeat(100_000));
    for (body, words) in [
        (whole[..whole.len() - 9].to_vec(), "cut off"),
        (zipped(&[("a.json", "[1,")]), "`a.json`: "),
        (zipped(&[("a.bin", "\u{1}")]), "`a.bin`: it is of no kind that is known; say by `format`"),
        (parquet_file()[..200].to_vec(), "no Parquet file"),
        (large, "more than 100000 bytes"),
    ] {
        let api = Api::serve(move |_| answer(200, &[], body.clone())).await;
        let mut world = World::new(&api, &json!({ "limits": { "max_body": "100kB" } }), &json!({}));
        let error = world.poll().await.expect_err("an error").to_string();
        assert!(error.contains(words) && error.contains("page 0 is packed"), "{words}: {error}");
        assert!(tidegate_engine::head(&world.env, "items", None).await.expect("a head").seq == 0);
    }
}
