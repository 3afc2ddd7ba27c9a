//! What a case has made, beside what it should make.

use std::collections::BTreeMap;

use serde_json::Value;

/// The files of `expected/`: name and text. Lines of `.ndjson` are compared as JSON, all others as text.
pub(super) type Files = BTreeMap<String, String>;

/// The differences, one line each; empty if there are none.
pub(super) fn differences(expected: &Files, made: &Files) -> Vec<String> {
    let mut found = Vec::new();
    for name in expected.keys().chain(made.keys().filter(|name| !expected.contains_key(*name))) {
        let lines = |files: &Files| -> Vec<Line> {
            files
                .get(name)
                .map(|text| text.lines().map(|line| Line::read(name, line)).collect())
                .unwrap_or_default()
        };
        compare(name, lines(expected), lines(made), &mut found);
    }
    found
}

/// A line of a file: a row with the name of its batch and its place there, or anything else.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Row { id: String, row: Value },
    Other(Value),
}

impl Line {
    fn read(file: &str, line: &str) -> Line {
        let parsed = if file.ends_with(".ndjson") { serde_json::from_str::<Value>(line).ok() } else { None };
        let Some(row) = parsed else { return Line::Other(line.into()) };
        match (&row["_tidegate_batch"], &row["_tidegate_row"]) {
            (Value::String(batch), Value::Number(number)) => {
                Line::Row { id: format!("{batch} row {number}"), row }
            }
            _ => Line::Other(row),
        }
    }

    fn shown(&self) -> String {
        let text = match self {
            Line::Row { row, .. } => row.to_string(),
            Line::Other(Value::String(text)) => text.clone(),
            Line::Other(other) => other.to_string(),
        };
        if text.chars().count() <= 160 { text } else { text.chars().take(159).chain(['…']).collect() }
    }
}

fn compare(name: &str, expected: Vec<Line>, mut made: Vec<Line>, found: &mut Vec<String>) {
    let mut missing = Vec::new();
    for line in expected {
        match made.iter().position(|other| *other == line) {
            Some(at) => drop(made.remove(at)),
            None => missing.push(line),
        }
    }
    for line in missing {
        let same = made.iter().position(
            |other| matches!((other, &line), (Line::Row { id: a, .. }, Line::Row { id: b, .. }) if a == b),
        );
        match (same.map(|at| made.remove(at)), &line) {
            (Some(Line::Row { row: is, .. }), Line::Row { id, row: wanted }) => {
                fields(name, id, wanted, &is, found)
            }
            _ => found.push(format!("{name}: missing {}", line.shown())),
        }
    }
    found.extend(made.iter().map(|line| format!("{name}: not expected {}", line.shown())));
}

/// The fields in which two rows differ.
fn fields(file: &str, id: &str, wanted: &Value, is: &Value, found: &mut Vec<String>) {
    let names =
        |row: &Value| row.as_object().map(|row| row.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut all = names(wanted);
    all.extend(names(is).into_iter().filter(|name| wanted.get(name).is_none()));
    let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    for name in all.iter().filter(|name| wanted.get(name) != is.get(name)) {
        let (is, wanted) = (shown(is.get(name)), shown(wanted.get(name)));
        found.push(format!("{file}: {id}: {name} is {is}, expected {wanted}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str, text: &str) -> Files {
        Files::from([(name.to_owned(), text.to_owned())])
    }

    #[test]
    fn equal_rows_are_equal_in_any_order_and_spelling() {
        let a = files("t.ndjson", "{\"x\":1,\"y\":2}\n{\"x\":3}\n");
        let b = files("t.ndjson", "{\"x\": 3}\n{\"y\":2,\"x\":1}\n");
        assert!(differences(&a, &b).is_empty());
    }

    #[test]
    fn a_differing_field_is_named_with_its_row() {
        let row = |t: &str| {
            files("t.ndjson", &format!("{{\"t\":{t},\"_tidegate_batch\":\"s/1\",\"_tidegate_row\":0}}"))
        };
        assert_eq!(differences(&row("4.2"), &row("4.3")), ["t.ndjson: s/1 row 0: t is 4.3, expected 4.2"]);
    }

    #[test]
    fn missing_and_surplus_lines_are_told_apart_and_counted() {
        let (a, b) = (files("paths.txt", "a\na\nb\n"), files("paths.txt", "a\nc\n"));
        assert_eq!(
            differences(&a, &b),
            ["paths.txt: missing a", "paths.txt: missing b", "paths.txt: not expected c"]
        );
        assert_eq!(differences(&Files::new(), &b).len(), 2);
    }
}
