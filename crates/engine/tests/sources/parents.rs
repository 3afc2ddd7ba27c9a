//! Streams from streams: children of every record of the parent, the parent not asked again.

use serde_json::{Value, json};
use tidegate_engine::{Gate, LoadMode, Outcome, RunOptions, Visit, poll, run};

use crate::api::{Api, Hit, World, answer, json_answer};
use crate::model::records;

/// Posts in pages of two; each post has two pages of comments.
fn blog(hit: &Hit, posts: u64) -> Value {
    let (path, query) = hit.path_and_query.split_once('?').unwrap_or((&hit.path_and_query, ""));
    let page: u64 = query.rsplit('=').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    match path.trim_start_matches("/posts").trim_matches('/').split('/').next() {
        Some("") | None => {
            let from = page * 2;
            let items: Vec<Value> = (from..posts.min(from + 2)).map(|n| json!({ "id": n, "t": n })).collect();
            json!({ "items": items })
        }
        Some(post) => {
            let items: Vec<Value> = match page {
                0 | 1 => (0..2).map(|n| json!({ "id": format!("{post}-{page}-{n}") })).collect(),
                _ => Vec::new(),
            };
            json!({ "items": items })
        }
    }
}

fn blog_world(api: &Api, post: &Value, comment: &Value) -> World {
    let mut world = World::new(api, &json!({}), &json!({}));
    let stream = |name: &str, path: &str, more: &Value| {
        let mut stream = json!({
            "name": name, "path": path, "records": "$.items", "paginator": { "type": "page_number" },
        });
        stream.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        serde_json::from_value(stream).expect("a stream")
    };
    let mut child = json!({ "parent": "posts", "fields": { "post": "{parent.id}" } });
    child.as_object_mut().expect("a table").extend(comment.as_object().cloned().expect("a table"));
    world.pipeline.streams =
        vec![stream("posts", "/posts", post), stream("comments", "/posts/{parent.id}/comments", &child)];
    world
}

async fn visit(world: &World, stream: usize) -> Visit {
    let gate = Gate::new(&world.pipeline.source.limits);
    poll(&world.env, &world.pipeline, &world.pipeline.streams[stream], &gate, None).await.expect("a visit")
}

fn asked_for_posts(api: &Api) -> usize {
    api.hits().iter().filter(|hit| hit.path_and_query.starts_with("/posts?")).count()
}

