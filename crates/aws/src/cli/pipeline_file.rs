//! The pipeline file on this machine, before it goes to AWS.

use std::path::Path;

use tidegate_core::pipeline::{self, Pipeline};

use super::failure::Failure;

/// The file's text and what it says. Mistakes are listed with their lines; `tidegate check` shows them in place.
pub(super) fn read(path: &Path) -> Result<(String, Pipeline), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::config(format!("cannot read {}: {error}; `tidegate init` writes one", path.display()))
    })?;
    let pipeline = parse(&text, &path.display().to_string())?;
    Ok((text, pipeline))
}

/// The same of a text that lies at `place`.
pub(super) fn parse(text: &str, place: &str) -> Result<Pipeline, Failure> {
    if refers_to_a_manifest(text) {
        return Err(Failure::config(format!(
            "{place} refers to an Airbyte manifest, which only this machine can read; the stack takes a file that says all \
             of it natively (docs/guides/airbyte.md)"
        )));
    }
    pipeline::read(text, &[]).map_err(|mistakes| {
        let line = |at: usize| 1 + text.get(..at).unwrap_or(text).matches('\n').count();
        let all: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("line {}: {}", line(mistake.span.start), mistake.message))
            .collect();
        Failure::config(format!(
            "{place} cannot be used: {}; `tidegate check` shows the places",
            all.join("; ")
        ))
    })
}

fn refers_to_a_manifest(text: &str) -> bool {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.any(|(key, value)| key.trim() == "kind" && value.contains("airbyte"))
}

/// Secrets that only this machine has. A function of Lambda would look for them in vain.
pub(super) fn check_secrets(pipeline: &Pipeline) -> Result<(), Failure> {
    let of_aws =
        |reference: &&str| reference.starts_with("aws-secret:") || reference.starts_with("aws-parameter:");
    let local: Vec<String> = pipeline
        .secret_references()
        .into_iter()
        .filter(|reference| !of_aws(reference))
        .map(|reference| format!("${{{reference}}}"))
        .collect();
    if local.is_empty() {
        return Ok(());
    }
    Err(Failure::config(format!(
        "a function on AWS has no {}; store the secret in Secrets Manager or SSM, and write ${{aws-secret:NAME}}, \
         ${{aws-secret:NAME#key}} or ${{aws-parameter:NAME}} in its place",
        local.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(token: &str) -> Pipeline {
        let text = format!(
            "name = \"a\"\n[source]\nbase_url = \"https://x\"\nauth = {{ type = \"bearer\", token = \"{token}\" }}\n\
             [[streams]]\nname = \"s\"\npath = \"/\"\n"
        );
        parse(&text, "it").expect("a pipeline")
    }

    #[test]
    fn secrets_of_this_machine_are_refused_by_name() {
        let message = check_secrets(&with_token("${TOKEN}")).expect_err("local").message;
        assert!(message.contains("${TOKEN}") && message.contains("${aws-secret:NAME}"), "{message}");
        check_secrets(&with_token("${aws-secret:api#token}")).expect("AWS has it");
    }

    #[test]
    fn a_file_of_a_manifest_says_how_it_becomes_native() {
        let text = "name = \"a\"\n[source]\nkind = \"airbyte\"\nmanifest = \"m.yaml\"\n";
        let message = parse(text, "t.toml").expect_err("no pipeline of its own").message;
        assert!(message.contains("docs/guides/airbyte.md"), "{message}");
    }

    #[test]
    fn mistakes_come_with_their_lines() {
        let message = parse("name = \"a\"\nfoo = 1\n", "t.toml").expect_err("mistakes").message;
        assert!(message.contains("line 2") && message.starts_with("t.toml"), "{message}");
    }
}
