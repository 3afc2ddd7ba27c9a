//! Which load a batch belongs to.

use bytes::Bytes;
use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::Claim;

use crate::documents::{self, Creation};
use crate::objects::{self, Put};
use crate::{Env, Error};

/// Claims a batch for a load. Returns the load that has it: ours, or another that was first.
pub(crate) async fn claim(env: &Env, stream: &str, seq: u64, load: &LoadId) -> Result<LoadId, Error> {
    let claim = Claim { load: load.clone() };
    match documents::create_once(env, env.lake.as_ref(), &keys::claim(stream, seq), &claim).await? {
        Creation::Created => Ok(claim.load),
        Creation::Exists(theirs) => Ok(theirs.load),
    }
}

/// Claims of many batches for one load.
pub(crate) struct Claims<'a> {
    env: &'a Env,
    load: &'a LoadId,
    document: Bytes,
}

impl<'a> Claims<'a> {
    /// None yet.
    pub(crate) fn new(env: &'a Env, load: &'a LoadId) -> Claims<'a> {
        Claims { env, load, document: documents::to_bytes(&Claim { load: load.clone() }) }
    }

    /// Claims one more batch; whether the load has it. A store may leave the claim to be kept with all others, when the
    /// next object of another kind is written.
    pub(crate) async fn claim(&self, stream: &str, seq: u64) -> Result<bool, Error> {
        let key = keys::claim(stream, seq);
        match objects::create_alike(self.env, self.env.lake.as_ref(), &key, &self.document).await? {
            Put::Created => Ok(true),
            Put::Exists(bytes) => Ok(documents::from_bytes::<Claim>(&key, &bytes)?.load == *self.load),
        }
    }
}

/// The load that a claimed batch belongs to.
pub(crate) async fn owner(env: &Env, stream: &str, seq: u64) -> Result<LoadId, Error> {
    let claim: Claim = documents::expect(env, env.lake.as_ref(), &keys::claim(stream, seq)).await?;
    Ok(claim.load)
}
