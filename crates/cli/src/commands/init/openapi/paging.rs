//! The paginator, from the names of the parameters, of the answer's fields and of its headers.

use serde_json::{Map, Value, json};

use super::document::{Document, Parameter};
use super::records::Records;
use super::{plain, text};
use crate::commands::init::guess::step;

const PAGES: [&str; 7] = ["page", "pagenumber", "pageno", "pageindex", "pagenum", "p", "currentpage"];
const OFFSETS: [&str; 6] = ["offset", "skip", "startat", "startindex", "start", "from"];
const SIZES: [&str; 12] = [
    "perpage",
    "pagesize",
    "limit",
    "size",
    "maxresults",
    "top",
    "count",
    "pagelimit",
    "rows",
    "resultsperpage",
    "max",
    "take",
];
const CURSORS: [&str; 13] = [
    "cursor",
    "pagetoken",
    "nexttoken",
    "nextpagetoken",
    "after",
    "continuationtoken",
    "continuation",
    "nextcursor",
    "pagecursor",
    "paginationtoken",
    "marker",
    "scrollid",
    "bookmark",
];
const NEXT_CURSORS: [&str; 13] = [
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "endcursor",
    "continuationtoken",
    "nextmarker",
    "cursor",
    "after",
    "next",
    "scrollid",
    "bookmark",
    "nextpage",
    "paginationtoken",
];
const LINKS: [&str; 8] =
    ["nextlink", "nexturl", "nextpageurl", "odatanextlink", "nexturi", "nextpagelink", "next", "nexthref"];
const TOTAL_PAGES: [&str; 7] =
    ["totalpages", "pagecount", "pages", "lastpage", "numpages", "pagetotal", "numberofpages"];
const TOTALS: [&str; 6] =
    ["total", "totalcount", "totalresults", "totalitems", "totalrecords", "totalelements"];
const MORE: [&str; 6] = ["hasmore", "hasnext", "hasnextpage", "more", "hasmoreitems", "morerecords"];

/// Page size where the description names none.
const SIZE: u64 = 100;

/// A paginator, why, and the parameters that it sets.
pub(super) struct Paging {
    pub(super) paginator: Value,
    pub(super) why: String,
    pub(super) params: Vec<String>,
    /// The parameter of the page size, where the paginator does not set it.
    pub(super) size: Option<(String, u64)>,
}

/// What an answer has outside of its records: name, JSONPath, schema.
struct Envelope(Vec<(String, String, Value)>);

impl Envelope {
    /// The path of the first field that is called so and has one of these types.
    fn find(&self, names: &[&str], types: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let fits = |(field, _, schema): &&(String, String, Value)| {
                plain(field) == *name && (types.contains(&text(schema, "type")) || schema["type"].is_null())
            };
            self.0.iter().find(fits).map(|(_, path, _)| path.as_str())
        })
    }

    /// The URL of the next page: a field of that name, or `next.href`.
    fn link(&self, with_cursor: bool) -> Option<&str> {
        let by_href =
            self.0.iter().find(|(_, path, _)| path.ends_with(".next.href") || path.ends_with(".next.url"));
        let named = self.0.iter().find(|(field, path, schema)| {
            let name = plain(field);
            let sure = name != "next"
                || text(schema, "format").starts_with("uri")
                || path.contains("links")
                || !with_cursor;
            text(schema, "type") == "string" && LINKS.contains(&name.as_str()) && sure
        });
        by_href.or(named).map(|(_, path, _)| path.as_str())
    }
}

