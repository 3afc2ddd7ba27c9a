//! The schema of a table: one ledger of versions, each created once, that only ever widens.

mod arrow;
mod exact;
mod infer;
mod merge;
mod names;
#[cfg(test)]
mod tests;
mod widen;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use exact::{INT53, decimal, double};
pub use infer::infer;
pub(crate) use infer::{infer_fields, infer_next};
pub(crate) use merge::{Merged, Rules, dotted};
pub(crate) use names::PARTITION;
pub use widen::{Widened, widen};

/// One version of a table's schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Version, from 1; 0 is the table that does not exist yet.
    pub version: u32,
    /// Columns, in order of first appearance.
    pub fields: Vec<Field>,
}

/// One field of a record and the column it lands in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name in the record.
    pub name: String,
    /// Name of the column, where it differs: two names that are equal when case is folded, or a name that belongs
    /// to a partition or lineage column, get a suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Type of its values. All columns are nullable.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Whether the pipeline file declares the type; a declared type never widens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
}

impl Field {
    /// A field whose column has its name.
    pub fn new(name: &str, data_type: DataType) -> Field {
        Field { name: name.to_owned(), column: None, data_type, declared: false }
    }

    /// Name of the column.
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or(&self.name)
    }
}

/// The type of a value. Each has one physical Parquet type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// Only nulls, empty lists or empty objects so far: known to exist, not written to Parquet yet.
    Unknown,
    /// BOOLEAN.
    Boolean,
    /// INT64 whose values so far lie within ±2^53, so that they may still become doubles without losing a digit.
    Int53,
    /// INT64 of any size.
    Int64,
    /// DECIMAL(38, scale): scale 0 for integers beyond 64 bits, 18 for fractions that a double does not hold exactly.
    Decimal(u8),
    /// DOUBLE.
    Double,
    /// DATE.
    Date,
    /// TIMESTAMP in microseconds, UTC.
    Timestamp,
    /// UTF-8 text.
    String,
    /// UTF-8 text that is the JSON of whatever came; only where the file declares it.
    Json,
    /// A nested record.
    Struct(Vec<Field>),
    /// A list.
    List(Box<DataType>),
}

/// A type that the pipeline file may declare for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeclaredType {
    /// true or false.
    Boolean,
    /// A 64-bit integer.
    Int64,
    /// A 64-bit float.
    Double,
    /// DECIMAL(38, 18).
    Decimal,
    /// Text; numbers and booleans keep their spelling.
    String,
    /// A calendar date.
    Date,
    /// A point in time, from ISO 8601, RFC 2822 or an epoch number.
    Timestamp,
    /// Anything, kept as its JSON text.
    Json,
}

impl DeclaredType {
    /// The type of the column.
    pub fn data_type(self) -> DataType {
        match self {
            DeclaredType::Boolean => DataType::Boolean,
            DeclaredType::Int64 => DataType::Int64,
            DeclaredType::Double => DataType::Double,
            DeclaredType::Decimal => DataType::Decimal(18),
            DeclaredType::String => DataType::String,
            DeclaredType::Date => DataType::Date,
            DeclaredType::Timestamp => DataType::Timestamp,
            DeclaredType::Json => DataType::Json,
        }
    }
}

/// Lineage columns, at the end of every table: `<stream>/<seq>` of the batch, the record's ordinal in the batch
/// (from 0, over all pages), and when the poll began.
pub const LINEAGE: [(&str, DataType); 3] = [
    ("_tidegate_batch", DataType::String),
    ("_tidegate_row", DataType::Int64),
    ("_tidegate_polled_at", DataType::Timestamp),
];
