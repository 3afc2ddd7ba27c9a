//! `HttpRequester` and `RequestOption`: address, parameters, headers and body.

use serde_json::{Map, Value, json};
use tidegate_core::pipeline::{Secret, tells_a_secret};

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, Text, shown};

pub(crate) const REQUESTER: [&str; 13] = [
    "url_base",
    "url",
    "path",
    "http_method",
    "request_parameters",
    "request_headers",
    "request_body_json",
    "request_body",
    "request_body_data",
    "authenticator",
    "error_handler",
    "use_cache",
    "fetch_properties_from_endpoint",
];

/// Where a value goes in a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Param(String),
    Header(String),
    /// Dotted path in the JSON body.
    Body(String),
    /// Field of the form that is the body.
    Form(String),
    /// In place of the path: the whole address.
    Path,
}

impl Translator<'_> {
    pub(crate) fn requester(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        if at.kind() != "HttpRequester" {
            self.unsupported(at);
            return;
        }
        self.only(at, &REQUESTER);
        self.address(at, table, slice);
        self.parts(at, table, slice);
    }

    /// Everything of a request but its address.
    pub(crate) fn parts(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        if let Some(part) = at.get("fetch_properties_from_endpoint") {
            self.refuse(&part, "`fetch_properties_from_endpoint` is not supported");
        }
        match at.text("http_method").map(str::to_ascii_uppercase).as_deref() {
            None | Some("GET") => {}
            Some("POST") => {
                table.insert("method".to_owned(), "POST".into());
            }
            Some("DELETE") if slice.of_a_job => {
                table.insert("method".to_owned(), "DELETE".into());
            }
            Some(other) => self.refuse(at, format!("the method {other} is not supported")),
        }
        self.params(at, table, slice);
        self.headers(at, table, slice);
        self.body(at, table, slice);
        self.form(at, table, slice);
        if let Some(authenticator) = at.get("authenticator") {
            self.auth(&authenticator, table);
        }
        if let Some(handler) = at.get("error_handler") {
            self.error_handler(&handler, table);
        }
    }

    fn address(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        let path = match at.get("path") {
            Some(path) => self.text(&path, slice, slice.names()),
            None => Some(Text::Known("".into())),
        };
        let base = at.get("url_base").or_else(|| at.get("url"));
        let Some(base) = base else { return self.refuse(at, "it has no `url_base`") };
        let at_path = at.get("path");
        let Some(path) = path.map(|path| match &at_path {
            Some(at) => self.as_expression(path, at, slice),
            None => path,
        }) else {
            return;
        };
        let Some(text) = self.text(&base, slice, slice.names()) else { return };
        let base = self.as_expression(text, &base, slice);
        let path = match path {
            Text::Known(value) if value.is_null() => String::new(),
            Text::Known(value) => shown(&value),
            Text::Open(text) => text,
        };
        let (base, path) = match base {
            Text::Known(base) => parted(&shown(&base), &path),
            // What varies within an address belongs to its path.
            Text::Open(base) => match base.find("{%").or(base.find("{{")) {
                Some(0) => split_statements(&base, &path),
                Some(brace) => cut(&base, brace, &path),
                None => (base, path),
            },
        };
        if Secret(base.clone()).references().is_empty() && url_like(&base) {
            // A slash at the end of the address is kept where there is no path.
            let base = if path.is_empty() { base.as_str() } else { base.trim_end_matches('/') };
            table.insert("base_url".to_owned(), base.into());
            table.insert("path".to_owned(), path.into());
        } else {
            self.refuse(at, format!("`{base}` is no address to begin with"));
        }
    }

    fn params(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        let Some(params) = at.get("request_parameters") else { return };
        if let Value::String(text) = params.value {
            if !text.trim().is_empty() {
                self.refuse(&params, "parameters that one expression makes are not supported");
            }
            return;
        }
        for (name, value) in params.entries() {
            let Some(name) = self.known_key(&params, name) else { continue };
            let name = name.as_str();
            if let Some(first) = next_page(value.value) {
                set(table, &["paginator", "cursor_param"], name.into());
                if let NextPage::First(first) = first {
                    set(table, &["params", name], first.into());
                }
                continue;
            }
            if value.value.is_object() {
                self.refuse(&value, "query properties are not supported");
                continue;
            }
            if let Some(value) = self.param(&value, slice) {
                set(table, &["params", name], value);
            }
        }
    }

    fn param(&mut self, at: &Component<'_>, slice: &Slice) -> Option<Value> {
        let text = self.field(at, slice, slice.names())?;
        Some(match self.as_expression(text, at, slice) {
            Text::Open(text) => text.into(),
            Text::Known(Value::Null) => return None,
            Text::Known(Value::Array(items)) => items.iter().map(|item| Value::from(shown(item))).collect(),
            Text::Known(value) => shown(&value).into(),
        })
    }

    fn headers(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        let Some(headers) = at.get("request_headers") else { return };
        if !headers.value.is_object() {
            return self.refuse(&headers, "headers that one expression makes are not supported");
        }
        for (name, value) in headers.entries() {
            let Some(name) = self.known_key(&headers, name) else { continue };
            let name = name.as_str();
            let value = match self.text(&value, slice, slice.names()) {
                Some(Text::Known(Value::Null)) | None => continue,
                Some(Text::Known(value)) => self.in_header(&headers, name, &shown(&value)),
                Some(Text::Open(text)) => text,
            };
            if !value.is_empty() {
                set(table, &["headers", name], value.into());
            }
        }
    }

    /// A header whose name tells of a secret holds a reference, even where the manifest has its value in the open.
    fn in_header(&mut self, at: &Component<'_>, name: &str, value: &str) -> String {
        if value.contains("${") || !tells_a_secret(name) {
            return value.to_owned();
        }
        self.secret(&format!("{}.{name}", at.path), value)
    }

    /// A reference to a value that is to be kept.
    pub(crate) fn secret(&mut self, path: &str, value: &str) -> String {
        // One value has one name, wherever it stands.
        if let Some((known, _)) = self.derived.iter().find(|(_, known)| *known == value) {
            return format!("${{{known}}}");
        }
        let mut reference = format!("config:{path}");
        let mut number = 1;
        while self.derived.contains_key(&reference) || self.config.secrets().contains_key(&reference) {
            number += 1;
            reference = format!("config:{path}_{number}");
        }
        self.derived.insert(reference.clone(), value.to_owned());
        format!("${{{reference}}}")
    }

    fn body(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        let json = at.get("request_body_json");
        let typed = at.get("request_body").and_then(|body| match body.kind() {
            "RequestBodyJsonObject" => body.get("value"),
            "RequestBodyGraphQL" | "RequestBodyGraphQl" => body.get("value"),
            "RequestBodyUrlEncodedForm" => None,
            _ => {
                self.unsupported(&body);
                None
            }
        });
        let Some(body) = json.or(typed).filter(|body| crate::parameters::is_set(body.value)) else { return };
        let mut next_page = Vec::new();
        if let Some(value) = self.nested(&body, slice, &mut Vec::new(), &mut next_page)
            && !value.is_null()
        {
            table.insert("body".to_owned(), value);
        }
        match next_page.as_slice() {
            [] => {}
            [path] => set(table, &["paginator", "cursor_body_path"], path.as_str().into()),
            _ => self.refuse(&body, "the next page is named at several places"),
        }
    }

    /// Fields of a form.
    fn form(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &Slice) {
        let typed = at.get("request_body").filter(|body| body.kind() == "RequestBodyUrlEncodedForm");
        let data = at.get("request_body_data").or_else(|| typed?.get("value"));
        let Some(data) = data.filter(|data| crate::parameters::is_set(data.value)) else { return };
        if !data.value.is_object() {
            return self.refuse(&data, "a body that is one text is not supported");
        }
        for (name, value) in data.entries() {
            let Some(name) = self.known_key(&data, name) else { continue };
            let name = name.as_str();
            if let Some(first) = next_page(value.value) {
                set(table, &["paginator", "cursor_body_path"], name.into());
                if let NextPage::First(first) = first {
                    set(table, &["form", name], first.into());
                }
            } else if let Some(value) = self.param(&value, slice) {
                set(table, &["form", name], value);
            }
        }
        table.entry("form").or_insert_with(|| json!({}));
    }

    /// A nested value with every text in it decided; what names the next page is noted and left out.
    fn nested(
        &mut self,
        at: &Component<'_>,
        slice: &Slice,
        steps: &mut Vec<String>,
        next_page: &mut Vec<String>,
    ) -> Option<Value> {
        match at.value {
            Value::Object(_) => {
                let mut out = Map::new();
                for (key, value) in at.entries() {
                    let Some(key) = self.known_key(at, key) else { continue };
                    steps.push(key.clone());
                    if let Some(first) = self::next_page(value.value) {
                        next_page.push(steps.join("."));
                        if let NextPage::First(first) = first {
                            out.insert(key, first.into());
                        }
                    } else if let Some(value) = self.nested(&value, slice, steps, next_page) {
                        out.insert(key, value);
                    }
                    steps.pop();
                }
                Some(out.into())
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let parts = items.map(|(index, item)| at.within(item, format!("{}[{index}]", at.path)));
                Some(parts.filter_map(|part| self.nested(&part, slice, steps, next_page)).collect())
            }
            Value::String(_) => {
                let text = self.literal(at, slice, slice.names())?;
                Some(match self.as_expression(text, at, slice) {
                    Text::Open(text) => text.into(),
                    Text::Known(value) => value,
                })
            }
            plain => Some(plain.clone()),
        }
    }

    /// Where a `RequestOption` puts its value.
    pub(crate) fn option(&mut self, at: &Component<'_>) -> Option<Place> {
        if at.kind() == "RequestPath" {
            return Some(Place::Path);
        }
        self.only(at, &["inject_into", "field_name", "field_path"]);
        let mut steps = Vec::new();
        for step in at.list("field_path") {
            steps.push(self.known_text(&step)?);
        }
        if let Some(name) = at.get("field_name") {
            steps = vec![self.known_text(&name)?];
        }
        let name = steps.join(".");
        match at.text("inject_into") {
            _ if name.is_empty() => {
                self.refuse(at, "it names no field");
                None
            }
            Some("request_parameter") => Some(Place::Param(name)),
            Some("header") => Some(Place::Header(name)),
            Some("body_json") => Some(Place::Body(name)),
            Some("body_data") => Some(Place::Form(name)),
            other => {
                let other = other.unwrap_or_default();
                self.refuse(at, format!("`inject_into: {other}` is not supported"));
                None
            }
        }
    }

    /// Puts a native value into a request.
    pub(crate) fn inject(&mut self, place: &Place, value: Value, table: &mut Map<String, Value>) {
        match place {
            Place::Param(name) => set(table, &["params", name], value),
            Place::Header(name) => set(table, &["headers", name], value),
            Place::Form(name) => set(table, &["form", name], value),
            Place::Body(path) => {
                let steps: Vec<&str> = std::iter::once("body").chain(path.split('.')).collect();
                set(table, &steps, value);
            }
            Place::Path => {
                table.insert("path".to_owned(), value);
            }
        }
    }
}

