//! `tidegate cadence simulate`: traces and policies in, figures out.

use crate::{fails, json, ok, tidegate};

const FIELDS: [&str; 11] = [
    "changes",
    "polls",
    "polls_per_change",
    "capture",
    "delay_mean",
    "delay_p50",
    "delay_p95",
    "age_mean",
    "waste",
    "gain",
    "convergence_changes",
];

#[test]
fn a_trace_file_is_polled_by_every_policy_and_measured() {
    let dir = tempfile::tempdir().expect("a directory");
    let changes: String = (0..400).map(|beat| format!("{}\n", 137 + beat * 900)).collect();
    std::fs::write(dir.path().join("t.txt"), format!("# a quarter hour\n\n{changes}")).expect("written");
    for policy in
        ["tide", "fixed:7m", "nutch", "aimd", "miniflux", "chogm", "mavsync", "ttl", "rfc9111", "siacho"]
    {
        let simulate =
            ["cadence", "simulate", "--trace", "t.txt", "--level", "1", "--policy", policy, "--json"];
        let figures = json(&tidegate(dir.path(), &simulate));
        let names: Vec<&String> = figures.as_object().expect("an object").keys().collect();
        assert_eq!(names, FIELDS);
        assert!(figures["polls"].as_u64() > Some(0), "{policy} {figures}");
        if policy == "tide" {
            // Of 400 changes 100 lie in the first quarter, and the last one is the end of the trace.
            assert_eq!(figures["changes"], 299);
            assert!(figures["gain"].as_f64() > Some(5.0), "{figures}");
        }
    }
    let shown = ok(&tidegate(dir.path(), &["cadence", "simulate", "--trace", "t.txt", "--hint", "15m"]));
    assert!(shown.contains("299 changes") && shown.contains("gain over a fixed interval"), "{shown}");
}

#[test]
fn what_cannot_be_simulated_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("bad.txt"), "1\n2\nthree\n").expect("written");
    let simulate = |rest: &[&str]| tidegate(dir.path(), &[&["cadence", "simulate"], rest].concat());
    let said = fails(&simulate(&["--trace", "bad.txt"]), 2);
    assert!(said.contains("bad.txt is no trace: line 3: `three` is not a number"), "{said}");
    let said = fails(&simulate(&["--trace", "gone.txt"]), 2);
    assert!(said.contains("there is no file gone.txt") && said.contains("per15"), "{said}");
    std::fs::write(dir.path().join("bytes"), [0xff, 0xfe, 0x00]).expect("written");
    let said = fails(&simulate(&["--trace", "bytes"]), 2);
    assert!(said.contains("bytes is no trace: it is no text"), "{said}");
    std::fs::write(dir.path().join("one.txt"), "900\n").expect("written");
    let said = fails(&simulate(&["--trace", "one.txt"]), 2);
    assert!(said.contains("one.txt is no trace: there is one change time in it"), "{said}");
    let said = fails(&simulate(&["--trace", "per15", "--min", "5m", "--max", "1m"]), 2);
    assert!(said.contains("--min 5m is longer than --max 1m"), "{said}");
    let said = fails(&simulate(&["--trace", "per15", "--policy", "fixed:0s"]), 2);
    assert!(said.contains("`fixed:0s` is no policy; one of tide, fixed:7m, nutch"), "{said}");
    let said = fails(&simulate(&["--trace", "per15", "--polls-per-change", "0"]), 2);
    assert!(said.contains("a number above 0"), "{said}");
}