#[tokio::test]
async fn every_page_of_every_child_of_every_page_of_the_parent_arrives() {
    let api = Api::serve(|hit| json_answer(&blog(hit, 5))).await;
    let world = blog_world(&api, &json!({}), &json!({}));
    assert!(matches!(visit(&world, 0).await.outcome, Outcome::Staged { records: 5, .. }));
    let asked = asked_for_posts(&api);
    let Outcome::Staged { records: count, .. } = visit(&world, 1).await.outcome else { panic!("comments") };
    assert_eq!(count, 20);
    assert_eq!(asked_for_posts(&api), asked, "the parent's records were there already");
    let found = records(&world, "comments", 1).await;
    let mut expected: Vec<String> =
        (0..5).flat_map(|post| (0..4).map(move |n| format!("{post}-{}-{}", n / 2, n % 2))).collect();
    expected.sort();
    let mut ids: Vec<_> = found.iter().filter_map(|r| r["id"].as_str().map(str::to_owned)).collect();
    ids.sort();
    assert_eq!(ids, expected);
    let key = tidegate_core::keys::batch("comments", 1);
    let batch: tidegate_core::batch::Batch =
        tidegate_engine::documents::expect(&world.env, world.env.staging.as_ref(), &key)
            .await
            .expect("a batch");
    assert!(
        batch.pages.iter().all(|page| page.fields["post"].as_i64().map(|post| post.to_string()).as_deref()
            == Some(page.element.as_str()))
    );
    assert_eq!(visit(&world, 1).await.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn a_parent_that_was_never_polled_is_fetched_for_its_children() {
    let api = Api::serve(|hit| json_answer(&blog(hit, 3))).await;
    let world = blog_world(&api, &json!({}), &json!({}));
    assert!(matches!(visit(&world, 1).await.outcome, Outcome::Staged { records: 12, .. }));
    assert_eq!(asked_for_posts(&api), 3);
}

#[tokio::test]
async fn a_parent_gives_the_same_children_whether_it_was_staged_or_is_fetched_for_them() {
    let incremental = json!({ "cursor_path": "t", "initial_value": 2 });
    for post in [
        json!({ "fields": { "only": 2 }, "transform": [{ "filter": "{{ record.id == only }}" }] }),
        json!({
            "incremental": incremental, "fields": { "only": "{incremental.start_value}" },
            "transform": [{ "filter": "{{ record.id == only }}" }],
        }),
    ] {
        for staged in [true, false] {
            let api = Api::serve(|hit| json_answer(&blog(hit, 5))).await;
            let world = blog_world(&api, &post, &json!({}));
            if staged {
                visit(&world, 0).await;
            }
            assert!(matches!(visit(&world, 1).await.outcome, Outcome::Staged { records: 4, .. }));
            let batch = world.batch_of("comments", 1).await;
            assert!(batch.pages.iter().all(|page| page.element == "2"), "{post} {staged}");
        }
    }
}

#[tokio::test]
async fn in_a_round_the_children_wait_for_their_parent_and_take_what_it_has_staged() {
    for turned in [false, true] {
        let api = Api::serve(|hit| json_answer(&blog(hit, 5))).await;
        let mut world = blog_world(&api, &json!({}), &json!({}));
        if turned {
            world.pipeline.streams.reverse();
        }
        let once = RunOptions { once: true, until: None, load: LoadMode::Off };
        run(&world.env, &world.pipeline, once, std::future::pending(), &|_| ()).await.expect("a run");
        assert_eq!(asked_for_posts(&api), 4, "three pages and the empty one");
        assert_eq!(records(&world, "comments", 1).await.len(), 20);
    }
}

#[tokio::test]
async fn the_children_of_an_incremental_parent_are_those_of_its_new_records() {
    let api = Api::serve(|hit| {
        // The third request for posts of the second poll is the first to see five posts.
        let posts = if hit.path_and_query.contains("since=") { 5 } else { 3 };
        json_answer(&blog(hit, posts))
    })
    .await;
    let incremental = json!({ "incremental": { "cursor_path": "t", "initial_value": 0 } });
    let mut world = blog_world(&api, &incremental, &json!({}));
    visit(&world, 0).await;
    assert!(matches!(visit(&world, 1).await.outcome, Outcome::Staged { records: 12, .. }));
    world.pipeline.streams[0].path = "/posts?since=0".to_owned();
    assert!(matches!(visit(&world, 0).await.outcome, Outcome::Staged { records: 2, .. }));
    let before = api.hits().len();
    let Outcome::Staged { seq, .. } = visit(&world, 1).await.outcome else { panic!("comments") };
    let asked: Vec<_> = api.hits()[before..].iter().map(|hit| hit.path_and_query.clone()).collect();
    assert!(asked.iter().any(|path| path.contains("/posts/4/")), "{asked:?}");
    let key = tidegate_core::keys::batch("comments", seq);
    let batch: tidegate_core::batch::Batch =
        tidegate_engine::documents::expect(&world.env, world.env.staging.as_ref(), &key)
            .await
            .expect("a batch");
    assert_eq!((batch.checkpoint.parent_seq, batch.checkpoint.elements.len()), (Some(2), 5));
}

#[tokio::test]
async fn a_child_that_fails_is_asked_for_again_and_the_others_land() {
    let api = Api::serve(|hit| match hit.path_and_query.starts_with("/posts/1/") && hit.number < 20 {
        true => answer(404, &[], ""),
        false => json_answer(&blog(hit, 3)),
    })
    .await;
    let incremental = json!({ "incremental": { "cursor_path": "t" } });
    let world = blog_world(&api, &incremental, &json!({}));
    visit(&world, 0).await;
    let first = visit(&world, 1).await;
    assert!(matches!(first.outcome, Outcome::Staged { records: 8, .. }), "{:?}", first.outcome);
    assert_eq!(first.failures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["1"]);
    while api.hits().len() < 20 {
        visit(&world, 1).await;
    }
    let last = visit(&world, 1).await;
    assert!(last.failures.is_empty());
    assert_eq!(records(&world, "comments", last.head.seq).await.len(), 4);
}
