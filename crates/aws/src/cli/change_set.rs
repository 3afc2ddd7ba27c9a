//! A change set: what CloudFormation would do, shown before it does it.

use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::{Clock, SystemClock};

use super::failure::Failure;
use super::stack::{self, List, Stack};
use crate::call::Aws;

/// A change set that is ready to be executed.
#[derive(Debug)]
pub(super) struct ChangeSet {
    id: String,
    /// What would happen, resource by resource.
    pub(super) changes: Vec<Change>,
}

/// What would happen to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Change {
    /// `Add`, `Modify`, `Remove`.
    #[serde(default)]
    pub(super) action: String,
    /// Name within the template.
    #[serde(default)]
    pub(super) logical_resource_id: String,
    /// Its type.
    #[serde(default)]
    pub(super) resource_type: String,
    /// `True`, `False`, `Conditional`.
    #[serde(default)]
    pub(super) replacement: String,
}

/// Where the template of a change set comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// This text.
    Text(&'a str),
    /// The stack as it is.
    Previous,
}

/// A parameter of a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This value.
    Given(String),
    /// What the stack has.
    Previous,
}

impl ChangeSet {
    /// Has CloudFormation work out what it would do; `None` where there is nothing to do.
    pub(super) async fn create(
        aws: &Aws,
        stack: &str,
        present: bool,
        body: Body<'_>,
        parameters: &[(String, Value)],
    ) -> Result<Option<ChangeSet>, Failure> {
        let name = format!("tidegate-{}", SystemClock.now().as_millisecond());
        let kind = if present { "UPDATE" } else { "CREATE" };
        let mut form = vec![
            ("StackName".to_owned(), stack.to_owned()),
            ("ChangeSetName".to_owned(), name),
            ("ChangeSetType".to_owned(), kind.to_owned()),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM".to_owned()),
        ];
        form.push(match body {
            Body::Text(text) => ("TemplateBody".to_owned(), text.to_owned()),
            Body::Previous => ("UsePreviousTemplate".to_owned(), "true".to_owned()),
        });
        for (number, (key, value)) in parameters.iter().enumerate() {
            let member = format!("Parameters.member.{}", number + 1);
            form.push((format!("{member}.ParameterKey"), key.clone()));
            form.push(match value {
                Value::Given(value) => (format!("{member}.ParameterValue"), value.clone()),
                Value::Previous => (format!("{member}.UsePreviousValue"), "true".to_owned()),
            });
        }
        let borrowed: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let created: Created = stack::ask(aws, "CreateChangeSet", &borrowed).await?;
        ChangeSet { id: created.result.id, changes: Vec::new() }.ready(aws).await
    }

    /// Waits until it is worked out.
    async fn ready(mut self, aws: &Aws) -> Result<Option<ChangeSet>, Failure> {
        let mut token = String::new();
        loop {
            let mut asked = vec![("ChangeSetName", self.id.as_str())];
            if !token.is_empty() {
                asked.push(("NextToken", &token));
            }
            let page: Described = stack::ask(aws, "DescribeChangeSet", &asked).await?;
            let page = page.result;
            match page.status.as_str() {
                "CREATE_COMPLETE" => {
                    self.changes
                        .extend(page.changes.member.into_iter().filter_map(|one| one.resource_change));
                    if page.next_token.is_empty() {
                        return Ok(Some(self));
                    }
                    token = page.next_token;
                }
                "FAILED" => {
                    let nothing = ["didn't contain changes", "No updates are to be performed"];
                    self.discard(aws).await?;
                    if nothing.iter().any(|words| page.status_reason.contains(words)) {
                        return Ok(None);
                    }
                    return Err(Failure::config(format!(
                        "CloudFormation refuses the change: {}",
                        page.status_reason
                    )));
                }
                _ => SystemClock.sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Begins to do it.
    pub(super) async fn execute(&self, aws: &Aws) -> Result<(), Failure> {
        let _: Ignored = stack::ask(aws, "ExecuteChangeSet", &[("ChangeSetName", &self.id)]).await?;
        Ok(())
    }

    /// Leaves everything as it is.
    pub(super) async fn discard(&self, aws: &Aws) -> Result<(), Failure> {
        let _: Ignored = stack::ask(aws, "DeleteChangeSet", &[("ChangeSetName", &self.id)]).await?;
        Ok(())
    }
}

/// Removes the empty shell of a stack that a first change set leaves behind when it is not executed.
pub(super) async fn remove_shell(aws: &Aws, name: &str) -> Result<(), Failure> {
    match Stack::find(aws, name).await? {
        Some(stack) if stack.status == "REVIEW_IN_PROGRESS" => stack.delete(aws).await,
        _ => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
struct Ignored {}

#[derive(Debug, Deserialize)]
struct Created {
    #[serde(rename = "CreateChangeSetResult")]
    result: CreatedResult,
}

#[derive(Debug, Deserialize)]
struct CreatedResult {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Debug, Deserialize)]
struct Described {
    #[serde(rename = "DescribeChangeSetResult")]
    result: DescribedResult,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedResult {
    status: String,
    #[serde(default)]
    status_reason: String,
    #[serde(default)]
    next_token: String,
    #[serde(default)]
    changes: List<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    resource_change: Option<Change>,
}
