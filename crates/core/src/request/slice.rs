//! The names that an imported manifest knows the part of a stream by.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::expr::Dialect;
use crate::pipeline::{Stream, Values};

/// The names under which the part of a stream stands in the CDK.
const NAMES: [&str; 3] = ["stream_slice", "stream_partition", "stream_interval"];

/// The values of an element; in the CDK's dialect also as `stream_slice`, `stream_partition` and `stream_interval`: each
/// `for_each` by its name, the parent's key by `parent.partition_field`, the window as `start_time` and `end_time`.
pub fn with<'a>(stream: &Stream, values: &'a Values, dialect: Dialect) -> Cow<'a, Values> {
    if dialect.is_native() {
        return Cow::Borrowed(values);
    }
    let mut slice = Map::new();
    for (name, value) in values {
        match (name.as_str(), value) {
            ("incremental", window) => {
                slice.insert("start_time".to_owned(), window["start_value"].clone());
                slice.insert("end_time".to_owned(), window["end_value"].clone());
            }
            ("parent", record) => {
                let parent = stream.parent.as_ref();
                let key = parent.map_or(&Value::Null, |parent| at(record, &parent.key));
                let field = parent.and_then(|parent| parent.partition_field.clone());
                slice.insert(field.unwrap_or_else(|| "id".to_owned()), key.clone());
                slice.insert("extra_fields".to_owned(), record.clone());
            }
            (name, value) => {
                slice.insert(name.to_owned(), value.clone());
            }
        }
    }
    let mut values = values.clone();
    values.extend(NAMES.map(|name| (name.to_owned(), Value::Object(slice.clone()))));
    Cow::Owned(values)
}

/// The value at a dotted path.
fn at<'a>(record: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(record, |value, name| &value[name])
}
