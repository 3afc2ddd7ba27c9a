//! One run of one tool, measured, and what its output is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place;
use crate::shell;

/// What a run took, or the median of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::bench) struct Taken {
    /// Seconds.
    pub(in crate::bench) wall: f64,
    /// Seconds of all threads.
    pub(in crate::bench) cpu: f64,
    /// Largest resident set in bytes.
    pub(in crate::bench) memory: f64,
}

/// What a run wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::bench) struct Output {
    pub(in crate::bench) correct: bool,
    pub(in crate::bench) files: f64,
    pub(in crate::bench) bytes: f64,
    /// Seconds that DuckDB takes for a query over half of it.
    pub(in crate::bench) query: f64,
}

/// A script of the bench.
pub(in crate::bench) fn script(name: &str) -> PathBuf {
    place::root().join("tests/bench").join(name)
}

/// Runs a command under `measure.py`.
pub(in crate::bench) fn measured(python: &Path, command: &[String]) -> Result<Taken, String> {
    measured_with_words(python, command).map(|(taken, _)| taken)
}

/// The same, and what it printed.
pub(in crate::bench) fn measured_with_words(
    python: &Path,
    command: &[String],
) -> Result<(Taken, String), String> {
    let mut measure = Command::new(python);
    measure.arg(script("measure.py")).args(command).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = measure.output().map_err(|error| format!("cannot start measure.py: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || format!("{}\n{text}\n{}", command.join(" "), String::from_utf8_lossy(&output.stderr));
    let found = values(&text, "measured").ok_or_else(said)?;
    if found.get("status").is_none_or(|status| status != "0") {
        return Err(said());
    }
    let taken = Taken {
        wall: number(&found, "wall"),
        cpu: number(&found, "user") + number(&found, "sys"),
        memory: number(&found, "rss"),
    };
    Ok((taken, text.into_owned()))
}

/// Holds an output against the facts of its workload.
pub(in crate::bench) fn checked(
    python: &Path,
    shape: &str,
    facts: &Path,
    out: &Path,
    grain: &str,
) -> Result<Output, String> {
    let mut check = Command::new(python);
    check.arg(script("check.py")).arg(shape).arg(facts).arg(out).arg(grain);
    let ran = shell::run(check.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    let found = values(&ran.output, "checked").ok_or("check.py failed")?;
    Ok(Output {
        correct: found.get("ok").is_some_and(|word| word == "true"),
        files: number(&found, "files"),
        bytes: number(&found, "bytes"),
        query: number(&found, "query"),
    })
}

/// The `name=value` pairs of the last line that begins with a word.
fn values(text: &str, word: &str) -> Option<HashMap<String, String>> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix(word))?;
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(line.split_whitespace().filter_map(pair).collect())
}

fn number(found: &HashMap<String, String>, name: &str) -> f64 {
    found.get(name).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// The medians of several runs, the largest memory.
pub(in crate::bench) fn median(runs: &[Taken]) -> Taken {
    let of = |pick: fn(&Taken) -> f64| middle(runs.iter().map(pick).collect());
    let memory = runs.iter().map(|one| one.memory).fold(0.0, f64::max);
    Taken { wall: of(|one| one.wall), cpu: of(|one| one.cpu), memory }
}

/// The middle one; the mean of the middle two.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!((middle(vec![3.0, 1.0, 2.0]), middle(vec![4.0, 1.0])), (2.0, 2.5));
    }

    #[test]
    fn the_last_line_of_that_word_counts() {
        let found =
            values("noise\nmeasured wall=1\nmeasured wall=2.5 status=0\n", "measured").expect("a line");
        assert_eq!((number(&found, "wall"), found["status"].as_str()), (2.5, "0"));
        assert!(values("nothing", "measured").is_none());
    }
}
