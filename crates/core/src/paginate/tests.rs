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
        secret_params: Vec::new(),
    }
}

fn numbered(total_path: Option<&str>) -> Paginator {
    Paginator::PageNumber {
        page_param: "page".to_owned(),
        base_page: 1,
        total_path: total_path.map(str::to_owned),
    }
}

fn linked() -> Paginator {
    Paginator::JsonLink { next_url_path: "$.next".to_owned() }
}

/// Walks the pages that `serve` gives (body, records) and lists the URLs asked for.
fn walk(
    paginator: &Paginator,
    limit: u32,
    mut serve: impl FnMut(u32) -> (String, u64),
) -> Result<Vec<String>, PageError> {
    let mut pager = Pager::new(paginator, limit);
    let mut current = pager.first(request());
    let mut urls = vec![current.url.to_string()];
    for number in 0.. {
        let (body, records) = serve(number);
        let digest = crate::change::sha256(body.as_bytes());
        match pager.next(&current, Seen { body: body.as_bytes(), records, digest: &digest })? {
            Step::End => break,
            Step::Next(next) => current = next,
        }
        urls.push(current.url.to_string());
    }
    Ok(urls)
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
    let mut pager = Pager::new(&paginator, 10);
    let first = pager.first(request());
    let seen = Seen { body: br#"{"next":"https://y.org/items"}"#, records: 1, digest: &[0; 32] };
    let Ok(Step::Next(next)) = pager.next(&first, seen) else { panic!("a next page") };
    assert_eq!((next.url.as_str(), next.headers.len()), ("https://y.org/items", 0));
}

#[test]
fn more_pages_than_allowed_are_an_error_never_a_cut() {
    let serve = |n| (format!("[{n}]"), u64::from(n < 5));
    assert_eq!(walk(&numbered(None), 6, serve).map(|urls| urls.len()), Ok(6));
    assert_eq!(walk(&numbered(None), 5, serve), Err(PageError::TooMany(5)));
}

proptest! {
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
