//! `tidegate aws redrive`: dead letters back into the queue, and what lies in staging without a load is loaded.

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::failure::Failure;
use super::login::Login;
use super::stack::Stack;
use super::status::depth;
use super::terminal::Terminal;
use crate::call::Aws;

/// Try again what could not be loaded: dead letters go back into the queue, then recovery runs
#[derive(Debug, Args)]
pub(super) struct Redrive {
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Redrive {
    /// Runs the command.
    pub(super) async fn run(&self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let login = Login::new(global)?;
        let stack = Stack::must(&login.aws, &global.stack).await?;
        let (dead, queue) = (stack.output("DeadLettersUrl")?, stack.output("QueueUrl")?);
        let moved = move_all(&login.aws, dead, queue).await?;
        terminal.say(format_args!(
            "{moved} dead letters are back in the queue; looking for what else is not loaded"
        ));
        let recovery =
            login.aws.invoke(stack.parameter("LambdaGlueName"), &json!({ "recover": true })).await?;
        if let Some(reason) = recovery["errorMessage"].as_str() {
            return Err(Failure::transient(format!(
                "recovery failed: {reason}; see `tidegate aws logs --errors`"
            )));
        }
        let (recovered, failed) = (&recovery["recovered"], &recovery["failed"]);
        let started = recovery["started"].as_bool().unwrap_or(false);
        if started {
            terminal
                .say("the Glue job was started for what is left; `tidegate aws logs --of job` follows it");
        }
        match self.json {
            true => terminal.json(
                &json!({ "moved": moved, "recovered": recovered, "failed": failed, "started": started }),
            ),
            false => terminal.line(format_args!("moved {moved}, recovered {recovered}, failed {failed}")),
        }
        Ok(())
    }
}

/// Moves every message: sent first, deleted then, so that none is lost. One that is sent twice does no harm.
async fn move_all(aws: &Aws, from: &str, to: &str) -> Result<u64, Failure> {
    // Those that come back while we are at it are left to the next time.
    let most = depth(aws, from).await?;
    let mut moved = 0;
    while moved < most {
        let ask = json!({ "QueueUrl": from, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1 });
        let answer = aws.json("sqs", "AmazonSQS.ReceiveMessage", &ask).await?;
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            break;
        }
        for message in &messages {
            move_one(aws, from, to, message).await?;
            moved += 1;
        }
    }
    Ok(moved)
}

async fn move_one(aws: &Aws, from: &str, to: &str, message: &Value) -> Result<(), Failure> {
    aws.json("sqs", "AmazonSQS.SendMessage", &json!({ "QueueUrl": to, "MessageBody": message["Body"] }))
        .await?;
    let gone = json!({ "QueueUrl": from, "ReceiptHandle": message["ReceiptHandle"] });
    aws.json("sqs", "AmazonSQS.DeleteMessage", &gone).await?;
    Ok(())
}
