//! `tidegate preview`: the whole line once, into memory, and what came of it.

use std::sync::Arc;

use clap::Args;
use comfy_table::{Table, presets};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Map, Value, json};
use tidegate_core::batch::Batch;
use tidegate_core::keys;
use tidegate_core::pipeline::Stream;
use tidegate_engine::{Env, Gate, Outcome, documents, load_batch, poll};

use crate::failure::Failure;
use crate::lake;
use crate::output::Shell;
use crate::pipeline_file::{FileArgs, PipelineFile};
use crate::runtime::block_on;
use crate::words;
use crate::world::{self, Purpose};

/// Fetch once and show requests, rows, schema and misfits; writes nothing
#[derive(Debug, Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    file: FileArgs,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Rows shown of each stream
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// Write everything as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// What one stream would bring.
struct Seen {
    stream: String,
    batch: Option<Batch>,
    /// Why paging stopped, each reason once.
    ends: Vec<String>,
    failures: Vec<String>,
    warnings: Vec<String>,
    rows: Vec<Map<String, Value>>,
    columns: Vec<(String, String)>,
    partitions: Vec<String>,
    total: u64,
    misfits: Vec<Value>,
}

impl Preview {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let file = self.file.read()?;
        let streams: Vec<&Stream> = match &self.stream {
            Some(name) => vec![file.pipeline.stream(name).ok_or_else(|| unknown(name, &file))?],
            None => file.pipeline.streams.iter().collect(),
        };
        let env = world::open(&file, Purpose::Try)?;
        let (all, mut failed) = block_on(async {
            let gate = world::trial_gate(&file)?;
            let (mut all, mut failed) = (Vec::new(), Vec::new());
            for stream in streams {
                copy_schema(&env, &file, stream.table()).await?;
                match self.look(&env, &file, stream, &gate).await {
                    Ok(seen) => all.push(seen),
                    Err(failure) => failed.push(failure),
                }
            }
            Ok((all, failed))
        })?;
        match self.json {
            true => shell.json(&json!({ "streams": all.iter().map(Seen::json).collect::<Vec<_>>() })),
            false => all.iter().for_each(|seen| seen.show(shell)),
        }
        // The last one is shown where the process ends, and its kind is that of the command.
        let last = failed.pop();
        failed.iter().for_each(|failure| failure.show(shell));
        last.map_or(Ok(()), Err)
    }

    async fn look(
        &self,
        env: &Env,
        file: &PipelineFile,
        stream: &Stream,
        gate: &Gate,
    ) -> Result<Seen, Failure> {
        let visit = poll(env, &file.pipeline, stream, gate, None).await?;
        let mut seen = Seen::nothing(stream);
        seen.ends = visit.ends.iter().map(ToString::to_string).collect();
        seen.ends.dedup();
        seen.failures = visit.failures.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        seen.warnings.clone_from(&visit.remarks);
        let Outcome::Staged { key, .. } = &visit.outcome else { return Ok(seen) };
        seen.batch = Some(documents::expect(env, env.staging.as_ref(), key).await?);
        let report = load_batch(env, key).await?;
        seen.total = report.rows;
        let unreadable =
            |error: String| Failure::internal(format!("cannot read back what was loaded: {error}"));
        for found in lake::files(env.lake.as_ref()).await.map_err(|error| unreadable(error.to_string()))? {
            if keys::parse_data(&found.key).as_ref() != Some(&report.load) {
                continue;
            }
            let bytes = lake::read(env.lake.as_ref(), &found.key)
                .await
                .map_err(|error| unreadable(error.to_string()))?;
            seen.columns = lake::columns(bytes.clone()).map_err(|error| unreadable(error.to_string()))?;
            seen.partitions.push(found.partition().to_owned());
            if seen.rows.len() < self.rows {
                seen.rows.extend(lake::rows(bytes).map_err(|error| unreadable(error.to_string()))?);
            }
        }
        seen.rows.truncate(self.rows);
        if report.quarantined > 0 {
            let key = keys::quarantine(stream.table(), &report.load);
            let text =
                lake::read(env.lake.as_ref(), &key).await.map_err(|error| unreadable(error.to_string()))?;
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            seen.misfits = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        }
        Ok(seen)
    }
}

fn unknown(name: &str, file: &PipelineFile) -> Failure {
    let known: Vec<&str> = file.pipeline.streams.iter().map(|stream| stream.name.as_str()).collect();
    Failure::config(format!("there is no stream `{name}`; the file has {}", known.join(", ")))
}

