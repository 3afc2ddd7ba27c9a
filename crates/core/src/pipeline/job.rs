//! Asynchronous jobs: create, poll, download; in the words of Airbyte's AsyncRetriever.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;
use super::{Method, Secret};

/// An asynchronous job: the request of the stream creates it, `poll` asks for its state, and its results are the stream's
/// pages. The requests here may name `creation_response` (the JSON of the answer that created it), `creation_headers`,
/// `polling_response` and `download_target` (one of `urls_path`), besides what the stream's own may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Asks for the state: `poll = { path = "/jobs/{creation_response.id}" }`.
    pub poll: JobRequest,
    /// JSONPath of the state in the answer to `poll`. Where absent, 202 means that it runs, any other success that it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub status_path: Option<String>,
    /// What the states mean.
    #[serde(default)]
    pub status: StatusMapping,
    /// JSONPath of the URLs of the results in the answer to `poll`, one or many: each is a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub urls_path: Option<String>,
    /// Asks for a result, where it takes more than a GET of its URL. Without this and `urls_path` the last answer to `poll`
    /// is the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<JobRequest>,
    /// Clears the job away once its results are staged; a refusal is only noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<JobRequest>,
    /// Time between two looks at the state; doubles from look to look.
    #[serde(default = "interval")]
    pub interval: Span,
    /// The longest time between two looks.
    #[serde(default = "max_interval")]
    pub max_interval: Span,
    /// How long a poll waits for the job. Then it ends, and the next poll goes on with the same job.
    #[serde(default = "wait")]
    pub wait: Span,
    /// A job that has not ended so long after its creation is given up.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// Jobs that are created in one poll at most, where one fails or its results are gone before they are read.
    #[serde(default = "attempts")]
    #[schemars(range(min = 1))]
    pub attempts: u32,
}

/// A request about a job. Texts are templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Path below the base of the stream, or what becomes an address of its own (`{download_target}`), which is asked as it
    /// stands there; credentials go to the origin of `base_url` alone.
    pub path: String,
    /// HTTP method.
    #[serde(default)]
    pub method: Method,
    /// Query parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Headers, over the source's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// Fields of a form, in place of a JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, serde_json::Value>>,
}

/// What the states of a job mean; upper and lower case are the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusMapping {
    /// It still runs. Any other state where the list is empty.
    #[serde(default)]
    pub running: Vec<String>,
    /// It has ended, and its results are there.
    #[serde(default = "completed")]
    pub completed: Vec<String>,
    /// It has ended without results; another one is created, `attempts` in all.
    #[serde(default = "failed")]
    pub failed: Vec<String>,
    /// It has ended, and there is nothing to read: a page without records.
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl Default for StatusMapping {
    fn default() -> StatusMapping {
        StatusMapping { running: Vec::new(), completed: completed(), failed: failed(), skipped: Vec::new() }
    }
}

impl Job {
    /// Its requests, by their keys.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, &JobRequest)> {
        let more = [("download", &self.download), ("delete", &self.delete)];
        let more = more.into_iter().filter_map(|(key, request)| Some((key, request.as_ref()?)));
        [("poll", &self.poll)].into_iter().chain(more)
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn completed() -> Vec<String> {
    words(&["completed", "complete", "done", "finished", "ready", "succeeded", "success"])
}

fn failed() -> Vec<String> {
    words(&["failed", "failure", "error", "aborted", "cancelled", "canceled", "expired"])
}

fn interval() -> Span {
    Span::from_secs(5)
}

fn max_interval() -> Span {
    Span::from_secs(60)
}

fn wait() -> Span {
    Span::from_secs(600)
}

fn timeout() -> Span {
    Span::from_secs(3600)
}

fn attempts() -> u32 {
    3
}
