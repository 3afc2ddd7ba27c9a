use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tidegate_core::error::Kind;

use super::*;

fn key(text: &str) -> Key {
    Key::parse(text).expect("a key")
}

async fn creates_once(store: &dyn ObjectStore) {
    let once = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    for name in ["a/b.json", "t/year=2026/x-0.parquet", "pages/s/1/x.json", "a/é 東京+&.json", "a/%2F.json"]
    {
        store.put_opts(&key(name), PutPayload::from_static(b"1"), once()).await.expect(name);
        let again = store.put_opts(&key(name), PutPayload::from_static(b"2"), once()).await;
        assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{name}");
        let read = store.get(&key(name)).await.expect(name).bytes().await.expect(name);
        assert_eq!(read.as_ref(), b"1", "{name}");
    }
}

#[tokio::test]
async fn directories_and_memory_create_once_under_any_name() {
    let dir = tempfile::tempdir().expect("a directory");
    for url in ["file:./store", "plain", "memory://creates-once", "memory://creates-once/below/this"] {
        creates_once(open_store(url, dir.path(), &[]).expect(url).as_ref()).await;
    }
    let absolute = format!("file://{}/absolute", dir.path().display());
    creates_once(open_store(&absolute, Path::new("/nowhere"), &[]).expect("absolute").as_ref()).await;
    assert!(dir.path().join("store/a/b.json").is_file() && dir.path().join("absolute/a/b.json").is_file());
}

#[tokio::test]
async fn memory_is_one_store_for_each_name() {
    let open = |url| open_store(url, Path::new("/"), &[]).expect(url);
    open("memory://one").put(&key("x"), PutPayload::from_static(b"1")).await.expect("put");
    assert!(open("memory://one").get(&key("x")).await.is_ok());
    assert!(open("memory://two").get(&key("x")).await.is_err());
}

#[test]
fn whether_a_directory_is_there_is_found_out_without_making_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let is_there = |url| store_is_there(url, dir.path()).expect(url);
    for url in ["file:./store", "store", "file:store"] {
        assert!(!is_there(url) && !dir.path().join("store").exists(), "{url}");
    }
    open_store("file:./store", dir.path(), &[]).expect("makes it");
    assert!(is_there("file:./store") && is_there("store"));
    assert!(is_there("s3://bucket") && is_there("memory://name"));
}

#[test]
fn staging_and_lake_lie_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("real")).expect("a directory");
    std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).expect("a link");
    for (a, b, apart) in [
        ("file:./staging", "file:./lake", true),
        ("file:./data", "file:./data", false),
        ("file:./data", "file:./data/lake", false),
        ("file:./data/staging", "file:./data", false),
        ("file:./x/../data", "data", false),
        ("file:./link/a", "file:./real/a", false),
        ("file:./data", "file:./data2", true),
        ("s3://b/staging", "s3://b/lake", true),
        ("s3://b/x", "s3://b/x/", false),
        ("s3://b", "s3://b/lake", false),
        ("s3://a", "s3://b", true),
        ("memory://a", "memory://b", true),
        ("memory://a", "memory://a", false),
        ("memory://a", "s3://a", true),
    ] {
        assert_eq!(check_apart(a, b, dir.path()).is_ok(), apart, "{a} {b}");
    }
}

#[test]
fn wrong_addresses_say_what_to_write() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("file"), "").expect("a file");
    for (url, says) in [
        ("ftp://x", "file:./directory, s3://bucket/prefix or memory://name"),
        ("file://staging", "file:./staging"),
        ("s3://", "s3://bucket/prefix"),
        ("", "names no directory"),
        ("file:./file", "name another one"),
    ] {
        let error = open_store(url, dir.path(), &[]).expect_err(url);
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
}

#[test]
fn s3_takes_settings_by_their_usual_names() {
    let options: Vec<_> = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
        ("aws_access_key_id", "key"),
        ("aws_secret_access_key", "secret"),
        ("aws_region", "eu-central-1"),
        ("unknown", "passed over"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let store = open_store("s3://bucket/some/prefix", Path::new("/"), &options).expect("opens");
    assert!(store.to_string().contains("some/prefix"), "{store}");
}
