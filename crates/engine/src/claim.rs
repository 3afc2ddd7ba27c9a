//! Which load a batch belongs to.

use tidegate_core::keys::{self, LoadId};
use tidegate_core::load::Claim;

use crate::documents::{self, Creation};
use crate::{Env, Error};

/// Claims a batch for a load. Returns the load that has it: ours, or another that was first.
pub(crate) async fn claim(env: &Env, stream: &str, seq: u64, load: &LoadId) -> Result<LoadId, Error> {
    let claim = Claim { load: load.clone() };
    match documents::create_once(env, env.lake.as_ref(), &keys::claim(stream, seq), &claim).await? {
        Creation::Created => Ok(claim.load),
        Creation::Exists(theirs) => Ok(theirs.load),
    }
}

/// The load that a claimed batch belongs to.
pub(crate) async fn owner(env: &Env, stream: &str, seq: u64) -> Result<LoadId, Error> {
    let claim: Claim = documents::expect(env, env.lake.as_ref(), &keys::claim(stream, seq)).await?;
    Ok(claim.load)
}
