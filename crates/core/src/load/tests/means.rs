//! Memory and threads change nothing about the rows.

use std::collections::BTreeMap;

use super::*;
use crate::load::{File, Options};

/// A batch of pages of lines, the second in parts.
fn input(odd: &str) -> Vec<(Page, Vec<u8>)> {
    let line = |i: usize| {
        let minute = i * 7 % 180;
        let time = format!("2026-11-23T{:02}:{:02}:00Z", minute / 60, minute % 60);
        let extra = match i % 911 {
            17 => odd.to_owned(),
            18 => ",\"l\":[]".to_owned(),
            _ => format!(",\"l\":[{i},{}],\"o\":{{\"s\":\"text {}\"}}", i % 3, i % 50),
        };
        format!("{{\"at\":\"{time}\",\"n\":{i}{extra}}}\n")
    };
    let text = |lines: std::ops::Range<usize>| lines.map(line).collect::<String>().into_bytes();
    vec![
        (page(0, Format::Ndjson), text(0..3000)),
        (page(1, Format::Ndjson), text(3000..6000)),
        (page(1, Format::Ndjson), text(6000..30_000)),
        (page(2, Format::Json), b"[{\"at\":\"2026-11-23T00:00:00Z\",\"n\":1}]".to_vec()),
    ]
}

struct Loaded {
    files: Vec<File>,
    quarantine: String,
    schema: TableSchema,
}

fn load_with(options: Options, pages: &[(Page, Vec<u8>)]) -> Result<Loaded, LoadError> {
    load_by(PartitionBy::Minute, options, pages)
}

fn load_by(
    partition_by: PartitionBy,
    options: Options,
    pages: &[(Page, Vec<u8>)],
) -> Result<Loaded, LoadError> {
    let spec = LoadSpec { partition_by, ..with_event("at") };
    let mut schema = TableSchema::default();
    loop {
        let mut loader = Loader::new(LoadId::of_batch("s", 1), &spec, &schema).with(options);
        let mut files = Vec::new();
        for seq in [1, 2] {
            for (page, body) in pages {
                loader.page(&batch(seq, &spec), page, body.clone().into())?;
                files.extend(loader.ready());
            }
        }
        match loader.finish()? {
            Outcome::Evolve(wider) => schema = wider,
            Outcome::Done { schema, files: rest, quarantine, .. } => {
                files.extend(rest);
                let quarantine = String::from_utf8(quarantine).expect("utf8");
                return Ok(Loaded { files, quarantine, schema });
            }
        }
    }
}

/// Lineage of all rows in order, with the row's own number.
fn rows(loaded: &Loaded) -> Vec<(String, String, String)> {
    let mut rows = Vec::new();
    for file in &loaded.files {
        for batch in reading::batches_of(&file.bytes) {
            let cell = |column: &str, row| reading::value(batch.column_by_name(column).expect(column), row);
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| (cell("_tidegate_batch", row), cell("_tidegate_row", row), cell("n", row))),
            );
        }
    }
    rows.sort();
    rows
}

#[test]
fn threads_change_nothing_and_memory_only_how_many_files_there_are() {
    let pages = input(",\"o\":5");
    let plain = load_with(Options::default(), &pages).expect("loads");
    assert_eq!((plain.files.len(), rows(&plain).len()), (180, 2 * 30_001 - 2 * 33));
    for row in rows(&plain).iter().filter(|row| row.1 != "30000") {
        assert_eq!(row.1, row.2, "a record's ordinal counts over the parts of pages");
    }
    assert_eq!(plain.quarantine.lines().count(), 66);
    let little = Options { memory: 1 << 20, ..Options::default() };
    let small = load_with(little, &pages).expect("loads");
    assert!(small.files.len() > plain.files.len());
    assert_eq!(rows(&small), rows(&plain));
    for threads in [2, 3] {
        let many = load_with(Options { threads, ..little }, &pages).expect("loads");
        assert_eq!(many.files, small.files);
        assert_eq!(many.quarantine, plain.quarantine);
        let many = load_with(Options { threads, ..Options::default() }, &pages).expect("loads");
        assert_eq!(many.files, plain.files);
    }
}

#[test]
fn stretches_make_up_the_same_rows_in_one_file_for_each_partition() {
    let pages = input("");
    let plain = load_by(PartitionBy::Hour, Options::default(), &pages).expect("loads");
    let appends = Options { memory: 1 << 20, appends: true, ..Options::default() };
    let mut stretches = load_by(PartitionBy::Hour, appends, &pages).expect("loads");
    assert!(stretches.files.len() > plain.files.len(), "nothing was given out early");
    let mut whole: BTreeMap<String, File> = BTreeMap::new();
    for stretch in stretches.files.drain(..) {
        let Some(file) = whole.get_mut(&stretch.key) else {
            assert_eq!(stretch.offset, 0);
            whole.insert(stretch.key.clone(), stretch);
            continue;
        };
        assert_eq!(stretch.offset, file.bytes.len() as u64);
        assert!(stretch.rows >= file.rows);
        *file = File { offset: 0, bytes: [&file.bytes[..], &stretch.bytes].concat().into(), ..stretch };
    }
    assert!(whole.keys().eq(plain.files.iter().map(|file| &file.key)));
    let counts: Vec<u64> = whole.values().map(|file| file.rows).collect();
    assert_eq!(counts, plain.files.iter().map(|file| file.rows).collect::<Vec<_>>());
    let stretched = Loaded { files: whole.into_values().collect(), ..stretches };
    assert_eq!(rows(&stretched), rows(&plain));
}

#[test]
fn a_schema_that_widens_late_is_the_same_on_threads() {
    let mut pages = input("");
    let late = b"{\"at\":\"2026-11-23T00:00:00Z\",\"n\":1.5,\"new\":true}\n";
    pages[2].1.extend_from_slice(late);
    let little = Options { memory: 1 << 20, ..Options::default() };
    let one = load_with(little, &pages).expect("loads");
    assert_eq!(types_of(&one.schema)[1], "n: Double");
    let many = load_with(Options { threads: 3, ..little }, &pages).expect("loads");
    assert_eq!((many.schema, many.files), (one.schema, one.files));
}

#[test]
fn an_error_late_in_a_page_names_its_line_and_byte() {
    let mut pages = input("");
    let before = pages[1].1.len() + pages[2].1.len();
    pages[2].1.extend_from_slice(b"{\"at\":x}\n");
    for threads in [1, 3] {
        let options = Options { memory: 1 << 20, threads, ..Options::default() };
        let error = load_with(options, &pages).err().expect("no JSON").to_string();
        assert!(error.contains("line 27001: "), "{error}");
        assert!(error.contains(&format!("(at byte {})", before + 6)), "{error}");
    }
}
