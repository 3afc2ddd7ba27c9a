//! How many tests a step ran, read from what its runner printed.

use std::fmt;
use std::ops::AddAssign;

/// Tests passed, failed and skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// A step that is one check.
    pub(crate) fn one(passed: bool) -> Counts {
        Counts { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }

    /// Sums every summary line of `cargo test`, nextest, pytest or our own in a runner's output. A runner that
    /// failed without counting a failure (it did not compile, it crashed) counts as one.
    pub(crate) fn read(output: &str, succeeded: bool) -> Counts {
        let mut sum = Counts::default();
        let lines: Vec<String> = output.lines().map(plain).collect();
        // nextest shows what a failed test printed, and that has a summary of its own.
        let nextest = lines.iter().any(|line| line.trim_start().starts_with("Summary ["));
        let counts =
            |line: &&String| is_summary(line) && !(nextest && line.trim_start().starts_with("test result:"));
        for line in lines.iter().filter(counts) {
            sum += of_summary(line);
        }
        if !succeeded && sum.failed == 0 {
            sum.failed = 1;
        }
        sum
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

fn is_summary(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("test result:")
        || line.starts_with("Summary [")
        || (line.starts_with("===") && line.contains(" in "))
        || line.starts_with("counted: ")
}

fn of_summary(line: &str) -> Counts {
    let mut counts = Counts::default();
    let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || ",;()".contains(c)).collect();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u64>() else { continue };
        match pair[1] {
            "passed" => counts.passed += number,
            "failed" | "error" | "errors" | "timed" => counts.failed += number,
            "skipped" | "ignored" => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

/// The line without terminal colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn every_runner_is_understood() {
        let cargo = "test a ... ok\ntest result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 4 filtered out; finished in 0.1s";
        assert_eq!(Counts::read(cargo, false), counts(3, 1, 2));
        let nextest = "\x1b[32;1m     Summary\x1b[0m [   0.003s] \x1b[1m5\x1b[0m tests run: \x1b[1m4\x1b[0m passed (1 slow), \x1b[1m1\x1b[0m failed, 7 skipped";
        assert_eq!(Counts::read(nextest, false), counts(4, 1, 7));
        let failed = "    test result: FAILED. 0 passed; 1 failed; 0 ignored\n     Summary [ 1s] 5 tests run: 4 passed, 1 failed, 7 skipped";
        assert_eq!(Counts::read(failed, false), counts(4, 1, 7));
        let pytest = "========= 1 failed, 2 passed, 1 skipped, 1 error in 3.21s =========";
        assert_eq!(Counts::read(pytest, false), counts(2, 2, 1));
        assert_eq!(Counts::read("counted: 500 passed, 0 failed, 0 skipped", true), counts(500, 0, 0));
    }

    #[test]
    fn several_summaries_add_up_and_other_lines_do_not_count() {
        let text = "9 passed in my imagination\ntest result: ok. 3 passed; 0 failed; 0 ignored\ntest result: ok. 4 passed; 0 failed; 1 ignored";
        assert_eq!(Counts::read(text, true), counts(7, 0, 1));
    }

    #[test]
    fn a_runner_that_dies_without_a_count_is_one_failure() {
        assert_eq!(Counts::read("error: could not compile", false), counts(0, 1, 0));
    }
}
