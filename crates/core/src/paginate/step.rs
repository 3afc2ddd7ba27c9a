//! One step of each kind of paging.

use serde_json::{Map, Value, json};

use super::{
    CURSOR, CURSOR_EXPRESSION, End, LINK, NEXT_URL, PageError, RECORD, STOP, Seen, Step, first, is_set, link,
};
use crate::cursor;
use crate::expr::{Base, Dialect, ExprError, Written};
use crate::pipeline::{CursorPages, HeaderCursor, Offset, PageNumber, Paginator};
use crate::request::Request;

/// The request for the first page.
pub(super) fn first_page(paginator: &Paginator, mut request: Request) -> Result<Request, PageError> {
    match paginator {
        Paginator::PageNumber(page) => {
            if !page.first_page_unnamed {
                put(&mut request, &page.page_param, page.page_body_path.as_deref(), page.base_page.into())?;
            }
            if let Some(size) = page.page_size {
                put(&mut request, &page.page_size_param, page.page_size_body_path.as_deref(), size.into())?;
            }
        }
        Paginator::Offset(offset) => {
            put(&mut request, &offset.limit_param, offset.limit_body_path.as_deref(), offset.limit.into())?;
            if !offset.first_page_unnamed {
                put(
                    &mut request,
                    &offset.offset_param,
                    offset.offset_body_path.as_deref(),
                    offset.offset.into(),
                )?;
            }
        }
        Paginator::Cursor(cursor) => {
            if let Some(size) = cursor.page_size {
                let path = cursor.page_size_body_path.as_deref();
                put(&mut request, &cursor.page_size_param, path, size.into())?;
            }
        }
        Paginator::SinglePage
        | Paginator::JsonLink(_)
        | Paginator::HeaderLink(_)
        | Paginator::HeaderCursor(_) => {}
    }
    Ok(request)
}

/// What of a request leads on to the next page, for a message.
pub(super) fn what_leads_on(paginator: &Paginator) -> &str {
    match paginator {
        Paginator::SinglePage => "",
        Paginator::PageNumber(page) => page.page_body_path.as_deref().unwrap_or(&page.page_param),
        Paginator::Offset(offset) => offset.offset_body_path.as_deref().unwrap_or(&offset.offset_param),
        Paginator::Cursor(cursor) => cursor.cursor_body_path.as_deref().unwrap_or(&cursor.cursor_param),
        Paginator::HeaderCursor(cursor) => cursor.cursor_body_path.as_deref().unwrap_or(&cursor.cursor_param),
        Paginator::JsonLink(link) => &link.next_url_path,
        Paginator::HeaderLink(link) => &link.links_next_key,
    }
}

/// The page that has `read` pages before it.
pub(super) fn page(
    paginator: &PageNumber,
    read: u64,
    total: Option<u64>,
    request: &Request,
) -> Result<Step, PageError> {
    if let Some(total) = total.filter(|total| read >= *total) {
        return Ok(Step::End(End::Total(total)));
    }
    let number = paginator.base_page.saturating_add(read);
    if let Some(maximum) = paginator.maximum_page.filter(|maximum| number >= *maximum) {
        return Ok(Step::End(End::Maximum(maximum)));
    }
    with(request, &paginator.page_param, paginator.page_body_path.as_deref(), number.into())
}

/// The page that begins at an offset.
pub(super) fn offset(
    paginator: &Offset,
    offset: u64,
    total: Option<u64>,
    request: &Request,
) -> Result<Step, PageError> {
    if let Some(total) = total.filter(|total| offset >= *total) {
        return Ok(Step::End(End::Total(total)));
    }
    if let Some(maximum) = paginator.maximum_offset.filter(|maximum| offset >= *maximum) {
        return Ok(Step::End(End::Maximum(maximum)));
    }
    with(request, &paginator.offset_param, paginator.offset_body_path.as_deref(), offset.into())
}

