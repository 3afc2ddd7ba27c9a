//! The tools, how each is told what to do, and whether it did it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::options::Options;
use super::server::{Process, RECORDS};
use crate::bench::partition::measure::script;
use crate::bench::partition::{binary, options as partition};
use crate::{shell, tools};

/// Documents of the fan-out.
const LOCATIONS: usize = 1000;

/// Requests in flight.
const CONCURRENCY: usize = 20;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Pages by number.
    Pages,
    /// One document for each of many places.
    FanOut,
}

impl Job {
    pub(super) fn headline(self, options: &Options) -> String {
        match self {
            Job::Pages => format!(
                "{} pages of {RECORDS} records, by page number; tidegate stages every page as it came, commits the poll, and \
                 loads it exactly once into hourly partitions",
                options.pages
            ),
            Job::FanOut => format!(
                "{LOCATIONS} requests that take 20 ms each, {CONCURRENCY} in flight: no tool can be faster than {:.2} s",
                LOCATIONS as f64 / CONCURRENCY as f64 * 0.02
            ),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Job::Pages => "page",
            Job::FanOut => "fanout",
        }
    }
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Tidegate,
    Dlt,
    Airbyte,
    Aiohttp,
}

impl Tool {
    pub(super) const ALL: [Tool; 4] = [Tool::Tidegate, Tool::Dlt, Tool::Airbyte, Tool::Aiohttp];

    pub(super) fn word(self) -> &'static str {
        match self {
            Tool::Tidegate => "tidegate",
            Tool::Dlt => "dlt",
            Tool::Airbyte => "airbyte",
            Tool::Aiohttp => "aiohttp",
        }
    }

    /// The name in a table, with what it writes.
    pub(super) fn name(self, job: Job) -> &'static str {
        match (self, job) {
            (Tool::Tidegate, _) => "tidegate, into Parquet",
            (Tool::Dlt, _) => "dlt, into Parquet",
            (Tool::Airbyte, _) => "Airbyte CDK, to JSON lines",
            (Tool::Aiohttp, _) => "aiohttp script, into Parquet",
        }
    }

    /// Whether the tool has a way to do it.
    pub(super) fn does(self, job: Job) -> bool {
        self != Tool::Airbyte || job == Job::Pages
    }
}

/// The tools, installed.
pub(super) struct Tools {
    ours: PathBuf,
    /// The Python that measures and checks, which is also the script's.
    pub(super) python: PathBuf,
    dlt: PathBuf,
    airbyte: PathBuf,
}

impl Tools {
    /// Installs what is wanted.
    pub(super) fn ready(options: &Options) -> Result<Tools, String> {
        let python = tools::venv("venv-ingest", "tests/bench/requirements-ingest.txt")?;
        let of = |tool: Tool, requirements: &str| match options.wants(tool) {
            true => tools::venv(&format!("venv-{}", tool.word()), requirements),
            false => Ok(python.clone()),
        };
        Ok(Tools {
            ours: match &options.binary {
                Some(path) => path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?,
                None => binary(&partition::Options::parse(&options.build)?)?,
            },
            dlt: of(Tool::Dlt, "tests/bench/requirements-dlt.txt")?,
            airbyte: of(Tool::Airbyte, "tests/bench/requirements-airbyte.txt")?,
            python,
        })
    }

    fn python_of(&self, tool: Tool) -> &Path {
        match tool {
            Tool::Tidegate | Tool::Aiohttp => &self.python,
            Tool::Dlt => &self.dlt,
            Tool::Airbyte => &self.airbyte,
        }
    }

    /// The versions of the peers.
    pub(super) fn versions(&self) -> String {
        let of = |tool: Tool, package: &str| {
            let code = format!("from importlib.metadata import version; print(version('{package}'))");
            let said = shell::first_line(self.python_of(tool), &["-c", &code]);
            said.map(|version| format!("{package} {version}"))
        };
        let all = [of(Tool::Dlt, "dlt"), of(Tool::Airbyte, "airbyte-cdk"), of(Tool::Aiohttp, "aiohttp")];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The command that reads the API into the directory `out`.
    pub(super) fn command(
        &self,
        tool: Tool,
        job: Job,
        server: &Process,
        out: &Path,
        options: &Options,
    ) -> Result<Vec<String>, String> {
        let text = |path: &Path| path.display().to_string();
        if tool == Tool::Tidegate {
            let file = out.join("tidegate.toml");
            std::fs::write(&file, pipeline(job, &server.url)).map_err(|error| error.to_string())?;
            let words = [&text(&self.ours), "run", "--once", "--quiet", &text(&file)];
            return Ok(words.map(str::to_owned).to_vec());
        }
        let (python, script) = (text(self.python_of(tool)), text(&script("ingest.py")));
        let (pages, out) = (options.pages.to_string(), text(out));
        let words = [&python, &script, tool.word(), job.word(), &server.url, &out, &pages];
        Ok(words.map(str::to_owned).to_vec())
    }

    /// Whether every record that is served is in the output once.
    pub(super) fn is_right(
        &self,
        tool: Tool,
        job: Job,
        out: &Path,
        options: &Options,
    ) -> Result<bool, String> {
        let wanted = match job {
            Job::Pages => options.pages * RECORDS,
            Job::FanOut => LOCATIONS,
        };
        let mut check = Command::new(&self.python);
        check.arg(script("ingest_check.py")).args([tool.word(), job.word()]).arg(out).arg(wanted.to_string());
        let ran = check.output().map_err(|error| format!("cannot start the check: {error}"))?;
        let said = String::from_utf8_lossy(&ran.stdout);
        if !ran.status.success() {
            eprintln!("{}: {said}{}", tool.name(job), String::from_utf8_lossy(&ran.stderr));
        }
        Ok(ran.status.success())
    }
}

fn pipeline(job: Job, url: &str) -> String {
    let head = format!(
        "name = \"bench\"\n[source]\nbase_url = \"{url}\"\n[source.limits]\nconcurrency = {CONCURRENCY}\n[[streams]]\nname = \"records\"\n\
         partition_by = \"hour\"\n"
    );
    match job {
        Job::Pages => format!(
            "{head}path = \"/records\"\nrecords = \"$.data[*]\"\nevent_time = \"updated_at\"\n\
             paginator = {{ type = \"page_number\", base_page = 1, total_path = \"$.total_pages\" }}\n"
        ),
        Job::FanOut => {
            let locations: Vec<String> = (0..LOCATIONS).map(|location| location.to_string()).collect();
            format!(
                "{head}path = \"/weather\"\nevent_time = \"time\"\nparams = {{ location = \"{{location}}\" }}\n\
                 for_each = {{ location = [{}] }}\n",
                locations.join(", ")
            )
        }
    }
}
