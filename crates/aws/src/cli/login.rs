//! Who calls AWS, where. The environment's keys come first, then those of the profile, then its `credential_process`.
//! All other ways in (SSO, roles, containers) are asked of the AWS command line, which holds their tokens anyway; see
//! docs/adr/0012-credentials.md.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use tidegate_engine::open_store;

use super::failure::Failure;
use super::{Global, profile};
use crate::call::{Aws, element};
use crate::settings;

/// AWS as the caller's settings name it.
#[derive(Debug)]
pub(super) struct Login {
    /// The variables that a function of Lambda would have.
    variables: BTreeMap<&'static str, String>,
    /// AWS.
    pub(super) aws: Aws,
}

/// What a credential process prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Login {
    /// Resolves credentials, region and endpoint.
    pub(super) fn new(global: &Global) -> Result<Login, Failure> {
        let variable = |name: &str| settings::variable(name).filter(|value| !value.is_empty());
        let chosen = global.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let name = chosen.clone().unwrap_or_else(|| "default".to_owned());
        let profile = read_profile(&name);
        if chosen.is_some() && profile.is_empty() {
            return Err(Failure::config(format!(
                "there is no profile `{name}` in ~/.aws; `aws configure list-profiles` lists them"
            )));
        }
        let region = global.region.clone().or_else(|| variable("AWS_REGION"));
        let region =
            region.or_else(|| variable("AWS_DEFAULT_REGION")).or_else(|| profile.get("region").cloned());
        let region =
            region.ok_or_else(|| Failure::config("no region is set; say --region or set AWS_REGION"))?;
        let mut variables = BTreeMap::from([("AWS_REGION", region)]);
        let endpoint = variable("AWS_ENDPOINT_URL").or_else(|| profile.get("endpoint_url").cloned());
        variables.extend(endpoint.map(|url| ("AWS_ENDPOINT_URL", url)));
        // A profile that was named counts for more than keys that happen to be in the environment.
        let keys = if global.profile.is_some() { None } else { of_environment(&variable) };
        let keys = keys.map_or_else(|| of_profile(&name, chosen.is_some(), &profile), Ok)?;
        variables.insert("AWS_ACCESS_KEY_ID", keys.access_key_id);
        variables.insert("AWS_SECRET_ACCESS_KEY", keys.secret_access_key);
        variables.extend(keys.session_token.map(|token| ("AWS_SESSION_TOKEN", token)));
        let aws = settings::aws(|name| variables.get(name).cloned()).map_err(Failure::config)?;
        Ok(Login { variables, aws })
    }

    /// The number of the account.
    pub(super) async fn account(&self) -> Result<String, Failure> {
        let answer = self.aws.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await?;
        element(&String::from_utf8_lossy(&answer), "Account")
            .ok_or_else(|| Failure::internal("sts GetCallerIdentity names no account"))
    }

    /// A bucket (`s3://…`) as the engine reads it.
    pub(super) fn store(&self, url: &str) -> Result<std::sync::Arc<dyn object_store::ObjectStore>, Failure> {
        let options = settings::store_options(|name| self.variables.get(name).cloned());
        Ok(open_store(url, std::path::Path::new("/"), &options)?)
    }
}

fn read_profile(name: &str) -> BTreeMap<String, String> {
    let read = |variable: &str, file: &str| {
        let home = settings::variable("HOME").or_else(|| settings::variable("USERPROFILE"));
        let usual = || home.map(|home| PathBuf::from(home).join(".aws").join(file));
        let path = settings::variable(variable).map(PathBuf::from).or_else(usual);
        path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    };
    let config = read("AWS_CONFIG_FILE", "config");
    profile::settings(name, &config, &read("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
}

fn of_environment(variable: &dyn Fn(&str) -> Option<String>) -> Option<Printed> {
    Some(Printed {
        access_key_id: variable("AWS_ACCESS_KEY_ID")?,
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    })
}

fn of_profile(name: &str, named: bool, profile: &BTreeMap<String, String>) -> Result<Printed, Failure> {
    let of = |key: &str| profile.get(key).cloned();
    if let (Some(access_key_id), Some(secret_access_key)) =
        (of("aws_access_key_id"), of("aws_secret_access_key"))
        && of("role_arn").is_none()
    {
        return Ok(Printed { access_key_id, secret_access_key, session_token: of("aws_session_token") });
    }
    if let Some(process) = of("credential_process") {
        let mut command = Command::new("sh");
        return printed(command.args(["-c", &process]), "the profile's credential_process");
    }
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if named {
        command.args(["--profile", name]);
    }
    printed(&mut command, "`aws configure export-credentials`").map_err(|failure| {
        Failure::config(format!(
            "no credentials: neither AWS_ACCESS_KEY_ID nor keys in the profile `{name}`, and for SSO and roles the AWS \
             command line gave none ({}); sign in (`aws sso login`) or set the keys",
            failure.message
        ))
    })
}

/// Runs a program that prints credentials. What it prints is shown nowhere.
fn printed(command: &mut Command, who: &str) -> Result<Printed, Failure> {
    let output =
        command.output().map_err(|error| Failure::config(format!("{who} cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim().lines().last().unwrap_or("it says nothing").to_owned();
        return Err(Failure::config(format!("{who} failed: {last}")));
    }
    serde_json::from_slice(&output.stdout).map_err(|_| {
        Failure::config(format!("{who} printed no credentials in the form of a credential process"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Printed, Failure> {
        let profile = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        of_profile("p", true, &profile)
    }

    #[test]
    fn a_profile_s_keys_or_its_process_give_credentials() {
        let keys = of(&[("aws_access_key_id", "AK"), ("aws_secret_access_key", "s")]).expect("keys");
        assert_eq!((keys.access_key_id.as_str(), keys.session_token), ("AK", None));
        let says = r#"echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T"}'"#;
        let asked = of(&[("credential_process", says)]).expect("a process");
        assert_eq!((asked.access_key_id.as_str(), asked.session_token.as_deref()), ("A", Some("T")));
    }

    #[test]
    fn a_process_that_fails_is_quoted_and_one_that_talks_is_not() {
        let message = |process| of(&[("credential_process", process)]).expect_err("no credentials").message;
        assert!(message("echo no luck >&2; exit 3").ends_with("failed: no luck"));
        assert!(!message("echo hush-hush").contains("hush"));
    }
}
