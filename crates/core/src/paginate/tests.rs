use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::*;
use crate::pipeline::Method;

fn request() -> Request {
    Request {
        method: Method::Get,
        url: Url::parse("https://x.org/items?k=1&page=9").expect("a URL"),
        headers: vec![("authorization".to_owned(), "Bearer t".to_owned())],
        body: None,
        secret_body: false,
        away: false,
        form: false,
        secret_params: Vec::new(),
    }
}

fn base() -> &'static Base {
    static BASE: std::sync::OnceLock<Base> = std::sync::OnceLock::new();
    BASE.get_or_init(|| Base::new(jiff::Timestamp::UNIX_EPOCH))
}

fn paginator(value: serde_json::Value) -> Paginator {
    serde_json::from_value(value).expect("a paginator")
}

fn numbered(total_path: Option<&str>) -> Paginator {
    paginator(json!({ "type": "page_number", "base_page": 1, "total_path": total_path }))
}

fn linked() -> Paginator {
    Paginator::json_link("$.next")
}

/// An answer of a served API: headers, body, records.
type Served = (Vec<(String, String)>, String, Vec<serde_json::Value>);

/// Walks the pages that `serve` gives for each request and lists the requests, and why it ended.
fn walked(
    paginator: &Paginator,
    limit: u32,
    mut serve: impl FnMut(&Request) -> Served,
) -> Result<(Vec<Request>, End), PageError> {
    let mut pager = Pager::new(paginator, limit, base());
    let mut current = pager.first(request())?;
    let mut requests = vec![current.clone()];
    loop {
        let (headers, body, records) = serve(&current);
        let last = records.last().map(|record| record.to_string());
        let seen = Seen {
            headers: &headers,
            body: body.as_bytes(),
            records: records.len() as u64,
            last_record: last.as_deref().map(str::as_bytes),
            digest: &crate::change::sha256(body.as_bytes()),
            frame: None,
        };
        match pager.next(&current, seen)? {
            Step::End(end) => return Ok((requests, end)),
            Step::Next(next) => current = next,
        }
        // What was guessed for the page that the walk came to is what is asked for it.
        if let Some(guess) = pager.ahead(&current, 0) {
            assert_eq!(guess.url, current.url);
        }
        requests.push(current.clone());
    }
}

/// Walks the pages that `serve` gives by number (body, records) and lists the URLs asked for.
fn walk(
    paginator: &Paginator,
    limit: u32,
    mut serve: impl FnMut(u32) -> (String, u64),
) -> Result<Vec<String>, PageError> {
    let mut number = 0;
    let walk = walked(paginator, limit, |_| {
        let (body, records) = serve(number);
        number += 1;
        (Vec::new(), body, vec![json!(0); records as usize])
    });
    walk.map(|(requests, _)| requests.iter().map(|request| request.url.to_string()).collect())
}

#[test]
fn a_single_page_ends() {
    assert_eq!(
        walk(&Paginator::SinglePage, 1, |_| ("{}".into(), 1)),
        Ok(vec!["https://x.org/items?k=1&page=9".to_owned()])
    );
}

#[test]
fn numbers_count_up_until_an_empty_page() {
    let urls = walk(&numbered(None), 10, |n| (format!("[{n}]"), u64::from(n < 2)));
    assert_eq!(urls, Ok((1..=3).map(|n| format!("https://x.org/items?k=1&page={n}")).collect::<Vec<_>>()));
}

