//! The line itself, from poll to Parquet, over a store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidegate_core::keys;
use tidegate_core::pipeline::Limits;
use tidegate_core::request::{Request, Response};
use tidegate_engine::{
    End, Env, Http, HttpError, LoadMode, Missing, RunOptions, Selection, head, load_batch, load_windows,
    recover, replay, run, status,
};

use super::forgetful::Forgetful;
use super::place::Place;
use crate::reading::{assert_exactly_once, files, keys_of, lake};
use crate::world::{BY_EVENT, env_over, pipeline, spec, stage, stage_all};

const CITIES: [&str; 6] = ["New York", "a+b", "100%", "S/T", "Liège", "東京"];
const ONCE: RunOptions = RunOptions { once: true, until: None, load: LoadMode::Event };

/// An API with one record for every path.
struct Weather;

#[async_trait]
impl Http for Weather {
    async fn send(&self, request: &Request, _: &Limits) -> Result<Response, HttpError> {
        let body = format!(
            r#"[{{"time":"2026-11-23T03:15:42Z","asked":"{}"}}]"#,
            request.url.query().unwrap_or_default()
        );
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status: 200, headers, body: Bytes::from(body) })
    }
}

pub async fn a_pipeline_lands_from_poll_to_parquet_below_an_odd_prefix(place: &Place) {
    let odd = |name: &str| place.open(&format!("a b+100%25/é 東京/{name}"));
    let env = Env { http: Arc::new(Weather), ..env_over(odd("staging"), odd("lake")) };
    let pipeline = pipeline(&format!(
        "{BY_EVENT}\npartition_by = \"minute\"\nfor_each = {{ city = {CITIES:?} }}\n\
         params = {{ q = \"{{city}}\" }}\nfields = {{ city = \"{{city}}\" }}"
    ));
    for changed in [1, 0] {
        let summary = run(&env, &pipeline, ONCE, std::future::pending(), &|_| {}).await.expect("runs");
        assert_eq!((summary.polls, summary.changed, summary.failures), (1, changed, 0), "{summary:?}");
        assert_eq!(summary.rows, changed * CITIES.len() as u64);
    }
    let files = files(&env).await;
    let key = "weather/year=2026/month=11/day=23/hour=03/minute=15/weather-000000000001-0.parquet";
    assert_eq!(files.keys().collect::<Vec<_>>(), [key]);
    assert_eq!(column(&files[key], "city"), CITIES.map(str::to_owned).into());
}

/// The different values of a column of text.
fn column(file: &Bytes, name: &str) -> BTreeSet<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).expect("Parquet");
    let mut values = BTreeSet::new();
    for batch in reader.build().expect("Parquet") {
        let batch = batch.expect("rows");
        let texts = batch.column_by_name(name).expect("the column").as_string::<i32>();
        values.extend(texts.iter().flatten().map(str::to_owned));
    }
    values
}

pub async fn a_list_goes_on_beyond_a_thousand(place: &Place) {
    const BATCHES: u64 = 1_050;
    let env = place.env();
    stage(&env, BATCHES, "2026-11-23T03:10:00Z", &spec(BY_EVENT), "[]").await;
    let rest = (1..BATCHES).map(|seq| {
        let key = Path::parse(keys::batch("weather", seq)).expect("a key");
        let store = Arc::clone(&env.staging);
        async move { store.put(&key, "{}".into()).await.expect("written") }
    });
    futures::stream::iter(rest).buffer_unordered(32).collect::<Vec<_>>().await;
    let found = status(&env, &pipeline(BY_EVENT)).await.expect("looks");
    assert_eq!((found.streams[0].batches, found.streams[0].lag), (BATCHES, BATCHES));
    for hint in [None, Some(3), Some(1_049), Some(1_050), Some(2_000)] {
        assert_eq!(head(&env, "weather", hint).await.expect("a head").seq, BATCHES, "{hint:?}");
    }
}

pub async fn what_is_delivered_again_and_at_once_doubles_nothing(place: &Place) {
    let env = place.env();
    let staged = stage_all(&env).await;
    let at_once = join_all((0..16).map(|_| load_batch(&env, &staged[0]))).await;
    for report in at_once {
        let report = report.expect("loads");
        assert!(matches!(report.end, End::Loaded | End::Already), "{report:?}");
        assert_eq!(report.rows, 2);
    }
    for key in staged.iter().rev() {
        load_batch(&env, key).await.expect("loads");
        assert_eq!(load_batch(&env, key).await.expect("loads").end, End::Already);
    }
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert_exactly_once(&env, "delivered sixteen times").await;
}

pub async fn windows_and_recovery_finish_what_events_left(place: &Place) {
    let env = place.env();
    let staged = stage_all(&env).await;
    load_batch(&env, &staged[1]).await.expect("loads");
    let hour = Duration::from_secs(3_600);
    let reports = load_windows(&env, &weather(), hour).await.expect("loads");
    assert_eq!(reports.loads.iter().map(|report| report.batches).collect::<Vec<_>>(), [2, 1]);
    assert!(load_windows(&env, &weather(), hour).await.expect("loads").loads.is_empty());
    let recovery = recover(&env, &weather(), Missing::Load).await.expect("recovers");
    assert!(recovery.failures.is_empty(), "{:?}", recovery.failures);
    assert_exactly_once(&env, "events, windows, recovery").await;
}

pub async fn a_replay_gives_the_same_bytes_and_removes_what_it_leaves(place: &Place) {
    let env = place.env();
    for key in stage_all(&env).await {
        load_batch(&env, &key).await.expect("loads");
    }
    recover(&env, &weather(), Missing::Load).await.expect("recovers");
    let before = files(&env).await;
    let again = replay(&env, &pipeline(BY_EVENT), &Selection::default()).await.expect("replays");
    assert_eq!((again.loads.len(), again.failures.len()), (4, 0));
    assert_eq!(files(&env).await, before);
    let by_day = pipeline(&format!("{BY_EVENT}\npartition_by = \"day\""));
    replay(&env, &by_day, &Selection::default()).await.expect("replays");
    assert!(files(&env).await.keys().all(|key| key.contains("/day=23/weather-")));
    assert_exactly_once(&env, "replayed by day").await;
}

pub async fn a_lost_acknowledgement_is_taken_for_our_own_write(place: &Place) {
    let (staging, lake_store) = (Forgetful::over(place.open("staging")), Forgetful::over(place.open("lake")));
    let env = Env { http: Arc::new(Weather), ..env_over(staging.clone(), lake_store.clone()) };
    for rows in [1, 0] {
        let summary =
            run(&env, &pipeline(BY_EVENT), ONCE, std::future::pending(), &|_| {}).await.expect("runs");
        assert_eq!((summary.rows, summary.failures), (rows, 0), "{summary:?}");
    }
    assert!(staging.lost() > 1 && lake_store.lost() > 1, "acknowledgements were lost");
    let batches: Vec<String> =
        keys_of(&staging).await.into_iter().filter(|key| key.starts_with("batches/")).collect();
    assert_eq!(
        batches,
        [keys::batch("weather", 1)],
        "what is staged is not staged again under the next number"
    );
    assert_eq!(lake(&env).await.0, [("weather/000000000001".to_owned(), 0)]);
}

fn weather() -> Vec<String> {
    vec!["weather".to_owned()]
}
