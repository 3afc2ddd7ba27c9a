//! `tidegate aws deploy`: code up, then the stack, through a change set that is shown first.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use serde_json::json;

use super::change_set::{self, Body, Change, ChangeSet};
use super::code::{CodeArgs, Zip};
use super::failure::Failure;
use super::login::Login;
use super::parameters::{self, Parameters};
use super::stack::Stack;
use super::terminal::Terminal;
use super::watch::Watch;
use super::{Global, bucket, pipeline_file};
use crate::call::Aws;

/// Upload the code and create or update the stack; shows what would change and asks first
#[derive(Debug, Args)]
pub(super) struct Deploy {
    /// The pipeline file; a new stack without one polls the weather example
    #[arg(long, value_name = "FILE")]
    pipeline: Option<PathBuf>,
    /// A parameter of the template, such as `PartitionEngine=lambda`; what is not said keeps its value
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameters::parse)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    code: CodeArgs,
    /// Another script for the Glue job than the built-in one
    #[arg(long, value_name = "FILE")]
    glue_job: Option<PathBuf>,
    /// Show what would change and leave it
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Write the stack's outputs as JSON to stdout
    #[arg(long)]
    json: bool,
}

/// A file of the code bucket.
struct Upload {
    key: String,
    body: Bytes,
}

impl Deploy {
    /// Runs the command.
    pub(super) async fn run(&self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let login = Login::new(global)?;
        let zips = self.code.zips(terminal)?;
        let account = login.account().await?;
        terminal.say(format_args!("account {account}, {}, stack {}", login.aws.region(), global.stack));
        let present =
            Stack::find(&login.aws, &global.stack).await?.filter(|one| one.status != "REVIEW_IN_PROGRESS");
        if let Some(stack) = &present {
            updatable(stack, &global.stack)?;
        }
        let (chosen, uploads) = self.plan(&login.aws, global, &account, &zips, present.as_ref())?;
        let change = parameters::of_change(&chosen, present.as_ref());
        let body = Body::Text(crate::TEMPLATE);
        let set = ChangeSet::create(&login.aws, &global.stack, present.is_some(), body, &change).await?;
        let code = parameters::value("LambdaCodeS3Bucket", &chosen, present.as_ref())?;
        show_change(set.as_ref(), code, &uploads, terminal);
        if self.dry_run || !(self.yes || terminal.confirm("go on?")?) {
            leave(&login.aws, global, set.as_ref(), present.is_none()).await?;
            terminal.say("nothing was changed");
            return Ok(());
        }
        upload(&login.aws, global, terminal, code, uploads).await?;
        let id = present.as_ref().map_or_else(|| global.stack.clone(), |stack| stack.id.clone());
        let stack = match set {
            None => present,
            Some(set) => {
                let watch = Watch::begin(&login.aws, terminal, &id).await;
                set.execute(&login.aws).await?;
                watch.settled().await?
            }
        };
        stack.map_or(Ok(()), |stack| self.show(&stack, terminal))
    }

    /// The parameters that this deployment chooses, and the files that it uploads.
    fn plan(
        &self,
        aws: &Aws,
        global: &Global,
        account: &str,
        zips: &[Zip; 2],
        present: Option<&Stack>,
    ) -> Result<(Parameters, Vec<Upload>), Failure> {
        let mut chosen =
            if present.is_none() { parameters::defaults(&global.stack, account) } else { Parameters::new() };
        // A key of its own for each build: CloudFormation sees new code by its key alone.
        for (name, zip) in ["LambdaAPICodeS3Key", "LambdaGlueCodeS3Key"].into_iter().zip(zips) {
            chosen.insert(name.to_owned(), zip.name.replace(".zip", &format!("-{}.zip", &zip.sha256[..16])));
        }
        chosen.insert("LambdaArchitecture".to_owned(), self.code.architecture.word().to_owned());
        let pipeline = self.pipeline.as_deref().map(pipeline_file::read).transpose()?;
        if let Some((_, pipeline)) = &pipeline {
            pipeline_file::check_secrets(pipeline)?;
            let key = present.map_or("", |stack| stack.parameter("PipelineS3Key"));
            let key = if key.is_empty() { "tidegate.toml" } else { key };
            chosen.insert("PipelineS3Key".to_owned(), key.to_owned());
            chosen.extend(parameters::of_secrets(&pipeline.secret_references(), aws, account));
        }
        chosen.extend(self.parameters.iter().cloned());
        let code = parameters::value("LambdaCodeS3Bucket", &chosen, present)?;
        if self.said("LambdaCodeS3Bucket") && !self.said("GlueScriptS3Path") && present.is_none() {
            chosen.insert("GlueScriptS3Path".to_owned(), format!("s3://{code}/glue_job.py"));
        }
        let uploads = self.uploads(&chosen, present, zips, pipeline.map(|(text, _)| text))?;
        Ok((chosen, uploads))
    }

