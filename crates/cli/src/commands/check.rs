//! `tidegate check`: is the pipeline file right?

use clap::Args;
use tidegate_core::cadence::CadenceSpec;
use tidegate_core::pipeline::Stream;

use super::case::CaseArgs;
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
}

fn stream_line(stream: &Stream) -> String {
    let elements: usize = stream.for_each.values().map(Vec::len).sum();
    let asked = if elements > 0 { format!(" ({elements} elements)") } else { String::new() };
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
