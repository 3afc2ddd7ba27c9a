//! `tidegate aws destroy`: the stack goes; the lake stays unless its owner says otherwise, in so many words.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tidegate_engine::SystemClock;

use super::change_set::{Body, ChangeSet};
use super::failure::Failure;
use super::login::Login;
use super::parameters::{self, Parameters};
use super::stack::Stack;
use super::terminal::Terminal;
use super::watch::Watch;
use super::{Global, bucket};
use crate::call::Aws;
use crate::emptier;

/// How long the code bucket may take to empty.
const PATIENCE: Duration = Duration::from_secs(120);

/// Delete the stack; staging is emptied, the lake is kept unless `--delete-data`
#[derive(Debug, Args)]
pub(super) struct Destroy {
    /// Delete the lake too; its bucket's name must be typed
    #[arg(long)]
    delete_data: bool,
    /// Keep staging too
    #[arg(long, conflicts_with = "delete_data")]
    keep_all: bool,
    /// With `--delete-data`, the name of the lake's bucket, instead of typing it
    #[arg(long, value_name = "BUCKET", requires = "delete_data")]
    confirm: Option<String>,
    /// Do not ask; never answers for the lake
    #[arg(short, long)]
    yes: bool,
    /// Write what was removed and kept as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Destroy {
    /// Runs the command.
    pub(super) async fn run(&self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let login = Login::new(global)?;
        let stack = Stack::must(&login.aws, &global.stack).await?;
        let (removed, kept) = self.fate(&login.aws, global, &stack).await?;
        terminal.say(format_args!("stack {} goes, and with it:", stack.id));
        removed.iter().for_each(|bucket| terminal.say(format_args!("  s3://{bucket} and all that is in it")));
        kept.iter().for_each(|bucket| terminal.say(format_args!("  (s3://{bucket} is kept)")));
        if !self.confirmed(&stack, terminal)? {
            terminal.say("nothing was changed");
            return Ok(());
        }
        self.set_policy(&login.aws, terminal, &stack).await?;
        let watch = Watch::begin(&login.aws, terminal, &stack.id).await;
        stack.delete(&login.aws).await?;
        watch.settled().await?;
        let code = stack.parameter("LambdaCodeS3Bucket").to_owned();
        if removed.contains(&code) {
            let done = emptier::remove_bucket(&login.aws, &SystemClock, &code, PATIENCE).await;
            terminal.say(done.map_err(Failure::transient)?);
        }
        match self.json {
            true => terminal.json(&json!({ "stack": stack.id, "removed": removed, "kept": kept })),
            false => terminal.line(format_args!("the stack {} is deleted", global.stack)),
        }
        Ok(())
    }

    /// The `DeletePolicy` that says what these options say.
    fn policy(&self) -> &'static str {
        match (self.delete_data, self.keep_all) {
            (true, _) => "delete-all",
            (false, true) => "keep-all",
            (false, false) => "keep-lake",
        }
    }

    /// Buckets that go and buckets that stay.
    async fn fate(
        &self,
        aws: &Aws,
        global: &Global,
        stack: &Stack,
    ) -> Result<(Vec<String>, Vec<String>), Failure> {
        let name = |parameter: &str| stack.parameter(parameter).to_owned();
        let code = name("LambdaCodeS3Bucket");
        let of_deploy = bucket::is_ours(aws, &code, &global.stack).await?;
        let all = [
            (name("NonPartitionedS3BucketName"), !self.keep_all),
            (name("PartitionedS3BucketName"), self.delete_data),
            (code, of_deploy),
        ];
        let (removed, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, goes)| *goes);
        let names = |buckets: Vec<(String, bool)>| buckets.into_iter().map(|(bucket, _)| bucket).collect();
        Ok((names(removed), names(kept)))
    }

    fn confirmed(&self, stack: &Stack, terminal: &Terminal) -> Result<bool, Failure> {
        if !self.delete_data {
            return Ok(self.yes || terminal.confirm("go on?")?);
        }
        let lake = stack.parameter("PartitionedS3BucketName");
        let typed = match &self.confirm {
            Some(typed) => typed.clone(),
            None => terminal.answer(
                &format!("the lake cannot be brought back; type the name of its bucket ({lake}): "),
                "--delete-data --confirm BUCKET",
            )?,
        };
        if typed == lake {
            return Ok(true);
        }
        Err(Failure::config(format!("`{typed}` is not the bucket of the lake, {lake}; nothing was changed")))
    }

    /// Sets the stack's own word on its data first, where it is another. Its emptier reads it and nothing else.
    async fn set_policy(&self, aws: &Aws, terminal: &Terminal, stack: &Stack) -> Result<(), Failure> {
        let policy = self.policy();
        let updatable = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"];
        if stack.parameter("DeletePolicy") == policy {
            return Ok(());
        }
        if !updatable.contains(&stack.status.as_str()) {
            return self.cannot_set(stack);
        }
        let chosen = Parameters::from([("DeletePolicy".to_owned(), policy.to_owned())]);
        let mut change = parameters::of_change(&chosen, Some(stack));
        change.retain(|(name, _)| stack.parameters.contains_key(name));
        if let Some(set) = ChangeSet::create(aws, &stack.id, true, Body::Previous, &change).await? {
            terminal.say(format_args!("setting DeletePolicy to {policy}"));
            let watch = Watch::begin(aws, terminal, &stack.id).await;
            set.execute(aws).await?;
            watch.settled().await?;
        }
        Ok(())
    }

    /// A stack that cannot be updated keeps its policy. That is good enough where it removes nothing that is to stay.
    fn cannot_set(&self, stack: &Stack) -> Result<(), Failure> {
        let has = stack.parameter("DeletePolicy");
        let rank =
            |policy: &str| ["keep-all", "keep-lake", "delete-all"].iter().position(|one| *one == policy);
        if rank(has) <= rank(self.policy()) {
            return Ok(());
        }
        Err(Failure::config(format!(
            "the stack is in {} and would be deleted with its DeletePolicy {has}, which removes more than you say; \
             bring the stack in order, or say --delete-data if that is what you want",
            stack.status
        )))
    }
}
