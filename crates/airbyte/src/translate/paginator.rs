//! `DefaultPaginator` and its strategies.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, Text};
use super::requester::{Place, set};

/// What the expressions of a strategy may name.
const IN_PAGES: [&str; 5] = ["response", "headers", "last_record", "last_page_size", "next_page_token"];

/// What a counting paginator is called, and the keys of its number and its size.
struct Counter {
    kind: &'static str,
    number: &'static str,
    size: &'static str,
}

const PAGES: Counter = Counter { kind: "page_number", number: "page", size: "page_size" };
const RECORDS: Counter = Counter { kind: "offset", number: "offset", size: "limit" };

impl Translator<'_> {
    pub(crate) fn paginator(&mut self, at: &Component<'_>, table: &mut Map<String, Value>) {
        match at.kind() {
            "NoPagination" => return,
            "DefaultPaginator" => self.only(
                at,
                &["pagination_strategy", "page_token_option", "page_size_option", "decoder", "url_base"],
            ),
            _ => return self.unsupported(at),
        }
        // Where the request names the next page itself.
        let named = table.shift_remove("paginator");
        let Some(strategy) = at.get("pagination_strategy") else {
            return self.refuse(at, "it has no `pagination_strategy`");
        };
        let size = match strategy.get("page_size") {
            Some(size) => self.known_value(&size).and_then(|size| number(&size)),
            None => None,
        };
        let token = at.get("page_token_option").and_then(|option| self.option(&option));
        let size_place = at.get("page_size_option").filter(|_| size.is_some());
        let size_place = size_place.and_then(|option| match self.names_nothing(&option) {
            true => {
                self.remark(&option, "names no field: the API is not told the size of a page");
                None
            }
            false => self.option(&option),
        });
        if [&token, &size_place].into_iter().flatten().any(|place| matches!(place, Place::Form(_))) {
            table.entry("form").or_insert_with(|| json!({}));
        }
        let paginator = match strategy.kind() {
            "PageIncrement" => self.counted(&strategy, &PAGES, token, size, size_place).map(|mut pages| {
                let first = strategy.get("start_from_page").and_then(|first| self.known_value(&first));
                let first = first.and_then(|first| number(&first)).unwrap_or(0);
                pages.insert("base_page".to_owned(), first.into());
                pages.into()
            }),
            "OffsetIncrement" => {
                self.counted(&strategy, &RECORDS, token, size, size_place).map(|mut records| {
                    // Without a size the next page begins after what the one before gave.
                    records.entry("limit").or_insert(1.into());
                    records.into()
                })
            }
            "CursorPagination" => {
                if let (Some(place), Some(size)) = (&size_place, size) {
                    self.inject(place, size.to_string().into(), table);
                }
                self.cursors(&strategy, token, named)
            }
            _ => {
                self.unsupported(&strategy);
                None
            }
        };
        if let Some(paginator) = paginator {
            table.insert("paginator".to_owned(), paginator);
        }
    }

    /// Pages or records that are counted.
    fn counted(
        &mut self,
        at: &Component<'_>,
        counter: &Counter,
        token: Option<Place>,
        size: Option<u64>,
        size_place: Option<Place>,
    ) -> Option<Map<String, Value>> {
        self.only(at, &["page_size", "start_from_page", "inject_on_first_request"]);
        // Without a place for the number the one page is all there is.
        let token = token?;
        let mut counted = Map::new();
        counted.insert("type".to_owned(), counter.kind.into());
        self.place(at, &token, &mut counted, counter.number);
        if !at.flag("inject_on_first_request") {
            counted.insert("first_page_unnamed".to_owned(), true.into());
        }
        if let Some(size) = size {
            counted.insert(counter.size.to_owned(), size.into());
            counted.insert("stop_after_short_page".to_owned(), true.into());
        }
        match size_place.filter(|_| size.is_some()) {
            Some(place) => self.place(at, &place, &mut counted, counter.size),
            None => set(&mut counted, &[&format!("{}_param", counter.size)], "".into()),
        }
        Some(counted)
    }

    /// Whether an option has a name that this config leaves empty.
    fn names_nothing(&mut self, option: &Component<'_>) -> bool {
        let name = option.get("field_name").and_then(|name| self.known_text(&name));
        name.is_some_and(|name| name.is_empty())
    }

    /// Names the place of a number: a parameter or a path of the body.
    fn place(&mut self, at: &Component<'_>, place: &Place, table: &mut Map<String, Value>, native: &str) {
        match place {
            Place::Param(name) => set(table, &[&format!("{native}_param")], name.as_str().into()),
            Place::Body(path) | Place::Form(path) => {
                set(table, &[&format!("{native}_body_path")], path.as_str().into())
            }
            Place::Header(_) | Place::Path => {
                self.refuse(at, "a number of pages or records goes into a parameter or the body")
            }
        }
    }

    fn cursors(&mut self, at: &Component<'_>, token: Option<Place>, named: Option<Value>) -> Option<Value> {
        self.only(at, &["cursor_value", "stop_condition", "page_size", "decoder"]);
        let Some(cursor) = at.get("cursor_value") else {
            self.refuse(at, "it has no `cursor_value`");
            return None;
        };
        let cursor = self.page_expression(&cursor)?;
        let stop = match at.get("stop_condition") {
            Some(stop) => self.page_expression(&stop),
            None => None,
        };
        let mut paginator = Map::new();
        match (token, named) {
            (Some(Place::Path), _) => {
                paginator.insert("type".to_owned(), "cursor".into());
                paginator.insert("cursor_is_url".to_owned(), true.into());
                paginator.insert("keep_params".to_owned(), true.into());
                paginator.insert("cursor".to_owned(), cursor.into());
            }
            (token, named) => {
                paginator.insert("type".to_owned(), "cursor".into());
                paginator.insert("cursor".to_owned(), cursor.into());
                match (token, named) {
                    (Some(Place::Param(name)), _) => set(&mut paginator, &["cursor_param"], name.into()),
                    (Some(Place::Body(path) | Place::Form(path)), _) => {
                        set(&mut paginator, &["cursor_body_path"], path.into())
                    }
                    (Some(Place::Header(_)), _) => self.refuse(at, "a cursor in a header is not supported"),
                    (None, Some(Value::Object(named))) => paginator.extend(named),
                    _ => {
                        self.refuse(at, "nothing in the request names the next page");
                        return None;
                    }
                }
            }
        }
        if let Some(stop) = stop {
            paginator.insert("stop".to_owned(), stop.into());
        }
        Some(json!(paginator))
    }

    /// An expression over a page, or a value that is always the same.
    fn page_expression(&mut self, at: &Component<'_>) -> Option<String> {
        match self.text(at, &Slice::default(), &IN_PAGES)? {
            Text::Open(text) => Some(text),
            Text::Known(value) => Some(super::jinja::shown(&value)),
        }
    }
}

/// A number, written as one or as text.
fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .or_else(|| value.as_f64().map(|n| n as u64))
}
