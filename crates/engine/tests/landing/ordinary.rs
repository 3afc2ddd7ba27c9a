//! What happens when nothing goes wrong, or only the data does.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::path::Path;
use tidegate_core::error::Kind;
use tidegate_engine::{
    End, Missing, Selection, load_batch, load_windows, open_store, recover, replay, retype, status,
};

use crate::crash::mortal;
use crate::reading::{assert_exactly_once, files, keys_of, lake, manifests};
use crate::store::Fate;
use crate::world::{BY_EVENT, env_over, memory, pipeline, spec, stage, stage_all};

fn weather() -> Vec<String> {
    vec!["weather".to_owned()]
}

#[tokio::test]
async fn each_batch_lands_once_however_often_it_is_delivered() {
    let env = memory();
    for key in stage_all(&env).await.iter().rev() {
        assert_eq!(load_batch(&env, key).await.expect("loads").end, End::Loaded);
        assert_eq!(load_batch(&env, key).await.expect("loads").end, End::Already);
    }
    retype(&env, "weather").await.expect("re-types");
    assert_exactly_once(&env, "delivered twice").await;
}

#[tokio::test]
async fn directories_hold_the_same_lake() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |url| open_store(url, dir.path(), &[("fsync".to_owned(), "false".to_owned())]).expect("opens");
    let env = env_over(open("file:./staging"), open("file:./lake"));
    for key in stage_all(&env).await {
        load_batch(&env, &key).await.expect("loads");
    }
    let recovery = recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert!(recovery.failures.is_empty(), "{:?}", recovery.failures);
    assert_exactly_once(&env, "in directories").await;
    assert!(dir.path().join("lake/weather/year=2026/month=11/day=23/hour=03").is_dir());
}

#[tokio::test]
async fn a_wider_type_takes_the_older_files_along() {
    let env = memory();
    let staged = stage_all(&env).await;
    load_batch(&env, &staged[0]).await.expect("loads");
    assert!(load_batch(&env, &staged[1]).await.expect("loads").widened);
    assert_eq!(lake(&env).await.1.len(), 2, "an integer and a double column");
    let retyped = retype(&env, "weather").await.expect("re-types");
    assert_eq!((retyped.loads.len(), retyped.unfinished), (1, false));
    assert_eq!(lake(&env).await.1.len(), 1);
    assert!(retype(&env, "weather").await.expect("re-types").loads.is_empty(), "done once");
}

#[tokio::test]
async fn a_window_is_one_file_for_each_partition_and_leaves_what_is_claimed() {
    let env = memory();
    let staged = stage_all(&env).await;
    load_batch(&env, &staged[1]).await.expect("loads");
    let done = load_windows(&env, &weather(), Duration::from_secs(3_600)).await.expect("loads");
    let batches: Vec<u64> = done.loads.iter().map(|report| report.batches).collect();
    assert_eq!(batches, [2, 1], "03:00 without the claimed batch, and 04:00");
    assert_eq!(load_batch(&env, &staged[0]).await.expect("looks").end, End::Claimed);
    assert!(
        load_windows(&env, &weather(), Duration::from_secs(3_600)).await.expect("loads").loads.is_empty()
    );
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert_exactly_once(&env, "event and window side by side").await;
    let in_two: Vec<String> = files(&env).await.into_keys().filter(|key| key.contains("hour=02")).collect();
    assert_eq!(in_two.len(), 1, "{in_two:?}");
}

#[tokio::test]
async fn an_open_window_waits() {
    let env = memory();
    stage(&env, 1, "2026-11-23T11:59:00Z", &spec(BY_EVENT), "[{\"t\":1}]").await;
    let day = Duration::from_secs(86_400);
    assert!(load_windows(&env, &weather(), day).await.expect("looks").loads.is_empty());
    assert_eq!(
        load_windows(&env, &weather(), Duration::from_secs(3_600)).await.expect("loads").loads.len(),
        1
    );
}

