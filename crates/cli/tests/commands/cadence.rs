//! What was learned, and what a day takes: cadence, forecast, the line in status and run.

use crate::pipeline::initialised;
use crate::{fails, json, ok, tidegate};

#[test]
fn what_was_learned_is_one_line_everywhere() {
    let dir = initialised();
    let before = ok(&tidegate(dir.path(), &["cadence"]));
    assert!(before.starts_with("things: next ") && before.contains("no change seen yet"), "{before}");
    ok(&tidegate(dir.path(), &["run", "--once"]));
    let shown = ok(&tidegate(dir.path(), &["cadence"]));
    assert!(shown.starts_with("things: next ") && shown.contains("; floor "), "{shown}");
    let line = shown.trim_end().trim_start_matches("things: ");
    assert!(ok(&tidegate(dir.path(), &["status"])).contains(line));
    let seen = json(&tidegate(dir.path(), &["cadence", "--json"]));
    assert_eq!((&seen[0]["stream"], &seen[0]["polls"]), (&"things".into(), &1.into()));
    assert_eq!(seen[0]["line"], line);
    let run = tidegate(dir.path(), &["run", "--once"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(said.contains("things: unchanged; next "), "{said}");
    let fixed = ok(&tidegate(dir.path(), &["cadence", "--set", "streams.things.cadence=7m"]));
    assert!(fixed.contains(": every 7m as the file says; "), "{fixed}");
}

#[test]
fn the_last_polls_are_drawn() {
    let dir = initialised();
    for _ in 0..3 {
        ok(&tidegate(dir.path(), &["run", "--once"]));
    }
    ok(&tidegate(dir.path(), &["cadence", "--plot", "out.svg"]));
    let drawn = std::fs::read_to_string(dir.path().join("out.svg")).expect("a picture");
    assert!(drawn.starts_with("<svg") && drawn.contains(">nothing new: 2<"), "{drawn}");
    assert!(drawn.contains(">things: next "), "{drawn}");
    let said = fails(&tidegate(dir.path(), &["cadence", "--plot", "no/where.svg"]), 2);
    assert!(said.contains("cannot write no/where.svg"), "{said}");
}

#[test]
fn a_day_is_forecast_with_its_basis_and_its_quota() {
    let dir = initialised();
    let day = |set: &str| json(&tidegate(dir.path(), &["forecast", "--json", "--set", set]));
    let fixed = day("streams.things.cadence=10m");
    assert_eq!(
        (&fixed["streams"][0]["calls_per_day"], &fixed["calls_per_day"]),
        (&144.0.into(), &144.0.into())
    );
    assert_eq!(
        (&fixed["streams"][0]["basis"], &fixed["streams"][0]["delay"]),
        (&"given".into(), &300.0.into())
    );
    assert_eq!(fixed["streams"][0]["bytes_per_day"], serde_json::Value::Null);
    assert_eq!(day("source.limits.calls_per_day=1000")["quota"], 1000);
    let short = tidegate(
        dir.path(),
        &[
            "forecast",
            "--json",
            "--set",
            "streams.things.cadence=10m",
            "--set",
            "source.limits.calls_per_day=36",
        ],
    );
    let short = json(&short);
    assert_eq!((&short["quota_share"], &short["calls_per_day"]), (&4.0.into(), &36.0.into()));
    assert_eq!(
        (&short["streams"][0]["polls_per_day"], &short["streams"][0]["delay"]),
        (&36.0.into(), &1200.0.into()),
        "a quota that is short costs delay"
    );
    ok(&tidegate(dir.path(), &["run", "--once"]));
    assert!(day("streams.things.cadence=10m")["streams"][0]["bytes_per_day"].as_f64() > Some(0.0));
    let shown = ok(&tidegate(dir.path(), &["forecast", "--set", "source.limits.calls_per_day=10"]));
    assert!(shown.contains("of 10 allowed for the source") && shown.contains("a guess"), "{shown}");
}
