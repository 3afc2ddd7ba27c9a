//! Values of an expression as JSON, and JSON as Python and Jinja write it.

use minijinja::Value;
use minijinja::value::ValueKind;
use serde_json::{Map, Value as Json};

use super::ExprError;
use super::moment::Moment;

/// Tables and lists within each other.
const DEPTH: usize = 128;

/// JSON as a value.
pub(super) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (_, Some(number)) => Value::from(number),
            _ => Value::from(number.as_f64()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(to_value).collect::<Vec<_>>()),
        Json::Object(table) => {
            Value::from_pairs(table.iter().map(|(name, value)| (name.as_str(), to_value(value))))
        }
    }
}

/// The value as JSON: what is not there and what is no finite number is null, a time is ISO 8601.
pub(super) fn from_value(value: &Value) -> Result<Json, ExprError> {
    convert(value, DEPTH).ok_or_else(|| ExprError::Failed {
        expression: "the value".to_owned(),
        message: "it has too many lists and tables within each other, or could not be made".to_owned(),
    })
}

fn convert(value: &Value, depth: usize) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    Some(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Bytes => {
            Json::String(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().ok()?.map(|item| convert(&item, depth));
            Json::Array(items.collect::<Option<_>>()?)
        }
        ValueKind::Map => {
            let mut table = Map::new();
            for key in value.try_iter().ok()? {
                let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                table.insert(name, convert(&value.get_item(&key).ok()?, depth)?);
            }
            Json::Object(table)
        }
        ValueKind::Invalid => return None,
        _ => match value.downcast_object_ref::<Moment>() {
            Some(moment) => Json::String(moment.iso("T")),
            None => Json::String(value.to_string()),
        },
    })
}

/// An integer of 64 bits, else a double; a larger integer is its digits, as a double would be another number.
fn number(value: &Value) -> Json {
    if !value.is_integer() {
        return f64::try_from(value.clone()).map_or(Json::Null, Json::from);
    }
    match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => value.to_string().into(),
    }
}

/// As Python's `json.dumps` writes it: ASCII, with a space after `,` and `:`.
pub(super) fn dumps(value: &Json, sorted: bool) -> String {
    let mut out = String::new();
    write(value, sorted, &mut out);
    out
}

fn write(value: &Json, sorted: bool, out: &mut String) {
    match value {
        Json::String(text) => string(text, out),
        Json::Number(number) if number.is_f64() => {
            out.push_str(&super::python::float(number.as_f64().unwrap_or(0.0)))
        }
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(item, sorted, out);
            }
            out.push(']');
        }
        Json::Object(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            if sorted {
                entries.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                string(key, out);
                out.push_str(": ");
                write(value, sorted, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn string(text: &str, out: &mut String) {
    let quoted = Json::from(text).to_string();
    for c in quoted.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
}
