//! Everything outside the process that the verbs may touch, passed in.

use std::sync::Arc;

use object_store::ObjectStore;
use tidegate_core::pipeline::Secrets;

use crate::{Clock, Http};

/// The world as the engine sees it.
#[derive(Clone)]
pub struct Env {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The API.
    pub http: Arc<dyn Http>,
    /// Raw pages and batches.
    pub staging: Arc<dyn ObjectStore>,
    /// Tables and the documents of their loads.
    pub lake: Arc<dyn ObjectStore>,
    /// Values of the pipeline's secrets.
    pub secrets: Arc<Secrets>,
    /// Seed of every random choice (jitter), so that a run can be repeated.
    pub seed: u64,
}
