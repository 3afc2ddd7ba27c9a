//! The pipeline file: one source, many streams. These types are its grammar, its checks' subject, its reference
//! and its editor schema at once.

mod auth;
mod auth_checks;
mod checks;
mod config;
mod forms;
mod incremental;
mod job;
mod job_checks;
mod load_spec;
mod open_secrets;
mod overrides;
mod paginator;
mod paginator_checks;
mod parent;
mod read;
mod rules;
mod secrets;
mod shape;
mod short;
mod source;
#[cfg(test)]
mod source_tests;
mod stream;
mod stream_checks;
mod template;
mod template_checks;
mod transform;
mod tree;
mod units;
mod words;

pub use auth::{
    Auth, AwsSigv4, ClientAuth, Hmac, HmacAlgorithm, Jwt, JwtAlgorithm, KeyEncoding, Location, Login, Oauth2,
    SessionToken, SignatureEncoding, TokenBody,
};
pub use checks::tells_a_secret;
pub use incremental::Incremental;
pub use job::{Job, JobRequest, StatusMapping};
pub use load_spec::{Archive, Format, LoadSpec};
pub use paginator::{CursorPages, HeaderCursor, HeaderLink, JsonLink, Offset, PageNumber, Paginator};
pub use parent::Parent;
pub use read::{Mistake, json_schema, read};
pub use rules::{Action, Backoff, Rule};
pub use secrets::Secrets;
pub use source::{Limits, Secret, Source, Tls, Window};
pub use stream::{Contract, ContractMode, EventTime, Method, PartitionBy, Stream, TimeUnit};
pub use template::{Template, TemplateError, Values};
pub use transform::{Flatten, Keys, Transform, TransformSpec, Unnest};
pub use units::{ByteSize, Span};
pub(crate) use words::instead;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pipeline file (`tidegate.toml`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Name of the pipeline: lower-case letters, digits and `_`.
    #[schemars(extend("format" = "name"))]
    pub name: String,
    /// Where raw pages go: `file://` (relative to this file as `file:./staging`), `s3://bucket/prefix` or `memory://`.
    #[serde(default = "default_staging")]
    #[schemars(extend("format" = "store-url"))]
    pub staging: String,
    /// Where the partitioned tables go; never the same place as `staging`.
    #[serde(default = "default_lake")]
    #[schemars(extend("format" = "store-url"))]
    pub lake: String,
    /// The API.
    pub source: Source,
    /// What is asked of the API; each stream feeds one table.
    pub streams: Vec<Stream>,
}

fn default_staging() -> String {
    "file:./staging".to_owned()
}

fn default_lake() -> String {
    "file:./lake".to_owned()
}

impl Pipeline {
    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// The streams above a stream, each once: its parents, their parents, and so on.
    pub fn ancestors<'a>(&'a self, stream: &'a Stream) -> Vec<&'a Stream> {
        let above = |one: &'a Stream| one.parents().filter_map(|parent| self.stream(&parent.stream));
        let mut found: Vec<&Stream> = Vec::new();
        let mut left: Vec<&Stream> = above(stream).collect();
        while let Some(one) = left.pop() {
            if !found.iter().any(|known| known.name == one.name) {
                found.push(one);
                left.extend(above(one));
            }
        }
        found
    }

    /// Every secret that the file refers to (`TOKEN`, `file:/run/token`), each once, in order of first use.
    pub fn secret_references(&self) -> Vec<&str> {
        let own = self.streams.iter().filter_map(|stream| stream.auth.as_ref());
        let auth = std::iter::once(&self.source.auth).chain(own).flat_map(Auth::secrets);
        let config = self.source.config_texts().into_iter().flat_map(source::references);
        let of_jobs = self.streams.iter().flat_map(|stream| &stream.job).flat_map(Job::requests);
        let of_streams = self.streams.iter().flat_map(|stream| stream.headers.values());
        let of_streams = of_streams.chain(of_jobs.flat_map(|(_, request)| request.headers.values()));
        let mut found = Vec::new();
        let tls =
            self.source.tls.iter().flat_map(|tls| [&tls.client_cert, &tls.client_key, &tls.ca]).flatten();
        let of_source = self.source.headers.values().chain(auth).chain(tls).chain(&self.source.proxy);
        for reference in of_source.chain(of_streams).flat_map(Secret::references).chain(config) {
            if !found.contains(&reference) {
                found.push(reference);
            }
        }
        found
    }
}
