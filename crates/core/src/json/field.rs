//! One value of an object, without a tree.

use super::Reader;

/// The raw value at a dotted path of an object (its raw text); of a name that stands twice the last value. `None` where
/// a name is missing, or leads through what is no object.
pub(crate) fn field<'a>(object: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(object, |object, name| {
        let mut reader = Reader::new(object);
        reader.begin_object().ok()?;
        let (mut first, mut found) = (true, None);
        while let Some(key) = reader.next_key(first).ok()? {
            first = false;
            let value = reader.skip().ok()?;
            if key.value() == name {
                found = Some(value);
            }
        }
        found
    })
}
