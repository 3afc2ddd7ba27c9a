//! What happens to a stack, line by line, until it has settled.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_engine::{Clock, SystemClock};

use super::failure::Failure;
use super::stack::{self, Stack, StackEvent};
use super::terminal::Terminal;
use crate::call::{Aws, CallError};
use tidegate_core::error::Kind;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(1500);

/// Events of a stack, of which those so far are past.
pub(super) struct Watch<'a> {
    aws: &'a Aws,
    terminal: &'a Terminal,
    stack: String,
    seen: BTreeSet<String>,
    reasons: Vec<String>,
}

impl<'a> Watch<'a> {
    /// Begins to watch; `stack` is its id, or its name where it is not yet there.
    pub(super) async fn begin(aws: &'a Aws, terminal: &'a Terminal, stack: &str) -> Watch<'a> {
        let past = stack::events(aws, stack).await.unwrap_or_default();
        let seen = past.into_iter().map(|event| event.event_id).collect();
        Watch { aws, terminal, stack: stack.to_owned(), seen, reasons: Vec::new() }
    }

    /// Shows events until the stack has settled. A stack that is gone has been deleted.
    pub(super) async fn settled(mut self) -> Result<Option<Stack>, Failure> {
        loop {
            // The status is read before the events, so that none of its events is missed.
            let found = match Stack::find(self.aws, &self.stack).await {
                Err(failure) if failure.kind == Kind::Transient => None,
                found => Some(found?),
            };
            self.show_new().await?;
            if let Some(found) = found
                && !found.as_ref().is_some_and(|stack| stack.status.ends_with("_IN_PROGRESS"))
            {
                return self.ended(found);
            }
            SystemClock.sleep(PAUSE).await;
        }
    }

    async fn show_new(&mut self) -> Result<(), Failure> {
        let events = match stack::events(self.aws, &self.stack).await {
            Ok(events) => events,
            // The stack is gone, or the network is for a moment.
            Err(CallError::Refused { code, .. }) if code == "ValidationError" => return Ok(()),
            Err(error) if error.kind() == Kind::Transient => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events.into_iter().rev() {
            if self.seen.insert(event.event_id.clone()) {
                self.terminal.say(line(&event));
                // What was cancelled failed because of another.
                if event.resource_status.ends_with("FAILED")
                    && !event.resource_status_reason.contains("cancelled")
                {
                    self.reasons
                        .push(format!("{}: {}", event.logical_resource_id, event.resource_status_reason));
                }
            }
        }
        Ok(())
    }

    fn ended(self, found: Option<Stack>) -> Result<Option<Stack>, Failure> {
        match found {
            Some(stack) if stack.status == "DELETE_COMPLETE" => Ok(None),
            Some(stack) if matches!(stack.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE") => {
                Ok(Some(stack))
            }
            None => Ok(None),
            Some(stack) => {
                let reasons = self.reasons.join("; ");
                let why = if reasons.is_empty() { "see the events above".to_owned() } else { reasons };
                Err(Failure::config(format!("the stack ended in {}: {why}", stack.status)))
            }
        }
    }
}

/// `12:01:03 CREATE_COMPLETE        LakeBucket (AWS::S3::Bucket)`.
fn line(event: &StackEvent) -> String {
    let time = event.timestamp.get(11..19).unwrap_or(&event.timestamp);
    let reason = match event.resource_status_reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let StackEvent { resource_status, logical_resource_id, resource_type, .. } = event;
    format!("  {time} {resource_status:<22} {logical_resource_id} ({resource_type}){reason}")
}
