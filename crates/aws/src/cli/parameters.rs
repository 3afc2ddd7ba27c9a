//! The parameters of the stack: what was said, what we choose, what it has already.

use std::collections::BTreeMap;

use super::change_set::Value;
use super::failure::Failure;
use super::stack::Stack;
use crate::TEMPLATE;
use crate::call::Aws;

/// Names and values by parameter.
pub(super) type Parameters = BTreeMap<String, String>;

/// `KEY=VALUE` as it is said on the command line.
pub(super) fn parse(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if !names().contains(&name) {
        return Err(format!("the template has no parameter {name}; it has {}", names().join(", ")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Names of the template's parameters.
pub(super) fn names() -> Vec<&'static str> {
    let inside =
        TEMPLATE.split_once("\nParameters:\n").and_then(|(_, rest)| rest.split_once("\nConditions:\n"));
    let lines = inside.map_or("", |(parameters, _)| parameters).lines();
    lines
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .collect()
}

/// What a new stack is called by where nothing else is said. Names of buckets are those of the whole world, so they
/// hold the account.
pub(super) fn defaults(stack: &str, account: &str) -> Parameters {
    let code = format!("{stack}-code-{account}");
    let pairs = [
        ("GlueScriptS3Path", format!("s3://{code}/glue_job.py")),
        ("LambdaCodeS3Bucket", code),
        ("NonPartitionedS3BucketName", format!("{stack}-staging-{account}")),
        ("PartitionedS3BucketName", format!("{stack}-lake-{account}")),
        ("LambdaAPIName", format!("{stack}-poller")),
        ("LambdaGlueName", format!("{stack}-starter")),
        ("GlueJobNameP", format!("{stack}-job")),
        ("DatabaseName", stack.to_lowercase().replace('-', "_")),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The secrets of Secrets Manager and SSM that a pipeline names, as the parameters that let the poller read them.
pub(super) fn of_secrets(references: &[&str], aws: &Aws, account: &str) -> Parameters {
    let arns = |prefix: &str, service: &str, resource: fn(&str) -> String| {
        let names = references.iter().filter_map(|reference| reference.strip_prefix(prefix));
        let arn = |name: &str| match name.starts_with("arn:") {
            true => name.to_owned(),
            false => {
                format!("arn:{}:{service}:{}:{account}:{}", aws.partition(), aws.region(), resource(name))
            }
        };
        // Of a secret, `#key` names a key within its value.
        names.map(|name| arn(name.split('#').next().unwrap_or(name))).collect::<Vec<_>>().join(",")
    };
    // Secrets Manager adds six characters of its own to the name.
    let secrets = arns("aws-secret:", "secretsmanager", |name| format!("secret:{name}-??????"));
    let parameters =
        arns("aws-parameter:", "ssm", |name| format!("parameter/{}", name.trim_start_matches('/')));
    let pairs = [("SecretArns", secrets), ("SsmParameterArns", parameters)];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The value that the stack will have of a parameter.
pub(super) fn value<'a>(
    name: &str,
    chosen: &'a Parameters,
    present: Option<&'a Stack>,
) -> Result<&'a str, Failure> {
    let of_stack = || present.map(|stack| stack.parameter(name)).filter(|value| !value.is_empty());
    chosen.get(name).map(String::as_str).or_else(of_stack).ok_or_else(|| {
        Failure::config(format!("the stack has no value for {name}; say --parameter {name}=VALUE"))
    })
}

/// All that a change set is given: what was chosen, else what the stack has, else the template's default.
pub(super) fn of_change(chosen: &Parameters, present: Option<&Stack>) -> Vec<(String, Value)> {
    let of = |name: &str| match chosen.get(name) {
        Some(value) => Some(Value::Given(value.clone())),
        None => present.filter(|stack| stack.parameters.contains_key(name)).map(|_| Value::Previous),
    };
    names().into_iter().filter_map(|name| Some((name.to_owned(), of(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use object_store::aws::AwsCredential;

    use super::*;

    #[test]
    fn the_template_s_parameters_are_found_and_every_default_is_one() {
        assert!(names().len() > 20 && names().contains(&"GlueJobNameP"), "{:?}", names());
        for name in defaults("t", "1").keys() {
            assert!(names().contains(&name.as_str()), "{name}");
        }
        assert!(parse("Cadance=7m").expect_err("no such").contains("Cadence"));
        assert_eq!(parse("Cadence=a=b"), Ok(("Cadence".to_owned(), "a=b".to_owned())));
    }

    #[test]
    fn secrets_become_arns_of_this_account() {
        let references = ["TOKEN", "aws-secret:api/key#token", "aws-parameter:/a/b", "aws-secret:other"];
        let of = |region: &str| {
            let keys = AwsCredential { key_id: String::new(), secret_key: String::new(), token: None };
            of_secrets(&references, &Aws::new(region, None, keys).expect("a client"), "123")
        };
        assert_eq!(of("cn-north-1")["SsmParameterArns"], "arn:aws-cn:ssm:cn-north-1:123:parameter/a/b");
        let of = of("eu-west-1");
        assert_eq!(
            of["SecretArns"],
            "arn:aws:secretsmanager:eu-west-1:123:secret:api/key-??????,\
             arn:aws:secretsmanager:eu-west-1:123:secret:other-??????"
        );
        assert_eq!(of["SsmParameterArns"], "arn:aws:ssm:eu-west-1:123:parameter/a/b");
    }

    #[test]
    fn an_update_keeps_what_nobody_changes() {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let has: Parameters = [("Cadence", "learn"), ("GlueWorkers", "2")].map(pair).into();
        let stack =
            Stack { id: String::new(), status: String::new(), parameters: has, outputs: Parameters::new() };
        let chosen: Parameters = [("Cadence", "7m")].map(pair).into();
        let change = of_change(&chosen, Some(&stack));
        assert!(change.contains(&("Cadence".to_owned(), Value::Given("7m".to_owned()))));
        assert!(change.contains(&("GlueWorkers".to_owned(), Value::Previous)));
        assert_eq!(change.len(), 2, "what the stack never had takes the template's default");
        assert_eq!(value("GlueWorkers", &chosen, Some(&stack)).expect("a value"), "2");
    }
}
