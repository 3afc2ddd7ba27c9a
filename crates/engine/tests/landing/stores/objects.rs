//! What the commit rules ask of a store: create-if-absent, names, tags.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult};

use super::place::Place;
use crate::reading::{bytes_of, keys_of};

fn key(text: &str) -> Path {
    Path::parse(text).expect("a key")
}

async fn create(store: &dyn ObjectStore, name: &str, body: Bytes) -> object_store::Result<PutResult> {
    let once = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(&key(name), body.into(), once).await
}

pub async fn one_of_sixteen_creators_wins(place: &Place) {
    for round in 0..5 {
        let name = format!("batches/race/{round:012}.batch.json");
        let creators = (0..16).map(|creator| {
            // Each has a client of its own, as processes have.
            let (store, name) = (place.open("staging"), name.clone());
            tokio::spawn(async move { create(store.as_ref(), &name, Bytes::from(vec![creator])).await })
        });
        let outcomes: Vec<_> = join_all(creators).await.into_iter().map(|o| o.expect("no panic")).collect();
        let winners: Vec<u8> = (0..16).filter(|&creator| outcomes[usize::from(creator)].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let lost = outcomes.iter().filter(|o| matches!(o, Err(Error::AlreadyExists { .. }))).count();
        assert_eq!(lost, 15, "{outcomes:?}");
        assert_eq!(
            bytes_of(place.open("staging").as_ref(), &name).await,
            winners,
            "the winner's bytes stand"
        );
    }
}

const ODD: [&str; 9] = [
    "plain.json",
    "with space.json",
    "a+b.json",
    "100%.json",
    "%2F.json",
    "city=S%2FT/é.json",
    "city=東京/x.json",
    "q?#&=;@!$'()*,:[]~.json",
    "year=2026/a+b %25 é 東京-0.parquet",
];

pub async fn odd_names_are_kept_to_the_letter(place: &Place) {
    let store = place.open("odd +%25é東京/below");
    for name in ODD {
        create(store.as_ref(), name, Bytes::from(name)).await.expect(name);
        let again = create(store.as_ref(), name, Bytes::new()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{name}: {again:?}");
    }
    let listed: BTreeSet<String> = keys_of(store.as_ref()).await.into_iter().collect();
    assert_eq!(listed, ODD.iter().map(|name| (*name).to_owned()).collect());
    for name in ODD {
        assert_eq!(bytes_of(store.as_ref(), name).await, name, "no name is taken for another");
        assert_eq!(store.head(&key(name)).await.expect(name).size, name.len() as u64);
        store.delete(&key(name)).await.expect(name);
    }
    assert_eq!(keys_of(store.as_ref()).await, [""; 0]);
}

pub async fn an_object_s_tag_stands_for_its_bytes(place: &Place) {
    let store = place.open("tags");
    let at = key("state/weather.json");
    let missing = store.head(&at).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    store.put(&at, "one".into()).await.expect("written");
    let first = store.head(&at).await.expect("there").e_tag.expect("a tag");
    assert_eq!(store.head(&at).await.expect("there").e_tag.as_ref(), Some(&first), "looking changes nothing");
    let unless = |tag: &str| GetOptions { if_none_match: Some(tag.to_owned()), ..GetOptions::default() };
    let same = store.get_opts(&at, unless(&first)).await;
    assert!(matches!(same, Err(Error::NotModified { .. })), "{same:?}");
    store.put(&at, "another".into()).await.expect("written over");
    let second = store.head(&at).await.expect("there");
    assert_ne!(second.e_tag.as_ref(), Some(&first));
    assert_eq!(second.size, 7);
    let read = Arc::clone(&store).get_opts(&at, unless(&first)).await.expect("newer");
    assert_eq!(read.bytes().await.expect("read"), "another");
}
