//! `tidegate partition` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::{command, fails, json, ok, tidegate};

const LINES: &str = concat!(
    "{\"id\":1,\"at\":\"2026-11-23T03:15:00Z\",\"wind\":{\"speed\":1.5}}\n",
    "{\"id\":2,\"at\":\"2026-11-23T04:15:00Z\",\"wind\":{\"speed\":2}}\n",
    "{\"id\":3,\"at\":\"never\",\"wind\":null}\n",
);

fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
    }
    dir
}

fn parquet(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(parquet(&path));
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn rows_land_by_their_time_and_misfits_beside_them() {
    let dir = directory(&[("events.ndjson", LINES.as_bytes())]);
    let args = ["partition", "events.ndjson", "--out", "lake", "--event-time", "at", "--json"];
    let report = json(&tidegate(dir.path(), &args));
    assert_eq!(
        (&report["rows"], &report["rejected"], &report["partitions"]),
        (&2.into(), &1.into(), &2.into())
    );
    assert_eq!(report["bytes_in"], LINES.len());
    let rejects =
        fs::read_to_string(dir.path().join(report["rejects"].as_str().expect("a path"))).expect("rejects");
    let line: serde_json::Value = serde_json::from_str(&rejects).expect("one line");
    assert_eq!((&line["row"], &line["record"]["id"]), (&2.into(), &3.into()));
    assert!(line["reason"].as_str().expect("a reason").contains("event time"), "{line}");
    let found = parquet(&dir.path().join("lake"));
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with(dir.path().join("lake/year=2026/month=11/day=23/hour=03")), "{found:?}");
}

#[test]
fn a_second_run_adds_only_what_is_new() {
    let dir = directory(&[("in/a.ndjson", LINES.as_bytes())]);
    let args = ["partition", "in", "--out", "lake", "--event-time", "at"];
    ok(&tidegate(dir.path(), &args));
    let first = parquet(&dir.path().join("lake"));
    let said = ok(&tidegate(dir.path(), &args));
    assert!(said.contains("nothing new for lake; 1 input had been taken in before"), "{said}");
    fs::write(dir.path().join("in/b.ndjson"), LINES).expect("written");
    let said = ok(&tidegate(dir.path(), &args));
    assert!(said.contains("2 rows from 1 input"), "{said}");
    let second = parquet(&dir.path().join("lake"));
    assert_eq!((first.len(), second.len()), (2, 4));
    assert!(first.iter().all(|file| second.contains(file)));
    fs::write(dir.path().join("in/b.ndjson"), format!("{LINES}{LINES}")).expect("written");
    let said = fails(&tidegate(dir.path(), &args), 2);
    assert!(said.contains("b.ndjson has changed since its rows went into lake"), "{said}");
    let said = fails(&tidegate(dir.path(), &[&args[..], &["--by", "day"]].concat()), 2);
    assert!(said.contains("lake is partitioned by hour, not by day"), "{said}");
    assert_eq!(parquet(&dir.path().join("lake")), second);
}

