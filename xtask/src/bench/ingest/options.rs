//! The options of the bench.

use std::path::PathBuf;

use super::tools::Tool;

/// What they are.
const USAGE: &str = "\
cargo xtask bench ingest
  --pages N          pages of 100 records (default 2000)
  --runs N           runs of each tool (default 3)
  --peers TOOL,…     of dlt, airbyte, aiohttp (default all; none for tidegate alone)
  --profile P        release or dev: how tidegate is built (default release)
  --binary PATH      this tidegate instead of a built one
  --dry              writes no page";

/// The options, read.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) pages: usize,
    pub(super) runs: usize,
    peers: Vec<String>,
    /// What is passed on to whoever builds the binary.
    pub(super) build: Vec<String>,
    pub(super) binary: Option<PathBuf>,
    /// Whether the page is written.
    pub(super) writes: bool,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Options, String> {
        let peers = ["dlt", "airbyte", "aiohttp"].map(str::to_owned).to_vec();
        let mut options =
            Options { pages: 2000, runs: 3, peers, build: Vec::new(), binary: None, writes: true };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value\n\n{USAGE}"));
            let number = |text: &String| text.parse().map_err(|_| format!("{arg} takes a number\n\n{USAGE}"));
            match arg.as_str() {
                "--pages" => options.pages = number(value()?)?,
                "--runs" => options.runs = number(value()?)?,
                "--peers" => options.peers = value()?.split(',').map(str::to_owned).collect(),
                "--profile" => options.build = vec![arg.clone(), value()?.clone()],
                "--binary" => options.binary = Some(value()?.into()),
                "--dry" => options.writes = false,
                other => return Err(format!("the bench does not know `{other}`\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    pub(super) fn wants(&self, tool: Tool) -> bool {
        tool == Tool::Tidegate || self.peers.iter().any(|name| name == tool.word())
    }
}
