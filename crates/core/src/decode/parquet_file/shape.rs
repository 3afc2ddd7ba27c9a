//! How the columns of a file make up its rows: the format's rules for lists and maps, those of older writers as well.

use std::ops::Range;

use parquet::basic::{ConvertedType, Repetition};
use parquet::schema::types::Type;

use super::value::Kind;
use super::{DecodeError, unreadable};

/// A field of a row, of a struct, or what a list or map holds.
pub(super) struct Node {
    pub(super) name: String,
    /// The definition level from which on it is not null.
    pub(super) defined: i16,
    /// The columns that its values lie in; one at least.
    pub(super) columns: Range<usize>,
    pub(super) form: Form,
}

/// What a node is.
pub(super) enum Form {
    /// A column.
    Value(Kind),
    /// An object of fields.
    Struct(Vec<Node>),
    /// A list, empty at the definition level of its node; its further items have this repetition level.
    List { item: Box<Node>, level: i16 },
    /// The same of entries, each a key and a value.
    Map { entry: Box<[Node; 2]>, level: i16 },
}

/// The levels at a place of the schema.
#[derive(Clone, Copy, Default)]
struct Levels {
    definition: i16,
    repetition: i16,
}

impl Levels {
    fn optional(self) -> Self {
        Self { definition: self.definition + 1, ..self }
    }

    fn repeated(self) -> Self {
        Self { definition: self.definition + 1, repetition: self.repetition + 1 }
    }
}

/// The fields of a row. Groups without a column are left out.
pub(super) fn nodes(schema: &Type) -> Result<Vec<Node>, DecodeError> {
    fields(schema, Levels::default(), &mut 0)
}

fn fields(group: &Type, at: Levels, next: &mut usize) -> Result<Vec<Node>, DecodeError> {
    let nodes = group.get_fields().iter().map(|field| node(field, at, next));
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    Ok(nodes.into_iter().filter(|node| !node.columns.is_empty()).collect())
}

/// A field; `next` is the first column that no field has yet.
fn node(field: &Type, at: Levels, next: &mut usize) -> Result<Node, DecodeError> {
    match repetition(field) {
        Repetition::REQUIRED => annotated(field, at, next),
        Repetition::OPTIONAL => annotated(field, at.optional(), next),
        Repetition::REPEATED => {
            let item = annotated(field, at.repeated(), next)?;
            Ok(list(field, at, item))
        }
    }
}

fn repetition(field: &Type) -> Repetition {
    let info = field.get_basic_info();
    if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED }
}

/// A field whose levels include its own.
fn annotated(field: &Type, at: Levels, next: &mut usize) -> Result<Node, DecodeError> {
    match field.get_basic_info().converted_type() {
        ConvertedType::LIST if field.is_group() => {
            let repeated = repeated(field)?;
            let item = match is_item(field, repeated) {
                true => plain(repeated, at.repeated(), next)?,
                false => node(&repeated.get_fields()[0], at.repeated(), next)?,
            };
            Ok(list(field, at, item))
        }
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE if field.is_group() => map(field, at, next),
        _ => plain(field, at, next),
    }
}

/// A column, or a struct.
fn plain(field: &Type, at: Levels, next: &mut usize) -> Result<Node, DecodeError> {
    let first = *next;
    let form = match field.is_primitive() {
        true => {
            *next += 1;
            Form::Value(Kind::of(field)?)
        }
        false => Form::Struct(fields(field, at, next)?),
    };
    Ok(Node { name: field.name().to_owned(), defined: at.definition, columns: first..*next, form })
}

fn list(field: &Type, at: Levels, item: Node) -> Node {
    let (name, columns) = (field.name().to_owned(), item.columns.clone());
    let form = Form::List { item: Box::new(item), level: at.repeated().repetition };
    Node { name, defined: at.definition, columns, form }
}

/// The one child of a list or map.
fn repeated(field: &Type) -> Result<&Type, DecodeError> {
    match field.get_fields() {
        [child] if repetition(child) == Repetition::REPEATED => Ok(child),
        _ => Err(unreadable(format!("the list or map `{}` does not hold one repeated field", field.name()))),
    }
}

/// Whether what repeats is the item itself and not a group around it, as older writers have it.
fn is_item(list: &Type, repeated: &Type) -> bool {
    if repeated.is_primitive() {
        return true;
    }
    let [sole] = repeated.get_fields() else { return true };
    let named = repeated.name() == "array" || repeated.name() == format!("{}_tuple", list.name());
    let holds_list = repeated.get_basic_info().converted_type() == ConvertedType::LIST
        || repetition(sole) == Repetition::REPEATED;
    named && !holds_list
}

fn map(field: &Type, at: Levels, next: &mut usize) -> Result<Node, DecodeError> {
    let wrong = || unreadable(format!("the map `{}` has no keys and values", field.name()));
    let repeated = repeated(field)?;
    if repeated.is_primitive() {
        return Err(wrong());
    }
    match repeated.get_fields() {
        // Keys alone are a set.
        [key] => {
            let item = node(key, at.repeated(), next)?;
            Ok(list(field, at, item))
        }
        [key, value] => {
            let first = *next;
            let entry = [node(key, at.repeated(), next)?, node(value, at.repeated(), next)?];
            if entry.iter().any(|node| node.columns.is_empty()) {
                return Err(wrong());
            }
            let form = Form::Map { entry: Box::new(entry), level: at.repeated().repetition };
            let name = field.name().to_owned();
            Ok(Node { name, defined: at.definition, columns: first..*next, form })
        }
        _ => Err(wrong()),
    }
}
