use std::io::Write as _;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::decode::records;

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        match name.strip_suffix('/') {
            Some(directory) => zip.add_directory(directory, options).expect("a directory"),
            None => {
                zip.start_file(*name, options).expect("a member");
                zip.write_all(bytes).expect("its bytes");
            }
        }
    }
    zip.finish().expect("an archive").into_inner()
}

fn read(body: &[u8], archive: Option<&Archive>, most: u64) -> Result<Vec<String>, String> {
    let format = packed_by_look(body).unwrap_or(Format::Zip);
    let form = Form { format, charset: None, archive, most };
    let plain = plain(body, &form, "$").map_err(|error| error.to_string())?;
    let records = records(&plain.text, plain.format, plain.records).map_err(|error| error.to_string())?;
    Ok(records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect())
}

#[test]
fn the_members_of_an_archive_are_read_in_order_each_as_what_it_is() {
    let body = zipped(&[
        ("data/", b""),
        ("data/a.json", b"[\n {\"a\":\n1},\r\n [1, 2], null]"),
        ("__MACOSX/data/._a.json", b"\x00\x05\x16"),
        ("../../x.csv", b"a,b\n1,x\n"),
        ("c.jsonl", b"{\"c\":1}\n[7]\n"),
        ("d.xml", b"<d><e>1</e></d>"),
        ("noending", b"{\"f\":1}\n{\"f\":2}"),
        ("empty.csv", b""),
    ]);
    let expected = [
        "{\"a\": 1}",
        "[1, 2]",
        "null",
        "{\"a\":1,\"b\":\"x\"}",
        "{\"c\":1}",
        "7",
        "{\"d\":{\"e\":1}}",
        "{\"f\":1}",
        "{\"f\":2}",
    ];
    assert_eq!(read(&body, None, 1 << 20), Ok(expected.map(str::to_owned).to_vec()));
}

#[test]
fn members_are_chosen_by_name_and_read_as_they_are_told_to_be() {
    let body =
        zipped(&[("stops.txt", b"id;n\n1;x\n"), ("in/stops_old.txt", b"id;n\n2;y\n"), ("readme", b"hello")]);
    let archive =
        |members: &str| Archive { format: Some(Format::CsvSemicolon), members: Some(members.to_owned()) };
    let (one, two) = ("{\"id\":1,\"n\":\"x\"}".to_owned(), "{\"id\":2,\"n\":\"y\"}".to_owned());
    assert_eq!(read(&body, Some(&archive("stops.txt")), 1 << 20), Ok(vec![one.clone()]));
    assert_eq!(read(&body, Some(&archive("stops*.txt")), 1 << 20), Ok(vec![one, two.clone()]));
    assert_eq!(read(&body, Some(&archive("in/*")), 1 << 20), Ok(vec![two]));
    let error = read(&body, Some(&archive("trips.txt")), 1 << 20).expect_err("none");
    assert!(error.contains("no member is called `trips.txt`; it has stops.txt, in/stops_old.txt"), "{error}");
    let error = read(&body, None, 1 << 20).expect_err("unknown");
    assert!(error.contains("`stops.txt`: it is of no kind that is known; say by `format`"), "{error}");
}

#[test]
fn a_gzip_file_is_read_as_it_looks_and_an_archive_within_another_is_not_read() {
    let gzipped = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).expect("its bytes");
        gzip.finish().expect("a file")
    };
    let rows = gzipped(b"a\n1\n");
    let csv = Archive { format: Some(Format::Csv), members: None };
    assert_eq!(read(&rows, Some(&csv), 100), Ok(vec!["{\"a\":1}".to_owned()]));
    assert_eq!(read(&gzipped(b"[1,2]"), None, 100), Ok(vec!["1".to_owned(), "2".to_owned()]));
    assert!(read(&gzipped(b"[1,2]")[..20], None, 100).expect_err("cut").contains("cut off"));
    let error = read(&zipped(&[("a.zip", &zipped(&[("b.json", b"[]")]))]), None, 1000).expect_err("twice");
    assert!(error.contains("an archive in an archive"), "{error}");
}

#[test]
fn an_archive_unpacks_to_no_more_than_it_may() {
    let zeros = vec![b'0'; 4 << 20];
    let bomb = zipped(&[("a.csv", &zeros), ("b.csv", &zeros)]);
    assert!(bomb.len() < 20_000);
    for most in [1 << 20, 5 << 20] {
        let error = read(&bomb, None, most).expect_err("a bomb");
        assert!(error.contains(&format!("more than {most} bytes")), "{error}");
    }
    assert!(read(&bomb, None, 8 << 20).is_ok());
    let names: Vec<String> = (0..=MEMBERS).map(|number| format!("{number}.csv")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let error = read(&zipped(&many), None, 1 << 20).expect_err("too many");
    assert!(error.contains("10001 members"), "{error}");
    // One long name of a column in front of many short rows.
    let wide = format!("{}\n{}", "x".repeat(10_000), "1\n".repeat(10_000));
    assert!(read(&zipped(&[("w.csv", wide.as_bytes())]), None, 100_000).is_err());
}

/// The archive with a field of all its headers changed: at so many bytes in a member's header, and in the directory.
fn patched(mut body: Vec<u8>, local: usize, central: usize, value: u8) -> Vec<u8> {
    for at in 0..body.len() - 4 {
        match &body[at..at + 4] {
            [b'P', b'K', 3, 4] => body[at + local] = value,
            [b'P', b'K', 1, 2] => body[at + central] = value,
            _ => {}
        }
    }
    body
}

#[test]
fn what_cannot_be_unpacked_says_why() {
    let body = zipped(&[("a.json", b"[1]")]);
    let error = read(&patched(body.clone(), 6, 8, 1), None, 100).expect_err("encrypted");
    assert!(error.contains("`a.json`: it is encrypted; ask the API for"), "{error}");
    let error = read(&patched(body.clone(), 8, 10, 98), None, 100).expect_err("PPMd");
    assert!(error.contains("`a.json`: it is packed by method 98"), "{error}");
    let error = read(&zipped(&[("a.json", b"[1,")]), None, 100).expect_err("not JSON");
    assert!(error.contains("`a.json`: "), "{error}");
    assert!(read(&zipped(&[]), None, 100).expect_err("empty").contains("no members"));
}

#[test]
fn a_damaged_archive_is_an_error_and_never_wrong_records() {
    let body = zipped(&[("a.csv", b"a,b\n1,x\n2,y\n"), ("b.json", b"[{\"a\":3}]")]);
    let whole = read(&body, None, 1000).expect("whole");
    for cut in 0..body.len() {
        assert!(read(&body[..cut], None, 1000).is_err(), "cut at {cut}");
    }
    for at in 0..body.len() {
        let mut flipped = body.clone();
        flipped[at] ^= 0x10;
        // What stands there besides (times, names, comments) may be damaged unseen; the records may not.
        if let Ok(records) = read(&flipped, None, 1000) {
            assert!(whole.ends_with(&records) || whole.starts_with(&records), "byte {at}: {records:?}");
        }
    }
}
