//! Limits kept together by all processes that ask a source. What is booked of them is one document, and its versions are
//! numbered and created once each: who books takes the last one, adds a share for itself and creates the next. A share is
//! for a short time, and a process that dies with it wastes no more.

use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;
use tidegate_core::pace::{Share, Windows};
use tidegate_core::pipeline::Limits;
use tidegate_core::retry;
use tokio::sync::Mutex;

use crate::gate::until_then;
use crate::lease::nonce;
use crate::objects::{self, Put};
use crate::{Env, Error};

/// Versions that stay. One that is slower than so many others tries a number that is gone, and finds out.
const KEPT: u64 = 8;
/// How often a share is tried for while others are faster.
const RACES: u32 = 60;

/// What this process holds of the limits.
#[derive(Debug)]
pub(crate) struct Shares {
    /// With nothing booked.
    windows: Windows,
    current: Mutex<Option<Share>>,
}

/// The document. `holder` makes each one's bytes its own.
#[derive(Serialize, Deserialize)]
struct Booked {
    windows: Windows,
    holder: String,
}

impl Shares {
    pub(crate) fn new(limits: &Limits) -> Shares {
        Shares { windows: Windows::shared(limits), current: Mutex::default() }
    }

    /// Waits until a request of this weight may go.
    pub(crate) async fn enter(&self, env: &Env, store: &dyn ObjectStore, cost: u32) -> Result<(), Error> {
        // The others wait for the same share.
        let mut current = self.current.lock().await;
        loop {
            let now = env.clock.now();
            match current.as_mut().filter(|share| share.requests >= cost && now < share.until) {
                Some(share) if now >= share.from => {
                    share.requests -= cost;
                    return Ok(());
                }
                Some(share) => env.clock.sleep(until_then(now, share.from)).await,
                None => *current = Some(self.take(env, store, cost).await?),
            }
        }
    }

    /// Books the next share.
    async fn take(&self, env: &Env, store: &dyn ObjectStore, cost: u32) -> Result<Share, Error> {
        for race in 1..=RACES {
            let last = last(env, store).await?;
            let mut windows = self.booked(env, store, last).await?;
            let share = windows.share(env.clock.now(), cost);
            let bytes = serde_json::to_vec(&Booked { windows, holder: nonce() });
            let bytes = bytes.map_err(|error| Error::Config(error.to_string()))?;
            let put = objects::create(env, store, &keys::limit(last + 1), &bytes.into()).await?;
            // A number that was free because it is long over.
            let ours = put == Put::Created && self::last(env, store).await? <= last + KEPT / 2;
            if ours {
                if let Some(old) = (last + 1).checked_sub(KEPT).filter(|old| *old > 0) {
                    objects::delete(env, store, &keys::limit(old)).await?;
                }
                return Ok(share);
            }
            if put == Put::Created {
                objects::delete(env, store, &keys::limit(last + 1)).await?;
            }
            let now = env.clock.now();
            env.clock.sleep(retry::BASE.mul_f64(chance(env, race, now))).await;
        }
        Err(Error::Busy(format!("other processes were faster {RACES} times at booking source.limits")))
    }

    /// What is booked by the version of this number; nothing where there is none, or the limits have changed since.
    async fn booked(&self, env: &Env, store: &dyn ObjectStore, number: u64) -> Result<Windows, Error> {
        let bytes = match number {
            0 => None,
            number => objects::get(env, store, &keys::limit(number)).await?,
        };
        let booked = bytes.and_then(|bytes| serde_json::from_slice::<Booked>(&bytes).ok());
        let booked = booked.map(|booked| booked.windows).filter(|windows| windows.agrees(&self.windows));
        Ok(booked.unwrap_or_else(|| self.windows.clone()))
    }
}

async fn last(env: &Env, store: &dyn ObjectStore) -> Result<u64, Error> {
    let found = objects::list(env, store, keys::LIMITS).await?;
    Ok(found.iter().filter_map(|meta| keys::parse_limit(meta.location.as_ref())).max().unwrap_or(0))
}

fn chance(env: &Env, race: u32, now: Timestamp) -> f64 {
    retry::chance(env.seed, "limits", race, now)
}
