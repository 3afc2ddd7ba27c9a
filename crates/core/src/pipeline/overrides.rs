//! `--set key=value`: values that the command line puts into the tree.

use std::rc::Rc;

use super::Mistake;
use super::tree::{Entry, Node, Place, Value, override_value};
use super::words;

/// Puts one `key=value` into the tree. A key is dotted; a stream is named (`streams.weather.path`) or counted
/// (`streams[0].path`).
pub(super) fn apply(root: &mut Node, assignment: &str) -> Result<(), Mistake> {
    let place = |key: &str| Place::Override(Rc::from(key));
    let Some((key, text)) = assignment.split_once('=') else {
        let help = "write --set source.limits.timeout=10s".to_owned();
        return Err(place(assignment).mistake("there is no `=`", Some(help)));
    };
    let key = key.trim();
    let steps = steps(key);
    if steps.iter().any(String::is_empty) {
        return Err(place(key).mistake("the key has an empty part", None));
    }
    put(root, &steps, override_value(key, text.trim()))
        .map_err(|(message, help)| place(key).mistake(message, help))
}

fn steps(key: &str) -> Vec<String> {
    key.replace('[', ".").replace(']', "").split('.').map(str::to_owned).collect()
}

type Wrong = (String, Option<String>);

fn put(node: &mut Node, steps: &[String], new: Node) -> Result<(), Wrong> {
    let Some((step, rest)) = steps.split_first() else {
        *node = new;
        return Ok(());
    };
    match &mut node.value {
        Value::Table(entries) => put(entry(entries, step, &new.place), rest, new),
        Value::List(items) => put(item(items, step)?, rest, new),
        Value::Leaf(_) => Err((format!("the value above `{step}` is no table; set it as a whole"), None)),
    }
}

/// The value under a key, made if it is not there.
fn entry<'a>(entries: &'a mut Vec<Entry>, key: &str, place: &Place) -> &'a mut Node {
    let at = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let node = Node { place: place.clone(), value: Value::Table(Vec::new()) };
        entries.push(Entry { key: key.to_owned(), place: place.clone(), node });
        entries.len() - 1
    });
    &mut entries[at].node
}

/// The item of a list by its index or by its `name`.
fn item<'a>(items: &'a mut [Node], step: &str) -> Result<&'a mut Node, Wrong> {
    let names: Vec<String> = items.iter().map(|item| name_of(item).unwrap_or_default()).collect();
    let by_name = names.iter().position(|name| name == step);
    match by_name.or_else(|| step.parse::<usize>().ok()).filter(|at| *at < items.len()) {
        Some(at) => Ok(&mut items[at]),
        None => {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            Err((format!("there is no `{step}`"), Some(words::instead(step, &known))))
        }
    }
}

fn name_of(node: &Node) -> Option<String> {
    match &node.get("name")?.value {
        Value::Leaf(serde_json::Value::String(name)) => Some(name.clone()),
        _ => None,
    }
}
