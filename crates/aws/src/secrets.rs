//! Values of `${aws-secret:NAME}`, `${aws-secret:NAME#key}` (a key of a JSON secret) and `${aws-parameter:NAME}`.

use serde_json::{Value, json};

use crate::call::{Aws, CallError};

/// Why a secret has no value. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// AWS did not give it.
    #[error(
        "{reference}: {source}; is it there, and does the stack's SecretArns or SsmParameterArns name it?"
    )]
    Call {
        /// As it stands in the pipeline file.
        reference: String,
        /// AWS's word.
        source: CallError,
    },
    /// It is not what the reference says.
    #[error("{reference}: {reason}")]
    Shape {
        /// As it stands in the pipeline file.
        reference: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The value that a reference (without `${` and `}`) names, or `None` if it is not one of AWS's.
pub async fn resolve(aws: &Aws, reference: &str) -> Result<Option<String>, SecretError> {
    let call = |source| SecretError::Call { reference: reference.to_owned(), source };
    if let Some(name) = reference.strip_prefix("aws-parameter:") {
        let body = json!({ "Name": name, "WithDecryption": true });
        let answer = aws.json("ssm", "AmazonSSM.GetParameter", &body).await.map_err(call)?;
        return text(reference, &answer["Parameter"]["Value"]).map(Some);
    }
    let Some(name) = reference.strip_prefix("aws-secret:") else { return Ok(None) };
    let (name, key) = name.split_once('#').map_or((name, None), |(name, key)| (name, Some(key)));
    let body = json!({ "SecretId": name });
    let answer = aws.json("secretsmanager", "secretsmanager.GetSecretValue", &body).await.map_err(call)?;
    let secret = text(reference, &answer["SecretString"])?;
    match key {
        None => Ok(Some(secret)),
        Some(key) => of_key(reference, &secret, key).map(Some),
    }
}

fn text(reference: &str, value: &Value) -> Result<String, SecretError> {
    let shape =
        || SecretError::Shape { reference: reference.to_owned(), reason: "it is binary; store it as text" };
    value.as_str().map(str::to_owned).ok_or_else(shape)
}

fn of_key(reference: &str, secret: &str, key: &str) -> Result<String, SecretError> {
    let shape = |reason| SecretError::Shape { reference: reference.to_owned(), reason };
    let document: Value = serde_json::from_str(secret)
        .map_err(|_| shape("it is not a JSON object, so it has no key; leave `#key` out"))?;
    match &document[key] {
        Value::String(value) => Ok(value.clone()),
        Value::Number(value) => Ok(value.to_string()),
        _ => Err(shape("it has no text under that key")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_json_secret_is_found_and_no_error_holds_a_value() {
        assert_eq!(of_key("r", r#"{"token":"abc"}"#, "token").expect("there"), "abc");
        for secret in [r#"{"token":"abc"}"#, "abc"] {
            let message = of_key("aws-secret:n#key", secret, "key").expect_err("not there").to_string();
            assert!(message.starts_with("aws-secret:n#key") && !message.contains("abc"), "{message}");
        }
    }
}