#[test]
fn numbers_end_at_the_total_written_as_number_or_text() {
    for total in ["2", "\"2\"", "2.0"] {
        let serve = |n| (format!(r#"{{"n":{n},"total":{total}}}"#), 1);
        assert_eq!(walk(&numbered(Some("$.total")), 10, serve).map(|urls| urls.len()), Ok(2), "{total}");
    }
}

#[test]
fn a_total_that_is_none_ends_nothing() {
    for total in ["-1", "null", "\"?\""] {
        let serve = |n| (format!(r#"{{"n":{n},"total":{total}}}"#), u64::from(n < 4));
        assert_eq!(walk(&numbered(Some("$.total")), 10, serve).map(|urls| urls.len()), Ok(5), "{total}");
    }
}

#[test]
fn a_page_number_that_is_ignored_is_an_error() {
    let error = walk(&numbered(None), 10, |_| ("[1]".into(), 1)).err();
    assert_eq!(error, Some(PageError::Ignored(2, "page".to_owned())));
}

#[test]
fn links_are_followed_absolute_and_relative() {
    let links = [json!("/items?after=1"), json!("https://x.org/items?after=2"), json!(null)];
    let urls = walk(&linked(), 10, |n| (json!({ "next": links[n as usize] }).to_string(), 1));
    assert_eq!(
        urls,
        Ok(vec![
            "https://x.org/items?k=1&page=9".to_owned(),
            "https://x.org/items?after=1".to_owned(),
            "https://x.org/items?after=2".to_owned(),
        ])
    );
    for end in ["{}", r#"{"next":""}"#, r#"{"next":false}"#] {
        assert_eq!(walk(&linked(), 10, |_| (end.into(), 1)).map(|urls| urls.len()), Ok(1), "{end}");
    }
}

#[test]
fn a_circle_of_links_is_an_error_and_so_is_a_link_that_must_not_be_followed() {
    let circle = walk(&linked(), 10, |n| (json!({ "next": format!("?p={}", n % 3) }).to_string(), 1));
    assert_eq!(circle, Err(PageError::Loop(4)));
    for next in [json!("http://x.org/items"), json!("file:///etc/passwd"), json!(7), json!("https://[")] {
        let error = walk(&linked(), 10, |_| (json!({ "next": next }).to_string(), 1));
        assert!(matches!(error, Err(PageError::Url { .. })), "{next}: {error:?}");
    }
}

#[test]
fn credentials_do_not_follow_a_link_to_another_host() {
    let paginator = linked();
    let mut pager = Pager::new(&paginator, 10, base());
    let first = pager.first(request()).expect("a first page");
    let body = br#"{"next":"https://y.org/items"}"#;
    let seen = Seen { headers: &[], body, records: 1, last_record: None, digest: &[0; 32], frame: None };
    let Ok(Step::Next(next)) = pager.next(&first, seen) else { panic!("a next page") };
    assert_eq!((next.url.as_str(), next.headers.len()), ("https://y.org/items", 0));
}

#[test]
fn more_pages_than_allowed_are_an_error_never_a_cut() {
    let serve = |n| (format!("[{n}]"), u64::from(n < 5));
    assert_eq!(walk(&numbered(None), 6, serve).map(|urls| urls.len()), Ok(6));
    assert_eq!(walk(&numbered(None), 5, serve), Err(PageError::TooMany(5)));
}

fn of(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

fn number(request: &Request, name: &str) -> usize {
    of(&request.url, name).and_then(|text| text.parse().ok()).expect(name)
}

fn part(from: usize, size: usize, of: usize) -> Vec<serde_json::Value> {
    (from..of.min(from.saturating_add(size))).map(|id| json!({ "id": id })).collect()
}

/// The ids that a walk brings, and why it ended.
fn ids(
    paginator: &Paginator,
    serve: impl Fn(&Request) -> (serde_json::Value, Vec<serde_json::Value>),
) -> Result<(Vec<u64>, End), PageError> {
    let mut ids = Vec::new();
    let (_, end) = walked(paginator, 1000, |request| {
        let (rest, records) = serve(request);
        ids.extend(records.iter().filter_map(|record| record["id"].as_u64()));
        let body = json!({ "rest": rest, "items": records }).to_string();
        (Vec::new(), body, records)
    })?;
    Ok((ids, end))
}

#[test]
fn offsets_go_on_from_what_came_even_if_the_api_gives_less_than_asked() {
    let paginator = paginator(json!({ "type": "offset", "limit": 50 }));
    for cap in [1, 7, 50, 500] {
        let serve = |r: &Request| (json!(null), part(number(r, "offset"), number(r, "limit").min(cap), 120));
        assert_eq!(ids(&paginator, serve), Ok(((0..120).collect(), End::EmptyPage)), "{cap}");
    }
    // The limit is ignored altogether, the offset is not.
    let serve = |r: &Request| (json!(null), part(number(r, "offset"), 500, 120));
    assert_eq!(ids(&paginator, serve), Ok(((0..120).collect(), End::EmptyPage)));
    // Both are ignored.
    let error = ids(&paginator, |_| (json!(null), part(0, 50, 120)));
    assert_eq!(error, Err(PageError::Ignored(2, "offset".to_owned())));
}

#[test]
fn offsets_end_at_the_total_the_maximum_or_a_short_page() {
    let serve = |r: &Request| (json!(30), part(number(r, "offset"), number(r, "limit"), 30));
    for (more, count, end) in [
        (json!({ "total_path": "$.rest" }), 30, End::Total(30)),
        (json!({ "maximum_offset": 20 }), 20, End::Maximum(20)),
        (json!({ "limit": 20, "stop_after_short_page": true }), 30, End::ShortPage),
        (json!({}), 30, End::EmptyPage),
    ] {
        let mut table = json!({ "type": "offset", "limit": 10 });
        table.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        assert_eq!(ids(&paginator(table), serve), Ok(((0..count).collect(), end)), "{more}");
    }
}

#[test]
fn an_empty_page_in_the_middle_ends_nothing_where_it_must_not() {
    let table = json!({ "type": "page_number", "stop_after_empty_page": false, "total_path": "$.rest" });
    let serve = |r: &Request| {
        let page = number(r, "page");
        (json!(4), if page == 1 || page == 2 { Vec::new() } else { part(page * 10, 10, 100) })
    };
    assert_eq!(ids(&paginator(table), serve).map(|(ids, end)| (ids.len(), end)), Ok((20, End::Total(4))));
}

#[test]
fn cursors_come_from_the_body_the_last_record_or_a_header() {
    let start = |r: &Request| of(&r.url, "cursor").map_or(0, |text| text.parse().expect("a number"));
    let body = paginator(json!({ "type": "cursor", "cursor_path": "$.rest" }));
    let serve = |r: &Request| {
        let next = start(r) + 10;
        (if next < 35 { json!(next) } else { json!(0) }, part(start(r), 10, 35))
    };
    assert_eq!(ids(&body, serve), Ok(((0..35).collect(), End::NoCursor)));
    let last = paginator(json!({ "type": "cursor", "record_path": "id", "cursor_param": "cursor" }));
    let serve = |r: &Request| {
        (json!(null), part(of(&r.url, "cursor").map_or(0, |id| id.parse::<usize>().expect("id") + 1), 10, 35))
    };
    assert_eq!(ids(&last, serve), Ok(((0..35).collect(), End::EmptyPage)));
    let header = paginator(json!({ "type": "header_cursor", "cursor_key": "X-Next" }));
    let mut seen = 0;
    let (requests, end) = walked(&header, 10, |r| {
        let records = part(start(r), 10, 35);
        seen += records.len();
        let next = (start(r) + 10 < 35).then(|| ("x-next".to_owned(), (start(r) + 10).to_string()));
        (next.into_iter().collect(), json!(records).to_string(), records)
    })
    .expect("a walk");
    assert_eq!((seen, requests.len(), end), (35, 4, End::NoCursor));
}

#[test]
fn a_cursor_that_stands_still_is_an_error_and_so_is_one_that_is_no_text() {
    let paginator = paginator(json!({ "type": "cursor", "cursor_path": "$.rest" }));
    let mut turn = 0;
    let error = walked(&paginator, 100, |_| {
        turn += 1;
        (Vec::new(), json!({ "rest": "same", "turn": turn }).to_string(), vec![json!(1)])
    });
    assert_eq!(error.err(), Some(PageError::Loop(2)));
    let error = ids(&paginator, |_| (json!({ "a": 1 }), part(0, 1, 1)));
    assert!(matches!(error, Err(PageError::Cursor { what: "a table", .. })), "{error:?}");
}

#[test]
fn a_flag_ends_the_walk_in_every_spelling() {
    let paginator = paginator(
        json!({ "type": "page_number", "has_more_path": "$.rest", "stop_after_empty_page": false }),
    );
    for end in [json!(false), json!(null), json!("false"), json!(0), json!("")] {
        let serve = |r: &Request| {
            let page = number(r, "page");
            (if page < 2 { json!(true) } else { end.clone() }, part(page * 10, 10, 30))
        };
        assert_eq!(ids(&paginator, serve), Ok(((0..30).collect(), End::NoMore)), "{end}");
    }
}

#[test]
fn a_link_header_leads_on_and_credentials_stay_at_home() {
    let paginator = paginator(json!({ "type": "header_link" }));
    let links =
        ["<?page=2>; rel=next", "<https://y.org/3>; rel=prev, <https://y.org/3>; rel=next", "<x>; rel=prev"];
    let mut turn = 0;
    let (requests, end) = walked(&paginator, 10, |_| {
        turn += 1;
        (vec![("link".to_owned(), links[turn - 1].to_owned())], format!("[{turn}]"), vec![json!(turn)])
    })
    .expect("a walk");
    let urls: Vec<_> = requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(urls[1..], ["https://x.org/items?page=2", "https://y.org/3"]);
    assert_eq!((requests[1].headers.len(), requests[2].headers.len(), end), (1, 0, End::NoLink));
}

#[test]
fn pages_can_be_asked_for_in_the_body() {
    let paginator = paginator(json!({
        "type": "offset", "limit": 10, "offset_body_path": "variables.page.skip", "limit_body_path": "variables.first",
    }));
    let mut bodies = Vec::new();
    let walk = walked(&paginator, 10, |request| {
        let body: serde_json::Value =
            serde_json::from_slice(request.body.as_ref().expect("a body")).expect("JSON");
        let from = body["variables"]["page"]["skip"].as_u64().expect("a number") as usize;
        bodies.push(body);
        let records = part(from, 10, 15);
        (Vec::new(), json!(records).to_string(), records)
    });
    assert_eq!(walk.map(|(_, end)| end), Ok(End::EmptyPage));
    assert_eq!(bodies[1], json!({ "variables": { "first": 10, "page": { "skip": 10 } } }));
    assert_eq!(bodies.len(), 3);
}

#[test]
fn pages_are_told_beforehand_only_as_far_as_the_end_is_known_or_half_as_many_were_read() {
    let known = paginator(json!({ "type": "page_number", "total_path": "$" }));
    let unknown = paginator(json!({ "type": "offset", "limit": 10 }));
    let read = |paginator, pages: u32, body: &str| {
        let mut pager = Pager::new(paginator, 100, base());
        let mut current = pager.first(request()).expect("a first page");
        for page in 0..pages {
            let digest = [page as u8; 32];
            let seen = Seen {
                headers: &[],
                body: body.as_bytes(),
                records: 10,
                last_record: None,
                digest: &digest,
                frame: None,
            };
            let Ok(Step::Next(next)) = pager.next(&current, seen) else { panic!("a next page") };
            current = next;
        }
        (0..).take_while(|ahead| pager.ahead(&current, *ahead).is_some()).count()
    };
    assert_eq!(read(&known, 1, "5"), 4);
    assert_eq!((read(&unknown, 1, "[]"), read(&unknown, 2, "[]"), read(&unknown, 5, "[]")), (1, 2, 5));
    assert_eq!(read(&linked(), 1, r#"{"next":"?p=2"}"#), 0);
}

proptest! {
    #[test]
    fn every_record_arrives_once_for_any_number_of_records_page_size_and_cap(
        total in 0usize..200, size in 1usize..40, cap in 1usize..40, tells: bool, by_offset: bool,
    ) {
        let table = match by_offset {
            true => json!({ "type": "offset", "limit": size, "total_path": tells.then_some("$.rest") }),
            false => json!({ "type": "page_number", "page_size": size, "total_path": tells.then_some("$.rest") }),
        };
        let given = size.min(cap);
        let walk = ids(&paginator(table), |r| match by_offset {
            true => (json!(total), part(number(r, "offset"), given, total)),
            false => (json!(total.div_ceil(given)), part(number(r, "page") * given, given, total)),
        });
        prop_assert_eq!(walk.map(|(ids, _)| ids), Ok((0..total as u64).collect::<Vec<_>>()));
    }

    #[test]
    fn paging_ends_for_any_answers(
        pages in proptest::collection::vec(("[a-c]", 0u64..3, proptest::option::of("[a-c/?:]{0,3}")), 1..8),
        limit in 1u32..20,
        by_link: bool,
    ) {
        let paginator = if by_link { linked() } else { numbered(Some("$.total")) };
        let mut asked = 0;
        let _ = walk(&paginator, limit, |n| {
            asked += 1;
            let (text, records, next) = &pages[n as usize % pages.len()];
            (json!({ "text": text, "next": next, "total": text }).to_string(), *records)
        });
        prop_assert!(asked <= limit);
    }
}

#[test]
fn a_cursor_and_a_stop_may_be_expressions() {
    let paging = |cursor: &str, stop: Option<&str>| {
        paginator(
            json!({ "type": "cursor", "cursor": cursor, "stop": stop, "cursor_param": "after", "page_size": 2 }),
        )
    };
    let serve = |n: u32| (json!({ "meta": { "next": n } }).to_string(), 2);
    let asked = |paging: &Paginator| {
        walked(paging, 10, |request| {
            let asked = request
                .url
                .query_pairs()
                .find(|(name, _)| name == "after")
                .map(|(_, value)| value.into_owned());
            let number = asked.and_then(|n| n.parse().ok()).unwrap_or(0) + 1;
            let records = vec![json!({ "id": number * 10 })];
            (vec![("x-next".to_owned(), format!("{}", number + 1))], serve(number).0, records)
        })
        .map(|(requests, end)| {
            (requests.last().map(|last| last.url.query().unwrap_or_default().to_owned()), end)
        })
    };
    let over = asked(&paging("{{ response.meta.next if response.meta.next < 3 }}", None));
    assert_eq!(over, Ok((Some("k=1&page=9&per_page=2&after=2".to_owned()), End::NoCursor)));
    let over = asked(&paging(
        "{{ headers['x-next'] | int - 1 }}",
        Some("{{ last_record.id >= 40 or last_page_size < 1 }}"),
    ));
    assert_eq!(over, Ok((Some("k=1&page=9&per_page=2&after=3".to_owned()), End::Stop)));
    let wrong = asked(&paging("{{ response.meta.next.more.x }}", None));
    assert!(matches!(wrong, Err(PageError::Expression { path: "paginator.cursor", .. })), "{wrong:?}");
    let beyond =
        walk(&paging("{{ response.next }}", None), 10, |n| (format!(r#"{{"n":{n}e400,"next":1}}"#), 1));
    assert!(matches!(beyond, Err(PageError::Expression { .. })), "{beyond:?}");
}
