//! The stack as CloudFormation tells of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::call::{Aws, CallError};

/// CloudFormation's version of its API.
const VERSION: &str = "2010-05-15";

/// A stack that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// Its full id: the one name that still finds it when it is deleted.
    pub(super) id: String,
    /// Such as `CREATE_COMPLETE`.
    pub(super) status: String,
    /// Values of its parameters.
    pub(super) parameters: BTreeMap<String, String>,
    /// Values of its outputs.
    pub(super) outputs: BTreeMap<String, String>,
}

/// Something that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StackEvent {
    /// Its id.
    pub(super) event_id: String,
    /// When, in ISO 8601.
    pub(super) timestamp: String,
    /// Name of the resource within the template.
    pub(super) logical_resource_id: String,
    /// Type of the resource.
    #[serde(default)]
    pub(super) resource_type: String,
    /// Such as `CREATE_IN_PROGRESS`.
    #[serde(default)]
    pub(super) resource_status: String,
    /// Why.
    #[serde(default)]
    pub(super) resource_status_reason: String,
}

impl Stack {
    /// The stack of that name or id; `None` where there is none.
    pub(super) async fn find(aws: &Aws, name: &str) -> Result<Option<Stack>, Failure> {
        let answer: Result<Stacks, _> = ask(aws, "DescribeStacks", &[("StackName", name)]).await;
        match answer {
            Ok(answer) => Ok(answer.result.stacks.member.into_iter().next().map(Stack::from)),
            Err(CallError::Refused { code, message, .. })
                if code == "ValidationError" && message.contains("does not exist") =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The stack of that name, which must be there.
    pub(super) async fn must(aws: &Aws, name: &str) -> Result<Stack, Failure> {
        Stack::find(aws, name).await?.ok_or_else(|| {
            Failure::config(format!(
                "there is no stack `{name}` in {}; name it with --stack and --region, or `tidegate aws deploy` it",
                aws.region()
            ))
        })
    }

    /// A parameter's value; empty where it has none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// An output that every stack of ours has.
    pub(super) fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| {
            Failure::config(format!(
                "the stack has no output {name} ({}); is it one of tidegate's?",
                self.status
            ))
        })
    }

    /// Begins its deletion.
    pub(super) async fn delete(&self, aws: &Aws) -> Result<(), Failure> {
        let name = [("StackName".to_owned(), self.id.clone())];
        Ok(aws.query("cloudformation", VERSION, "DeleteStack", &name).await.map(drop)?)
    }
}

/// The latest events of a stack, newest first.
pub(super) async fn events(aws: &Aws, stack: &str) -> Result<Vec<StackEvent>, CallError> {
    let answer: Events = ask(aws, "DescribeStackEvents", &[("StackName", stack)]).await?;
    Ok(answer.result.events.member)
}

/// One operation of CloudFormation, its answer read.
pub(super) async fn ask<T: DeserializeOwned>(
    aws: &Aws,
    action: &str,
    parameters: &[(&str, &str)],
) -> Result<T, CallError> {
    let owned: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = aws.query("cloudformation", VERSION, action, &owned).await?;
    quick_xml::de::from_str(&String::from_utf8_lossy(&answer)).map_err(|error| CallError::Unreadable {
        action: format!("cloudformation {action}"),
        reason: error.to_string(),
    })
}

/// A list as CloudFormation writes it.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    /// Its members.
    #[serde(default = "Vec::new")]
    pub(super) member: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { member: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(rename = "DescribeStacksResult")]
    result: StacksResult,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StacksResult {
    #[serde(default)]
    stacks: List<Described>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stack_id: String,
    stack_status: String,
    #[serde(default)]
    parameters: List<Parameter>,
    #[serde(default)]
    outputs: List<Output>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter_key: String,
    #[serde(default)]
    parameter_value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    output_key: String,
    #[serde(default)]
    output_value: String,
}

#[derive(Debug, Deserialize)]
struct Events {
    #[serde(rename = "DescribeStackEventsResult")]
    result: EventsResult,
}

#[derive(Debug, Deserialize)]
struct EventsResult {
    #[serde(rename = "StackEvents", default)]
    events: List<StackEvent>,
}

impl From<Described> for Stack {
    fn from(read: Described) -> Stack {
        let parameters = read.parameters.member.into_iter();
        let outputs = read.outputs.member.into_iter();
        Stack {
            id: read.stack_id,
            status: read.stack_status,
            parameters: parameters.map(|one| (one.parameter_key, one.parameter_value)).collect(),
            outputs: outputs.map(|one| (one.output_key, one.output_value)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_cloudformation_are_read() {
        let xml = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
                   <DescribeStacksResult><Stacks><member><StackName>t</StackName><StackId>arn:t</StackId>\
                   <StackStatus>CREATE_COMPLETE</StackStatus><Tags/><Parameters><member><ParameterKey>A</ParameterKey>\
                   <ParameterValue/></member><member><ParameterKey>B</ParameterKey><ParameterValue>b</ParameterValue>\
                   </member></Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        let read: Stacks = quick_xml::de::from_str(xml).expect("an answer");
        let stack: Stack = read.result.stacks.member.into_iter().next().expect("a stack").into();
        assert_eq!((stack.parameter("A"), stack.parameter("B")), ("", "b"));
        assert!(stack.output("Lake").expect_err("no outputs").message.contains("CREATE_COMPLETE"));
    }
}
