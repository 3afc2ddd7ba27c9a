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

/// Loads in order; re-types only where `retypes`.
async fn loader(env: &Env, staged: &[String], retypes: bool) {
    for key in staged {
        if load_batch(env, key).await.is_ok_and(|report| report.widened) && retypes {
            let _ = retype(env, "weather").await;
        }
    }
    if retypes {
        let _ = retype(env, "weather").await;
    }
}

/// One process stands still at each of its calls in turn while another does the whole work from `from` on; then it
/// goes on, and dies `lives` calls later (never where 0).
async fn stands_still_everywhere(from: usize, retypes: bool, lives: u64) {
    for pauses_at in 1.. {
        let whole = memory();
        let staged = stage_all(&whole).await;
        let dies_at = if lives == 0 { 0 } else { pauses_at + lives };
        let fate = Arc::new(Fate { pauses_at, dies_at, ..Fate::default() });
        let slow = mortal(&whole, &fate);
        let first = async {
            loader(&slow, &staged, retypes).await;
            fate.paused.notify_one();
        };
        let second = async {
            fate.paused.notified().await;
            loader(&whole, &staged[from..], true).await;
            fate.woken.notify_one();
        };
        futures::join!(first, second);
        settle(&whole, &format!("from {from}, stood still at call {pauses_at}, died {lives} later")).await;
        if fate.calls() < pauses_at {
            assert!(pauses_at > 10, "it made {pauses_at} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_loader_that_stood_still_harms_nothing_that_others_did_meanwhile() {
    for from in [0, 1] {
        for lives in 0..4 {
            stands_still_everywhere(from, false, lives).await;
        }
    }
}

#[tokio::test]
async fn a_re_typing_that_stood_still_harms_nothing_that_others_did_meanwhile() {
    for from in [0, 1] {
        stands_still_everywhere(from, true, 0).await;
    }
}
