//! The right to do something alone for a while, among all processes on a store. It rests on create-if-absent: leases are
//! numbered, and who creates the next number holds it until its time is over or it is given back. A holder that dies costs
//! the others that time. It saves work and is no lock: what is done under it must be right when done twice.

use std::time::Duration;

use object_store::ObjectStore;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tidegate_core::change;
use tidegate_core::jiff::{SignedDuration, Timestamp};

use crate::objects::{self, Put};
use crate::{Env, Error};

/// A lease that is held.
pub(crate) struct Lease {
    key: String,
}

/// The object of a lease. `holder` makes each one's bytes its own.
#[derive(Serialize, Deserialize)]
struct Held {
    until: Timestamp,
    holder: String,
}

/// Takes the lease below `prefix` (ends with `/`); `None` where another one holds it.
pub(crate) async fn take(
    env: &Env,
    store: &dyn ObjectStore,
    prefix: &str,
    life: Duration,
) -> Result<Option<Lease>, Error> {
    let before = numbers(env, store, prefix).await?;
    let last = before.last().copied().unwrap_or(0);
    let now = env.clock.now();
    let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
    if last > 0
        && let Some(bytes) = objects::get(env, store, &key(prefix, last)).await?
        && let Ok(held) = serde_json::from_slice::<Held>(&bytes)
        // A time further away than any lease lasts was written by a clock that is wrong.
        && held.until > now
        && held.until.duration_since(now) <= life + life
    {
        return Ok(None);
    }
    let held = Held { until: now.checked_add(life).unwrap_or(Timestamp::MAX), holder: nonce() };
    let bytes = serde_json::to_vec(&held).map_err(|error| Error::Config(error.to_string()))?;
    let key = key(prefix, last + 1);
    if let Put::Exists(_) = objects::create(env, store, &key, &bytes.into()).await? {
        return Ok(None);
    }
    let lease = Lease { key };
    // A number that was free again because all above it were given back, while another took a higher one.
    if numbers(env, store, prefix).await?.last().is_some_and(|highest| *highest > last + 1) {
        lease.give_back(env, store).await?;
        return Ok(None);
    }
    for old in before {
        objects::delete(env, store, &self::key(prefix, old)).await?;
    }
    Ok(Some(lease))
}

impl Lease {
    /// Lets the next one have it.
    pub(crate) async fn give_back(self, env: &Env, store: &dyn ObjectStore) -> Result<(), Error> {
        objects::delete(env, store, &self.key).await
    }
}

async fn numbers(env: &Env, store: &dyn ObjectStore, prefix: &str) -> Result<Vec<u64>, Error> {
    let found = objects::list(env, store, prefix).await?;
    let number = |key: &str| key.strip_prefix(prefix)?.strip_suffix(".json")?.parse().ok();
    Ok(found.iter().filter_map(|meta| number(meta.location.as_ref())).collect())
}

fn key(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:012}.json")
}

/// Text that no one else has.
pub(crate) fn nonce() -> String {
    let mut bytes = [0; 12];
    // Without random numbers there is no TLS either; then two leases could be taken for one.
    let _ = SystemRandom::new().fill(&mut bytes);
    change::hex(&bytes)
}
