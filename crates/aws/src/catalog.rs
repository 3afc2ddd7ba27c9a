//! A table of the lake as Glue's catalog describes it: columns from the schema ledger, partitions by projection, so
//! that a new partition needs no call and no crawler.

use object_store::ObjectStore as _;
use object_store::path::Path;
use serde_json::{Value, json};
use tidegate_core::pipeline::PartitionBy;
use tidegate_core::schema::{DataType, Field, LINEAGE, TableSchema};
use tidegate_engine::Env;

use crate::call::{Aws, CallError};

/// Grains with the partition column that each adds, the values that it may take besides the years, and their digits.
static LEVELS: [(PartitionBy, &str, &str, &str); 5] = [
    (PartitionBy::Year, "year", "", "4"),
    (PartitionBy::Month, "month", "1,12", "2"),
    (PartitionBy::Day, "day", "1,31", "2"),
    (PartitionBy::Hour, "hour", "0,23", "2"),
    (PartitionBy::Minute, "minute", "0,59", "2"),
];

/// Everything that the catalog says of a table.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    /// Name of the table.
    pub table: &'a str,
    /// Its schema.
    pub schema: &'a TableSchema,
    /// How fine it is partitioned.
    pub by: PartitionBy,
    /// Address of the lake.
    pub lake: &'a str,
    /// First and last year that has data.
    pub years: (i16, i16),
}

/// Glue's `TableInput`.
pub fn table_input(described: &Described<'_>) -> Value {
    let Described { table, schema, by, lake, years } = described;
    let levels = &LEVELS[..LEVELS.partition_point(|(level, ..)| level <= by)];
    let mut parameters = serde_json::Map::new();
    parameters.insert("EXTERNAL".to_owned(), "TRUE".into());
    parameters.insert("classification".to_owned(), "parquet".into());
    parameters.insert("tidegate.schema.version".to_owned(), schema.version.to_string().into());
    parameters.insert("projection.enabled".to_owned(), "true".into());
    let mut location = format!("{lake}/{table}");
    for (_, name, range, digits) in levels {
        // One year ahead, so that a turn of the year needs no call at midnight.
        let range =
            if range.is_empty() { format!("{},{}", years.0, years.1 + 1) } else { (*range).to_owned() };
        parameters.insert(format!("projection.{name}.type"), "integer".into());
        parameters.insert(format!("projection.{name}.range"), range.into());
        parameters.insert(format!("projection.{name}.digits"), (*digits).into());
        location += &format!("/{name}=${{{name}}}");
    }
    parameters.insert("storage.location.template".to_owned(), location.into());
    let keys: Vec<Value> =
        levels.iter().map(|(_, name, ..)| json!({ "Name": name, "Type": "int" })).collect();
    json!({
        "Name": table,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": keys,
        "Parameters": parameters,
        "StorageDescriptor": {
            "Columns": columns(schema),
            "Location": format!("{lake}/{table}/"),
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            },
        },
    })
}

fn columns(schema: &TableSchema) -> Vec<Value> {
    let of_field = |field: &Field| Some((field.column().to_owned(), hive(&field.data_type)?));
    let lineage = LINEAGE.iter().filter_map(|(name, data_type)| Some(((*name).to_owned(), hive(data_type)?)));
    schema
        .fields
        .iter()
        .filter_map(of_field)
        .chain(lineage)
        .map(|(name, hive)| json!({ "Name": name.to_lowercase(), "Type": hive }))
        .collect()
}

/// Hive's name of a type; `None` for what is not written to Parquet or has no name in Hive.
fn hive(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Unknown => return None,
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int53 | DataType::Int64 => "bigint".to_owned(),
        DataType::Decimal(scale) => format!("decimal(38,{scale})"),
        DataType::Double => "double".to_owned(),
        DataType::Date => "date".to_owned(),
        DataType::Timestamp => "timestamp".to_owned(),
        DataType::String | DataType::Json => "string".to_owned(),
        DataType::List(item) => format!("array<{}>", hive(item)?),
        DataType::Struct(fields) => {
            let named = |field: &Field| plain(field.column()).then(|| hive(&field.data_type)).flatten();
            let parts: Vec<String> = fields
                .iter()
                .filter_map(|field| Some(format!("{}:{}", field.column().to_lowercase(), named(field)?)))
                .collect();
            if parts.is_empty() {
                return None;
            }
            format!("struct<{}>", parts.join(","))
        }
    })
}

/// Whether Hive can write the name inside a type: it has no quotes there.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// First and last year that a table has data of; `None` where it has none.
pub async fn years(env: &Env, table: &str) -> object_store::Result<Option<(i16, i16)>> {
    let prefix = Path::parse(table)?;
    let listing = env.lake.list_with_delimiter(Some(&prefix)).await?;
    let year = |place: &Path| place.filename()?.strip_prefix("year=")?.parse::<i16>().ok();
    let years: Vec<i16> = listing.common_prefixes.iter().filter_map(year).collect();
    Ok(years.iter().min().zip(years.iter().max()).map(|(first, last)| (*first, *last)))
}

/// How fine a table is partitioned, by its newest files; `None` where it has none.
pub async fn grain(env: &Env, table: &str) -> object_store::Result<Option<PartitionBy>> {
    let mut place = Path::parse(table)?;
    let mut found = None;
    for (by, ..) in LEVELS {
        let listing = env.lake.list_with_delimiter(Some(&place)).await?;
        let Some(newest) = listing.common_prefixes.into_iter().max() else { break };
        (place, found) = (newest, Some(by));
    }
    Ok(found)
}

/// Creates the table, or brings it to what `described` says; whether anything was written.
pub async fn sync(aws: &Aws, database: &str, described: &Described<'_>) -> Result<bool, CallError> {
    let wanted = table_input(described);
    let get = json!({ "DatabaseName": database, "Name": described.table });
    match aws.json("glue", "AWSGlue.GetTable", &get).await {
        Ok(answer) if same(&answer["Table"], &wanted) => Ok(false),
        Ok(_) => write(aws, "AWSGlue.UpdateTable", database, &wanted).await,
        Err(error) if error.code() == Some("EntityNotFoundException") => {
            match write(aws, "AWSGlue.CreateTable", database, &wanted).await {
                // Another start of this function was first.
                Err(error) if error.code() == Some("AlreadyExistsException") => Ok(false),
                written => written,
            }
        }
        Err(error) => Err(error),
    }
}

async fn write(aws: &Aws, target: &str, database: &str, table: &Value) -> Result<bool, CallError> {
    let body = json!({ "DatabaseName": database, "TableInput": table });
    aws.json("glue", target, &body).await.map(|_| true)
}

/// Whether the catalog's table says what we would write. Glue adds fields of its own, so only ours are compared.
fn same(table: &Value, wanted: &Value) -> bool {
    let columns = |table: &Value| table["StorageDescriptor"]["Columns"].clone();
    let parameters = wanted["Parameters"].as_object();
    columns(table) == columns(wanted)
        && table["PartitionKeys"] == wanted["PartitionKeys"]
        && parameters
            .is_some_and(|wanted| wanted.iter().all(|(name, value)| &table["Parameters"][name] == value))
}

#[cfg(test)]
mod tests;
