//! One value of an object, without a tree.

use super::Reader;

/// The raw value at a dotted path of a checked object (its raw text); of a name that stands twice the last value. `None`
/// where a name is missing, or leads through what is no object.
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
                if !may_name(&object.as_bytes()[reader.at()..], name) {
                    break;
                }
            }
        }
        found
    })
}

/// Whether a key of this name may stand in a text: it is in it letter by letter, or an escape is that may spell it.
fn may_name(text: &[u8], name: &str) -> bool {
    memchr::memchr(b'\\', text).is_some() || memchr::memmem::find(text, name.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_name_that_stands_twice_the_last_value_is_found() {
        for (object, value) in [
            (r#"{"t": 1, "u": 2}"#, Some("1")),
            (r#"{"t": 1, "u": "t"}"#, Some("1")),
            (r#"{"t": 1, "t": 2}"#, Some("2")),
            (r#"{"t": 1, "\u0074": 2}"#, Some("2")),
            (r#"{"t": 1, "u": {"t": 3}}"#, Some("1")),
            (r#"{"u": {"t": 3}}"#, None),
        ] {
            assert_eq!(field(object, "t"), value, "{object}");
        }
        assert_eq!(field(r#"{"a": {"t": 1}, "a": {"t": 2, "b": 0}}"#, "a.t"), Some("2"));
    }
}
