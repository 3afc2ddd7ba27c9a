//! What went wrong, for a person, and the exit code that a script reads.

use tidegate_core::error::Kind;

use crate::call::CallError;

/// The end of a command that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What the reader does next.
    pub(super) kind: Kind,
    /// What is wrong and what to do about it.
    pub(super) message: String,
}

impl Failure {
    /// A setting, an argument or something in the account is wrong.
    pub(super) fn config(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::Config, message: message.into() }
    }

    /// It may pass by itself.
    pub(super) fn transient(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::Transient, message: message.into() }
    }

    /// Our bug.
    pub(super) fn internal(message: impl Into<String>) -> Failure {
        Failure { kind: Kind::Internal, message: message.into() }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let hint = match error.code() {
            Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => {
                "; sign in again (`aws sso login`)"
            }
            Some("InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch") => {
                "; check AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            Some("AccessDenied" | "AccessDeniedException") => {
                "; docs/guides/aws.md lists the permissions that a deployment needs"
            }
            _ => "",
        };
        Failure { kind: error.kind(), message: format!("{error}{hint}") }
    }
}

impl From<tidegate_engine::Error> for Failure {
    fn from(error: tidegate_engine::Error) -> Failure {
        Failure { kind: error.kind(), message: error.to_string() }
    }
}
