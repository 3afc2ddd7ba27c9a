//! What is not understood is named, all of it and before any request.

use serde_json::{Value, json};
use tidegate_airbyte::{AirbyteError, Config, Manifest, translate};

fn reasons(text: &str) -> Vec<String> {
    let manifest = Manifest::read(text).expect("a manifest");
    let config =
        Config::check(manifest.connection_specification(), Value::Null, &[].into()).expect("a config");
    let now = tidegate_core::jiff::Timestamp::UNIX_EPOCH;
    match translate(&manifest, &config, &[], &[].into(), now) {
        Err(AirbyteError::Refused(reasons)) => reasons.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_understood_is_named_with_its_place() {
    let found = reasons(include_str!("../../../../airbyte/tests/manifests/refused.yaml"));
    let expected = [
        ("streams.a.retriever.requester.path", "`stream_state`"),
        ("streams.a.retriever.requester: HttpRequester", "the method DELETE is not supported"),
        (
            "streams.a.retriever.requester.authenticator: CustomAuthenticator",
            "needs Python: `source_a.components.Signed`",
        ),
        (
            "streams.a.retriever.paginator.pagination_strategy: PageIncrement",
            "goes into a parameter or the body",
        ),
        ("streams.a.retriever.decoder: ZipfileDecoder", "is not supported"),
        (
            "streams.a.retriever.record_selector.extractor: CustomRecordExtractor",
            "needs Python: `source_a.components.Mine`",
        ),
        ("streams.a.transformations[0].new", "names `record`"),
        ("streams.a.transformations[1]: DpathFlattenFields", "`*` in `field_path` is not supported"),
        ("streams.a.transformations[2]: ConfigAddFields", "is not supported"),
        ("streams.b.retriever: AsyncRetriever", "it has no `creation_requester`"),
        ("streams.b.retriever: AsyncRetriever", "`download_target_requester` is not supported"),
        ("streams.b.retriever: AsyncRetriever", "it has no `polling_requester`"),
        ("streams.b.retriever: AsyncRetriever", "it has no `download_requester`"),
        ("streams.b.retriever: AsyncRetriever", "it has no `status_mapping`"),
        (
            "dynamic_streams[0]: DynamicDeclarativeStream",
            "streams that are made in the run (HttpComponentsResolver)",
        ),
    ];
    for (place, words) in expected {
        assert!(
            found.iter().any(|reason| reason.starts_with(place) && reason.contains(words)),
            "{place} {words} in {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_stream_whose_cursor_may_get_another_name_is_refused() {
    let text = include_str!("../../../../airbyte/tests/manifests/incremental.yaml");
    let text =
        text.replacen("    retriever:", "    transformations: [{ type: KeysToLower }]\n    retriever:", 1);
    let manifest = Manifest::read(&text).expect("a manifest");
    let given = json!({ "url": "https://api.example.com", "start_date": "2026-10-20T00:00:00Z" });
    let config = Config::check(manifest.connection_specification(), given, &[].into()).expect("a config");
    let now = tidegate_core::jiff::Timestamp::UNIX_EPOCH;
    let refused = translate(&manifest, &config, &[], &[].into(), now).expect_err("refused").to_string();
    assert!(refused.contains("KeysToLower") && refused.contains("the name of the cursor"), "{refused}");
}

#[test]
fn a_stream_whose_list_is_empty_is_asked_for_nothing_and_takes_those_below_along() {
    let text = include_str!("../../../../airbyte/tests/manifests/parents.yaml");
    let manifest = Manifest::read(text).expect("a manifest");
    let given = json!({ "url": "https://api.example.com", "kinds": [] });
    let config = Config::check(manifest.connection_specification(), given, &[].into()).expect("a config");
    let now = tidegate_core::jiff::Timestamp::UNIX_EPOCH;
    let translated = translate(&manifest, &config, &[], &[].into(), now).expect("a translation");
    assert_eq!(translated.left_out, ["streams.by_kind"]);
    assert!(translated.remarks.iter().any(|remark| remark.message.contains("left out")));
    assert!(translated.names.iter().all(|(_, native)| native != "by_kind"), "{:?}", translated.names);
}