#[test]
fn every_format_is_told_by_itself() {
    let list = b"[{\"at\":1763866500,\"n\":1},{\"at\":1763866500,\"n\":2}]";
    let document = b"{\n  \"at\": 1763866500,\n  \"n\": 3\n}\n";
    let csv = b"at,n\n1763866500,4\n1763866500,\"5\"\n";
    let lines = b"{\"at\":1763866500,\"n\":6}\n{\"at\":1763866500,\"n\":7}";
    let nested = b"{\"data\":{\"items\":[{\"at\":1763866500,\"n\":8}]}}";
    let gzipped = gzip(lines);
    let zstandard = zstd::encode_all(&lines[..], 1).expect("compressed");
    for (name, bytes, more, rows) in [
        ("list.json", &list[..], &[][..], 2),
        ("document.json", document, &[], 1),
        ("table.csv", csv, &[], 2),
        ("lines.json", lines, &[], 2),
        ("lines.jsonl.gz", &gzipped, &[], 2),
        ("no-ending", &zstandard, &[], 2),
        ("nested.json", nested, &["--records", "$.data.items[*]"], 1),
    ] {
        let dir = directory(&[(name, bytes)]);
        let args = [&["partition", name, "--out", "lake", "--event-time", "at", "--json"], more].concat();
        let report = json(&tidegate(dir.path(), &args));
        assert_eq!((&report["rows"], &report["rejected"]), (&rows.into(), &0.into()), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_a_directory_double_no_row() {
    let dir = directory(&[("in/a/1.ndjson", LINES.as_bytes())]);
    for (to, link) in [("..", "in/a/up"), (".", "in/a/here"), ("a", "in/b")] {
        std::os::unix::fs::symlink(to, dir.path().join(link)).expect("a link");
    }
    let report =
        json(&tidegate(dir.path(), &["partition", "in", "--out", "lake", "--event-time", "at", "--json"]));
    assert_eq!((&report["inputs"], &report["rows"]), (&1.into(), &2.into()));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

#[test]
fn standard_input_is_known_by_its_content() {
    let dir = directory(&[("events.ndjson", LINES.as_bytes())]);
    let run = || {
        let file = fs::File::open(dir.path().join("events.ndjson")).expect("opened");
        let args = ["partition", "-", "--out", "lake", "--event-time", "at", "--by", "day"];
        ok(&command(dir.path(), &args).stdin(Stdio::from(file)).output().expect("the binary runs"))
    };
    assert!(run().contains("2 rows from 1 input"));
    assert!(run().contains("nothing new"));
    let left: Vec<_> = fs::read_dir(dir.path().join("lake/_tidegate")).expect("listed").collect();
    assert_eq!(left.len(), 2, "the lock and one manifest: {left:?}");
}

#[test]
fn mistakes_say_where_and_what_to_do() {
    let cut = "{\"at\":1763866500}\n{\"at\":1763866500\n";
    let mut short = gzip(LINES.as_bytes());
    short.truncate(short.len() - 12);
    let dir = directory(&[
        ("cut.ndjson", cut.as_bytes()),
        ("short.ndjson.gz", &short),
        ("fine.ndjson", LINES.as_bytes()),
        ("odd.txt", b"hello"),
        ("empty/readme.md", b""),
    ]);
    for (file, event, code, words) in [
        ("cut.ndjson", "at", 4, "cut.ndjson: line 2"),
        ("short.ndjson.gz", "at", 4, "damaged or was cut off"),
        ("fine.ndjson", "time", 2, "no `time` among id, at, wind"),
        ("odd.txt", "at", 2, "--format json, ndjson or csv"),
        ("empty", "at", 2, "holds no file that ends in"),
        ("*.parquet", "at", 2, "no file matches"),
        ("absent.json", "at", 2, "cannot read absent.json"),
    ] {
        let said =
            fails(&tidegate(dir.path(), &["partition", file, "--out", "lake", "--event-time", event]), code);
        assert!(said.contains(words), "{file}: {said}");
    }
    assert_eq!(parquet(&dir.path().join("lake")), Vec::<PathBuf>::new());
}

#[test]
fn a_run_that_died_after_its_commit_is_finished_by_the_next_and_one_before_it_leaves_nothing() {
    let dir = directory(&[("events.ndjson", LINES.as_bytes())]);
    let args = ["partition", "events.ndjson", "--out", "lake", "--event-time", "at", "--json"];
    let report = json(&tidegate(dir.path(), &args));
    let landed = parquet(&dir.path().join("lake"));
    // As if it had died before it moved the first file into place, and another before its manifest.
    let ours = dir.path().join("lake/_tidegate");
    let part = ours.join(format!("{}.part", report["run"].as_str().expect("a name")));
    let key = landed[0].strip_prefix(dir.path().join("lake")).expect("below").to_str().expect("a text");
    fs::create_dir(&part).expect("made");
    fs::rename(&landed[0], part.join(key.replace('/', ","))).expect("moved");
    fs::create_dir(ours.join("0123.part")).expect("made");
    fs::write(ours.join("0123.part/year=2026,half.parquet"), "half").expect("written");
    ok(&tidegate(dir.path(), &args));
    assert_eq!(parquet(&dir.path().join("lake")), landed);
    assert!(!part.exists() && !ours.join("0123.part").exists());
}

#[test]
fn a_table_larger_than_a_chunk_keeps_its_quoted_line_ends() {
    let rows = 40_000;
    let row =
        |i: i32| format!("2026-11-23T{:02}:00:00Z,{i},\"two\nlines, \"\"{i}\"\" and a comma\"\n", i % 24);
    let text: String = std::iter::once("at,n,note\n".to_owned()).chain((0..rows).map(row)).collect();
    assert!(text.len() > 2 << 20, "more than a chunk");
    let dir = directory(&[("table.csv", text.as_bytes())]);
    let args =
        ["partition", "table.csv", "--out", "lake", "--event-time", "at", "--memory", "64MiB", "--json"];
    let report = json(&tidegate(dir.path(), &args));
    assert_eq!(
        (&report["rows"], &report["rejected"], &report["partitions"]),
        (&rows.into(), &0.into(), &24.into())
    );
}

/// A document whose list is larger than a chunk; record `timeless` has no time.
fn document(rows: usize, timeless: usize, tail: &str) -> String {
    let record = |i: usize| {
        let at =
            if i == timeless { "null".to_owned() } else { format!("\"2026-11-23T{:02}:00:00Z\"", i % 24) };
        format!(
            "{{\"at\": {at},\n  \"n\": {i}, \"text\": \"],[ \\\"{i}\\\\\", \"list\": [{{\"a\": [{i}]}}]}}"
        )
    };
    let records: Vec<String> = (0..rows).map(record).collect();
    format!("{{\"meta\": {{\"data\": [1, 2]}}, \"data\": [{}{tail}", records.join(" ,\n"))
}

#[test]
fn a_list_larger_than_a_chunk_is_read_in_parts() {
    let rows = 40_000;
    let text = document(rows, 30_000, "], \"next\": null}\n");
    assert!(text.len() > 3 << 20, "more than a chunk");
    let list = document(rows, 30_000, "]");
    let list = list.split_once("\"data\": [{").expect("a list").1;
    let dir = directory(&[("one.json", text.as_bytes()), ("two.json", format!("[{{{list}").as_bytes())]);
    for (file, records) in [("one.json", "$.data[*]"), ("one.json", "$.data"), ("two.json", "$[*]")] {
        let out = format!("lake-{}", records.len());
        let args = [
            "partition",
            file,
            "--out",
            &out,
            "--event-time",
            "at",
            "--records",
            records,
            "--memory",
            "64MiB",
            "--json",
        ];
        let report = json(&tidegate(dir.path(), &args));
        assert_eq!(
            (&report["rows"], &report["rejected"], &report["partitions"]),
            (&(rows - 1).into(), &1.into(), &24.into()),
            "{file} {records}"
        );
        let rejects = fs::read_to_string(dir.path().join(report["rejects"].as_str().expect("a path")));
        let line: serde_json::Value = serde_json::from_str(&rejects.expect("rejects")).expect("one line");
        assert_eq!((&line["row"], &line["record"]["n"]), (&30_000.into(), &30_000.into()));
    }
}

#[test]
fn a_list_that_is_no_json_lands_nothing_however_it_is_cut() {
    for (i, tail) in ["", "]", "], \"data\": []}", ",]}", "]} 1", "}}"].iter().enumerate() {
        let dir = directory(&[("one.json", document(40_000, usize::MAX, tail).as_bytes())]);
        let args = [
            "partition",
            "one.json",
            "--out",
            "lake",
            "--event-time",
            "at",
            "--records",
            "$.data[*]",
            "--memory",
            "64MiB",
        ];
        let said = fails(&tidegate(dir.path(), &args), 4);
        assert!(said.contains("one.json"), "{i}: {said}");
        assert_eq!(parquet(&dir.path().join("lake")), Vec::<PathBuf>::new());
    }
}

#[test]
fn rejects_of_a_run_that_begins_anew_are_written_once() {
    // The sample does not see the column that turns up late, so the data is read twice.
    let line = |i: usize| match i {
        5 | 45_000 => format!("{{\"at\":\"never\",\"n\":{i}}}\n"),
        50_000.. => {
            format!("{{\"at\":\"2026-11-23T03:00:00Z\",\"n\":{i},\"late\":true,\"text\":\"{i:040}\"}}\n")
        }
        _ => format!("{{\"at\":\"2026-11-23T03:00:00Z\",\"n\":{i},\"text\":\"{i:040}\"}}\n"),
    };
    let text: String = (0..51_000).map(line).collect();
    let dir = directory(&[("late.ndjson", text.as_bytes())]);
    let args =
        ["partition", "late.ndjson", "--out", "lake", "--event-time", "at", "--memory", "64MiB", "--json"];
    let report = json(&tidegate(dir.path(), &args));
    assert_eq!((&report["passes"], &report["rejected"]), (&2.into(), &2.into()));
    let rejects = fs::read_to_string(dir.path().join(report["rejects"].as_str().expect("a path")));
    assert_eq!(rejects.expect("rejects").lines().count(), 2);
}