/// Gives the lake in memory the schema that the table has in the real one, so that misfits show as they would be.
async fn copy_schema(env: &Env, file: &PipelineFile, table: &str) -> Result<(), Failure> {
    let Some(real) = world::existing(&file.pipeline.lake, file.dir()) else { return Ok(()) };
    let real: Arc<dyn ObjectStore> = real?;
    let unreadable = |error: object_store::Error| {
        Failure::config(format!("cannot read the table's schema in {}: {error}", file.pipeline.lake))
    };
    let prefix =
        object_store::path::Path::parse(keys::schemas(table)).map_err(|error| unreadable(error.into()))?;
    let listed: Vec<_> = real.list(Some(&prefix)).try_collect().await.map_err(unreadable)?;
    for object in listed {
        let bytes =
            real.get(&object.location).await.map_err(unreadable)?.bytes().await.map_err(unreadable)?;
        env.lake.put(&object.location, bytes.into()).await.map_err(unreadable)?;
    }
    Ok(())
}

impl Seen {
    fn nothing(stream: &Stream) -> Seen {
        Seen {
            stream: stream.name.clone(),
            batch: None,
            ends: Vec::new(),
            failures: Vec::new(),
            warnings: Vec::new(),
            rows: Vec::new(),
            columns: Vec::new(),
            partitions: Vec::new(),
            total: 0,
            misfits: Vec::new(),
        }
    }

    fn json(&self) -> Value {
        let columns: Map<String, Value> =
            self.columns.iter().map(|(name, kind)| (name.clone(), kind.as_str().into())).collect();
        json!({
            "stream": self.stream,
            "pages": self.batch.as_ref().map(|batch| &batch.pages),
            "paging_ended": self.ends,
            "failures": self.failures,
            "warnings": self.warnings,
            "rows": self.rows,
            "rows_total": self.total,
            "columns": columns,
            "partitions": self.partitions,
            "misfits": self.misfits,
        })
    }

    fn show(&self, shell: &Shell) {
        shell.line(format_args!("stream {}", self.stream));
        for page in self.batch.iter().flat_map(|batch| &batch.pages) {
            let (records, bytes) = (words::count(page.records, "record"), words::bytes(page.bytes));
            let packed =
                if page.format.is_packed() { format!(" of {}", page.format.word()) } else { String::new() };
            shell.line(format_args!("  {} -> {}, {records}, {bytes}{packed}", page.request, page.status));
        }
        self.ends.iter().for_each(|end| shell.line(format_args!("  no further page: {end}")));
        self.failures.iter().for_each(|failure| shell.line(format_args!("  failed: {failure}")));
        self.warnings.iter().for_each(|warning| shell.line(format_args!("  warning: {warning}")));
        if self.rows.is_empty() {
            shell.line("  no rows\n");
        } else {
            self.show_rows(shell);
        }
        if !self.misfits.is_empty() {
            shell.line(format_args!(
                "  {} would go to quarantine:",
                words::count(self.misfits.len() as u64, "misfit")
            ));
            self.misfits
                .iter()
                .take(3)
                .for_each(|misfit| shell.line(format_args!("    {}", words::cut(&misfit.to_string(), 160))));
        }
    }

    /// Rows as a table of the first columns, then every column with its type.
    fn show_rows(&self, shell: &Shell) {
        const COLUMNS: usize = 6;
        let own = self.columns.iter().filter(|(name, _)| !name.starts_with("_tidegate"));
        let names: Vec<&str> = own.map(|(name, _)| name.as_str()).take(COLUMNS).collect();
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header(names.clone());
        for row in &self.rows {
            table.add_row(names.iter().map(|name| cell(row.get(*name))));
        }
        shell.line(format_args!("\n{table}"));
        let shown = self.rows.len() as u64;
        let of = if shown == self.total { String::new() } else { format!("{shown} of ") };
        let rows = words::count(self.total, "row");
        let partitions = words::count(self.partitions.len() as u64, "partition");
        let first = self.partitions.first().map(String::as_str).unwrap_or_default();
        shell.line(format_args!("  {of}{rows}, {partitions}, the first {first}\n"));
        let width = self.columns.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        shell.line("  columns");
        for (name, kind) in &self.columns {
            shell.line(format_args!("    {name:width$}  {}", words::cut(kind, 100)));
        }
        shell.line("");
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => words::cut(text, 32),
        Some(other) => words::cut(&other.to_string(), 32),
    }
}