impl Place {
    /// The expression that puts the value of this name here as it is, whatever it would say as a literal.
    pub(crate) fn value_of(&self, name: &str) -> Value {
        match self {
            Place::Header(_) | Place::Path => format!("{{{{ {name} }}}}").into(),
            Place::Param(_) | Place::Form(_) | Place::Body(_) => format!("{{{{ {name} | tojson }}}}").into(),
        }
    }
}

/// What a value that names the next page is on the first one.
#[derive(Debug, PartialEq)]
enum NextPage {
    /// Not there.
    Absent,
    /// A plain value: `next_page_token['next_page_token'] if next_page_token else '1'`.
    First(String),
}

/// Whether a value is the token of the next page and nothing else, and what it is on the first one.
fn next_page(value: &Value) -> Option<NextPage> {
    let inner = value.as_str()?.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let plain: String = inner.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace('"', "'");
    let token = [
        "next_page_token['next_page_token']",
        "next_page_token.next_page_token",
        "next_page_token.get('next_page_token')",
    ];
    let rest = token.iter().find_map(|token| plain.strip_prefix(token))?;
    let first = match rest.strip_prefix("ifnext_page_token") {
        Some(tail) => tail.split_once("else").map_or("", |(_, first)| first),
        None => match rest.strip_prefix("or") {
            Some(first) => first,
            None if rest.is_empty() => "",
            None => return None,
        },
    };
    let text = first.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    match (first, text) {
        ("" | "''" | "None" | "none" | "{}", _) => Some(NextPage::Absent),
        (_, Some(text)) if !text.contains('\'') => Some(NextPage::First(text.to_owned())),
        (number, None) if number.parse::<f64>().is_ok() => Some(NextPage::First(number.to_owned())),
        _ => None,
    }
}