/// The paginator of an operation; `None` where nothing speaks of pages.
pub(super) fn paging(
    document: &Document,
    parameters: &[Parameter],
    response: &Value,
    answer: &Value,
    records: &Records,
    key: Option<&str>,
) -> Option<Paging> {
    let query = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| parameters.iter().find(|one| one.place == "query" && plain(&one.name) == *name))
    };
    let mut envelope = Envelope(Vec::new());
    outside(document, answer, "$", 3, &records.path, &mut envelope.0);
    let size = query(&SIZES);
    let cursor = query(&CURSORS).filter(|one| !is_time(one));
    let sized = |mut paging: Paging| {
        paging.size = size.map(|size| (size.name.clone(), size_of(size)));
        paging.params.extend(size.map(|size| size.name.clone()));
        Some(paging)
    };
    if let Some(path) = envelope.link(cursor.is_some()) {
        let paginator = json!({ "type": "json_link", "next_url_path": path });
        return sized(Paging::new(paginator, format!("The answer names its next page at {path}."), &[]));
    }
    if let (Some(cursor), Some(path)) = (cursor, envelope.find(&NEXT_CURSORS, &["string", "integer"])) {
        let paginator = json!({ "type": "cursor", "cursor_path": path, "cursor_param": cursor.name });
        return sized(Paging::new(
            paginator,
            format!("`{}` goes on from {path}.", cursor.name),
            &[&cursor.name],
        ));
    }
    if let (Some(after), Some(key), Some(more)) =
        (query(&["startingafter", "sinceid", "afterid"]), key, envelope.find(&MORE, &["boolean"]))
    {
        let paginator = json!({ "type": "cursor", "record_path": key, "cursor_param": after.name, "has_more_path": more });
        return sized(Paging::new(
            paginator,
            format!("`{}` goes on from the last record.", after.name),
            &[&after.name],
        ));
    }
    let headers = response["headers"].as_object().into_iter().flatten();
    if headers.clone().any(|(name, _)| name.eq_ignore_ascii_case("link")) {
        return sized(Paging::new(
            json!({ "type": "header_link" }),
            "The `Link` header names the next page.".to_owned(),
            &[],
        ));
    }
    let more = envelope.find(&MORE, &["boolean"]);
    if let Some(page) = query(&PAGES) {
        return Some(by_page(page, size, envelope.find(&TOTAL_PAGES, &["integer", "number"]), more));
    }
    let offset = query(&OFFSETS).filter(|one| !is_time(one))?;
    Some(by_offset(offset, size?, envelope.find(&TOTALS, &["integer", "number"]), more))
}

fn by_page(page: &Parameter, size: Option<&Parameter>, total: Option<&str>, more: Option<&str>) -> Paging {
    let first = page.schema["default"].as_u64().or(page.schema["minimum"].as_u64()).unwrap_or(1);
    let mut paginator = Map::from_iter([
        ("type".to_owned(), json!("page_number")),
        ("page_param".to_owned(), json!(page.name)),
        ("base_page".to_owned(), json!(first.min(1))),
    ]);
    let mut params = vec![page.name.clone()];
    if let Some(size) = size {
        paginator.insert("page_size".to_owned(), json!(size_of(size)));
        paginator.insert("page_size_param".to_owned(), json!(size.name));
        params.push(size.name.clone());
    }
    paginator.extend(total.map(|path| ("total_path".to_owned(), json!(path))));
    paginator.extend(more.filter(|_| total.is_none()).map(|path| ("has_more_path".to_owned(), json!(path))));
    let why = format!("`{}` counts pages from {}.", page.name, first.min(1));
    Paging { paginator: paginator.into(), why, params, size: None }
}

fn by_offset(offset: &Parameter, size: &Parameter, total: Option<&str>, more: Option<&str>) -> Paging {
    let mut paginator = Map::from_iter([
        ("type".to_owned(), json!("offset")),
        ("limit".to_owned(), json!(size_of(size))),
        ("offset_param".to_owned(), json!(offset.name)),
        ("limit_param".to_owned(), json!(size.name)),
    ]);
    paginator.extend(total.map(|path| ("total_path".to_owned(), json!(path))));
    paginator.extend(more.filter(|_| total.is_none()).map(|path| ("has_more_path".to_owned(), json!(path))));
    let params = vec![offset.name.clone(), size.name.clone()];
    Paging {
        paginator: paginator.into(),
        why: format!("`{}` skips records.", offset.name),
        params,
        size: None,
    }
}

impl Paging {
    fn new(paginator: Value, why: String, params: &[&String]) -> Paging {
        Paging { paginator, why, params: params.iter().map(|name| (*name).clone()).collect(), size: None }
    }
}

/// The largest page that is allowed, within reason; else the usual one.
fn size_of(size: &Parameter) -> u64 {
    let named = size.schema["maximum"].as_u64().filter(|size| (1..=1000).contains(size));
    named.or(size.schema["default"].as_u64().filter(|size| *size > 0)).unwrap_or(SIZE)
}

/// Whether a parameter takes a time: `after` and `from` mean both.
pub(super) fn is_time(parameter: &Parameter) -> bool {
    text(&parameter.schema, "format").starts_with("date")
}

/// The scalars of an answer that lie outside of its records.
fn outside(
    document: &Document,
    schema: &Value,
    path: &str,
    depth: usize,
    records: &str,
    found: &mut Vec<(String, String, Value)>,
) {
    if depth == 0 || records == "$" {
        return;
    }
    for (name, property) in document.properties(schema) {
        let inner = format!("{path}{}", step(&name));
        match text(&property, "type") {
            "array" => {}
            "object" => outside(document, &property, &inner, depth - 1, records, found),
            _ => found.push((name, inner, property)),
        }
    }
}
