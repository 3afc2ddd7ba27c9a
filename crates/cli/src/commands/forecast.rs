//! `tidegate forecast`: what a pipeline will ask, write and cost a day.

use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;
use tidegate_core::cadence::{Basis, Forecast as Day, forecast, span};
use tidegate_core::pipeline::{Pipeline, Stream};
use tidegate_core::request;
use tidegate_engine::{Status, StreamStatus, status};

use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on;
use crate::words;
use crate::world::{self, Purpose};

/// Forecast calls, objects, bytes and delay of a day, from what was learned so far or from hints
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    #[command(flatten)]
    file: FileArgs,
    /// Write it as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// A stream's day.
#[derive(Debug, Serialize)]
struct StreamDay {
    stream: String,
    #[serde(flatten)]
    day: Day,
    /// Pages and batches in staging, data files and their documents in the lake.
    objects_per_day: f64,
    /// Bytes of raw pages and of data files; none before the first change.
    bytes_per_day: Option<f64>,
}

/// All streams together, against what the source allows.
#[derive(Debug, Serialize)]
struct Whole {
    streams: Vec<StreamDay>,
    /// Within the quota, if there is one.
    calls_per_day: f64,
    quota: Option<u32>,
    /// Requests wanted over the quota; above 1 the quota costs every stream delay.
    quota_share: Option<f64>,
}

impl Forecast {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let env = world::open(&file, Purpose::Look)?;
        let state = block_on(async { Ok(status(&env, &file.pipeline).await?) })?;
        let whole = whole(&file.pipeline, &state);
        if self.json {
            shell.json(&whole);
        } else {
            show(&whole, shell);
        }
        Ok(())
    }
}

fn whole(pipeline: &Pipeline, state: &Status) -> Whole {
    let streams = || pipeline.streams.iter().zip(&state.streams);
    let wanted: Vec<Day> = streams().map(|(stream, status)| wanted(stream, status)).collect();
    let calls: f64 = wanted.iter().map(|day| day.calls_per_day).sum();
    let quota = pipeline.source.limits.calls_per_day;
    let share = quota.map(|quota| calls / f64::from(quota.max(1)));
    let short = share.unwrap_or(0.0).max(1.0);
    let days = wanted.into_iter().map(|day| day.short_of_calls(short));
    let streams = streams().zip(days).map(|((_, status), day)| stream_day(status, day, state)).collect();
    Whole { streams, calls_per_day: calls / short, quota, quota_share: share }
}

/// How many elements the lists of a stream make; one where it has none.
pub(super) fn elements(stream: &Stream) -> usize {
    request::elements(stream).map_or(1, |elements| elements.len())
}

/// A stream's day as if it were the only one of its source.
fn wanted(stream: &Stream, status: &StreamStatus) -> Day {
    let usual = status.polls.usual;
    let requests = if usual.requests > 0.0 { f64::from(usual.requests) } else { elements(stream) as f64 };
    forecast(&status.polls.learned, &stream.cadence, requests)
}

fn stream_day(status: &StreamStatus, day: Day, state: &Status) -> StreamDay {
    let usual = status.polls.usual;
    let found = day.changes_per_day.min(day.polls_per_day);
    // A batch has its pages and itself; a load its claim, its end and its files.
    let table = state.tables.iter().find(|table| table.table == status.table).filter(|table| table.loads > 0);
    let of_load = |all: u64| table.map(|table| all as f64 / table.loads as f64);
    let files = table.and_then(|table| of_load(table.files)).unwrap_or(1.0);
    let pages = f64::from(usual.pages.max(1.0));
    let bytes = (usual.pages > 0.0).then(|| f64::from(usual.bytes));
    let lake = table.and_then(|table| of_load(table.bytes)).unwrap_or(0.0);
    StreamDay {
        stream: status.stream.clone(),
        objects_per_day: found * (pages + 1.0 + 2.0 + files),
        bytes_per_day: bytes.map(|bytes| found * (bytes + lake)),
        day,
    }
}

fn show(whole: &Whole, shell: &Shell) {
    let mut table = Table::new();
    let head = ["stream", "changes", "polls", "calls", "quota", "objects", "bytes", "mean delay", "from"];
    table.load_style(presets::NOTHING).set_header(head);
    table.add_rows(whole.streams.iter().map(row));
    shell.line(format_args!("a day of\n{table}"));
    if let Some((quota, share)) = whole.quota.zip(whole.quota_share) {
        let (calls, percent) = (whole.calls_per_day, share * 100.0);
        shell.line(format_args!(
            "\n{calls:.0} calls a day of {quota} allowed for the source ({percent:.0} % wanted)"
        ));
        if share > 1.0 {
            shell.line("what is missing is taken where it costs least delay; no stream is left out");
        }
    }
}

fn row(stream: &StreamDay) -> [String; 9] {
    let day = &stream.day;
    let quota = day
        .quota
        .zip(day.quota_share)
        .map_or_else(|| "-".to_owned(), |(quota, share)| format!("{quota} ({:.0} % wanted)", share * 100.0));
    [
        stream.stream.clone(),
        format!("{:.1}", day.changes_per_day),
        format!("{:.0}", day.polls_per_day),
        format!("{:.0}", day.calls_per_day),
        quota,
        format!("{:.0}", stream.objects_per_day),
        stream.bytes_per_day.map_or_else(|| "-".to_owned(), |bytes| words::bytes(bytes as u64)),
        span(day.delay),
        basis(day.basis).to_owned(),
    ]
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Learned => "what was learned",
        Basis::Declared => "what the API declares",
        Basis::Given => "the file's cadence",
        Basis::Guess => "a guess: nothing is known yet",
    }
}
