//! The type of a value as it came.

use std::collections::HashMap;

use super::widen::{Widened, widen};
use super::{DataType, Field, exact};
use crate::json::{JsonError, Kind, Reader, utf8};
use crate::time;

/// The narrowest type that holds a JSON value (its raw text) with every digit. A list whose items have no common type
/// has that of its first items; a number that no type holds is `Unknown`.
pub fn infer(value: &[u8]) -> DataType {
    utf8(value).and_then(|text| infer_next(&mut Reader::new(text))).unwrap_or(DataType::Unknown)
}

/// The type of the value that the reader stands before. Recursion ends at the reader's depth limit.
pub(crate) fn infer_next(reader: &mut Reader<'_>) -> Result<DataType, JsonError> {
    Ok(match reader.peek()? {
        Kind::Null => reader.null().map(|()| DataType::Unknown)?,
        Kind::Boolean => reader.boolean().map(|_| DataType::Boolean)?,
        Kind::Number => exact::number_type(&reader.number()?).unwrap_or(DataType::Unknown),
        Kind::String => text_type(&reader.string()?.value()),
        Kind::Array => list(reader)?,
        Kind::Object => match infer_fields(reader)? {
            fields if fields.is_empty() => DataType::Unknown,
            fields => DataType::Struct(fields),
        },
    })
}

/// Timestamp for a full RFC 3339 date-time with its offset, Date for `YYYY-MM-DD`, else String.
fn text_type(text: &str) -> DataType {
    if time::date(text).is_some() {
        DataType::Date
    } else if time::rfc3339(text).is_some() {
        DataType::Timestamp
    } else {
        DataType::String
    }
}

fn list(reader: &mut Reader<'_>) -> Result<DataType, JsonError> {
    reader.begin_array()?;
    let mut item = DataType::Unknown;
    let mut empty = true;
    while reader.next_item(empty)? {
        empty = false;
        if let Widened::To(wider) = widen(&item, &infer_next(reader)?) {
            item = wider;
        }
    }
    Ok(if empty { DataType::Unknown } else { DataType::List(Box::new(item)) })
}

/// The fields of the object that the reader stands before; of a name that comes twice the last value counts.
pub(crate) fn infer_fields(reader: &mut Reader<'_>) -> Result<Vec<Field>, JsonError> {
    reader.begin_object()?;
    let mut fields: Vec<Field> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut first = true;
    while let Some(key) = reader.next_key(first)? {
        first = false;
        let field = Field::new(&key.value(), infer_next(reader)?);
        match places.get(&field.name) {
            Some(place) => fields[*place] = field,
            None => {
                places.insert(field.name.clone(), fields.len());
                fields.push(field);
            }
        }
    }
    Ok(fields)
}
