use serde_json::json;

use super::*;

fn of(answer: Value) -> Guess {
    guess(&answer, Format::Json)
}

#[test]
fn the_largest_list_of_objects_holds_the_records() {
    let guess = of(json!({
        "meta": { "tags": [{ "a": 1 }] },
        "data": { "items": [{ "id": 1, "at": "x" }, { "id": 2 }, { "id": 3 }] },
    }));
    assert_eq!((guess.records.as_str(), guess.count), ("$.data.items[*]", 3));
    assert_eq!(guess.primary_key, ["id"]);
    assert_eq!(of(json!([{ "id": 1 }, { "id": 2 }])).records, "$");
    assert_eq!(of(json!({ "a b": [{ "x": 1 }] })).records, "$['a b'][*]");
}

#[test]
fn a_single_object_is_the_record_and_may_lie_within() {
    let guess = of(json!({
        "latitude": 52.5, "generationtime_ms": 0.03,
        "current_units": { "time": "iso8601" },
        "current": { "time": "2026-11-23T09:00", "interval": 900, "temperature_2m": 4.1 },
    }));
    assert_eq!(guess.records, "$.current");
    assert_eq!(guess.event_time.map(|(path, _)| path).as_deref(), Some("time"));
    assert_eq!(guess.ignore, ["$.generationtime_ms"]);
    assert_eq!(of(json!({ "rate": 1.5 })).records, "$");
}

#[test]
fn a_list_that_is_empty_now_is_where_records_will_be() {
    let guess = of(json!({ "data": { "items": [] }, "tags": [] }));
    assert_eq!((guess.records.as_str(), guess.count), ("$.data.items[*]", 0));
    assert_eq!((of(json!([])).records.as_str(), of(json!([])).count), ("$", 0));
    assert_eq!(of(json!({ "rate": 1.5, "tags": [] })).records, "$", "not every list holds records");
    assert_eq!(of(json!(["a", "b"])).count, 2);
}

#[test]
fn an_answer_that_says_it_is_an_error_is_told_from_data() {
    for answer in [
        json!({ "error": { "code": 17 } }),
        json!({ "error": true, "reason": "no such place" }),
        json!({ "errors": [{ "title": "no such place" }] }),
        json!({ "status": "error", "message": "no such place" }),
    ] {
        assert!(complaint(&answer).is_some(), "{answer}");
    }
    for answer in [
        json!({ "value": 3.5, "error": 0.2 }),
        json!({ "error": null, "errors": [], "items": [] }),
        json!({ "status": "ok", "error": false, "fault": "" }),
        json!([{ "error": "a record's own" }]),
    ] {
        assert_eq!(complaint(&answer), None, "{answer}");
    }
}

#[test]
fn the_time_is_one_that_every_record_has() {
    let guess = of(json!({ "metadata": { "generated": 1_795_000_000_000_i64 }, "features": [
        { "id": "a", "properties": { "time": 1_795_000_000_000_i64, "updated": 1_795_000_000_001_i64, "tz": null } },
        { "id": "b", "properties": { "time": 1_795_000_060_000_i64, "updated": 1_795_000_000_002_i64, "tz": null } },
    ]}));
    let (path, newest) = guess.event_time.expect("a time");
    assert_eq!((path.as_str(), newest.as_second()), ("properties.time", 1_795_000_060));
    assert_eq!(guess.ignore, ["$.metadata.generated"]);
    let guess = of(json!([{ "time": "soon", "created_at": "2026-11-23T09:00:00Z" }]));
    assert_eq!(guess.event_time.map(|(path, _)| path).as_deref(), Some("created_at"));
    assert_eq!(of(json!([{ "time": 17 }, { "time": 18 }])).event_time, None);
}

#[test]
fn a_key_is_unique() {
    assert_eq!(of(json!([{ "id": 1 }, { "id": 1 }])).primary_key, [""; 0]);
    let guess = of(json!([{ "station_id": "a", "id": null }, { "station_id": "b", "id": null }]));
    assert_eq!(guess.primary_key, ["station_id"]);
    let zones = |second: &str| {
        of(json!([
            { "unit": "EUR", "zone": "DE", "from": "2026-11-23T09:00Z" },
            { "unit": "EUR", "zone": second, "from": "2026-11-23T09:00Z" },
            { "unit": "EUR", "zone": "DE", "from": "2026-11-23T10:00Z" },
        ]))
    };
    assert_eq!(zones("FR").event_time.map(|(path, _)| path).as_deref(), Some("from"));
    assert_eq!(zones("FR").primary_key, ["zone", "from"]);
    assert_eq!(zones("DE").primary_key, [""; 0]);
    let series = of(json!([{ "at": "2026-11-23T09:00Z", "c": 1 }, { "at": "2026-11-23T10:00Z", "c": 1 }]));
    assert_eq!(series.primary_key, ["at"]);
}

#[test]
fn a_link_to_the_next_page_is_found() {
    let link = |path: &str| Paginator::json_link(path);
    assert_eq!(of(json!({ "next": "https://x/2", "results": [{ "a": 1 }] })).paginator, link("$.next"));
    let guess = of(json!({ "_links": { "next": { "href": "/x?page=2" } }, "items": [{ "a": 1 }] }));
    assert_eq!(guess.paginator, link("$._links.next.href"));
    assert_eq!(of(json!({ "next": null, "results": [{ "a": 1 }] })).paginator, Paginator::SinglePage);
}
