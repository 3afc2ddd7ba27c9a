//! Who asks for a token, with all that this takes.

use std::sync::Arc;

use object_store::ObjectStore;
use tidegate_core::pipeline::{Auth, Secret, Source};

use crate::fetch::Fetch;
use crate::{Env, Error};

/// Owns all of it: a renewal belongs to no request, and goes on when the one that began it is dropped.
pub(super) struct Applicant {
    pub(super) env: Env,
    pub(super) source: Source,
    /// The credentials that it asks with: the stream's.
    pub(super) auth: Auth,
    /// Where what must outlive the process is kept.
    pub(super) state: Arc<dyn ObjectStore>,
}

impl Applicant {
    pub(super) fn of(fetch: &Fetch<'_>) -> Applicant {
        Applicant {
            env: fetch.env.clone(),
            source: fetch.pipeline.source.clone(),
            auth: fetch.auth().clone(),
            state: fetch.gate.state(fetch.env).clone(),
        }
    }

    /// The value of a secret; the error names the key in the file.
    pub(super) fn reveal(&self, key: &str, secret: &Secret) -> Result<String, Error> {
        super::reveal(&self.env.secrets, key, secret)
    }
}
