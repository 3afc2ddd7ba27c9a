//! From a JSONPath to the values it selects, as slices of the page. Plain paths (`$.a.b[*]`) are walked on the bytes;
//! any other goes through the library's query on a tree, whose numbers nobody reads: only places come back.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use super::DecodeError;
use crate::json::{JsonError, Kind, Reader};

/// A path made ready.
pub(super) enum Route {
    /// Names, indices and `[*]` alone.
    Plain(Vec<Step>),
    /// Any other path of RFC 9535.
    Query(JsonPath),
}

impl Default for Route {
    /// The document itself.
    fn default() -> Route {
        Route::Plain(Vec::new())
    }
}

/// One step of a plain path.
pub(super) enum Step {
    /// `.name`, `['name']`
    Key(String),
    /// `[3]`
    Index(usize),
    /// `[*]`, `.*`
    Each,
}

/// Most brackets within each other in a JSONPath: each takes the parser twice as long as the one around it, and a part of
/// the stack.
const BRACKETS: usize = 12;

/// Reads a JSONPath; the error says what is wrong with it.
pub(crate) fn query(path: &str) -> Result<JsonPath, String> {
    let (mut open, mut quote, mut chars) = (0_usize, None, path.chars());
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(begun), c) if c == begun => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => open += 1,
            (None, ')' | ']') => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS {
            return Err(format!("it has more than {BRACKETS} brackets within each other"));
        }
    }
    JsonPath::parse(path).map_err(|error| error.to_string())
}

impl Route {
    /// Reads a JSONPath.
    pub(super) fn parse(path: &str) -> Result<Route, DecodeError> {
        let query = query(path).map_err(|reason| {
            let help = "write RFC 9535 JSONPath, such as `$.data[*]` or `$['my data'][*]`";
            DecodeError::Path(format!("`{path}` is no JSONPath: {reason}; {help}"))
        })?;
        Ok(plain(path).map_or(Route::Query(query), Route::Plain))
    }

    /// Whether it selects the document itself.
    pub(super) fn is_root(&self) -> bool {
        matches!(self, Route::Plain(steps) if steps.is_empty())
    }

    /// Visits the records of the document that is this part of `text`: the selected values, or the elements of the
    /// one selected array. A single null holds no record.
    pub(super) fn each<E: From<DecodeError>>(
        &self,
        text: &str,
        part: Range<usize>,
        visit: &mut impl FnMut(&mut Reader<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = Reader::part(text, part.clone());
        match self {
            Route::Plain(steps) if steps.iter().any(|step| matches!(step, Step::Each)) => {
                walk(&mut reader, steps, visit)?;
            }
            Route::Plain(steps) => walk(&mut reader, steps, &mut |reader| elements(reader, visit))?,
            Route::Query(query) => {
                let places = located(&mut reader, query).map_err(malformed)?;
                let whole = |place: &Range<usize>| Reader::part(text, place.clone());
                match places.as_slice() {
                    [single] => elements(&mut whole(single), visit)?,
                    many => many.iter().try_for_each(|place| visit(&mut whole(place)))?,
                }
            }
        }
        reader.end().map_err(malformed)
    }

    /// Whether the document ends before the path does: one of its names or indices up to the first `[*]` is not there.
    /// Of a path with filters nothing is known.
    pub(super) fn leads_nowhere(&self, text: &str) -> Result<bool, DecodeError> {
        let Route::Plain(steps) = self else { return Ok(false) };
        let named = steps.iter().take_while(|step| !matches!(step, Step::Each)).count();
        let mut arrived = false;
        walk(&mut Reader::new(text), &steps[..named], &mut |reader: &mut Reader<'_>| {
            arrived = true;
            reader.skip().map(|_| ()).map_err(DecodeError::from)
        })?;
        Ok(!arrived)
    }