async fn loaded() -> tidegate_engine::Env {
    let env = memory();
    for key in stage_all(&env).await {
        load_batch(&env, &key).await.expect("loads");
    }
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    env
}

#[tokio::test]
async fn a_replay_that_changes_nothing_gives_the_same_bytes() {
    let env = loaded().await;
    let before = files(&env).await;
    let done = replay(&env, &pipeline(BY_EVENT), &Selection::default()).await.expect("replays");
    assert_eq!((done.loads.len(), done.failures.len()), (4, 0));
    assert_eq!(files(&env).await, before);
    assert_exactly_once(&env, "replayed").await;
}

#[tokio::test]
async fn a_replay_takes_new_settings_and_removes_what_they_leave() {
    let env = loaded().await;
    let day = pipeline("event_time = \"time\"\npartition_by = \"day\"\ncolumns = { t = \"string\" }");
    let done = replay(&env, &day, &Selection::default()).await.expect("replays");
    assert_eq!(done.loads.len(), 4);
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert_exactly_once(&env, "by day, as text").await;
    assert!(files(&env).await.keys().all(|key| key.contains("day=23/weather-")));
    assert!(lake(&env).await.1.iter().all(|schema| !schema.contains("DOUBLE")));
}

#[tokio::test]
async fn a_replay_takes_only_what_was_asked_for() {
    let env = loaded().await;
    let from = |text: &str| Some(text.parse().expect("a time"));
    for (selection, loads) in [
        (Selection { table: Some("other".to_owned()), ..Selection::default() }, 0),
        (Selection { from: from("2026-11-23T03:20:00Z"), ..Selection::default() }, 3),
        (Selection { to: from("2026-11-23T03:20:00Z"), ..Selection::default() }, 1),
    ] {
        let done = replay(&env, &pipeline(BY_EVENT), &selection).await.expect("replays");
        assert_eq!(done.loads.len(), loads, "{selection:?}");
    }
}

#[tokio::test]
async fn pages_that_are_gone_harm_nothing() {
    let env = loaded().await;
    let before = files(&env).await;
    for page in keys_of(env.staging.as_ref()).await.into_iter().filter(|key| key.starts_with("pages/")) {
        env.staging.delete(&Path::parse(&page).expect("a key")).await.expect("deleted");
    }
    let done = replay(&env, &pipeline(BY_EVENT), &Selection::default()).await.expect("replays");
    assert_eq!((done.loads.len(), done.failures.len()), (0, 4));
    let (_, error) = &done.failures[0];
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("no longer in staging"), "{error}");
    assert_eq!(files(&env).await, before);
    // A new type later: what has no pages stays behind, and is not tried again and again.
    let key = stage(&env, 5, "2026-11-23T05:00:00Z", &spec(BY_EVENT), "[{\"gust\":1.5}]").await;
    load_batch(&env, &key).await.expect("loads");
    assert_eq!(retype(&env, "weather").await.expect("re-types").left_behind.len(), 4);
    assert!(retype(&env, "weather").await.expect("re-types").left_behind.is_empty());
}

#[tokio::test]
async fn a_damaged_page_is_named_and_stops_nothing_else() {
    let env = memory();
    let staged = stage_all(&env).await;
    let page = keys_of(env.staging.as_ref())
        .await
        .into_iter()
        .find(|key| key.contains("000000000002/"))
        .expect("a page");
    env.staging.put(&Path::parse(&page).expect("a key"), "[{\"t\"".into()).await.expect("damaged");
    let error = load_batch(&env, &staged[1]).await.expect_err("damaged");
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains(&page), "{error}");
    let recovery = recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert_eq!(recovery.failures.len(), 1);
    assert_eq!(lake(&env).await.0.len(), 5);
}

/// Puts something else where the n-th batch or page was.
async fn spoil(env: &tidegate_engine::Env, key: &str, text: &'static str) {
    env.staging.put(&Path::parse(key).expect("a key"), text.into()).await.expect("spoiled");
}