/// The page that a cursor of this one leads to.
pub(super) fn cursor(
    paginator: &CursorPages,
    read: u32,
    request: &Request,
    page: Seen<'_>,
    base: &Base,
    own: &[(String, String)],
) -> Result<Step, PageError> {
    let evaluated = Evaluated::of(paginator, page, base)?;
    if evaluated.stop {
        return Ok(Step::End(End::Stop));
    }
    let (found, path) = match (&paginator.cursor_path, &paginator.record_path) {
        _ if paginator.cursor.is_some() => (evaluated.cursor, CURSOR_EXPRESSION),
        (Some(path), _) => (first(page, path, CURSOR)?, CURSOR),
        (None, Some(path)) => (page.last_record.and_then(|record| cursor::value(record, path)), RECORD),
        (None, None) => (None, CURSOR),
    };
    let Some(found) = found.filter(is_set) else { return Ok(Step::End(End::NoCursor)) };
    let what = match found {
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
        Value::String(url) if paginator.cursor_is_url => return linked(paginator, request, &url, path, own),
        found => {
            return with(request, &paginator.cursor_param, paginator.cursor_body_path.as_deref(), found);
        }
    };
    Err(PageError::Cursor { page: read, what, path })
}

/// The page at a URL, with the parameters of the first request (`own`) where it is to keep them.
fn linked(
    paginator: &CursorPages,
    request: &Request,
    url: &str,
    path: &'static str,
    own: &[(String, String)],
) -> Result<Step, PageError> {
    let Step::Next(mut next) = follow(request, url, path)? else { return Ok(Step::End(End::NoLink)) };
    if paginator.keep_params && next.url.origin() == request.url.origin() {
        let named: Vec<String> = next.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let missing: Vec<_> = own.iter().filter(|(name, _)| !named.contains(name)).collect();
        if !missing.is_empty() {
            next.url.query_pairs_mut().extend_pairs(missing);
        }
    }
    Ok(Step::Next(next))
}

/// What the expressions of a paginator say of a page.
#[derive(Default)]
struct Evaluated {
    cursor: Option<Value>,
    stop: bool,
}

impl Evaluated {
    fn of<'a>(paginator: &'a CursorPages, page: Seen<'_>, base: &Base) -> Result<Evaluated, PageError> {
        if paginator.cursor.is_none() && paginator.stop.is_none() {
            return Ok(Evaluated::default());
        }
        let path = if paginator.cursor.is_some() { CURSOR_EXPRESSION } else { STOP };
        let json = |what: &str, text: &[u8]| {
            serde_json::from_slice(text).map_err(|error| PageError::Expression {
                path,
                source: ExprError::Failed {
                    expression: what.to_owned(),
                    message: format!("it cannot be read: {error}"),
                },
            })
        };
        let response = json("response", page.body)?;
        let texts = [&paginator.cursor, &paginator.stop].into_iter().flatten();
        let headers = header_table(page.headers, base.dialect, texts.map(|text| &**text));
        let last_record = page.last_record.map_or(Ok(Value::Null), |record| json("last_record", record))?;
        let last_page_size = Value::from(page.records);
        let scope = base
            .scope()
            .with("response", &response)
            .with("headers", &headers)
            .with("last_record", &last_record)
            .with("last_page_size", &last_page_size);
        let parsed =
            |text: &'a Option<Written>| text.as_ref().map(|text| text.parsed(base.dialect)).transpose();
        let wrong = |path| move |source| PageError::Expression { path, source };
        let stop = parsed(&paginator.stop).and_then(|stop| stop.map_or(Ok(false), |stop| stop.truth(&scope)));
        if stop.map_err(wrong(STOP))? {
            // What the last page lacks may be what the cursor is made of.
            return Ok(Evaluated { cursor: None, stop: true });
        }
        let cursor = parsed(&paginator.cursor)
            .and_then(|cursor| cursor.map(|cursor| cursor.value(&scope)).transpose());
        Ok(Evaluated { cursor: cursor.map_err(wrong(CURSOR_EXPRESSION))?, stop: false })
    }
}

