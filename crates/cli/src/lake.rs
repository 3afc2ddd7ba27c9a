//! A lake read back: which files it holds, their rows as JSON without losing a digit, their columns' types.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::data_type::Decimal;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Value};
use tidegate_core::jiff::civil::date;
use tidegate_core::jiff::{SignedDuration, Timestamp, ToSpan};

/// A data file of a lake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LakeFile {
    /// Its key.
    pub(crate) key: String,
    /// Its length in bytes.
    pub(crate) bytes: u64,
}

impl LakeFile {
    /// The table it belongs to.
    pub(crate) fn table(&self) -> &str {
        self.key.split('/').next().unwrap_or(&self.key)
    }

    /// Its partition, as in the key: `year=2026/month=11`.
    pub(crate) fn partition(&self) -> &str {
        let inner = self.key.split_once('/').map_or("", |(_, rest)| rest);
        inner.rsplit_once('/').map_or("", |(partition, _)| partition)
    }
}

/// The keys of all objects below a prefix, in order.
pub(crate) async fn keys(store: &dyn ObjectStore, prefix: &str) -> object_store::Result<Vec<String>> {
    let prefix = Path::parse(prefix)?;
    let mut keys: Vec<String> =
        store.list(Some(&prefix)).map_ok(|object| object.location.to_string()).try_collect().await?;
    keys.sort();
    Ok(keys)
}

/// All data files of a lake, sorted by key.
pub(crate) async fn files(lake: &dyn ObjectStore) -> object_store::Result<Vec<LakeFile>> {
    let mut files: Vec<LakeFile> = lake
        .list(None)
        .map_ok(|object| LakeFile { key: object.location.to_string(), bytes: object.size })
        .try_filter(|file| std::future::ready(file.key.ends_with(".parquet")))
        .try_collect()
        .await?;
    files.sort();
    Ok(files)
}

/// The bytes of an object.
pub(crate) async fn read(store: &dyn ObjectStore, key: &str) -> object_store::Result<Bytes> {
    store.get(&object_store::path::Path::parse(key)?).await?.bytes().await
}

/// The rows of a Parquet file as JSON objects, columns in the file's order, fields that are null left out. Decimals are
/// text (no reader rounds them), points in time ISO 8601 in UTC with microseconds.
pub(crate) fn rows(parquet: Bytes) -> Result<Vec<Map<String, Value>>, ParquetError> {
    let reader = SerializedFileReader::new(parquet)?;
    reader.get_row_iter(None)?.map(|row| Ok(object(&row?))).collect()
}

/// The columns of a Parquet file and their types as Hive, Glue and Spark write them (`struct<a:bigint>`).
pub(crate) fn columns(parquet: Bytes) -> Result<Vec<(String, String)>, ParquetError> {
    let reader = SerializedFileReader::new(parquet)?;
    let schema = reader.metadata().file_metadata().schema();
    Ok(schema.get_fields().iter().map(|field| (field.name().to_owned(), hive_type(field))).collect())
}

fn object(row: &Row) -> Map<String, Value> {
    row.get_column_iter()
        .filter(|(_, field)| !matches!(field, Field::Null))
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => (*flag).into(),
        Field::Int(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::Double(number) if number.is_finite() => (*number).into(),
        Field::Decimal(number) => decimal(number).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Date(days) => (date(1970, 1, 1) + days.days()).to_string().into(),
        Field::TimestampMicros(micros) => timestamp(*micros).into(),
        Field::Group(row) => object(row).into(),
        Field::ListInternal(list) => list.elements().iter().map(value).collect::<Vec<_>>().into(),
        // What tidegate never writes is still shown.
        other => other.to_string().into(),
    }
}

fn timestamp(micros: i64) -> String {
    let at = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_micros(micros));
    at.map_or_else(|_| format!("{micros} µs"), |at| format!("{at:.6}"))
}

/// All digits, without the zeros at the end of the fraction.
fn decimal(number: &Decimal) -> String {
    let bytes = number.data();
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1i128 } else { 0 };
    let unscaled = bytes.iter().fold(sign, |sum, byte| (sum << 8) | i128::from(*byte));
    let scale = usize::try_from(number.scale()).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let minus = if unscaled < 0 { "-" } else { "" };
    match fraction.trim_end_matches('0') {
        "" => format!("{minus}{whole}"),
        fraction => format!("{minus}{whole}.{fraction}"),
    }
}

fn hive_type(field: &Type) -> String {
    if !field.is_primitive() {
        return match field.get_basic_info().converted_type() {
            ConvertedType::LIST => {
                format!("array<{}>", list_element(field).map_or_else(String::new, hive_type))
            }
            _ => format!("struct<{}>", struct_fields(field).join(",")),
        };
    }
    let (precision, scale) = (field.get_precision(), field.get_scale());
    match (field.get_basic_info().logical_type_ref(), field.get_physical_type()) {
        (Some(LogicalType::Decimal { .. }), _) => format!("decimal({precision},{scale})"),
        (Some(LogicalType::Date), _) => "date".to_owned(),
        (Some(LogicalType::Timestamp { .. }), _) => "timestamp".to_owned(),
        (_, Physical::BOOLEAN) => "boolean".to_owned(),
        (_, Physical::INT32) => "int".to_owned(),
        (_, Physical::INT64) => "bigint".to_owned(),
        (_, Physical::FLOAT) => "float".to_owned(),
        (_, Physical::DOUBLE) => "double".to_owned(),
        (_, Physical::BYTE_ARRAY) => "string".to_owned(),
        (_, other) => other.to_string().to_lowercase(),
    }
}

fn struct_fields(group: &Type) -> Vec<String> {
    group.get_fields().iter().map(|field| format!("{}:{}", field.name(), hive_type(field))).collect()
}

/// The element of a list in the three levels that the format asks for.
fn list_element(list: &Type) -> Option<&Type> {
    list.get_fields().first()?.get_fields().first().map(|element| element.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let shown = |unscaled: i128, scale| {
            decimal(&Decimal::from_bytes(unscaled.to_be_bytes().to_vec().into(), 38, scale))
        };
        assert_eq!(shown(18_446_744_073_709_551_616, 0), "18446744073709551616");
        assert_eq!(shown(100_000_000_000_000_000, 18), "0.1");
        assert_eq!(shown(-1, 18), "-0.000000000000000001");
        assert_eq!(shown(-943_250_100, 4), "-94325.01");
        assert_eq!(shown(0, 18), "0");
    }

    #[test]
    fn times_are_shown_to_the_microsecond() {
        assert_eq!(timestamp(1_795_176_000_000_001), "2026-11-20T12:00:00.000001Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_key_tells_table_and_partition() {
        let file = LakeFile { key: "weather/year=2026/month=11/weather-1-0.parquet".into(), bytes: 0 };
        assert_eq!((file.table(), file.partition()), ("weather", "year=2026/month=11"));
    }
}