    /// Byte ranges of the selected values.
    pub(super) fn locate(&self, text: &str) -> Result<Vec<Range<usize>>, DecodeError> {
        let mut reader = Reader::new(text);
        let mut places = Vec::new();
        match self {
            Route::Plain(steps) => walk(&mut reader, steps, &mut |reader: &mut Reader<'_>| {
                reader.peek()?;
                let start = reader.at();
                reader.skip()?;
                places.push(start..reader.at());
                Ok::<(), DecodeError>(())
            })?,
            Route::Query(query) => places = located(&mut reader, query)?,
        }
        reader.end()?;
        Ok(places)
    }
}

/// What is wrong in a document, as whoever visits its records has it.
fn malformed<E: From<DecodeError>>(error: JsonError) -> E {
    E::from(DecodeError::from(error))
}

/// The steps of a path of names, indices and wildcards; `None` for any other.
pub(super) fn plain(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, tail) = plain_step(rest)?;
        steps.push(step);
        rest = tail;
    }
    Some(steps)
}

fn plain_step(rest: &str) -> Option<(Step, &str)> {
    if let Some(tail) = rest.strip_prefix("[*]").or_else(|| rest.strip_prefix(".*")) {
        return Some((Step::Each, tail));
    }
    if let Some(name) = rest.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let name_only = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        return (end > 0 && name[..end].chars().all(name_only))
            .then(|| (Step::Key(name[..end].to_owned()), &name[end..]));
    }
    let inner = rest.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(name) = inner.strip_prefix(quote) {
            let (name, tail) = name.split_once(quote)?;
            let tail = tail.strip_prefix(']')?;
            return (!name.contains('\\')).then(|| (Step::Key(name.to_owned()), tail));
        }
    }
    let (index, tail) = inner.split_once(']')?;
    Some((Step::Index(index.parse().ok()?), tail))
}

/// The value itself, or its elements if it is an array, or nothing if it is null.
fn elements<E: From<DecodeError>>(
    reader: &mut Reader<'_>,
    visit: &mut impl FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match reader.peek().map_err(malformed)? {
        Kind::Array => walk(reader, &[Step::Each], visit),
        Kind::Null => reader.null().map_err(malformed),
        _ => visit(reader),
    }
}

/// Reads one value, visiting those that the steps lead to.
fn walk<E: From<DecodeError>>(
    reader: &mut Reader<'_>,
    steps: &[Step],
    visit: &mut dyn FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let Some((step, rest)) = steps.split_first() else { return visit(reader) };
    match (reader.peek().map_err(malformed)?, step) {
        (Kind::Object, Step::Key(_) | Step::Each) => walk_object(reader, step, rest, visit),
        (Kind::Array, Step::Index(_) | Step::Each) => walk_array(reader, step, rest, visit),
        _ => reader.skip().map(|_| ()).map_err(malformed),
    }
}

fn walk_object<E: From<DecodeError>>(
    reader: &mut Reader<'_>,
    step: &Step,
    rest: &[Step],
    visit: &mut dyn FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    reader.begin_object().map_err(malformed)?;
    let (mut first, mut seen) = (true, false);
    while let Some(key) = reader.next_key(first).map_err(malformed)? {
        first = false;
        match step {
            Step::Key(name) if *name == key.value() => {
                if std::mem::replace(&mut seen, true) {
                    return Err(E::from(twice(reader.at(), name)));
                }
                walk(reader, rest, visit)?;
            }
            Step::Each => walk(reader, rest, visit)?,
            _ => {
                reader.skip().map_err(malformed)?;
            }
        }
    }
    Ok(())
}

fn twice(at: usize, name: &str) -> DecodeError {
    let message =
        format!("the path leads through `{name}`, which stands twice in one object; which is meant?");
    DecodeError::Malformed { at, message }
}

