//! Bodies as forms (`application/x-www-form-urlencoded`).

use serde_json::Value;
use url::form_urlencoded::{Serializer, parse};

use super::Request;

/// The fields of a form or a query that a value makes: a list repeats its name, null makes none, a table is sent as its
/// JSON, as filters of several APIs want it.
pub(super) fn pairs(name: &str, value: Value) -> Vec<(String, String)> {
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    let text = |item| match item {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    items.into_iter().filter_map(text).map(|text| (name.to_owned(), text)).collect()
}

impl Request {
    /// Makes the body a form with these fields.
    pub fn set_form<N: AsRef<str>, V: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = (N, V)>) {
        self.form = true;
        self.body = Some(Serializer::new(String::new()).extend_pairs(fields).finish().into());
        self.set_header("content-type", "application/x-www-form-urlencoded".to_owned());
    }
}

/// Sets one field, in place of those of its name.
pub(super) fn set(request: &mut Request, name: &str, value: Value) {
    let before = request.body.take().unwrap_or_default();
    let others = parse(&before).into_owned().filter(|(known, _)| known != name);
    let fields: Vec<_> = others.chain(pairs(name, value)).collect();
    request.set_form(fields);
}
