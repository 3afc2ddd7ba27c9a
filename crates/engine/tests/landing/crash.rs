//! A process that dies at each of its store calls in turn, before and after the call took effect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Env, Missing, Selection, load_batch, load_windows, recover, replay, retype};

use crate::reading::{assert_exactly_once, files, manifests};
use crate::store::{Fate, Mortal};
use crate::world::{BY_EVENT, env_over, memory, pipeline, spec, stage, stage_all};

#[derive(Clone, Copy, Debug)]
enum Story {
    Events,
    Windows,
    Replay,
    ReplayThenAnother,
    Recovery,
}

/// The same stores seen by a process with this fate.
pub fn mortal(env: &Env, fate: &Arc<Fate>) -> Env {
    let over = |inner: &Arc<dyn object_store::ObjectStore>| {
        Arc::new(Mortal { inner: Arc::clone(inner), fate: Arc::clone(fate) })
    };
    env_over(over(&env.staging), over(&env.lake))
}

async fn load_all(env: &Env, staged: &[String]) -> Result<(), tidegate_engine::Error> {
    for key in staged {
        if load_batch(env, key).await?.widened {
            retype(env, "weather").await?;
        }
    }
    Ok(())
}

async fn live(story: Story, env: &Env, staged: &[String], weather: &[String]) {
    // A death is an error somewhere; what matters is what it leaves.
    match story {
        Story::Events => drop(load_all(env, staged).await),
        Story::Windows => {
            let _ = load_windows(env, weather, Duration::from_secs(3_600)).await;
            let _ = retype(env, "weather").await;
        }
        Story::Replay | Story::ReplayThenAnother => drop(replay(env, &by_day(), &Selection::default()).await),
        Story::Recovery => drop(recover(env, weather, Missing::Load).await),
    }
}

fn by_day() -> tidegate_core::pipeline::Pipeline {
    pipeline("event_time = \"time\"\npartition_by = \"day\"")
}

async fn dies_everywhere(story: Story) {
    let weather = ["weather".to_owned()];
    for after in [false, true] {
        let mut dies_at = 1;
        loop {
            let whole = memory();
            let staged = stage_all(&whole).await;
            if matches!(story, Story::Replay | Story::ReplayThenAnother) {
                load_all(&whole, &staged).await.expect("loads");
            }
            let fate = Arc::new(Fate { dies_at, after, ..Fate::default() });
            live(story, &mortal(&whole, &fate), &staged, &weather).await;
            if matches!(story, Story::ReplayThenAnother) {
                replay(&whole, &pipeline(BY_EVENT), &Selection::default()).await.expect("replays");
            }
            let told = format!("{story:?} dies {} call {dies_at}", if after { "after" } else { "before" });
            let recovery = recover(&whole, &weather, Missing::Load).await.expect("recovers");
            assert!(recovery.failures.is_empty(), "{told}: {:?}", recovery.failures);
            assert_exactly_once(&whole, &told).await;
            let again = recover(&whole, &weather, Missing::Load).await.expect("recovers");
            assert!(again.loads.is_empty(), "{told}: nothing is left to recover, but {:?}", again.loads);
            if fate.calls() < dies_at {
                break;
            }
            dies_at += 1;
        }
        assert!(dies_at > 10, "{story:?} made {dies_at} calls");
    }
}

#[tokio::test]
async fn event_mode_recovers_from_a_crash_at_every_call() {
    dies_everywhere(Story::Events).await;
}

#[tokio::test]
async fn windowed_mode_recovers_from_a_crash_at_every_call() {
    dies_everywhere(Story::Windows).await;
}

#[tokio::test]
async fn a_replay_recovers_from_a_crash_at_every_call() {
    dies_everywhere(Story::Replay).await;
}

#[tokio::test]
async fn a_replay_with_other_settings_needs_no_recovery_before_it() {
    dies_everywhere(Story::ReplayThenAnother).await;
}

#[tokio::test]
async fn a_recovery_recovers_from_a_crash_at_every_call() {
    dies_everywhere(Story::Recovery).await;
}

/// Whoever writes the next revision knows nothing of the dead process, and must remove what it left.
#[tokio::test]
async fn what_a_dead_replay_was_to_remove_is_removed_by_the_re_typing_after_it() {
    let mut had_to_be_removed = 0;
    for dies_at in 1.. {
        let whole = memory();
        let staged = stage_all(&whole).await;
        load_all(&whole, &staged).await.expect("loads");
        let fate = Arc::new(Fate { dies_at, after: true, ..Fate::default() });
        let _ = replay(&mortal(&whole, &fate), &by_day(), &Selection::default()).await;
        had_to_be_removed += u32::from(unlisted(&whole).await > 0);
        let wider = r#"[{"time":"2026-11-23T05:00:00Z","t":6.5,"gust":1}]"#;
        let key = stage(&whole, 5, "2026-11-23T05:10:00Z", &spec(BY_EVENT), wider).await;
        assert!(load_batch(&whole, &key).await.expect("loads").widened);
        retype(&whole, "weather").await.expect("re-types");
        assert_eq!(unlisted(&whole).await, 0, "dies after call {dies_at}");
        if fate.calls() < dies_at {
            break;
        }
    }
    assert!(had_to_be_removed > 4, "{had_to_be_removed}");
}

/// Data files that no latest manifest lists.
async fn unlisted(env: &Env) -> usize {
    let manifests = manifests(env).await;
    let listed: BTreeSet<&str> =
        manifests.iter().flat_map(|manifest| &manifest.files).map(|file| file.key.as_str()).collect();
    files(env).await.keys().filter(|key| !listed.contains(key.as_str())).count()
}