/// Sets a value in nested tables, which are made on the way.
pub(crate) fn set(table: &mut Map<String, Value>, steps: &[&str], value: Value) {
    let [first, rest @ ..] = steps else { return };
    if rest.is_empty() {
        table.insert((*first).to_owned(), value);
        return;
    }
    let below = table.entry(*first).or_insert_with(|| json!({}));
    if !below.is_object() {
        *below = json!({});
    }
    if let Value::Object(below) = below {
        set(below, rest, value);
    }
}

fn url_like(base: &str) -> bool {
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// Address and path; a path that is an address of its own is cut behind its host.
fn parted(base: &str, path: &str) -> (String, String) {
    let trimmed = path.trim_start();
    if url_like(trimmed) {
        let host = trimmed.find("://").map_or(0, |at| at + 3);
        let end = trimmed[host..].find('/').map_or(trimmed.len(), |at| host + at);
        return (trimmed[..end].to_owned(), trimmed[end..].to_owned());
    }
    (base.trim().to_owned(), path.to_owned())
}

/// Cuts an address before its first expression, at the last slash.
fn cut(base: &str, brace: usize, path: &str) -> (String, String) {
    let slash = base[..brace].rfind('/').unwrap_or(brace);
    let below = match path.trim_start_matches('/') {
        "" => base[slash..].to_owned(),
        path => format!("{}/{path}", base[slash..].trim_end_matches('/')),
    };
    (base[..slash].to_owned(), below)
}

/// The same for an address that statements stand in front of.
fn split_statements(base: &str, path: &str) -> (String, String) {
    let Some(start) = base.find("http") else { return (base.to_owned(), path.to_owned()) };
    let (statements, address) = base.split_at(start);
    match address.find("{{") {
        Some(brace) => {
            let (base, below) = cut(address, brace, path);
            (base, format!("{statements}{below}"))
        }
        None => (address.to_owned(), path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_known_by_its_name() {
        let found = |text: &str| next_page(&Value::from(text));
        for text in [
            "{{ next_page_token['next_page_token'] }}",
            "{{ next_page_token.get(\"next_page_token\") if next_page_token else None }}",
            "{{ next_page_token.next_page_token or '' }}",
        ] {
            assert_eq!(found(text), Some(NextPage::Absent), "{text}");
        }
        for text in [
            "{{ next_page_token['next_page_token'] if next_page_token else '1' }}",
            "{{ next_page_token.next_page_token or 1 }}",
        ] {
            assert_eq!(found(text), Some(NextPage::First("1".to_owned())), "{text}");
        }
        for text in ["{{ next_page_token.next_page_token + 1 }}", "{{ now_utc() }}", "x"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
