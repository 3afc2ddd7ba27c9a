//! The elements of a stream that has a parent: one for each record of the parent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Element, RequestError, elements};
use crate::cursor;
use crate::pipeline::{Parent, Stream, Values};

/// The name of what a parent itself was asked for.
const SLICE: &str = "parent_slice";

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

    /// Takes in the records of a page. `element` is the name of the parent's own element, `slice` what that one was asked
    /// for, `added` are the values that the parent adds to each record. Fails on a record without its key, unless such are
    /// passed over.
    pub fn page(
        &mut self,
        element: &str,
        slice: &Values,
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
            let Some((name, key)) = self.named(key)? else { continue };
            let mut picked = self.picked(record);
            picked.extend(added.iter().cloned());
            let mut values = Map::from_iter([("parent".to_owned(), Value::Object(picked))]);
            if let Some(field) = &self.parent.partition_field {
                values.insert(field.clone(), key);
                if !slice.is_empty() {
                    values.insert(SLICE.to_owned(), Value::Object(slice.clone()));
                }
            }
            let name = if element.is_empty() { name } else { format!("{element}/{name}") };
            self.put(name, values);
        }
        Ok(())
    }

    /// What a record is called by its key; `None` where it is to be passed over.
    fn named(&self, key: Option<Value>) -> Result<Option<(String, Value)>, RequestError> {
        match key {
            Some(Value::String(text)) => Ok(Some((text.clone(), Value::String(text)))),
            Some(key @ (Value::Number(_) | Value::Bool(_))) => Ok(Some((key.to_string(), key))),
            Some(key @ (Value::Array(_) | Value::Object(_))) if self.parent.partition_field.is_some() => {
                Ok(Some((key.to_string(), key)))
            }
            _ if self.parent.skip_missing => Ok(None),
            _ => Err(RequestError::NoKey(self.parent.stream.clone(), self.parent.key.clone())),
        }
    }

    fn put(&mut self, name: String, values: Values) {
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

    /// One element for each record.
    pub fn found(self) -> Vec<Element> {
        self.found
    }

    /// One element for each record, combined with each of the stream's own `for_each`.
    pub fn elements(self, stream: &Stream) -> Result<Vec<Element>, RequestError> {
        Ok(combined(&self.found, &elements(stream)?))
    }
}

/// Each element with each other one. Of two values of one name the first counts.
pub fn combined(these: &[Element], others: &[Element]) -> Vec<Element> {
    let combine = |one: &Element, other: &Element| {
        let names = [one.name.as_str(), other.name.as_str()];
        let name = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/");
        let values = other.values.iter().chain(&one.values).map(|(n, v)| (n.clone(), v.clone()));
        Element { name, values: values.collect() }
    };
    these.iter().flat_map(|one| others.iter().map(move |other| combine(one, other))).collect()
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
    let request =
        (&stream.base_url, &stream.path, &stream.params, &stream.headers, &stream.body, &stream.form);
    let templates = (request, &stream.job, &stream.fields, &stream.transform);
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
        let none = Values::new();
        let page =
            |texts: &[&'static str]| texts.iter().map(|t| Cow::Borrowed(t.as_bytes())).collect::<Vec<_>>();
        let added = json!({ "org": "x", "more": 1 }).as_object().cloned().expect("a table");
        let records = page(&[r#"{"id":7,"owner":{"login":"o"},"big":[1]}"#, r#"{"id":7,"owner":null}"#]);
        parents.page("", &none, &added, &records).expect("records");
        parents.page("e", &none, &none, &page(&[r#"{"id":"7"}"#])).expect("records");
        let error = parents.page("", &none, &none, &page(&["{}"])).expect_err("no key");
        assert!(error.to_string().contains("`repos`") && error.to_string().contains("`id`"), "{error}");
        let elements = parents.elements(&stream).expect("elements");
        let names: Vec<_> = elements.iter().map(|element| element.name.as_str()).collect();
        assert_eq!(names, ["7/a", "7/b", "e/7/a", "e/7/b"]);
        assert_eq!(
            Value::Object(elements[1].values.clone()),
            json!({ "parent": { "id": 7, "owner": null, "org": "x" }, "kind": "b" })
        );
    }

    #[test]
    fn every_place_with_a_template_says_what_is_kept() {
        for (place, value) in [
            ("path", json!("/{parent.x}")),
            ("base_url", json!("https://{{ parent.x }}.example")),
            ("params", json!({ "q": ["{parent.x}"] })),
            ("headers", json!({ "X-Org": "{{ parent.x }}" })),
            ("body", json!({ "a": { "b": "{parent.x}" } })),
            ("form", json!({ "a": "{parent.x}" })),
            ("job", json!({ "poll": { "path": "/{parent.x}" } })),
            ("fields", json!({ "f": "{parent.x}" })),
            ("transform", json!([{ "add": { "f": "{{ parent.x }}" } }])),
        ] {
            let mut stream = json!({ "name": "s", "path": "/", "parent": { "stream": "repos" } });
            stream[place] = value;
            let stream: Stream = serde_json::from_value(stream).expect("a stream");
            assert!(fields(&stream).has("x"), "{place}");
        }
    }

    #[test]
    fn a_key_has_a_name_of_its_own_and_what_its_parent_was_asked_for_comes_along() {
        let parent: Parent = serde_json::from_value(
            json!({ "stream": "repos", "key": "owner", "partition_field": "owner", "skip_missing": true }),
        )
        .expect("a parent");
        let stream: Stream =
            serde_json::from_value(json!({ "name": "s", "path": "/{owner.login}" })).expect("a stream");
        let mut parents = Parents::new(&stream, &parent);
        let slice = json!({ "org": "x" }).as_object().cloned().expect("a table");
        let records: [&[u8]; 2] = [br#"{"owner":{"login":"o"}}"#, b"{}"];
        let records = records.map(Cow::Borrowed);
        parents.page("x", &slice, &Values::new(), &records).expect("records");
        let found = parents.found();
        assert_eq!(found.len(), 1);
        assert_eq!(
            Value::Object(found[0].values.clone()),
            json!({ "parent": {}, "owner": { "login": "o" }, "parent_slice": { "org": "x" } })
        );
        let other =
            Element { name: "b".to_owned(), values: Map::from_iter([("owner".to_owned(), json!(1))]) };
        let both = combined(&found, &[other]);
        assert_eq!(
            (both[0].name.as_str(), &both[0].values["owner"]),
            ("x/{\"login\":\"o\"}/b", &json!({ "login": "o" }))
        );
    }
}