/// The headers by their lower-case names; of two with one name the first. In the CDK's dialect also as `expressions` spell
/// them, as names of headers know no case, and `link` is a table of links by their relations.
pub(crate) fn header_table<'a>(
    headers: &[(String, String)],
    dialect: Dialect,
    expressions: impl Iterator<Item = &'a str>,
) -> Value {
    let mut table = Map::new();
    for (name, value) in headers {
        table.entry(name.as_str()).or_insert_with(|| Value::from(value.as_str()));
    }
    if !dialect.is_native() {
        for text in expressions {
            let lower = text.to_ascii_lowercase();
            for (name, value) in headers {
                for (at, _) in lower.match_indices(name.as_str()) {
                    table.entry(&text[at..at + name.len()]).or_insert_with(|| Value::from(value.as_str()));
                }
            }
        }
        let link = headers.iter().filter(|(name, _)| name == "link").flat_map(|(_, value)| link::all(value));
        table.insert(
            "link".to_owned(),
            link.map(|(relation, url)| (relation.clone(), json!({ "url": url, "rel": relation })))
                .collect::<Map<_, _>>()
                .into(),
        );
    }
    Value::Object(table)
}

/// The page that a value of a header leads to.
pub(super) fn header_cursor(
    paginator: &HeaderCursor,
    request: &Request,
    page: Seen<'_>,
) -> Result<Step, PageError> {
    let name = paginator.cursor_key.to_ascii_lowercase();
    let found = page.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.trim());
    match found.filter(|value| !value.is_empty()) {
        None => Ok(Step::End(End::NoCursor)),
        Some(value) => {
            with(request, &paginator.cursor_param, paginator.cursor_body_path.as_deref(), value.into())
        }
    }
}

/// The page whose URL stands in the answer.
pub(super) fn json_link(request: &Request, found: Option<Value>) -> Result<Step, PageError> {
    match found {
        None | Some(Value::Null | Value::Bool(false)) => Ok(Step::End(End::NoLink)),
        Some(Value::String(url)) if url.trim().is_empty() => Ok(Step::End(End::NoLink)),
        Some(Value::String(url)) => follow(request, &url, NEXT_URL),
        Some(_) => Err(PageError::Url { path: NEXT_URL, reason: "it is not a text".to_owned() }),
    }
}

/// The page whose URL stands in the `Link` header.
pub(super) fn header_link(request: &Request, page: Seen<'_>, relation: &str) -> Result<Step, PageError> {
    let mut links = page.headers.iter().filter(|(name, _)| name == "link");
    match links.find_map(|(_, value)| link::target(value, relation)) {
        None => Ok(Step::End(End::NoLink)),
        Some(url) => follow(request, &url, LINK),
    }
}

fn follow(request: &Request, url: &str, path: &'static str) -> Result<Step, PageError> {
    let wrong = |reason: String| PageError::Url { path, reason };
    let url = request.url.join(url.trim()).map_err(|error| wrong(error.to_string()))?;
    request.follow(url).map(Step::Next).map_err(|error| wrong(error.to_string()))
}

fn with(request: &Request, param: &str, body_path: Option<&str>, value: Value) -> Result<Step, PageError> {
    let mut next = request.clone();
    put(&mut next, param, body_path, value)?;
    Ok(Step::Next(next))
}

/// Puts a value into the body where a path is given, else into the query.
fn put(request: &mut Request, param: &str, body_path: Option<&str>, value: Value) -> Result<(), PageError> {
    match (body_path, value) {
        (None, _) if param.is_empty() => {}
        (Some(path), value) => {
            request.set_body(path, value).ok_or_else(|| PageError::Body(path.to_owned()))?;
        }
        (None, Value::String(text)) => request.set_param(param, &text),
        (None, other) => request.set_param(param, &other.to_string()),
    }
    Ok(())
}
