//! What a correct output of a workload must show.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Aggregates over all rows and rows of each minute.
#[derive(Default)]
pub(super) struct Facts {
    values: Vec<(&'static str, i64)>,
    /// From 2024-03-15T00:00Z.
    minutes: Vec<i64>,
}

impl Facts {
    /// Adds to an aggregate.
    pub(super) fn add(&mut self, name: &'static str, value: i64) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += value,
            None => self.values.push((name, value)),
        }
    }

    /// Counts a row of a minute.
    pub(super) fn row(&mut self, minute: usize) {
        self.add("rows", 1);
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, 0);
        }
        self.minutes[minute] += 1;
    }

    /// Writes them as `check.py` reads them.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = String::new();
        // Writing to a String never fails.
        for (name, value) in &self.values {
            let _ = writeln!(text, "{name} {value}");
        }
        for (hour, minutes) in self.minutes.chunks(60).enumerate() {
            let path = format!("year=2024/month=03/day={:02}/hour={:02}", 15 + hour / 24, hour % 24);
            let rows: i64 = minutes.iter().sum();
            if rows > 0 {
                let _ = writeln!(text, "partition {path} {rows}");
            }
            for (minute, rows) in minutes.iter().enumerate().filter(|(_, rows)| **rows > 0) {
                let _ = writeln!(text, "partition {path}/minute={minute:02} {rows}");
            }
        }
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Numbers that look random and are the same in every run: splitmix64.
pub(in crate::bench) struct Random(pub(in crate::bench) u64);

impl Random {
    pub(in crate::bench) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(in crate::bench) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % end.unsigned_abs()).unwrap_or(0)
    }
}

/// A number of tenths or hundredths as JSON.
pub(in crate::bench) fn decimal(value: i64, digits: usize) -> String {
    let scale = 10i64.pow(digits as u32);
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:0digits$}", value.abs() / scale, value.abs() % scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_sign_and_zeros() {
        assert_eq!(
            (decimal(-5, 2), decimal(1205, 2), decimal(-125, 1)),
            ("-0.05".into(), "12.05".into(), "-12.5".into())
        );
    }
}
