//! How further pages are found, in the words of dlt's rest_api.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Written;

/// How further pages are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Paginator {
    /// The answer is the only page.
    #[default]
    SinglePage,
    /// A page counter in the query or the body; ends at an empty page or at the total.
    PageNumber(PageNumber),
    /// The number of records to skip, in the query or the body; ends at an empty page or at the total.
    Offset(Offset),
    /// A value out of a page that the next request must carry; ends where it is absent, null, empty, false or 0.
    Cursor(CursorPages),
    /// The answer holds the URL of the next page; ends where it is absent or null.
    JsonLink(JsonLink),
    /// The `Link` header (RFC 8288) holds the URL of the next page.
    HeaderLink(HeaderLink),
    /// A header of the answer holds a value that the next request must carry.
    HeaderCursor(HeaderCursor),
}

/// A page counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// Query parameter that takes the number.
    #[serde(default = "page")]
    pub page_param: String,
    /// Dotted path of the number in the JSON body (`variables.page`), or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub page_body_path: Option<String>,
    /// Number of the first page.
    #[serde(default)]
    pub base_page: u64,
    /// Whether the first page is asked for without naming its number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_page_unnamed: bool,
    /// Records asked for a page, where the API is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub page_size: Option<u64>,
    /// Query parameter that takes the page size; empty where the API is not told.
    #[serde(default = "per_page")]
    pub page_size_param: String,
    /// Dotted path of the page size in the JSON body, or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub page_size_body_path: Option<String>,
    /// JSONPath of the number of pages, where the answer tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub total_path: Option<String>,
    /// Paging stops before this page number: an intended cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_page: Option<u64>,
    /// JSONPath of a flag that is false, null or absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more_path: Option<String>,
    /// Whether an empty page is the last one.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub stop_after_empty_page: bool,
    /// Whether a page with fewer records than `page_size` is the last one: one request less, but pages are lost where
    /// the API gives less than it was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_short_page: bool,
}

/// The number of records to skip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// Records asked for a page. Where the API gives fewer, the next page begins after those it gave.
    #[schemars(range(min = 1))]
    pub limit: u64,
    /// Records skipped before the first page.
    #[serde(default)]
    pub offset: u64,
    /// Whether the first page is asked for without naming its offset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_page_unnamed: bool,
    /// Query parameter that takes the offset.
    #[serde(default = "offset")]
    pub offset_param: String,
    /// Query parameter that takes the limit; empty where the API is not told.
    #[serde(default = "limit")]
    pub limit_param: String,
    /// Dotted path of the offset in the JSON body, or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub offset_body_path: Option<String>,
    /// Dotted path of the limit in the JSON body, or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub limit_body_path: Option<String>,
    /// JSONPath of the number of records, where the answer tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub total_path: Option<String>,
    /// Paging stops before this offset: an intended cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_offset: Option<u64>,
    /// JSONPath of a flag that is false, null or absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more_path: Option<String>,
    /// Whether an empty page is the last one.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub stop_after_empty_page: bool,
    /// Whether a page with fewer records than `limit` is the last one: one request less, but pages are lost where the
    /// API gives less than it was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_short_page: bool,
}

/// A value out of a page that the next request must carry: of the document (`cursor_path`) or of the last record
/// (`record_path`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorPages {
    /// JSONPath of the cursor in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub cursor_path: Option<String>,
    /// Field (`id`) or dotted path of the cursor within the page's last record, instead of `cursor_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub record_path: Option<String>,
    /// The cursor as an expression over `response`, `headers`, `last_record` and `last_page_size`, instead of
    /// `cursor_path`: `cursor = "{{ response.meta.next or '' }}"`. Paging ends where it gives nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "expression"))]
    pub cursor: Option<Written>,
    /// An expression that holds on the last page: `stop = "{{ not response.has_more }}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "expression"))]
    pub stop: Option<Written>,
    /// Whether the cursor is the URL of the next page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cursor_is_url: bool,
    /// Whether the URL of the next page gets the parameters of the first request that it does not name itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_params: bool,
    /// Records asked for a page, where the API is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub page_size: Option<u64>,
    /// Query parameter that takes the page size.
    #[serde(default = "per_page")]
    pub page_size_param: String,
    /// Dotted path of the page size in the JSON body, or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub page_size_body_path: Option<String>,
    /// Query parameter that takes the cursor.
    #[serde(default = "cursor")]
    pub cursor_param: String,
    /// Dotted path of the cursor in the JSON body (`variables.after`), or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub cursor_body_path: Option<String>,
    /// JSONPath of a flag that is false, null or absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more_path: Option<String>,
    /// Whether an empty page is the last one, even if it holds a cursor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_empty_page: bool,
}

