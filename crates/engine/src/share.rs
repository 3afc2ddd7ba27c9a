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

use crate::gate::{patient, until_then};
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
    mine: Mutex<Mine>,
}

#[derive(Debug, Default)]
struct Mine {
    share: Option<Share>,
    /// The last version that this process has seen, by its number. There may be later ones.
    seen: Option<(u64, Windows)>,
}

/// The document. `holder` makes each one's bytes its own.
#[derive(Serialize, Deserialize)]
struct Booked {
    windows: Windows,
    holder: String,
}

impl Shares {
    pub(crate) fn new(limits: &Limits) -> Shares {
        Shares { windows: Windows::shared(limits), mine: Mutex::default() }
    }

    /// Waits until a request of this weight may go; an error where that is too long.
    pub(crate) async fn enter(&self, env: &Env, store: &dyn ObjectStore, cost: u32) -> Result<(), Error> {
        // The others wait for the same share.
        let mut mine = self.mine.lock().await;
        loop {
            let now = env.clock.now();
            match mine.share.as_mut().filter(|share| share.requests >= cost && now < share.until) {
                Some(share) if now >= share.from => {
                    share.requests -= cost;
                    return Ok(());
                }
                Some(share) => env.clock.sleep(until_then(now, share.from)).await,
                None => mine.share = Some(self.take(env, store, cost, &mut mine.seen).await?),
            }
        }
    }

    /// Books the next share. One that begins too late is not booked: nobody would be there to use it.
    async fn take(
        &self,
        env: &Env,
        store: &dyn ObjectStore,
        cost: u32,
        seen: &mut Option<(u64, Windows)>,
    ) -> Result<Share, Error> {
        for race in 1..=RACES {
            let now = env.clock.now();
            let (last, before) = match seen.take() {
                Some(seen) => seen,
                None => self.last(env, store).await?,
            };
            let mut windows = before.clone();
            let share = windows.share(now, cost);
            if let Err(error) = patient(now, share.from, "the limits shared with other processes allow") {
                *seen = Some((last, before));
                return Err(error);
            }
            if booked(env, store, last + 1, &windows).await? {
                *seen = Some((last + 1, windows));
                return Ok(share);
            }
            env.clock.sleep(retry::BASE.mul_f64(chance(env, race, now))).await;
        }
        Err(Error::Busy(format!("other processes were faster {RACES} times at booking source.limits")))
    }

    /// The number of the last version and what is booked by it; nothing where there is none, or the limits have changed.
    async fn last(&self, env: &Env, store: &dyn ObjectStore) -> Result<(u64, Windows), Error> {
        let last = numbers(env, store).await?.into_iter().max().unwrap_or(0);
        let bytes = match last {
            0 => None,
            last => objects::get(env, store, &keys::limit(last)).await?,
        };
        let booked = bytes.and_then(|bytes| serde_json::from_slice::<Booked>(&bytes).ok());
        let windows = booked.map(|booked| booked.windows).filter(|windows| windows.agrees(&self.windows));
        Ok((last, windows.unwrap_or_else(|| self.windows.clone())))
    }
}

/// Creates the version of this number; false where another process did, or versions of higher numbers have been there for
/// long. Versions that nobody can be at any more are removed.
async fn booked(env: &Env, store: &dyn ObjectStore, number: u64, windows: &Windows) -> Result<bool, Error> {
    let document = Booked { windows: windows.clone(), holder: nonce() };
    let bytes = serde_json::to_vec(&document).map_err(|error| Error::Config(error.to_string()))?;
    if let Put::Exists(_) = objects::create(env, store, &keys::limit(number), &bytes.into()).await? {
        return Ok(false);
    }
    let numbers = numbers(env, store).await?;
    // The number was free because it is long over.
    let is_over = numbers.iter().any(|other| *other >= number + KEPT / 2);
    let old = numbers.into_iter().filter(|other| other + KEPT <= number || (is_over && *other == number));
    for old in old {
        if let Err(error) = objects::delete(env, store, &keys::limit(old)).await {
            tracing::warn!("an old booking of source.limits stays until the next one: {error}");
        }
    }
    Ok(!is_over)
}

async fn numbers(env: &Env, store: &dyn ObjectStore) -> Result<Vec<u64>, Error> {
    let found = objects::list(env, store, keys::LIMITS).await?;
    Ok(found.iter().filter_map(|meta| keys::parse_limit(meta.location.as_ref())).collect())
}

fn chance(env: &Env, race: u32, now: Timestamp) -> f64 {
    retry::chance(env.seed, "limits", race, now)
}