#[tokio::test]
async fn a_damaged_batch_stops_no_window() {
    let env = memory();
    let staged = stage_all(&env).await;
    spoil(&env, &staged[1], "{").await;
    let done = load_windows(&env, &weather(), Duration::from_secs(3_600)).await.expect("loads");
    assert_eq!(done.loads.iter().map(|report| report.batches).collect::<Vec<_>>(), [2, 1]);
    let [(subject, error)] = &done.failures[..] else { panic!("{:?}", done.failures) };
    assert_eq!((subject, error.kind()), (&staged[1], Kind::Data));
}

#[tokio::test]
async fn a_batch_of_a_newer_tidegate_is_not_read_as_if_it_were_ours() {
    let env = memory();
    let staged = stage_all(&env).await;
    spoil(&env, &staged[0], r#"{"version":99}"#).await;
    let error = load_batch(&env, &staged[0]).await.expect_err("newer").to_string();
    assert!(error.contains("newer tidegate (form 99)"), "{error}");
}

#[tokio::test]
async fn a_load_that_cannot_follow_a_wider_type_stops_no_other() {
    let env = memory();
    let by_poll = spec("partition_by = \"hour\"");
    for (seq, records) in [(1, r#"[{"t":1}]"#), (2, r#"[{"t":2}]"#), (3, r#"[{"t":2.5}]"#)] {
        let key = stage(&env, seq, "2026-11-23T03:10:00Z", &by_poll, records).await;
        load_batch(&env, &key).await.expect("loads");
    }
    let pages = keys_of(env.staging.as_ref()).await;
    let page = pages.iter().find(|key| key.starts_with("pages/weather/000000000001/")).expect("a page");
    spoil(&env, page, "[").await;
    for _ in 0..2 {
        assert_eq!(retype(&env, "weather").await.expect_err("damaged").kind(), Kind::Data);
    }
    assert_eq!(manifests(&env).await.iter().map(|m| m.revision).collect::<Vec<_>>(), [0, 1, 0]);
    spoil(&env, page, "[{\"t\":1}]").await;
    assert_eq!(retype(&env, "weather").await.expect("re-types").loads.len(), 1);
    assert_eq!(lake(&env).await.1.len(), 1);
}

/// The stores of an environment, their calls counted.
fn counted(env: &tidegate_engine::Env) -> (tidegate_engine::Env, Arc<Fate>) {
    let fate = Arc::new(Fate::default());
    (mortal(env, &fate), fate)
}

#[tokio::test]
async fn a_healthy_lake_costs_recovery_its_listings_only() {
    let (env, fate) = counted(&loaded().await);
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert_eq!(fate.calls(), 7, "batches, claims, plans, loads, rewrites, schemas, marks");
}

#[tokio::test]
async fn a_look_for_closed_windows_costs_two_listings_however_many_there_were() {
    let env = memory();
    stage_all(&env).await;
    let hour = Duration::from_secs(3_600);
    assert_eq!(load_windows(&env, &weather(), hour).await.expect("loads").loads.len(), 2);
    let (env, fate) = counted(&env);
    assert!(load_windows(&env, &weather(), hour).await.expect("looks").loads.is_empty());
    assert_eq!(fate.calls(), 2, "batches, claims");
}

#[tokio::test]
async fn status_counts_what_is_there_and_what_is_not_loaded() {
    let env = memory();
    let staged = stage_all(&env).await;
    for key in &staged[..3] {
        load_batch(&env, key).await.expect("loads");
    }
    let status = status(&env, &pipeline(BY_EVENT)).await.expect("looks");
    assert_eq!((status.streams[0].batches, status.streams[0].lag), (4, 1));
    let table = &status.tables[0];
    assert_eq!((table.loads, table.rows, table.quarantined, table.schema_version), (3, 5, 0, 3));
    let files: u64 = manifests(&env).await.iter().map(|manifest| manifest.files.len() as u64).sum();
    assert_eq!(table.files, files);
    assert!(serde_json::to_value(&status).expect("JSON")["streams"][0]["head"].is_number());
}
