//! The physical schema of a table's files.

use super::thrift::{Struct, structure};
use crate::schema::{DataType, Field, LINEAGE, TableSchema};

/// Parquet's physical types, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean = 0,
    Int32 = 1,
    Int64 = 2,
    Double = 5,
    Bytes = 6,
    Fixed = 7,
}

/// One leaf column.
pub(super) struct Column {
    pub(super) physical: Physical,
    pub(super) path: Vec<String>,
    pub(super) max_definition: u8,
    pub(super) max_repetition: u8,
}

/// Schema elements as they stand in a footer, and the leaf columns, in order.
pub(crate) struct Layout {
    pub(super) elements: Vec<u8>,
    pub(super) count: usize,
    pub(super) columns: Vec<Column>,
}

const OPTIONAL: i32 = 1;
const REPEATED: i32 = 2;

impl Layout {
    /// The layout of the files of a table, with the lineage columns or without.
    pub(crate) fn new(schema: &TableSchema, lineage: bool) -> Layout {
        let own = schema.fields.iter().map(|field| (field.column(), &field.data_type));
        let added = LINEAGE.iter().filter(|_| lineage).map(|(name, data_type)| (*name, data_type));
        let fields: Vec<_> = own.chain(added).filter(|(_, data_type)| written(data_type)).collect();
        let mut layout = Layout { elements: Vec::new(), count: 0, columns: Vec::new() };
        layout.element("schema", None, Some(fields.len()), |_| {});
        let mut path = Vec::new();
        fields.iter().for_each(|(name, data_type)| layout.field(name, data_type, &mut path, (0, 0)));
        layout
    }

    fn element(
        &mut self,
        name: &str,
        repetition: Option<i32>,
        children: Option<usize>,
        more: impl FnOnce(&mut Struct<'_>),
    ) {
        self.count += 1;
        structure(&mut self.elements, |element| {
            if let Some(repetition) = repetition {
                element.i32(3, repetition);
            }
            element.binary(4, name.as_bytes());
            if let Some(children) = children {
                element.i32(5, i32::try_from(children).unwrap_or(i32::MAX));
            }
            more(element);
        });
    }

    fn field(&mut self, name: &str, data_type: &DataType, path: &mut Vec<String>, levels: (u8, u8)) {
        let levels = (levels.0 + 1, levels.1);
        path.push(name.to_owned());
        match data_type {
            DataType::Struct(fields) => {
                let known: Vec<&Field> = fields.iter().filter(|field| written(&field.data_type)).collect();
                self.element(name, Some(OPTIONAL), Some(known.len()), |_| {});
                known.iter().for_each(|field| self.field(field.column(), &field.data_type, path, levels));
            }
            DataType::List(item) => {
                self.element(name, Some(OPTIONAL), Some(1), |element| {
                    element.i32(6, 3);
                    element.structure(10, |logical| logical.structure(3, |_| {}));
                });
                self.element("list", Some(REPEATED), Some(1), |_| {});
                path.push("list".to_owned());
                self.field("element", item, path, (levels.0 + 1, levels.1 + 1));
                path.pop();
            }
            _ => self.leaf(name, data_type, path, levels),
        }
        path.pop();
    }

    fn leaf(&mut self, name: &str, data_type: &DataType, path: &[String], levels: (u8, u8)) {
        let physical = physical(data_type);
        self.columns.push(Column {
            physical,
            path: path.to_vec(),
            max_definition: levels.0,
            max_repetition: levels.1,
        });
        self.count += 1;
        structure(&mut self.elements, |element| {
            element.i32(1, physical as i32);
            if physical == Physical::Fixed {
                element.i32(2, 16);
            }
            element.i32(3, OPTIONAL);
            element.binary(4, name.as_bytes());
            annotate(data_type, element);
        });
    }
}

/// Whether a type has columns: not where nothing is known of it.
pub(crate) fn written(data_type: &DataType) -> bool {
    match data_type {
        DataType::Unknown => false,
        DataType::Struct(fields) => fields.iter().any(|field| written(&field.data_type)),
        DataType::List(item) => written(item),
        _ => true,
    }
}

fn physical(data_type: &DataType) -> Physical {
    match data_type {
        DataType::Boolean => Physical::Boolean,
        DataType::Date => Physical::Int32,
        DataType::Int53 | DataType::Int64 | DataType::Timestamp => Physical::Int64,
        DataType::Double => Physical::Double,
        DataType::Decimal(_) => Physical::Fixed,
        _ => Physical::Bytes,
    }
}

/// Writes what the physical type means: the older word for it and the newer.
fn annotate(data_type: &DataType, element: &mut Struct<'_>) {
    match data_type {
        DataType::String | DataType::Json => {
            element.i32(6, 0);
            element.structure(10, |logical| logical.structure(1, |_| {}));
        }
        DataType::Date => {
            element.i32(6, 6);
            element.structure(10, |logical| logical.structure(6, |_| {}));
        }
        DataType::Timestamp => {
            element.i32(6, 10);
            element.structure(10, |logical| {
                logical.structure(8, |timestamp| {
                    timestamp.bool(1, true);
                    timestamp.structure(2, |unit| unit.structure(2, |_| {}));
                });
            });
        }
        DataType::Decimal(scale) => {
            element.i32(6, 5);
            element.i32(7, (*scale).into());
            element.i32(8, 38);
            element.structure(10, |logical| {
                logical.structure(5, |decimal| {
                    decimal.i32(1, (*scale).into());
                    decimal.i32(2, 38);
                });
            });
        }
        _ => {}
    }
}
