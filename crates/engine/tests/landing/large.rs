//! A page of lines that is too large to be read in one go.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use tidegate_core::batch::Batch;
use tidegate_core::error::Kind;
use tidegate_core::pipeline::Format;
use tidegate_engine::{Env, load_batch, open_store};

use crate::reading::{bytes_of, files, keys_of, lake};
use crate::world::{env_over, memory, spec, stage};

/// Lines of the page; one in seven is long.
const LINES: i64 = 60;

fn lines() -> String {
    let length = |n: i64| if n % 7 == 3 { 1_900_000 } else { 40_000 + n as usize };
    (0..LINES).map(|n| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(length(n)))).collect()
}

async fn stage_lines(env: &Env, text: &str) -> String {
    let key = stage(env, 1, "2026-11-23T03:10:00Z", &spec(""), text).await;
    let mut batch = Batch::decode(&bytes_of(env.staging.as_ref(), &key).await).expect("a batch");
    batch.pages[0].format = Format::Ndjson;
    put(env, &key, serde_json::to_vec(&batch).expect("JSON")).await;
    key
}

async fn put(env: &Env, key: &str, bytes: Vec<u8>) {
    env.staging.put(&Path::parse(key).expect("a key"), bytes.into()).await.expect("written");
}

#[tokio::test]
async fn each_of_its_lines_lands_once_in_memory_and_in_directories() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |url| open_store(url, dir.path(), &[]).expect("opens");
    let text = lines();
    assert!(text.len() > 16 << 20, "more than two parts");
    let mut landed = Vec::new();
    for env in [memory(), env_over(open("file:./staging"), open("file:./lake"))] {
        let key = stage_lines(&env, &text).await;
        assert_eq!(load_batch(&env, &key).await.expect("loads").rows, LINES as u64);
        let rows: Vec<_> = (0..LINES).map(|row| ("weather/000000000001".to_owned(), row)).collect();
        assert_eq!(lake(&env).await.0, rows);
        landed.push(files(&env).await);
    }
    assert_eq!(landed[0], landed[1]);
}

#[tokio::test]
async fn one_that_is_not_what_its_batch_says_lands_nothing() {
    let text = lines();
    let env = memory();
    let key = stage_lines(&env, &text).await;
    let pages = keys_of(env.staging.as_ref()).await;
    let page = pages.iter().find(|key| key.starts_with("pages/")).expect("a page");
    for length in [0, 1 << 20, text.len() - 1, text.len() + 1] {
        let mut other = text.clone().into_bytes();
        other.resize(length, b'\n');
        put(&env, page, other).await;
        let error = load_batch(&env, &key).await.expect_err("damaged");
        assert_eq!(error.kind(), Kind::Data, "{error}");
        assert!(error.to_string().contains(&format!("it has {length} bytes")), "{error}");
        assert!(files(&env).await.is_empty(), "of {length} bytes");
    }
    env.staging.delete(&Path::parse(page).expect("a key")).await.expect("deleted");
    let error = load_batch(&env, &key).await.expect_err("gone").to_string();
    assert!(error.contains("no longer in staging"), "{error}");
    put(&env, page, text.into_bytes()).await;
    assert_eq!(load_batch(&env, &key).await.expect("loads").rows, LINES as u64);
}
