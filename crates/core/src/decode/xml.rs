//! An XML document as JSON, so that the same paths lead to its records.
//!
//! An element is a table: its attributes as `@name`, its children by their names, its text as `#text`. An element with
//! nothing but text is that text, an empty one is null. Children of one name are a list. Texts that are spelled as a JSON
//! number, `true` or `false` are those, as in CSV. Names keep their prefixes. Entities beside the five of XML are errors:
//! no document can grow by them.

use indexmap::IndexMap;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::DecodeError;
use crate::json::{Number, write_string};

/// Elements within each other; the JSON reader's own limit is no lower.
const DEPTH: usize = 100;

/// An element that is not closed yet.
#[derive(Default)]
struct Element {
    name: String,
    /// JSON of each attribute and child, by name, in order of first appearance.
    fields: IndexMap<String, Vec<Vec<u8>>>,
    text: String,
}

/// The document as JSON: a table with the root element by its name.
pub(crate) fn to_json(text: &str) -> Result<String, DecodeError> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let malformed =
            |what: String| DecodeError::Malformed { at, message: format!("this is not XML: {what}") };
        let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
        if open.len() > DEPTH {
            return Err(malformed(format!("more than {DEPTH} elements within each other")));
        }
        match event {
            Event::Start(start) => open.push(element(&start).map_err(malformed)?),
            Event::Empty(start) => {
                let empty = element(&start).map_err(malformed)?;
                close(&mut open, empty);
            }
            Event::End(_) => {
                // The reader has checked that an end has its start.
                if let Some(ended) = open.pop() {
                    close(&mut open, ended);
                }
            }
            Event::Text(part) => {
                let part = part
                    .xml_content(XmlVersion::Implicit1_0)
                    .map_err(|error| malformed(error.to_string()))?;
                append(&mut open, &part);
            }
            Event::CData(part) => {
                let part = part.decode().map_err(|error| malformed(error.to_string()))?;
                append(&mut open, &part);
            }
            Event::GeneralRef(reference) => append(&mut open, &resolved(&reference).map_err(malformed)?),
            Event::Eof => return document(open, at),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn append(open: &mut [Element], part: &str) {
    if let Some(last) = open.last_mut() {
        last.text.push_str(part);
    }
}

/// What a reference stands for.
fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let name = reference.decode().map_err(|error| error.to_string())?;
    quick_xml::escape::resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(|| format!("the entity `&{name};` is not known"))
}

/// An element with its attributes.
fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut element = Element { name, ..Element::default() };
    // The reader's own look for two of one name compares each with each.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        let name = format!("@{}", String::from_utf8_lossy(attribute.key.as_ref()));
        if element.fields.insert(name.clone(), vec![scalar(&value)]).is_some() {
            return Err(format!("two attributes `{name}` in one element"));
        }
    }
    Ok(element)
}

/// Gives an element that has ended to the one around it.
fn close(open: &mut [Element], ended: Element) {
    let Some(around) = open.last_mut() else { return };
    let name = ended.name.clone();
    around.fields.entry(name).or_default().push(ended.json());
}

fn document(open: Vec<Element>, at: usize) -> Result<String, DecodeError> {
    let wrong = |message: &str| Err(DecodeError::Malformed { at, message: message.to_owned() });
    match <[Element; 1]>::try_from(open) {
        Err(open) => {
            let name = open.last().map_or("", |element| element.name.as_str());
            wrong(&format!("the text ends within the element `{name}`; it was cut off"))
        }
        Ok([root]) if root.fields.is_empty() => wrong("this is not XML: there is no element"),
        Ok([root]) if root.fields.values().map(Vec::len).sum::<usize>() > 1 => {
            wrong("this is not XML: there is more than one element at the top")
        }
        Ok([root]) if !root.text.trim_start_matches('\u{feff}').trim().is_empty() => {
            wrong("this is not XML: there is text beside its element")
        }
        // Names and texts were texts before.
        Ok([root]) => Ok(String::from_utf8(root.json()).unwrap_or_default()),
    }
}

impl Element {
    fn json(self) -> Vec<u8> {
        let text = self.text.trim();
        if self.fields.is_empty() {
            return scalar(text);
        }
        let mut out = Vec::new();
        for (name, values) in &self.fields {
            key(name, &mut out);
            match values.as_slice() {
                [one] => out.extend_from_slice(one),
                many => {
                    out.push(b'[');
                    out.extend_from_slice(&many.join(&b','));
                    out.push(b']');
                }
            }
        }
        if !text.is_empty() {
            key("#text", &mut out);
            out.extend_from_slice(&scalar(text));
        }
        out.push(b'}');
        out
    }
}

/// Begins the next field of a table.
fn key(name: &str, out: &mut Vec<u8>) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    write_string(name, out);
    out.push(b':');
}

/// A text as JSON: as a number or a truth where it is spelled as one, null where it is empty.
fn scalar(text: &str) -> Vec<u8> {
    match text {
        "" => b"null".to_vec(),
        "true" | "false" => text.as_bytes().to_vec(),
        text if Number::parse(text).is_some() => text.as_bytes().to_vec(),
        text => {
            let mut out = Vec::new();
            write_string(text, &mut out);
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_tables_and_repeated_ones_lists() {
        for (xml, json) in [
            ("<a/>", r#"{"a":null}"#),
            ("<?xml version='1.0'?><!-- x --><a> 1 </a>", r#"{"a":1}"#),
            (
                "<feed n='2'><e id='01'>x &amp; y&#33;</e><e><![CDATA[<b>]]></e><t>true</t></feed>",
                r##"{"feed":{"@n":2,"e":[{"@id":"01","#text":"x & y!"},"<b>"],"t":true}}"##,
            ),
            ("<x:a xmlns:x='u'>\u{e4}</x:a>", r##"{"x:a":{"@xmlns:x":"u","#text":"ä"}}"##),
        ] {
            assert_eq!(to_json(xml).as_deref(), Ok(json), "{xml}");
        }
    }

    #[test]
    fn what_is_no_whole_document_is_an_error() {
        for (xml, part) in [
            ("<a><b>1</b>", "cut off"),
            ("<a></b>", "not XML"),
            ("", "no element"),
            ("plain", "no element"),
            ("<a/><b/>", "more than one"),
            ("<a/><a/>", "more than one"),
            ("junk<a/>", "text beside"),
            ("<a x='1' x='2'/>", "two attributes"),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "entity `&x;`"),
        ] {
            let error = to_json(xml).expect_err(xml).to_string();
            assert!(error.contains(part), "{xml}: {error}");
        }
        assert!(to_json(&"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_comes_out_is_json(text in "[<>/a-c=' \"&;!\\[\\]?-]{0,40}") {
            if let Ok(json) = to_json(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
            }
        }
    }
}