fn walk_array<E: From<DecodeError>>(
    reader: &mut Reader<'_>,
    step: &Step,
    rest: &[Step],
    visit: &mut dyn FnMut(&mut Reader<'_>) -> Result<(), E>,
) -> Result<(), E> {
    reader.begin_array().map_err(malformed)?;
    let mut index = 0;
    while reader.next_item(index == 0).map_err(malformed)? {
        match step {
            Step::Index(wanted) if *wanted != index => {
                reader.skip().map_err(malformed)?;
            }
            _ => walk(reader, rest, visit)?,
        }
        index += 1;
    }
    Ok(())
}

/// Places of the nodes that a query selects in the value that the reader stands before.
fn located(reader: &mut Reader<'_>, query: &JsonPath) -> Result<Vec<Range<usize>>, JsonError> {
    let mut copy = reader.clone();
    let tree = tree(&mut copy)?;
    let mut wanted = Wanted::default();
    let mut places = Vec::new();
    for (id, node) in query.query_located(&tree).iter().enumerate() {
        let mut at = &mut wanted;
        for element in node.location().iter() {
            at = match element {
                PathElement::Name(name) => at.keys.entry((*name).to_owned()).or_default(),
                PathElement::Index(index) => at.items.entry(*index).or_default(),
            };
        }
        at.ids.push(id);
        places.push(0..0);
    }
    place(reader, &wanted, &mut places)?;
    Ok(places)
}

/// The selected nodes as a tree of what to look for.
#[derive(Default)]
struct Wanted {
    ids: Vec<usize>,
    keys: HashMap<String, Wanted>,
    items: HashMap<usize, Wanted>,
}

/// Reads one value and notes the place of every wanted node in it. Recursion ends at the reader's depth limit.
fn place(reader: &mut Reader<'_>, wanted: &Wanted, places: &mut [Range<usize>]) -> Result<(), JsonError> {
    let kind = reader.peek()?;
    let start = reader.at();
    let mut first = true;
    match kind {
        Kind::Object if !wanted.keys.is_empty() => {
            reader.begin_object()?;
            while let Some(key) = reader.next_key(std::mem::replace(&mut first, false))? {
                match wanted.keys.get(key.value().as_ref()) {
                    Some(inner) => place(reader, inner, places)?,
                    None => reader.skip().map(|_| ())?,
                }
            }
        }
        Kind::Array if !wanted.items.is_empty() => {
            reader.begin_array()?;
            let mut index = 0;
            while reader.next_item(index == 0)? {
                match wanted.items.get(&index) {
                    Some(inner) => place(reader, inner, places)?,
                    None => reader.skip().map(|_| ())?,
                }
                index += 1;
            }
        }
        _ => reader.skip().map(|_| ())?,
    }
    for id in &wanted.ids {
        places[*id] = start..reader.at();
    }
    Ok(())
}

/// A value as the query sees it; a number that no double holds becomes null, which is enough to find its place.
fn tree(reader: &mut Reader<'_>) -> Result<Value, JsonError> {
    let mut first = true;
    Ok(match reader.peek()? {
        Kind::Object => {
            reader.begin_object()?;
            let mut map = serde_json::Map::new();
            while let Some(key) = reader.next_key(std::mem::replace(&mut first, false))? {
                map.insert(key.value().into_owned(), tree(reader)?);
            }
            Value::Object(map)
        }
        Kind::Array => {
            reader.begin_array()?;
            let mut items = Vec::new();
            while reader.next_item(std::mem::replace(&mut first, false))? {
                items.push(tree(reader)?);
            }
            Value::Array(items)
        }
        Kind::String => Value::String(reader.string()?.value().into_owned()),
        Kind::Number => number(reader)?,
        Kind::Boolean => Value::Bool(reader.boolean()?),
        Kind::Null => reader.null().map(|()| Value::Null)?,
    })
}

fn number(reader: &mut Reader<'_>) -> Result<Value, JsonError> {
    let number = reader.number()?;
    let value = match number.as_i64() {
        Some(integer) => Value::from(integer),
        None => serde_json::Number::from_f64(number.as_f64()).map_or(Value::Null, Value::Number),
    };
    Ok(value)
}
