//! Paginators: the words are the same; defaults are written out, and nothing is found out at run time.

use serde_json::{Map, Value};

use super::Options;
use super::literal::Literal;
use super::reading::{Dict, Reading, json_path};

/// The paginator of a resource at `path`: its own, else the client's, else the one that was named for those.
pub(super) fn paginator(
    path: &str,
    own: Option<&Literal>,
    client: &Dict<'_>,
    options: &Options,
    reading: &mut Reading,
) -> Option<Value> {
    let own = own.filter(|value| **value != Literal::Null).map(|value| (path.to_owned(), value));
    let found = own.or_else(|| client.given("paginator").map(|value| (client.at("paginator"), value)));
    let word = |value: &Literal| match value {
        Literal::Text(word) => Some(word.clone()),
        Literal::Dict(fields) => {
            fields.iter().find(|(key, _)| key == "type").and_then(|(_, value)| match value {
                Literal::Text(word) => Some(word.clone()),
                _ => None,
            })
        }
        _ => None,
    };
    match found {
        Some((path, value)) if word(value).as_deref() != Some("auto") => {
            let Some(word) = word(value) else {
                reading.code(&path, value, "write {\"type\": …} with one of the words of `paginator`");
                return None;
            };
            let empty = Literal::Dict(Vec::new());
            let dict = Dict::of(&path, value).or_else(|| Dict::of(&path, &empty))?;
            named(&word, &dict, reading)
        }
        _ => options.paginator.clone().or_else(|| {
            reading.refuse(
                path,
                "dlt finds this paginator out while it runs, from the first answer, and stops in silence where it finds \
                 none; name it in the configuration, or give --paginator header_link, --paginator single_page, \
                 --paginator '{\"type\": \"json_link\", \"next_url_path\": \"$.next\"}' for all such resources; `tidegate \
                 init URL` looks at an answer and proposes one",
            );
            None
        }),
    }
}

fn named(word: &str, dict: &Dict<'_>, reading: &mut Reading) -> Option<Value> {
    let mut out = Writer { dict, out: Map::new() };
    match word {
        "single_page" => out.kind("single_page"),
        "header_link" => {
            out.kind("header_link");
            out.text("links_next_key", "links_next_key", "next", reading);
        }
        "json_link" | "json_response" => {
            out.kind("json_link");
            let path = dict.text("next_url_path", reading).unwrap_or_else(|| "next".to_owned());
            out.put("next_url_path", json_path(&path));
            out.path("has_more_path", None, reading);
        }
        "header_cursor" => {
            out.kind("header_cursor");
            out.text("cursor_key", "cursor_key", "next", reading);
            out.text("cursor_param", "cursor_param", "cursor", reading);
        }
        "cursor" => {
            out.kind("cursor");
            let path = dict.text("cursor_path", reading).unwrap_or_else(|| "cursors.next".to_owned());
            out.put("cursor_path", json_path(&path));
            out.param("cursor_param", "cursor_body_path", "cursor", reading);
            out.path("has_more_path", None, reading);
            out.truth("stop_after_empty_page", reading);
        }
        "page_number" => pages(&mut out, reading),
        "offset" => offsets(&mut out, reading),
        other => {
            let known = "json_link, header_link, header_cursor, cursor, offset, page_number, single_page";
            reading.refuse(dict.at("type"), format!("`{other}` is not known; one of {known}"));
            return None;
        }
    }
    dict.only(&KNOWN, reading);
    Some(out.out.into())
}

const KNOWN: [&str; 25] = [
    "type",
    "links_next_key",
    "next_url_path",
    "cursor_key",
    "cursor_param",
    "cursor_path",
    "cursor_body_path",
    "base_page",
    "page",
    "page_param",
    "page_body_path",
    "total_path",
    "maximum_page",
    "stop_after_empty_page",
    "has_more_path",
    "limit",
    "offset",
    "offset_param",
    "limit_param",
    "offset_body_path",
    "limit_body_path",
    "maximum_offset",
    "initial_page",
    "maximum_value",
    "page_size",
];

fn pages(out: &mut Writer<'_, '_>, reading: &mut Reading) {
    out.kind("page_number");
    let base = out.dict.number("base_page", reading).unwrap_or(0);
    let first = out.dict.number("page", reading).unwrap_or(base);
    if first != base {
        reading.note(
            out.dict.at("page"),
            format!("paging begins at {first}, and a total of pages is counted from there"),
        );
    }
    out.put("base_page", first);
    out.param("page_param", "page_body_path", "page", reading);
    out.path("total_path", Some("total"), reading);
    out.number("maximum_page", reading);
    out.truth("stop_after_empty_page", reading);
    out.path("has_more_path", None, reading);
}

fn offsets(out: &mut Writer<'_, '_>, reading: &mut Reading) {
    out.kind("offset");
    match out.dict.number("limit", reading) {
        Some(limit) => out.put("limit", limit),
        None => reading.refuse(out.dict.at("limit"), "it is missing: how many records a page is asked for"),
    }
    out.number("offset", reading);
    out.param("offset_param", "offset_body_path", "offset", reading);
    out.param("limit_param", "limit_body_path", "limit", reading);
    out.path("total_path", Some("total"), reading);
    out.number("maximum_offset", reading);
    out.truth("stop_after_empty_page", reading);
    out.path("has_more_path", None, reading);
}

/// A paginator in the making.
struct Writer<'a, 'b> {
    dict: &'a Dict<'b>,
    out: Map<String, Value>,
}

impl Writer<'_, '_> {
    fn kind(&mut self, word: &str) {
        self.put("type", word);
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.out.insert(key.to_owned(), value.into());
    }

    fn text(&mut self, key: &str, ours: &str, fallback: &str, reading: &mut Reading) {
        let text = self.dict.text(key, reading).unwrap_or_else(|| fallback.to_owned());
        self.put(ours, text);
    }

    /// A query parameter, or a path in the body instead.
    fn param(&mut self, param: &str, body: &str, fallback: &str, reading: &mut Reading) {
        match self.dict.text(body, reading) {
            Some(path) => self.put(body, path),
            None => self.text(param, param, fallback, reading),
        }
    }

    /// A JSONPath; `None` in the file switches a default off.
    fn path(&mut self, key: &str, fallback: Option<&str>, reading: &mut Reading) {
        let path = match self.dict.get(key) {
            Some(Literal::Null) => None,
            Some(_) => self.dict.text(key, reading),
            None => fallback.map(str::to_owned),
        };
        if let Some(path) = path {
            self.put(key, json_path(&path));
        }
    }

    fn number(&mut self, key: &str, reading: &mut Reading) {
        if let Some(number) = self.dict.number(key, reading) {
            self.put(key, number);
        }
    }

    fn truth(&mut self, key: &str, reading: &mut Reading) {
        if let Some(truth) = self.dict.truth(key, reading) {
            self.put(key, truth);
        }
    }
}
