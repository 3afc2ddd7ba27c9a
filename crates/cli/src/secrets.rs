//! The values of a pipeline's secrets, read from the environment and from files.

use std::path::Path;

use tidegate_core::pipeline::{Mistake, Secret, Secrets};
use tidegate_engine::{Proxies, ProxyVariable};

use crate::failure::Failure;
use crate::pipeline_file::PipelineFile;

/// Reads every secret that the file refers to; a relative `${file:…}` starts from the pipeline file's directory.
pub(crate) fn read(file: &PipelineFile) -> Result<Secrets, Failure> {
    let mut values = Vec::new();
    let mut mistakes = Vec::new();
    for reference in file.pipeline.secret_references() {
        match value_of(reference, file) {
            Ok(value) => values.push((reference.to_owned(), value)),
            Err((message, help)) => {
                let written = format!("${{{reference}}}");
                let start = file.text.find(&written).unwrap_or(0);
                let end =
                    if file.text[start..].starts_with(&written) { start + written.len() } else { start };
                mistakes.push(Mistake { span: start..end, message, help: Some(help) });
            }
        }
    }
    match mistakes.is_empty() {
        true => Ok(Secrets::new(values)),
        false => Err(Failure::File { path: file.path.clone(), text: file.text.clone(), mistakes }),
    }
}

/// The references that have no value now.
pub(crate) fn missing(file: &PipelineFile) -> Vec<&str> {
    let all = file.pipeline.secret_references();
    all.into_iter().filter(|reference| value_of(reference, file).is_err()).collect()
}

/// Whether a reference names a secret that the functions on AWS read, and nobody else.
pub(crate) fn on_aws(reference: &str) -> bool {
    reference.starts_with("aws-secret:") || reference.starts_with("aws-parameter:")
}

/// The value of a reference: of those that came with the file, else from the environment or a file.
fn value_of(reference: &str, file: &PipelineFile) -> Result<String, (String, String)> {
    match file.secrets.reveal(&Secret(format!("${{{reference}}}"))) {
        Ok(value) => Ok(value),
        Err(_) => value(reference, file.dir()),
    }
}

/// The value that a reference has on this machine; else what is wrong and what to do.
pub(crate) fn value(reference: &str, dir: &Path) -> Result<String, (String, String)> {
    if on_aws(reference) {
        return Err((
            format!("${{{reference}}} is read on AWS, by the poller of `tidegate aws deploy`"),
            "to ask the API from this machine, write ${NAME} or ${file:/path} in its place".to_owned(),
        ));
    }
    match reference.strip_prefix("file:") {
        Some(path) => match std::fs::read_to_string(dir.join(path)) {
            Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => {
                Err((format!("the secret file {path} cannot be read: {error}"), "create it".to_owned()))
            }
        },
        None => variable(reference).filter(|value| !value.is_empty()).ok_or_else(|| {
            (
                format!("the environment variable {reference} is not set"),
                format!("export {reference}=… before the command"),
            )
        }),
    }
}

#[allow(clippy::disallowed_methods, reason = "the shell is where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The proxies that the environment names, in either case, the lower one first as everywhere.
pub(crate) fn proxies() -> Proxies {
    let value = |name: &str| {
        [name.to_ascii_lowercase(), name.to_owned()]
            .iter()
            .find_map(|name| variable(name).filter(|v| !v.is_empty()))
    };
    let named = |name| value(name).map(|url| ProxyVariable { name, url });
    let all = || named("ALL_PROXY");
    Proxies {
        http: named("HTTP_PROXY").or_else(all),
        https: named("HTTPS_PROXY").or_else(all),
        none: value("NO_PROXY"),
    }
}

/// S3 settings by their usual names in lower case, from `AWS_…` variables.
#[allow(clippy::disallowed_methods, reason = "the shell is where the environment is read")]
pub(crate) fn store_options() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty())
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_aws_is_no_variable_of_this_machine() {
        for reference in ["aws-secret:api#token", "aws-parameter:/api/token"] {
            let (message, help) = value(reference, Path::new(".")).expect_err("not here");
            assert!(
                message.contains(reference) && message.contains("AWS") && help.contains("${NAME}"),
                "{message}"
            );
        }
    }
}
