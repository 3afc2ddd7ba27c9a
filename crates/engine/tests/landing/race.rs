//! Several processes over the same stores, interleaved at every call in many ways.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tidegate_engine::{Env, Missing, Selection, load_batch, load_windows, recover, replay, retype};

use crate::crash::mortal;
use crate::reading::assert_exactly_once;
use crate::store::Fate;
use crate::world::{BY_EVENT, memory, pipeline, stage_all};

const SEEDS: u64 = 40;

fn process(env: &Env, seed: u64, number: u64, dies_at: u64) -> Env {
    let fate = Fate {
        seed: seed.wrapping_mul(31) + number + 1,
        dies_at,
        after: seed.is_multiple_of(2),
        ..Fate::default()
    };
    mortal(env, &Arc::new(fate))
}

/// A loader that takes the events in its own order, each twice.
async fn events(env: Env, mut staged: Vec<String>, turn: usize) {
    staged.rotate_left(turn % 4);
    for key in staged.iter().chain(&staged) {
        if load_batch(&env, key).await.is_ok_and(|report| report.widened) {
            let _ = retype(&env, "weather").await;
        }
    }
}

async fn settle(whole: &Env, told: &str) {
    let weather = ["weather".to_owned()];
    let recovery = recover(whole, &weather, Missing::Load).await.expect("recovers");
    assert!(recovery.failures.is_empty(), "{told}: {:?}", recovery.failures);
    assert_exactly_once(whole, told).await;
}

#[tokio::test]
async fn loaders_that_race_land_each_record_once() {
    for seed in 0..SEEDS {
        let whole = memory();
        let staged = stage_all(&whole).await;
        let loaders = (0..3u64).map(|n| events(process(&whole, seed, n, 0), staged.clone(), n as usize));
        join_all(loaders).await;
        settle(&whole, &format!("three loaders, seed {seed}")).await;
    }
}

#[tokio::test]
async fn events_windows_and_recovery_race_and_one_of_them_dies() {
    let weather = ["weather".to_owned()];
    for seed in 0..SEEDS {
        let whole = memory();
        let staged = stage_all(&whole).await;
        let (a, b, c) = (
            process(&whole, seed, 0, 5 + seed % 60),
            process(&whole, seed, 1, 0),
            process(&whole, seed, 2, 0),
        );
        futures::join!(
            events(a, staged.clone(), 1),
            async { drop(load_windows(&b, &weather, Duration::from_secs(3_600)).await) },
            async { drop(recover(&c, &weather, Missing::Load).await) },
        );
        settle(&whole, &format!("events, windows and recovery, seed {seed}")).await;
    }
}

#[tokio::test]
async fn two_replays_with_the_same_settings_race_with_a_recovery() {
    let weather = ["weather".to_owned()];
    let day = pipeline("event_time = \"time\"\npartition_by = \"day\"");
    let all = Selection::default();
    for seed in 0..SEEDS {
        let whole = memory();
        events(whole.clone(), stage_all(&whole).await, 0).await;
        let (a, b, c) =
            (process(&whole, seed, 0, 0), process(&whole, seed, 1, 0), process(&whole, seed, 2, 0));
        let (one, two, three) = futures::join!(
            replay(&a, &day, &all),
            replay(&b, &day, &all),
            recover(&c, &weather, Missing::Load),
        );
        assert!(one.is_ok() && two.is_ok() && three.is_ok(), "seed {seed}");
        settle(&whole, &format!("two replays, seed {seed}")).await;
        replay(&whole, &pipeline(BY_EVENT), &Selection::default()).await.expect("replays back");
        settle(&whole, &format!("back again, seed {seed}")).await;
    }
}
