//! The elements of a stream that has a parent: one for each record of the parent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Element, RequestError, elements};
use crate::cursor;
use crate::pipeline::{Parent, Stream, Values};

/// The records of a parent as its children need them, each once; of two with the same key the later one.
pub struct Parents<'a> {
    parent: &'a Parent,
    /// Names of the fields that the child's templates name; all where one takes the record as a whole.
    fields: Fields,
    found: Vec<Element>,
    places: HashMap<String, usize>,
}

impl<'a> Parents<'a> {
    /// For the children of this stream.
    pub fn new(stream: &Stream, parent: &'a Parent) -> Parents<'a> {
        Parents { parent, fields: fields(stream), found: Vec::new(), places: HashMap::new() }
    }

    /// Takes in the records of a page. `element` is the name of the parent's own element, `added` are the values that
    /// the parent adds to each record. Fails on a record without its key.
    pub fn page(
        &mut self,
        element: &str,
        added: &Values,
        records: &[Cow<'_, [u8]>],
    ) -> Result<(), RequestError> {
        let added: Vec<(String, Value)> = (added.iter())
            .filter(|(name, _)| self.fields.has(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for record in records {
            let key = cursor::value(record, &self.parent.key)
                .or_else(|| added.iter().find(|(name, _)| *name == self.parent.key).map(|(_, v)| v.clone()));
            let key = match key {
                Some(Value::String(text)) => text,
                Some(key @ (Value::Number(_) | Value::Bool(_))) => key.to_string(),
                _ => return Err(RequestError::NoKey(self.parent.stream.clone(), self.parent.key.clone())),
            };
            let mut values = self.picked(record);
            values.extend(added.iter().cloned());
            let name = if element.is_empty() { key } else { format!("{element}/{key}") };
            self.put(name, values);
        }
        Ok(())
    }

    fn put(&mut self, name: String, values: Values) {
        let values = Map::from_iter([("parent".to_owned(), Value::Object(values))]);
        match self.places.get(&name) {
            Some(at) => self.found[*at].values = values,
            None => {
                self.places.insert(name.clone(), self.found.len());
                self.found.push(Element { name, values });
            }
        }
    }

    /// The fields of a record that the child names.
    fn picked(&self, record: &[u8]) -> Values {
        let all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(record).unwrap_or_default();
        let named = all.iter().filter(|(name, _)| self.fields.has(name));
        named
            .filter_map(|(name, raw)| Some((name.to_string(), serde_json::from_str(raw.get()).ok()?)))
            .collect()
    }

    /// One element for each record, combined with each of the stream's own `for_each`.
    pub fn elements(self, stream: &Stream) -> Result<Vec<Element>, RequestError> {
        let own = elements(stream)?;
        let combine = |parent: &Element, own: &Element| {
            let name = match own.name.as_str() {
                "" => parent.name.clone(),
                own => format!("{}/{own}", parent.name),
            };
            let values = parent.values.iter().chain(&own.values).map(|(n, v)| (n.clone(), v.clone()));
            Element { name, values: values.collect() }
        };
        Ok(self.found.iter().flat_map(|parent| own.iter().map(move |own| combine(parent, own))).collect())
    }
}

/// What a child needs of its parent's records.
enum Fields {
    All,
    Named(BTreeSet<String>),
}

impl Fields {
    fn has(&self, name: &str) -> bool {
        match self {
            Fields::All => true,
            Fields::Named(names) => names.contains(name),
        }
    }
}

/// First names of what the stream's templates take from its parent. What expressions take is not followed.
fn fields(stream: &Stream) -> Fields {
    let templates = (&stream.path, &stream.params, &stream.body, &stream.fields);
    // Plain tables with text keys, which JSON can always hold.
    let text = serde_json::to_string(&templates).unwrap_or_default();
    let expressions = text.contains("{{") || text.contains("{%");
    if expressions && (text.contains("parent") || text.contains("stream_")) {
        return Fields::All;
    }
    let names = text.split("{parent.").skip(1).filter_map(|rest| rest.split(['.', '}']).next());
    Fields::Named(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_record_is_an_element_with_the_fields_that_are_named() {
        let stream: Stream = serde_json::from_value(json!({
            "name": "s", "path": "/{parent.owner.login}/{parent.id}", "fields": { "o": "{parent.org}" },
            "parent": { "stream": "repos" }, "for_each": { "kind": ["a", "b"] },
        }))
        .expect("a stream");
        let parent = stream.parent.as_ref().expect("a parent");
        let mut parents = Parents::new(&stream, parent);
        let page =
            |texts: &[&'static str]| texts.iter().map(|t| Cow::Borrowed(t.as_bytes())).collect::<Vec<_>>();
        let added = json!({ "org": "x", "more": 1 }).as_object().cloned().expect("a table");
        let records = page(&[r#"{"id":7,"owner":{"login":"o"},"big":[1]}"#, r#"{"id":7,"owner":null}"#]);
        parents.page("", &added, &records).expect("records");
        parents.page("e", &Values::new(), &page(&[r#"{"id":"7"}"#])).expect("records");
        let error = parents.page("", &Values::new(), &page(&["{}"])).expect_err("no key");
        assert!(error.to_string().contains("`repos`") && error.to_string().contains("`id`"), "{error}");
        let elements = parents.elements(&stream).expect("elements");
        let names: Vec<_> = elements.iter().map(|element| element.name.as_str()).collect();
        assert_eq!(names, ["7/a", "7/b", "e/7/a", "e/7/b"]);
        assert_eq!(
            Value::Object(elements[1].values.clone()),
            json!({ "parent": { "id": 7, "owner": null, "org": "x" }, "kind": "b" })
        );
    }
}
