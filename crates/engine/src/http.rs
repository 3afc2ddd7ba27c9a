//! One request over the wire, with its limits. Retries, pages and conditions are the callers'.

mod client;
mod route;

use async_trait::async_trait;
use tidegate_core::error::Kind;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};

pub use client::ReqwestHttp;
pub use route::{Proxies, ProxyVariable};

/// An HTTP client: the real one, or a simulation's model API.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole answer, whatever its status.
    async fn send(&self, request: &Request, limits: &Limits) -> Result<Response, HttpError>;
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Name not found, connection refused or broken, answer cut off.
    #[error("{host}: {reason}; is the address right and the network up?")]
    Connection {
        /// Host of the URL.
        host: String,
        /// The library's word.
        reason: String,
    },
    /// A time limit ran out.
    #[error("{host} did not answer within {limit}; raise source.limits.timeout or ask for less at a time")]
    Timeout {
        /// Host of the URL.
        host: String,
        /// The limit.
        limit: String,
    },
    /// The answer is larger than allowed.
    #[error(
        "the answer of {host} is larger than {limit}; raise source.limits.max_body or ask for less at a time"
    )]
    TooLarge {
        /// Host of the URL.
        host: String,
        /// `limits.max_body`.
        limit: String,
    },
    /// Too many redirects, or one to where none may lead.
    #[error("{host}: {reason}; put the final address into source.base_url")]
    Redirect {
        /// Host of the URL.
        host: String,
        /// What happened.
        reason: String,
    },
}

impl HttpError {
    /// What the reader does next.
    pub fn kind(&self) -> Kind {
        match self {
            HttpError::Connection { .. } | HttpError::Timeout { .. } => Kind::Transient,
            HttpError::TooLarge { .. } | HttpError::Redirect { .. } => Kind::Source,
        }
    }
}