/// The answer holds the URL of the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonLink {
    /// JSONPath of the URL.
    #[schemars(extend("format" = "jsonpath"))]
    pub next_url_path: String,
    /// JSONPath of a flag that is false, null or absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more_path: Option<String>,
    /// Whether an empty page is the last one, even if it holds a URL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_empty_page: bool,
}

/// The `Link` header holds the URL of the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderLink {
    /// The relation that leads on.
    #[serde(default = "next")]
    pub links_next_key: String,
    /// Whether an empty page is the last one, even if a link leads on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_empty_page: bool,
}

/// A header of the answer holds a value that the next request must carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderCursor {
    /// Name of the header; the page without it is the last one.
    pub cursor_key: String,
    /// Query parameter that takes the value.
    #[serde(default = "cursor")]
    pub cursor_param: String,
    /// Dotted path of the cursor in the JSON body, or the form's field, instead of a
    /// query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "field"))]
    pub cursor_body_path: Option<String>,
    /// Whether an empty page is the last one, even if it carries the header.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_after_empty_page: bool,
}

impl Paginator {
    /// Pages linked by the URL at a JSONPath.
    pub fn json_link(next_url_path: impl Into<String>) -> Paginator {
        let next_url_path = next_url_path.into();
        Paginator::JsonLink(JsonLink { next_url_path, has_more_path: None, stop_after_empty_page: false })
    }

    /// Whether an empty page is the last one.
    pub fn stops_after_empty_page(&self) -> bool {
        match self {
            Paginator::SinglePage => true,
            Paginator::PageNumber(page) => page.stop_after_empty_page,
            Paginator::Offset(offset) => offset.stop_after_empty_page,
            // An empty page has no last record.
            Paginator::Cursor(cursor) => cursor.stop_after_empty_page || cursor.record_path.is_some(),
            Paginator::JsonLink(link) => link.stop_after_empty_page,
            Paginator::HeaderLink(link) => link.stop_after_empty_page,
            Paginator::HeaderCursor(cursor) => cursor.stop_after_empty_page,
        }
    }

    /// Whether the next page is asked for by a value of this one's last record.
    pub fn goes_on_from_last_record(&self) -> bool {
        match self {
            Paginator::Cursor(cursor) => {
                let expressions = cursor.cursor.iter().chain(&cursor.stop);
                cursor.record_path.is_some()
                    || expressions.into_iter().any(|text| text.contains("last_record"))
            }
            _ => false,
        }
    }

    /// JSONPath of the flag that says whether there is another page.
    pub fn has_more_path(&self) -> Option<&str> {
        match self {
            Paginator::PageNumber(PageNumber { has_more_path, .. })
            | Paginator::Offset(Offset { has_more_path, .. })
            | Paginator::Cursor(CursorPages { has_more_path, .. })
            | Paginator::JsonLink(JsonLink { has_more_path, .. }) => has_more_path.as_deref(),
            Paginator::SinglePage | Paginator::HeaderLink(_) | Paginator::HeaderCursor(_) => None,
        }
    }

    /// The dotted paths in the JSON body, or the form's fields, that paging writes to.
    pub fn body_paths(&self) -> Vec<&str> {
        let paths = match self {
            Paginator::PageNumber(page) => vec![&page.page_body_path, &page.page_size_body_path],
            Paginator::Offset(offset) => vec![&offset.offset_body_path, &offset.limit_body_path],
            Paginator::Cursor(cursor) => vec![&cursor.cursor_body_path, &cursor.page_size_body_path],
            Paginator::HeaderCursor(cursor) => vec![&cursor.cursor_body_path],
            Paginator::SinglePage | Paginator::JsonLink(_) | Paginator::HeaderLink(_) => Vec::new(),
        };
        paths.into_iter().filter_map(|path| path.as_deref()).collect()
    }
}

fn page() -> String {
    "page".to_owned()
}

fn per_page() -> String {
    "per_page".to_owned()
}

fn offset() -> String {
    "offset".to_owned()
}

fn limit() -> String {
    "limit".to_owned()
}

fn cursor() -> String {
    "cursor".to_owned()
}

fn next() -> String {
    "next".to_owned()
}

fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}
