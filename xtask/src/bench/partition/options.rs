//! The options of the bench.

use std::path::PathBuf;

/// What they are.
pub(super) const USAGE: &str = "\
cargo xtask bench partition
  --size SIZE        size of the input, such as 64MiB or 1GiB (default 1GiB)
  --runs N           runs of each tool (default 5)
  --jobs JOB,…       of hour, minute, documents, gzip (default all)
  --peers TOOL,…     of duckdb, polars, pyarrow, datafusion (default the first three)
  --small            64 MiB, DuckDB alone, one run; writes no page
  --profile P        release or dev: how tidegate is built (default release)
  --binary PATH      this tidegate instead of a built one";

/// The options, read.
#[derive(Debug)]
pub(in crate::bench) struct Options {
    /// Bytes of the largest input.
    pub(in crate::bench) size: u64,
    pub(in crate::bench) runs: usize,
    jobs: Vec<String>,
    pub(super) peers: Vec<String>,
    pub(in crate::bench) small: bool,
    pub(in crate::bench) profile: String,
    pub(super) binary: Option<PathBuf>,
}

impl Options {
    pub(in crate::bench) fn parse(args: &[String]) -> Result<Options, String> {
        let small = args.iter().any(|arg| arg == "--small");
        let peers: &[&str] = if small { &["duckdb"] } else { &["duckdb", "polars", "pyarrow"] };
        let mut options = Options {
            size: if small { 64 << 20 } else { 1 << 30 },
            runs: if small { 1 } else { 5 },
            jobs: Vec::new(),
            peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
            small,
            profile: "release".to_owned(),
            binary: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value\n\n{USAGE}"));
            let list = |text: &String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
            match arg.as_str() {
                "--size" => options.size = bytes(value()?)?,
                "--runs" => options.runs = value()?.parse().map_err(|_| "--runs takes a number")?,
                "--jobs" => options.jobs = list(value()?),
                "--peers" => options.peers = list(value()?),
                "--small" => {}
                "--profile" => options.profile = value()?.clone(),
                "--binary" => options.binary = Some(value()?.into()),
                other => return Err(format!("the bench does not know `{other}`\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    pub(super) fn wants(&self, job: &str) -> bool {
        self.jobs.is_empty() || self.jobs.iter().any(|name| name == job)
    }
}

/// `64MiB` in bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let found = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let size = found.and_then(|(number, shift)| Some(number.parse::<u64>().ok()? << shift));
    size.ok_or(format!("`{text}` is no size; write 64MiB or 1GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_small_form_has_its_own_defaults() {
        let small = parse("--small --jobs hour").expect("options");
        assert_eq!((small.size, small.runs, small.peers.len()), (64 << 20, 1, 1));
        assert!(small.wants("hour") && !small.wants("gzip"));
        assert_eq!(parse("--size 2GiB").expect("options").size, 2 << 30);
        assert!(parse("--size 2").is_err() && parse("--what").is_err() && parse("--runs").is_err());
    }
}
