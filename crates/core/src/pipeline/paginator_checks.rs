//! A paginator must come to an end, and must have what it writes to.

use super::checks::Checks;
use super::{CursorPages, Method, Offset, PageNumber, Paginator, Source, Stream};

/// Every mistake of the paginator of the stream at `at` in the list of streams.
pub(super) fn check(stream: &Stream, source: &Source, at: &str, checks: &mut Checks<'_>) {
    let mut wrong = |key: &str, message: &str, help: &str| {
        checks.wrong(&["streams", at, "paginator", key], message, help);
    };
    let get = stream.method == Method::Get && source.expressions.is_native();
    if !stream.paginator.body_paths().is_empty() && get {
        wrong(
            "type",
            "a GET request has no body to page in",
            "add method = \"POST\", or page by a parameter",
        );
    }
    match &stream.paginator {
        Paginator::PageNumber(page) => page_number(page, &mut wrong),
        Paginator::Offset(offset) => self::offset(offset, stream, &mut wrong),
        Paginator::Cursor(cursor) => self::cursor(cursor, &mut wrong),
        _ => {}
    }
}

const ENDLESS: &str = "nothing ends the paging: an empty page does not, and no other condition is given";
const ENDS: &str =
    "give `total_path`, `has_more_path` or a maximum, or leave out stop_after_empty_page = false";

fn page_number(page: &PageNumber, wrong: &mut impl FnMut(&str, &str, &str)) {
    let ends = page.stop_after_empty_page || page.stop_after_short_page;
    if !ends && page.total_path.is_none() && page.has_more_path.is_none() && page.maximum_page.is_none() {
        wrong("stop_after_empty_page", ENDLESS, ENDS);
    }
    if page.stop_after_short_page && page.page_size.is_none() {
        wrong("stop_after_short_page", "what a short page is says `page_size`", "add page_size = 100");
    }
    if page.maximum_page.is_some_and(|maximum| maximum <= page.base_page) {
        wrong("maximum_page", "paging stops before its first page", "raise `maximum_page`");
    }
}

fn offset(offset: &Offset, stream: &Stream, wrong: &mut impl FnMut(&str, &str, &str)) {
    let ends = offset.stop_after_empty_page || offset.stop_after_short_page;
    if !ends
        && offset.total_path.is_none()
        && offset.has_more_path.is_none()
        && offset.maximum_offset.is_none()
    {
        wrong("stop_after_empty_page", ENDLESS, ENDS);
    }
    if offset.maximum_offset.is_some_and(|maximum| maximum <= offset.offset) {
        wrong("maximum_offset", "paging stops before its first page", "raise `maximum_offset`");
    }
    if stream.records.contains('?') {
        let help = "select all records of a page with `records`; the next offset is counted from them";
        wrong("type", "a filter in `records` hides how many records a page had", help);
    }
}

fn cursor(cursor: &CursorPages, wrong: &mut impl FnMut(&str, &str, &str)) {
    let places = [cursor.cursor_path.is_some(), cursor.record_path.is_some(), cursor.cursor.is_some()];
    match places.into_iter().filter(|there| *there).count() {
        0 => {
            let help =
                "add cursor_path = \"$.next_cursor\", or record_path = \"id\" for a field of the last record";
            wrong("type", "where the cursor stands is missing", help);
        }
        1 => {}
        _ => {
            let message = "`cursor_path`, `record_path` and `cursor` exclude each other";
            let key = if cursor.record_path.is_some() { "record_path" } else { "cursor" };
            wrong(key, message, "keep one of them");
        }
    }
}
