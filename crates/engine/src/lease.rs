//! The right to do something alone for a while, among all processes on a store. It rests on create-if-absent: leases are
//! numbered, and who creates the next number holds it until its time is over or it is given back. A holder that dies costs
//! the others that time. It saves work and is no lock: what is done under it must be right when done twice.
//!
//! A lease that is given back stays as one whose time is over, until the next one is there: no number is ever used twice,
//! so who comes back late cannot give back the lease of another.

use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStore;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tidegate_core::change;
use tidegate_core::jiff::Timestamp;
use tidegate_core::time::after;

use crate::objects::{self, Put};
use crate::{Env, Error};

/// A lease that is held.
pub(crate) struct Lease {
    key: String,
    holder: String,
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
    if last > 0
        && let Some(bytes) = objects::get(env, store, &key(prefix, last)).await?
        && let Ok(held) = serde_json::from_slice::<Held>(&bytes)
        // A time further away than any lease lasts was written by a clock that is wrong.
        && held.until > now
        && held.until <= after(now, life.saturating_mul(2))
    {
        return Ok(None);
    }
    let held = Held { until: after(now, life), holder: nonce() };
    let lease = Lease { key: key(prefix, last + 1), holder: held.holder.clone() };
    if let Put::Exists(_) = objects::create(env, store, &lease.key, &held.bytes()?).await? {
        return Ok(None);
    }
    // Others took this number and higher ones since we looked, and this one was deleted.
    if numbers(env, store, prefix).await?.last().is_some_and(|highest| *highest > last + 1) {
        objects::delete(env, store, &lease.key).await?;
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
        let over = Held { until: Timestamp::UNIX_EPOCH, holder: self.holder };
        objects::overwrite(env, store, &self.key, &over.bytes()?).await
    }
}

impl Held {
    fn bytes(&self) -> Result<Bytes, Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Config(error.to_string()))?;
        Ok(bytes.into())
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use object_store::memory::InMemory;
    use tidegate_core::pipeline::{Limits, Secrets};

    use super::*;
    use crate::{Clock, ReqwestHttp};

    struct Set(Mutex<Timestamp>);

    #[async_trait]
    impl Clock for Set {
        fn now(&self) -> Timestamp {
            *self.0.lock().expect("a time")
        }

        async fn sleep(&self, duration: Duration) {
            let mut now = self.0.lock().expect("a time");
            *now = after(*now, duration);
        }
    }

    fn env() -> Env {
        Env {
            clock: Arc::new(Set(Mutex::new(after(Timestamp::UNIX_EPOCH, Duration::from_secs(3600))))),
            http: Arc::new(ReqwestHttp::new(&Limits::default())),
            staging: Arc::new(InMemory::new()),
            lake: Arc::new(InMemory::new()),
            secrets: Arc::new(Secrets::new([])),
            seed: 7,
        }
    }

    #[tokio::test]
    async fn who_comes_back_late_does_not_give_back_the_lease_of_another() {
        let (env, life) = (env(), Duration::from_secs(60));
        let store = env.staging.clone();
        let take = || take(&env, store.as_ref(), "lease/", life);
        let stalled = take().await.expect("a store").expect("the first");
        assert!(take().await.expect("a store").is_none(), "it is held");
        env.clock.sleep(life).await;
        let second = take().await.expect("a store").expect("its time is over");
        second.give_back(&env, store.as_ref()).await.expect("a store");
        let third = take().await.expect("a store").expect("it was given back");
        stalled.give_back(&env, store.as_ref()).await.expect("a store");
        assert!(take().await.expect("a store").is_none(), "the third one holds it");
        third.give_back(&env, store.as_ref()).await.expect("a store");
        assert!(take().await.expect("a store").is_some());
    }
}
