//! `tidegate partition`: plain files into partitioned Parquet, without a pipeline file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tidegate_core::pipeline::{ByteSize, Contract, EventTime, Format, LoadSpec, PartitionBy, TimeUnit};
use tidegate_core::schema::DeclaredType;
use tidegate_engine::partition::{Job, Report, find, partition};

use crate::failure::Failure;
use crate::output::Shell;
use crate::words;

const AGAIN: &str = "\
Running it again
  Nothing shows below --out until all of it is written; a run that fails or is killed leaves no row there.
  Files that are there are never changed or removed. Each input (its path, length and time of change; the content
  of standard input) is taken in once: run again, it is left out, and new files are added beside the old ones. An
  input that has changed since is an error, as its rows would be there twice: partition it into another --out.
  _tidegate/ below --out keeps what was taken in; query engines leave it out. One run at a time writes there.

Rows that do not fit
  A row without a readable event time, or with a value that its column cannot hold, goes to _rejects/<run>.ndjson
  below --out with its file, its ordinal there and the reason. A file that cannot be taken apart ends the run with
  its name and line.

Examples
  tidegate partition events.ndjson --out lake --event-time event_time --by hour
  tidegate partition 'raw/*.json.gz' --out lake --event-time properties.time --records '$.features[*]'
  zcat log.gz | tidegate partition - --format ndjson --out lake --event-time ts --event-unit ms --by day";

/// Partition JSON, NDJSON and CSV files by event time into Parquet, without a pipeline file
#[derive(Debug, Args)]
#[command(after_long_help = AGAIN)]
pub(crate) struct Partition {
    /// Files, directories, patterns in quotes, or `-` for standard input; gzip and zstd are seen by themselves
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    /// The directory that gets the partitions; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Field of a record that holds its time: a name or a dotted path (properties.time)
    #[arg(long, value_name = "PATH")]
    event_time: String,
    /// Unit of a time that is a number; guessed from its size where absent
    #[arg(long, value_enum, value_name = "UNIT")]
    event_unit: Option<Unit>,
    /// strptime format of a time that is neither ISO 8601 nor RFC 2822
    #[arg(long, value_name = "FORMAT")]
    event_format: Option<String>,
    /// IANA time zone of a time without an offset; UTC where absent
    #[arg(long, value_name = "ZONE")]
    event_zone: Option<String>,
    /// How fine the partitions are
    #[arg(long, value_enum, default_value_t = By::Hour, value_name = "GRAIN")]
    by: By,
    /// JSONPath of the records in a document; the items of a list, else the document where absent
    #[arg(long, value_name = "JSONPATH")]
    records: Option<String>,
    /// Format of all files; told by name and content where absent
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Form>,
    /// Type of a column that inference must not decide, such as `zip=string`; may be repeated
    #[arg(long = "column", value_name = "FIELD=TYPE", value_parser = column)]
    columns: Vec<(String, DeclaredType)>,
    /// Most columns that the files may have
    #[arg(long, value_name = "N", default_value_t = 2000)]
    max_columns: u32,
    /// Memory to stay within, about
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    memory: ByteSize,
    /// Threads at work; as many as there are cores where absent
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Give every row its file, its ordinal there and the file's time of change: the lake's lineage columns
    #[arg(long)]
    lineage: bool,
    /// Write what was done as JSON to stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Year,
    Month,
    Day,
    Hour,
    Minute,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Json,
    Ndjson,
    Csv,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    S,
    Ms,
    Us,
    Ns,
}

fn column(text: &str) -> Result<(String, DeclaredType), String> {
    let (name, kind) = text.split_once('=').ok_or("write FIELD=TYPE, such as zip=string")?;
    let declared = serde_json::from_value(serde_json::Value::from(kind)).map_err(|_| {
        format!("there is no type `{kind}`: boolean, int64, double, decimal, string, date, timestamp, json")
    })?;
    Ok((name.to_owned(), declared))
}

