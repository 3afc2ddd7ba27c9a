//! `tidegate status`: what stands where.

use clap::Args;
use comfy_table::{Table, presets};
use tidegate_engine::{Status as State, StreamStatus, TableStatus, status, store_is_there};

use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::FileArgs;
use crate::runtime::block_on;
use crate::words;
use crate::world::{self, Purpose};

/// Show streams, tables, lag, quarantine and when the next polls are due; writes nothing
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    file: FileArgs,
    /// Write the state as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let env = world::open(&file, Purpose::Look)?;
        let state = block_on(async { Ok(status(&env, &file.pipeline).await?) })?;
        if self.json {
            shell.json(&state);
        } else {
            show(&state, shell);
            for (place, url) in [("staging", &file.pipeline.staging), ("lake", &file.pipeline.lake)] {
                if !store_is_there(url, file.dir())? {
                    shell.line(format_args!(
                        "\nnothing is at {place} = \"{url}\" yet; `tidegate run` makes it"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn show(state: &State, shell: &Shell) {
    shell.line(format_args!("{} at {}\n", state.pipeline, words::time(state.at)));
    let mut streams =
        table(["stream", "polls", "changed", "failed", "last poll", "next due", "batches", "not loaded"]);
    streams.add_rows(state.streams.iter().map(stream_row));
    shell.line(format_args!("{streams}\n"));
    let mut tables = table(["table", "rows", "files", "size", "loads", "quarantined", "schema"]);
    tables.add_rows(state.tables.iter().map(table_row));
    shell.line(tables);
    shell.line("");
    for stream in &state.streams {
        shell.line(format_args!("{}: {}", stream.stream, stream.cadence));
    }
    for stream in &state.streams {
        if let Some(failure) = &stream.polls.failure {
            let (at, kind) = (words::time(failure.at), failure.kind.word());
            shell.line(format_args!("\n{} failed at {at} ({kind}): {}", stream.stream, failure.message));
        }
    }
    let lag: u64 = state.streams.iter().map(|stream| stream.lag).sum();
    if lag > 0 {
        let batches = words::count(lag, "batch");
        shell.line(format_args!("\n{batches} not loaded yet: `tidegate load` loads what is there"));
    }
    if state.rewrites_under_way > 0 {
        let rewrites = words::count(state.rewrites_under_way, "load");
        shell.line(format_args!(
            "\n{rewrites} being made anew: if nobody is at it, `tidegate load` finishes that"
        ));
    }
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

fn stream_row(stream: &StreamStatus) -> [String; 8] {
    let polls = &stream.polls;
    [
        stream.stream.clone(),
        (polls.changed + polls.unchanged + polls.failed).to_string(),
        polls.changed.to_string(),
        polls.failed.to_string(),
        words::time_or_dash(polls.last_poll),
        words::time_or_dash(polls.next_due),
        stream.batches.to_string(),
        stream.lag.to_string(),
    ]
}

fn table_row(table: &TableStatus) -> [String; 7] {
    let schema =
        if table.schema_version == 0 { "-".to_owned() } else { format!("v{}", table.schema_version) };
    [
        table.table.clone(),
        table.rows.to_string(),
        table.files.to_string(),
        words::bytes(table.bytes),
        table.loads.to_string(),
        table.quarantined.to_string(),
        schema,
    ]
}
