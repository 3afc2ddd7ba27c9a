//! How many instructions the hot functions take: unlike seconds, they do not depend on what else the machine does. The
//! figures that were agreed on are in `instructions.txt`; a test run fails where one has grown beyond the tolerance.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::counts::Counts;
use crate::place;
use crate::shell;

/// Growth that is let pass: hash seeds, and another processor's string functions.
const TOLERANCE: f64 = 0.05;
/// Where the agreed figures are.
const AGREED: &str = "xtask/src/bench/instructions.txt";

/// Counts and compares; `--agree` takes the figures of today for the agreed ones.
pub(super) fn run(options: &[String]) -> Result<bool, String> {
    let valgrind =
        valgrind().ok_or("valgrind is not there; install it (Debian: apt-get install valgrind)")?;
    let counted = count(&valgrind)?;
    if options.iter().any(|option| option == "--agree") {
        let lines = counted.iter().map(|(case, count)| format!("{case} {count}\n"));
        let text = format!("# {}\n{}", compiler(), lines.collect::<String>());
        fs::write(place::root().join(AGREED), text).map_err(|error| error.to_string())?;
    }
    let (compiler_of, agreed) = agreed()?;
    if compiler_of != compiler() {
        println!("the agreed figures are of {compiler_of}, this is {}: not judged", compiler());
    }
    Ok(compare(&agreed, &counted) || compiler_of != compiler())
}

/// The step of the tests: skipped, which is said, where valgrind is not there and cannot be installed.
pub(crate) fn step() -> Result<Counts, String> {
    if valgrind().is_none() && shell::first_line("id", &["-u"]).as_deref() == Some("0") {
        let _ = shell::run(Command::new("apt-get").args(["install", "-y", "-qq", "valgrind"]));
    }
    match valgrind() {
        Some(_) => run(&[]).map(Counts::one),
        None => {
            println!("skipped: valgrind is not there, and only root can install it");
            Ok(Counts { skipped: 1, ..Counts::default() })
        }
    }
}

fn valgrind() -> Option<PathBuf> {
    shell::first_line("valgrind", &["--version"]).map(|_| PathBuf::from("valgrind"))
}

fn compiler() -> String {
    shell::first_line("rustc", &["--version"]).unwrap_or_default()
}

/// Instructions of each case: those of running it twice less those of running it once.
fn count(valgrind: &PathBuf) -> Result<BTreeMap<String, u64>, String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--workspace", "--example", "hot", "--locked", "--quiet"]);
    shell::must(cargo.current_dir(place::root()))?;
    let hot = place::target().join("debug/examples/hot");
    let listed = Command::new(&hot).output().map_err(|error| format!("{}: {error}", hot.display()))?;
    let cases = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut counted = BTreeMap::new();
    for case in cases.lines() {
        let of = |more: &[&str]| {
            let mut command = Command::new(valgrind);
            command
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg(&hot)
                .arg(case)
                .args(more);
            let output = command.output().map_err(|error| format!("valgrind: {error}"))?;
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            collected(&text).filter(|_| output.status.success()).ok_or(text)
        };
        counted.insert(case.to_owned(), of(&["--twice"])?.saturating_sub(of(&[])?));
    }
    Ok(counted)
}

/// The count on callgrind's line `Collected : 123`.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn agreed() -> Result<(String, BTreeMap<String, u64>), String> {
    let text =
        fs::read_to_string(place::root().join(AGREED)).map_err(|error| format!("{AGREED}: {error}"))?;
    let pair = |line: &str| {
        let (case, count) = line.split_once(' ')?;
        Some((case.to_owned(), count.parse().ok()?))
    };
    let compiler = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
    Ok((compiler.to_owned(), text.lines().skip(1).filter_map(pair).collect()))
}

/// Prints each case; whether none has grown too much, and none is missing.
fn compare(agreed: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> bool {
    println!("{:<16} {:>14} {:>14} {:>8}", "case", "agreed", "now", "change");
    let judge = |(case, now): (&String, &u64)| {
        let Some(before) = agreed.get(case) else {
            println!("{case:<16} {:>14} {now:>14}     new: `cargo xtask bench instructions --agree`", "");
            return false;
        };
        let change = *now as f64 / *before as f64 - 1.0;
        let word = if change > TOLERANCE { "  too much: find out why, or --agree" } else { "" };
        println!("{case:<16} {before:>14} {now:>14} {:>+7.1}%{word}", change * 100.0);
        change <= TOLERANCE
    };
    counted.iter().map(judge).filter(|fine| !fine).count() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_beyond_the_tolerance_is_seen() {
        let figures = |count| BTreeMap::from([("a".to_owned(), count)]);
        assert!(compare(&figures(100), &figures(104)) && compare(&figures(100), &figures(50)));
        assert!(!compare(&figures(100), &figures(106)) && !compare(&BTreeMap::new(), &figures(1)));
        assert_eq!(collected("==1== Events : Ir\n==1== Collected : 12345\n"), Some(12345));
    }
}
