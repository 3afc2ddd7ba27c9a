//! A backlog: batches that nobody has claimed, a load each, several under way at once. While one waits for the store,
//! another is read or decoded. Within a load the order is as ever, and what a load makes of its table is what it would
//! make of it if they came one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;

use tidegate_core::batch::{Batch, Page};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::before::Before;
use crate::beside::several_threads;
use crate::load::{LoadReport, load_read};
use crate::{Env, Error, decode};

/// Loads under way at once, at most.
const AT_ONCE: usize = 8;
/// Mebibytes of the pages of all loads under way, at most, where several threads load: two or three times as much is in
/// memory. A load of more has the room to itself.
const ROOM: u32 = 192;
/// The same where one thread does everything, as in a function that has little memory: what loads then win is only that
/// they wait for the store together.
const ROOM_OF_ONE_THREAD: u32 = 16;
/// How many times its size a packed page counts for.
const UNPACKED: u64 = 8;

/// Loads the batches of these keys, which are sorted. The first of each table goes alone, since it may be the one that
/// makes it. What became of each is in their order; one that fails stops no other.
pub(crate) async fn load_all(env: &Env, keys: Vec<String>) -> Vec<(String, Result<LoadReport, Error>)> {
    let mut under_way = UnderWay::new();
    let mut tables = BTreeSet::new();
    for (place, key) in keys.into_iter().enumerate() {
        match decode::batch(env, &key).await {
            Err(error) => drop(under_way.done.insert(place, (key, Err(error)))),
            Ok(batch) => {
                let is_first = tables.insert(batch.load.table.clone());
                under_way.until(if is_first { 0 } else { AT_ONCE - 1 }).await;
                under_way.begin(env, place, key, batch).await;
                if is_first {
                    under_way.until(0).await;
                }
            }
        }
    }
    under_way.until(0).await;
    under_way.done.into_values().collect()
}

/// Loads under way, and those that have ended. They end with it.
struct UnderWay {
    room: Arc<Semaphore>,
    most: u32,
    loads: JoinSet<(usize, String, Result<LoadReport, Error>)>,
    /// All that have begun.
    begun: Before,
    done: BTreeMap<usize, (String, Result<LoadReport, Error>)>,
}

impl UnderWay {
    fn new() -> UnderWay {
        let most = if several_threads() { ROOM } else { ROOM_OF_ONE_THREAD };
        UnderWay {
            room: Arc::new(Semaphore::new(most as usize)),
            most,
            loads: JoinSet::new(),
            begun: Before::none(),
            done: BTreeMap::new(),
        }
    }

    /// Begins a load as soon as there is room for it. It counts as under way until those before it have ended.
    async fn begin(&mut self, env: &Env, place: usize, key: String, batch: Batch) {
        let room = Arc::clone(&self.room).acquire_many_owned(mebibytes(&batch).min(self.most)).await;
        let (held, begun) = Before::pair();
        let (env, mut before) = (env.clone(), std::mem::replace(&mut self.begun, begun));
        self.loads.spawn(async move {
            let loaded = load_read(&env, &key, &batch, &mut before).await;
            drop((batch, room));
            before.ended().await;
            drop(held);
            (place, key, loaded)
        });
    }

    /// Waits until no more than so many are under way.
    async fn until(&mut self, left: usize) {
        while self.loads.len() > left {
            match self.loads.join_next().await {
                Some(Ok((place, key, loaded))) => drop(self.done.insert(place, (key, loaded))),
                // Nobody else ends them.
                Some(Err(panic)) => resume_unwind(panic.into_panic()),
                None => return,
            }
        }
    }
}

/// The size of its pages, rounded up.
fn mebibytes(batch: &Batch) -> u32 {
    let size = |page: &Page| page.bytes.saturating_mul(if page.format.is_packed() { UNPACKED } else { 1 });
    let bytes = batch.pages.iter().map(size).fold(0, u64::saturating_add);
    u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX)
}
