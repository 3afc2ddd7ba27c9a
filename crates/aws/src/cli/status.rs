//! `tidegate aws status`: what stands where.

use clap::Args;
use futures::TryStreamExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Pipeline, Secrets};
use tidegate_engine::{Env, ReqwestHttp, Status as State, StreamStatus, SystemClock, TableStatus, status};

use super::failure::Failure;
use super::login::Login;
use super::stack::Stack;
use super::terminal::{Terminal, table};
use super::{Global, bucket, pipeline_file};
use crate::call::Aws;
use crate::poller;

/// Show the stack, lag, dead letters, the last poll and the last load; writes nothing
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Write the state as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// All that is known of a deployment.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    status: String,
    /// Events that wait to be handled.
    waiting: u64,
    /// Events that could not be handled.
    dead_letters: u64,
    /// Staged batches that are not loaded.
    lag: u64,
    last_poll: Option<Timestamp>,
    last_load: Option<Timestamp>,
    #[serde(flatten)]
    state: State,
}

impl Status {
    /// Runs the command.
    pub(super) async fn run(&self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let login = Login::new(global)?;
        let stack = Stack::must(&login.aws, &global.stack).await?;
        let pipeline = pipeline(&login.aws, &stack).await?;
        let env = Env {
            clock: Arc::new(SystemClock),
            http: Arc::new(ReqwestHttp::new(&pipeline.source.limits)),
            staging: login.store(stack.output("Staging")?)?,
            lake: login.store(stack.output("Lake")?)?,
            secrets: Arc::new(Secrets::default()),
            seed: 0,
        };
        let state = status(&env, &pipeline).await?;
        let report = Report {
            waiting: depth(&login.aws, stack.output("QueueUrl")?).await?,
            dead_letters: depth(&login.aws, stack.output("DeadLettersUrl")?).await?,
            lag: state.streams.iter().map(|stream| stream.lag).sum(),
            last_poll: state.streams.iter().filter_map(|stream| stream.polls.last_poll).max(),
            last_load: last_load(&env).await?,
            stack: stack.id,
            status: stack.status,
            state,
        };
        if self.json {
            terminal.json(&report)
        } else {
            show(&report, terminal)
        }
        Ok(())
    }
}

/// The pipeline that the stack polls, from where its poller reads it.
async fn pipeline(aws: &Aws, stack: &Stack) -> Result<Pipeline, Failure> {
    let key = stack.parameter("PipelineS3Key");
    if key.is_empty() {
        return pipeline_file::parse(poller::EXAMPLE, "the built-in example");
    }
    let code = stack.parameter("LambdaCodeS3Bucket");
    let text = bucket::get(aws, code, key).await?;
    pipeline_file::parse(&String::from_utf8_lossy(&text), &format!("s3://{code}/{key}"))
}

/// Messages in a queue, those in flight included.
pub(super) async fn depth(aws: &Aws, queue: &str) -> Result<u64, Failure> {
    let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let body = json!({ "QueueUrl": queue, "AttributeNames": names });
    let answer = aws.json("sqs", "AmazonSQS.GetQueueAttributes", &body).await?;
    let number = |name: &str| answer["Attributes"][name].as_str().and_then(|text| text.parse::<u64>().ok());
    Ok(names.iter().filter_map(|name| number(name)).sum())
}

/// When the newest manifest was written.
async fn last_load(env: &Env) -> Result<Option<Timestamp>, Failure> {
    let unlisted = |error: object_store::Error| Failure::transient(format!("cannot list the lake: {error}"));
    let listing = env.lake.list(Some(&Path::from("_tidegate/loads")));
    let newest =
        listing.try_fold(0, |newest, object| async move { Ok(object.last_modified.timestamp().max(newest)) });
    let newest = newest.await.map_err(unlisted)?;
    Ok((newest > 0).then(|| Timestamp::from_second(newest).ok()).flatten())
}

fn show(report: &Report, terminal: &Terminal) {
    let when = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), time);
    terminal.line(format_args!("{}\n  {}", report.stack, report.status));
    terminal.line(format_args!(
        "  last poll {}, last load {}",
        when(report.last_poll),
        when(report.last_load)
    ));
    let (lag, waiting, dead) = (report.lag, report.waiting, report.dead_letters);
    terminal
        .line(format_args!("  batches not loaded {lag}, events waiting {waiting}, dead letters {dead}\n"));
    let mut streams =
        table(&["stream", "polls", "changed", "failed", "last poll", "next due", "batches", "not loaded"]);
    streams.add_rows(report.state.streams.iter().map(stream_row));
    terminal.line(format_args!("{streams}\n"));
    let mut tables = table(&["table", "rows", "files", "bytes", "loads", "quarantined", "schema"]);
    tables.add_rows(report.state.tables.iter().map(table_row));
    terminal.line(tables);
    for stream in &report.state.streams {
        if let Some(failure) = &stream.polls.failure {
            let (name, at) = (&stream.stream, time(failure.at));
            terminal.line(format_args!(
                "\n{name} failed at {at} ({}): {}",
                failure.kind.word(),
                failure.message
            ));
        }
    }
    if report.dead_letters > 0 {
        terminal.say(
            "\ndead letters: `tidegate aws logs --errors` says why; `tidegate aws redrive` tries them again",
        );
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn stream_row(stream: &StreamStatus) -> [String; 8] {
    let polls = &stream.polls;
    let when = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), time);
    [
        stream.stream.clone(),
        (polls.changed + polls.unchanged + polls.failed).to_string(),
        polls.changed.to_string(),
        polls.failed.to_string(),
        when(polls.last_poll),
        when(polls.next_due),
        stream.batches.to_string(),
        stream.lag.to_string(),
    ]
}

fn table_row(table: &TableStatus) -> [String; 7] {
    let numbers =
        [table.rows, table.files, table.bytes, table.loads, table.quarantined].map(|n| n.to_string());
    let [rows, files, bytes, loads, quarantined] = numbers;
    let version = table.schema_version;
    let schema = if version == 0 { "-".to_owned() } else { format!("v{version}") };
    [table.table.clone(), rows, files, bytes, loads, quarantined, schema]
}