    fn said(&self, name: &str) -> bool {
        self.parameters.iter().any(|(said, _)| said == name)
    }

    fn uploads(
        &self,
        chosen: &Parameters,
        present: Option<&Stack>,
        zips: &[Zip; 2],
        pipeline: Option<String>,
    ) -> Result<Vec<Upload>, Failure> {
        let key = |name: &str| parameters::value(name, chosen, present).map(str::to_owned);
        let script = key("GlueScriptS3Path")?;
        let here = format!("s3://{}/", key("LambdaCodeS3Bucket")?);
        let mut uploads = vec![
            Upload { key: key("LambdaAPICodeS3Key")?, body: zips[0].bytes.clone().into() },
            Upload { key: key("LambdaGlueCodeS3Key")?, body: zips[1].bytes.clone().into() },
        ];
        // A script that lies elsewhere is its owner's.
        if let Some(key) = script.strip_prefix(&here) {
            uploads.push(Upload { key: key.to_owned(), body: self.script()? });
        }
        if let Some(text) = pipeline {
            uploads.push(Upload { key: key("PipelineS3Key")?, body: text.into() });
        }
        Ok(uploads)
    }

    fn script(&self) -> Result<Bytes, Failure> {
        let Some(path) = &self.glue_job else { return Ok(Bytes::from_static(crate::GLUE_JOB.as_bytes())) };
        let unreadable = |error| Failure::config(format!("cannot read {}: {error}", path.display()));
        Ok(std::fs::read(path).map_err(unreadable)?.into())
    }

    fn show(&self, stack: &Stack, terminal: &Terminal) -> Result<(), Failure> {
        if self.json {
            terminal.json(&json!({ "stack": stack.id, "status": stack.status, "outputs": stack.outputs }));
            return Ok(());
        }
        terminal.line(format_args!("{}: {}", stack.status, stack.id));
        for (name, value) in &stack.outputs {
            terminal.line(format_args!("  {name}: {value}"));
        }
        Ok(())
    }
}

/// What would happen, before anybody is asked.
fn show_change(set: Option<&ChangeSet>, bucket: &str, uploads: &[Upload], terminal: &Terminal) {
    match set {
        None => terminal.say("the stack itself is as it should be"),
        Some(_) => terminal.say("what changes:"),
    }
    for change in set.iter().flat_map(|set| &set.changes) {
        let replaced = if change.replacement == "True" { ", replaced" } else { "" };
        let Change { action, logical_resource_id, resource_type, .. } = change;
        terminal.say(format_args!("  {action:<7} {logical_resource_id} ({resource_type}){replaced}"));
    }
    for Upload { key, body } in uploads {
        terminal.say(format_args!("  upload  s3://{bucket}/{key} ({:.1} MB)", body.len() as f64 / 1e6));
    }
}

/// Leaves everything as it was.
async fn leave(aws: &Aws, global: &Global, set: Option<&ChangeSet>, new: bool) -> Result<(), Failure> {
    if let Some(set) = set {
        set.discard(aws).await?;
    }
    if new { change_set::remove_shell(aws, &global.stack).await } else { Ok(()) }
}

async fn upload(
    aws: &Aws,
    global: &Global,
    terminal: &Terminal,
    bucket: &str,
    uploads: Vec<Upload>,
) -> Result<(), Failure> {
    if bucket::ensure(aws, bucket, &global.stack).await? {
        terminal.say(format_args!("made the bucket {bucket}"));
    }
    for Upload { key, body } in uploads {
        terminal.say(format_args!("uploading {key}"));
        bucket::put(aws, bucket, &key, body).await?;
    }
    Ok(())
}

/// A stack that failed at its creation can only be deleted, and one that is busy must be waited for.
fn updatable(stack: &Stack, name: &str) -> Result<(), Failure> {
    match stack.status.as_str() {
        status if status.ends_with("_IN_PROGRESS") => {
            Err(Failure::transient(format!("the stack {name} is busy ({status}); try again when it is done")))
        }
        status @ ("ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED") => {
            Err(Failure::config(format!(
                "the stack {name} is in {status} and can only be deleted: `tidegate aws destroy --stack {name}`, then deploy"
            )))
        }
        _ => Ok(()),
    }
}
