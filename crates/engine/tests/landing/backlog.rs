//! Batches that gathered while nobody loaded: their loads go side by side, and what comes of them is what would come of
//! them one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tidegate_core::error::Kind;
use tidegate_core::keys;
use tidegate_engine::{Env, Missing, Recovery, load_batch, recover};

use crate::crash::mortal;
use crate::reading::{assert_exactly_once, bytes_of, files, keys_of, lake};
use crate::store::Fate;
use crate::world::{memory, spec, stage, stage_all};

const BATCHES: u64 = 12;
/// Ways in which the calls of loads that go side by side interleave.
const SEEDS: u64 = 40;

async fn recovered(env: &Env) -> Recovery {
    recover(env, &["weather".to_owned()], Missing::Load).await.expect("recovers")
}

fn interleaved(env: &Env, seed: u64) -> Env {
    mortal(env, &Arc::new(Fate { seed, ..Fate::default() }))
}

/// A batch of one record each, all alike.
async fn stage_alike(env: &Env) -> Vec<String> {
    let mut staged = Vec::new();
    for seq in 1..=BATCHES {
        let records = format!("[{{\"t\":{seq}}}]");
        staged.push(stage(env, seq, "2026-11-23T03:10:00Z", &spec(""), &records).await);
    }
    staged
}

async fn page_of(env: &Env, seq: u64) -> (Path, Bytes) {
    let of = format!("pages/weather/{seq:012}/");
    let pages = keys_of(env.staging.as_ref()).await;
    let page = pages.iter().find(|key| key.starts_with(&of)).expect("a page");
    (Path::parse(page).expect("a key"), bytes_of(env.staging.as_ref(), page).await)
}

#[tokio::test]
async fn one_that_fails_stops_no_other_and_is_tried_again() {
    for (seed, failing) in (1..=SEEDS).zip((1..=BATCHES).cycle()) {
        let whole = memory();
        let staged = stage_alike(&whole).await;
        let (page, content) = page_of(&whole, failing).await;
        whole.staging.put(&page, Bytes::from_static(b"[{\"t\"").into()).await.expect("damaged");
        for (env, loaded) in [(interleaved(&whole, seed), BATCHES - 1), (whole.clone(), 0)] {
            let done = recovered(&env).await;
            let [(subject, error)] = &done.failures[..] else { panic!("seed {seed}: {:?}", done.failures) };
            assert_eq!((subject, error.kind()), (&staged[failing as usize - 1], Kind::Data), "seed {seed}");
            assert_eq!(done.loads.len() as u64, loaded, "seed {seed}");
        }
        whole.staging.put(&page, content.into()).await.expect("mended");
        let done = recovered(&whole).await;
        assert_eq!((done.failures.len(), done.loads.len()), (0, 1), "seed {seed}");
        let rows: Vec<_> = (1..=BATCHES).map(|seq| (format!("weather/{seq:012}"), 0)).collect();
        assert_eq!(lake(&whole).await.0, rows, "seed {seed}");
    }
}

/// Each widens the table, is bound by it, or both, and no two in a row say what is to be done about it.
const MIXED: [(&str, &str); 10] = [
    ("evolve", r#"[{"t":1}]"#),
    ("evolve", r#"[{"t":2,"a":1}]"#),
    ("discard_value", r#"[{"t":"three","a":"x","b":7}]"#),
    ("evolve", r#"[{"t":4,"b":"y","c":{"d":1}}]"#),
    ("freeze", r#"[{"t":5,"e":1}]"#),
    ("evolve", r#"[{"t":6.5,"E":true,"c":{"d":2,"f":"z"}}]"#),
    ("discard_row", r#"[{"t":7,"g":1},{"t":8.25,"b":"z"}]"#),
    ("evolve", r#"[{"t":9,"e":[1],"g":"text"}]"#),
    ("freeze", r#"[{"t":10,"g":"fits by now"}]"#),
    ("discard_value", r#"[{"t":11,"g":{"no":"text"},"h":1}]"#),
];

async fn stage_mixed(env: &Env) -> Vec<String> {
    let mut staged = Vec::new();
    for (seq, (contract, records)) in (1..).zip(MIXED) {
        let spec = spec(&format!("contract = \"{contract}\""));
        staged.push(stage(env, seq, "2026-11-23T03:10:00Z", &spec, records).await);
    }
    staged
}

/// All versions of the schema, all rows and all that was left out.
async fn content(env: &Env) -> BTreeMap<String, Bytes> {
    let mut content = files(env).await;
    for key in keys_of(env.lake.as_ref()).await {
        if key.starts_with(keys::SCHEMAS) || key.starts_with("quarantine/") {
            let bytes = bytes_of(env.lake.as_ref(), &key).await;
            content.insert(key, bytes);
        }
    }
    content
}

#[tokio::test]
async fn a_table_gets_the_columns_that_it_would_get_from_one_after_the_other() {
    let one_by_one = memory();
    let mut failed = Vec::new();
    for key in stage_mixed(&one_by_one).await {
        if load_batch(&one_by_one, &key).await.is_err() {
            failed.push(key);
        }
    }
    assert_eq!(failed, [keys::batch("weather", 5)]);
    recovered(&one_by_one).await;
    let expected = content(&one_by_one).await;
    let kinds = |what: &str| expected.keys().filter(|key| key.contains(what)).count();
    assert!(kinds("schema/") >= 5 && kinds("quarantine/") >= 2, "{:?}", expected.keys());
    for seed in 1..=SEEDS {
        let whole = memory();
        stage_mixed(&whole).await;
        let done = recovered(&interleaved(&whole, seed)).await;
        assert_eq!(
            done.failures.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            failed.iter().collect::<Vec<_>>()
        );
        recovered(&whole).await;
        assert_eq!(content(&whole).await, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn one_that_is_given_up_takes_its_loads_along() {
    for pauses_at in 1.. {
        let whole = memory();
        stage_all(&whole).await;
        let fate = Arc::new(Fate { pauses_at, seed: pauses_at, ..Fate::default() });
        let env = mortal(&whole, &fate);
        tokio::select! {
            biased;
            () = fate.paused.notified() => {}
            _ = recovered(&env) => {
                assert!(pauses_at > 10, "it made {pauses_at} calls");
                return;
            }
        }
        let calls = fate.calls();
        let done = recovered(&whole).await;
        assert!(done.failures.is_empty(), "given up at call {pauses_at}: {:?}", done.failures);
        assert_exactly_once(&whole, &format!("given up at call {pauses_at}")).await;
        assert_eq!(fate.calls(), calls, "given up at call {pauses_at}: something went on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_threads_land_each_record_once() {
    for _ in 0..SEEDS {
        let env = memory();
        stage_all(&env).await;
        let done = recovered(&env).await;
        assert!(done.failures.is_empty(), "{:?}", done.failures);
        assert_exactly_once(&env, "several threads").await;
    }
}