impl Partition {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let (job, inputs) = (self.job()?, find(&self.files)?);
        let total = inputs.iter().map(|input| input.bytes).sum();
        let report = watched(shell, total, |read| partition(&job, inputs, &mut io::stdin().lock(), read))?;
        match self.json {
            true => shell.json(&report),
            false => self.show(&report, shell),
        }
        Ok(())
    }

    fn job(&self) -> Result<Job, Failure> {
        let event_time = EventTime {
            path: self.event_time.strip_prefix("$.").unwrap_or(&self.event_time).to_owned(),
            unit: self.event_unit.map(Unit::unit),
            format: self.event_format.clone(),
            timezone: self.event_zone.clone(),
        };
        if event_time
            .timezone
            .as_deref()
            .is_some_and(|zone| tidegate_core::jiff::tz::TimeZone::get(zone).is_err())
        {
            return Err(Failure::config(
                "--event-zone: there is no such time zone; write one such as Europe/Berlin",
            ));
        }
        let least = 64 << 20;
        if self.memory.0 < least {
            return Err(Failure::config("--memory: at least 64MiB are needed"));
        }
        let spec = LoadSpec {
            table: "rows".to_owned(),
            records: "$".to_owned(),
            event_time: Some(event_time),
            partition_by: self.by.grain(),
            contract: Contract::default(),
            columns: self.columns.iter().cloned().collect::<BTreeMap<_, _>>(),
            max_columns: self.max_columns,
            transform: None,
        };
        let cores = || thread::available_parallelism().map_or(1, |cores| cores.get());
        Ok(Job {
            out: self.out.clone(),
            spec,
            records: self.records.clone(),
            format: self.format.map(Form::format),
            memory: self.memory.0,
            threads: self.threads.unwrap_or_else(cores).max(1),
            lineage: self.lineage,
        })
    }

    fn show(&self, report: &Report, shell: &Shell) {
        let out = self.out.display();
        let already = match report.already {
            0 => String::new(),
            count => format!("; {} had been taken in before", words::count(count, "input")),
        };
        if report.inputs == 0 {
            return shell.line(format_args!("nothing new for {out}{already}"));
        }
        shell.line(format_args!(
            "{} from {} ({}) into {out}: {} in {}, {}{already}",
            words::count(report.rows, "row"),
            words::count(report.inputs, "input"),
            words::bytes(report.bytes_in),
            words::count(report.files, "file"),
            words::count(report.partitions, "partition"),
            words::bytes(report.bytes_out),
        ));
        if let Some(rejects) = &report.rejects {
            let count = words::count(report.rejected, "reject");
            shell.line(format_args!("{count}, each with its reason: {}", rejects.display()));
        }
    }
}

/// Does the work, its progress shown to whoever watches.
fn watched<T>(
    shell: &Shell,
    total: u64,
    work: impl FnOnce(&AtomicU64) -> Result<T, tidegate_engine::Error>,
) -> Result<T, Failure> {
    let (read, ended) = (AtomicU64::new(0), AtomicBool::new(!shell.watched));
    thread::scope(|scope| {
        scope.spawn(|| {
            let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec}");
            let bar =
                ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            while !ended.load(Ordering::Relaxed) {
                bar.set_position(read.load(Ordering::Relaxed));
                thread::sleep(Duration::from_millis(50));
            }
            bar.finish_and_clear();
        });
        let result = work(&read);
        ended.store(true, Ordering::Relaxed);
        result.map_err(Failure::from)
    })
}

impl By {
    fn grain(self) -> PartitionBy {
        match self {
            By::Year => PartitionBy::Year,
            By::Month => PartitionBy::Month,
            By::Day => PartitionBy::Day,
            By::Hour => PartitionBy::Hour,
            By::Minute => PartitionBy::Minute,
        }
    }
}

impl Form {
    fn format(self) -> Format {
        match self {
            Form::Json => Format::Json,
            Form::Ndjson => Format::Ndjson,
            Form::Csv => Format::Csv,
        }
    }
}

impl Unit {
    fn unit(self) -> TimeUnit {
        match self {
            Unit::S => TimeUnit::S,
            Unit::Ms => TimeUnit::Ms,
            Unit::Us => TimeUnit::Us,
            Unit::Ns => TimeUnit::Ns,
        }
    }
}
