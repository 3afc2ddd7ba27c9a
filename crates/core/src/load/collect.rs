//! A stretch of a column as Parquet wants it: levels, and the values that are there. Values are one copy; levels are
//! written out only where something is missing or repeated.

use std::ops::Range;

use super::gather::{Packed, PackedValues};
use crate::parquet::{Leaf, Texts, written};
use crate::schema::{DataType, Field};

/// The way from a table to one leaf column: which child of each struct. Lists have one item, so no step.
#[derive(Clone, Debug)]
pub(super) struct Route {
    steps: Vec<usize>,
    max_definition: u8,
    lists: usize,
}

/// The ways to all leaf columns, in the order of the file's layout.
pub(super) fn routes(fields: &[Field]) -> Vec<Route> {
    let mut routes = Vec::new();
    struct_routes(fields, &mut Vec::new(), (0, 0), &mut routes);
    routes
}

fn struct_routes(fields: &[Field], steps: &mut Vec<usize>, levels: (u8, usize), routes: &mut Vec<Route>) {
    for (place, field) in fields.iter().enumerate().filter(|(_, field)| written(&field.data_type)) {
        steps.push(place);
        value_routes(&field.data_type, steps, levels, routes);
        steps.pop();
    }
}

fn value_routes(
    data_type: &DataType,
    steps: &mut Vec<usize>,
    (definition, lists): (u8, usize),
    routes: &mut Vec<Route>,
) {
    match data_type {
        DataType::Struct(fields) => struct_routes(fields, steps, (definition + 1, lists), routes),
        DataType::List(item) => value_routes(item, steps, (definition + 2, lists + 1), routes),
        _ => routes.push(Route { steps: steps.clone(), max_definition: definition + 1, lists }),
    }
}

/// Appends rows of a block to the leaf that the route leads to.
pub(super) fn collect(block: &[Packed], route: &Route, rows: Range<usize>, leaf: &mut Leaf) {
    let (first, rest) = route.steps.split_first().expect("a leaf lies in a table");
    match &block[*first] {
        // Nothing in the whole block.
        column if column.present.count() == 0 => absent(route, rows.len(), leaf),
        column => {
            levels(column, rest, rows.clone(), route, leaf);
            values(column, rest, rows, leaf);
        }
    }
}

/// How many distinct texts a block knows of the leaf that the route leads to; `None` if it holds something else.
pub(super) fn distinct(block: &[Packed], route: &Route) -> Option<usize> {
    let (first, rest) = route.steps.split_first()?;
    let (mut column, mut steps) = (&block[*first], rest);
    loop {
        match &column.values {
            PackedValues::Struct(fields) => {
                let (step, rest) = steps.split_first()?;
                (column, steps) = (&fields[*step], rest);
            }
            PackedValues::List(_, items) => column = items,
            PackedValues::Coded(coded) => return Some(coded.distinct.ends.len()),
            PackedValues::None => return Some(0),
            _ => return None,
        }
    }
}

fn absent(route: &Route, rows: usize, leaf: &mut Leaf) {
    write_out(route, leaf);
    leaf.entries += rows;
    leaf.definitions.resize(leaf.entries, 0);
    if route.lists > 0 {
        leaf.repetitions.resize(leaf.entries, 0);
    }
}

/// Writes out the definition levels of the entries so far, which all have the highest.
fn write_out(route: &Route, leaf: &mut Leaf) {
    leaf.definitions.resize(leaf.entries, route.max_definition);
}

/// Appends the values of these entries.
fn values(column: &Packed, steps: &[usize], entries: Range<usize>, leaf: &mut Leaf) {
    let part = column.present.values(&entries);
    match &column.values {
        PackedValues::Struct(fields) => values(&fields[steps[0]], &steps[1..], part, leaf),
        PackedValues::List(ends, items) => values(items, steps, items_of(ends, &part), leaf),
        PackedValues::None => {}
        PackedValues::Boolean(from) => leaf.values.booleans().extend_from_slice(&from[part]),
        PackedValues::Int32(from) => leaf.values.short_integers().extend_from_slice(&from[part]),
        PackedValues::Int64(from) => leaf.values.integers().extend_from_slice(&from[part]),
        PackedValues::Decimal(from) => leaf.values.decimals().extend_from_slice(&from[part]),
        PackedValues::Double(from) => leaf.values.doubles().extend_from_slice(&from[part]),
        PackedValues::Wholes(from) => from.append(part, leaf.values.integers()),
        PackedValues::Scaled(from) => from.append(part, leaf.values.doubles()),
        PackedValues::Text(from) => append_texts(from, part, leaf.values.texts()),
        PackedValues::Coded(from) if leaf.coded => {
            leaf.start_block(from.distinct.ends.len());
            from.each(part, |place| leaf.code(&from.distinct, place));
        }
        PackedValues::Coded(from) => from.append(part, leaf.values.texts()),
    }
}

fn append_texts(from: &Texts, part: Range<usize>, to: &mut Texts) {
    let start = from.start(part.start);
    let base = to.bytes.len();
    to.bytes.extend_from_slice(&from.bytes[start..from.start(part.end)]);
    let shift = |end: &u32| {
        u32::try_from(base + *end as usize - start).expect("a row group holds less than 4 GiB of text")
    };
    to.ends.extend(from.ends[part].iter().map(shift));
}

