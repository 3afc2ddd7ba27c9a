//! A table's schema as Arrow, and through it as Parquet, sees it.

use std::sync::Arc;

use arrow_schema::{DataType as Arrow, Field as ArrowField, Fields, Schema, TimeUnit};

use super::{DataType, Field, LINEAGE, TableSchema};

impl TableSchema {
    /// The physical schema of the files of this version: fields of unknown type left out, lineage columns last. All
    /// files of a version have it, whatever their rows hold.
    pub fn arrow(&self) -> Schema {
        let lineage = LINEAGE.iter().filter_map(|(name, data_type)| Some(column(name, data_type.arrow()?)));
        Schema::new(self.fields.iter().filter_map(Field::arrow).chain(lineage).collect::<Vec<_>>())
    }
}

fn column(name: &str, data_type: Arrow) -> ArrowField {
    ArrowField::new(name, data_type, true)
}

impl Field {
    /// The Arrow field; `None` while nothing but nulls is known of it.
    pub fn arrow(&self) -> Option<ArrowField> {
        Some(column(self.column(), self.data_type.arrow()?))
    }
}

impl DataType {
    /// The Arrow type; `None` while nothing but nulls is known.
    pub fn arrow(&self) -> Option<Arrow> {
        Some(match self {
            DataType::Unknown => return None,
            DataType::Boolean => Arrow::Boolean,
            DataType::Int53 | DataType::Int64 => Arrow::Int64,
            DataType::Decimal(scale) => Arrow::Decimal128(38, i8::try_from(*scale).unwrap_or(0)),
            DataType::Double => Arrow::Float64,
            DataType::Date => Arrow::Date32,
            DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::String | DataType::Json => Arrow::Utf8,
            DataType::Struct(fields) => {
                let known: Fields = fields.iter().filter_map(Field::arrow).collect();
                return (!known.is_empty()).then_some(Arrow::Struct(known));
            }
            DataType::List(item) => Arrow::List(Arc::new(column("element", item.arrow()?))),
        })
    }
}
