//! `tidegate check`: is the pipeline file right?

use clap::Args;
use tidegate_core::cadence::CadenceSpec;
use tidegate_core::pipeline::{Pipeline, Stream};

use super::case::CaseArgs;
use super::forecast::elements;
use crate::failure::Failure;
use crate::output::Shell;
use crate::pipeline_file::{FileArgs, PipelineFile};
use crate::secrets;

/// Check a pipeline file and show every mistake with its place
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    file: FileArgs,
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cases: CaseArgs,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        if let Some(dir) = &self.cases.case {
            return self.cases.run(dir, shell);
        }
        let file = self.file.read()?;
        match self.json {
            true => shell.json(&serde_json::json!({
                "ok": true,
                "pipeline": file.pipeline,
                "missing_secrets": secrets::missing(&file),
                "warnings": short_budgets(&file.pipeline),
            })),
            false => summary(&file, shell),
        }
        Ok(())
    }
}

fn summary(file: &PipelineFile, shell: &Shell) {
    let pipeline = &file.pipeline;
    shell.line(format_args!("{}: ok", file.path.display()));
    shell.line(format_args!("  {} asks {}", pipeline.name, pipeline.source.base_url));
    for stream in &pipeline.streams {
        shell.line(format_args!("  {}", stream_line(stream)));
    }
    shell.line(format_args!("  staging {}, lake {}", pipeline.staging, pipeline.lake));
    for reference in secrets::missing(file) {
        let note = match secrets::on_aws(reference) {
            true => "is read on AWS, by the poller; `run` and `preview` on this machine have no value for it",
            false => "has no value yet; `run` and `preview` need it",
        };
        shell.say(format_args!("  note: the secret ${{{reference}}} {note}"));
    }
    for warning in short_budgets(pipeline) {
        shell.say(format_args!("  note: {warning}"));
    }
}

/// Where `calls_per_day` does not reach for `max_staleness`, whatever is learned: every element of a stream is asked for
/// at least once in that time.
fn short_budgets(pipeline: &Pipeline) -> Vec<String> {
    let least = |stream: &Stream| {
        let staleness =
            stream.cadence.max_staleness.map(|span| span.0.as_secs_f64()).filter(|span| *span > 0.0);
        staleness.map_or(0.0, |span| 86_400.0 / span * elements(stream) as f64)
    };
    let short = |least: f64, budget: Option<u32>| budget.filter(|budget| least > f64::from(*budget));
    let own = pipeline.streams.iter().filter_map(|stream| {
        let (name, least) = (&stream.name, least(stream));
        short(least, stream.cadence.calls_per_day).map(|budget| {
            format!(
                "stream {name}: its `max_staleness` takes {least:.0} requests a day, `calls_per_day` allows {budget}; its data will be older than that"
            )
        })
    });
    let all = pipeline.streams.iter().map(least).sum();
    let source = short(all, pipeline.source.limits.calls_per_day).map(|budget| {
        format!(
            "the `max_staleness` of all streams takes {all:.0} requests a day, `calls_per_day` of source.limits allows {budget}; some data will be older than that"
        )
    });
    own.chain(source).collect()
}

fn stream_line(stream: &Stream) -> String {
    let asked = match stream.for_each.is_empty() {
        true => String::new(),
        false => format!(" ({} elements)", elements(stream)),
    };
    let by = format!("{:?}", stream.partition_by).to_lowercase();
    let time = stream.event_time.as_ref().map_or("the time of the poll", |time| &time.path);
    let table = stream.table();
    format!(
        "{} {}{asked} -> table {table}, by {by} of {time}, {}",
        stream.name,
        stream.path,
        when(&stream.cadence)
    )
}

fn when(cadence: &CadenceSpec) -> String {
    match (&cadence.every, &cadence.cron) {
        (Some(every), _) => format!("every {every}"),
        (None, Some(cron)) => format!("at cron `{cron}`"),
        (None, None) => "when it changes".to_owned(),
    }
}