fn items_of(ends: &[u32], lists: &Range<usize>) -> Range<usize> {
    let start = |at: usize| if at == 0 { 0 } else { ends[at - 1] as usize };
    start(lists.start)..start(lists.end)
}

/// Appends the levels of these entries.
fn levels(column: &Packed, steps: &[usize], entries: Range<usize>, route: &Route, leaf: &mut Leaf) {
    if full(column, steps, entries.clone(), route.lists > 0) {
        let count = match lists(column, steps, entries.clone()) {
            None => entries.len(),
            Some((ends, lists)) => repeat(ends, lists, leaf),
        };
        leaf.entries += count;
        if !leaf.definitions.is_empty() {
            write_out(route, leaf);
        }
        return;
    }
    write_out(route, leaf);
    partial(column, steps, entries, 0, route, leaf);
    leaf.entries = leaf.definitions.len();
}

/// Appends the levels of entries of which some are missing.
fn partial(
    column: &Packed,
    steps: &[usize],
    entries: Range<usize>,
    definition: u8,
    route: &Route,
    leaf: &mut Leaf,
) {
    let part = column.present.values(&entries);
    match &column.values {
        // All structs are there, so what is missing is further down.
        PackedValues::Struct(fields) if part.len() == entries.len() => {
            partial(&fields[steps[0]], &steps[1..], part, definition + 1, route, leaf);
        }
        PackedValues::Struct(_) | PackedValues::List(..) => {
            let mut walk = Walk { leaf, repeated: route.lists > 0 };
            entries.for_each(|entry| walk.entry(column, steps, entry, 0, (definition, 0)));
        }
        _ => {
            let level = |entry| definition + u8::from(column.present.get(entry));
            leaf.definitions.extend(entries.map(level));
            if route.lists > 0 {
                // A list that is nowhere, so that each entry stands for a row.
                leaf.repetitions.resize(leaf.definitions.len(), 0);
            }
        }
    }
}

/// Whether nothing is missing in these entries down to the leaf, and at most one list lies on the way, none empty.
fn full(column: &Packed, steps: &[usize], entries: Range<usize>, listed: bool) -> bool {
    let part = column.present.values(&entries);
    if part.len() < entries.len() {
        return false;
    }
    match &column.values {
        PackedValues::Struct(fields) => full(&fields[steps[0]], &steps[1..], part, listed),
        PackedValues::List(ends, items) => {
            let mut start = items_of(ends, &part).start;
            let empty = |end: &u32| std::mem::replace(&mut start, *end as usize) == *end as usize;
            listed
                && !ends[part.clone()].iter().any(empty)
                && full(items, steps, items_of(ends, &part), false)
        }
        PackedValues::None => false,
        _ => true,
    }
}

/// The one list on the way to the leaf, and which of its entries.
fn lists<'a>(
    column: &'a Packed,
    steps: &[usize],
    entries: Range<usize>,
) -> Option<(&'a [u32], Range<usize>)> {
    let part = column.present.values(&entries);
    match &column.values {
        PackedValues::Struct(fields) => lists(&fields[steps[0]], &steps[1..], part),
        PackedValues::List(ends, _) => Some((ends, part)),
        _ => None,
    }
}

/// Appends the repetition levels of lists that are not empty; how many items they have.
fn repeat(ends: &[u32], lists: Range<usize>, leaf: &mut Leaf) -> usize {
    let items = items_of(ends, &lists);
    let mut at = items.start;
    for end in &ends[lists] {
        leaf.repetitions.push(0);
        let repeated = leaf.repetitions.len() + *end as usize - at - 1;
        leaf.repetitions.resize(repeated, 1);
        at = *end as usize;
    }
    items.len()
}

/// Writes the levels entry by entry.
struct Walk<'a> {
    leaf: &'a mut Leaf,
    repeated: bool,
}

impl Walk<'_> {
    /// `depth` counts the lists on the way; `definition` and `repetition` are the levels so far.
    fn entry(
        &mut self,
        column: &Packed,
        steps: &[usize],
        entry: usize,
        depth: u8,
        (definition, repetition): (u8, u8),
    ) {
        if !column.present.get(entry) {
            return self.put(definition, repetition);
        }
        let definition = definition + 1;
        match &column.values {
            PackedValues::Struct(fields) => {
                let value = column.present.rank(entry);
                self.entry(&fields[steps[0]], &steps[1..], value, depth, (definition, repetition));
            }
            PackedValues::List(ends, items) => {
                let value = column.present.rank(entry);
                let range = items_of(ends, &(value..value + 1));
                if range.is_empty() {
                    self.put(definition, repetition);
                }
                for item in range.clone() {
                    let repetition = if item == range.start { repetition } else { depth + 1 };
                    self.entry(items, steps, item, depth + 1, (definition + 1, repetition));
                }
            }
            _ => self.put(definition, repetition),
        }
    }

    fn put(&mut self, definition: u8, repetition: u8) {
        self.leaf.definitions.push(definition);
        if self.repeated {
            self.leaf.repetitions.push(repetition);
        }
    }
}
