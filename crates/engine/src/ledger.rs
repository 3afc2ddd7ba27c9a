//! The schema ledger of a table: numbered versions, each created once.

use object_store::ObjectMeta;
use tidegate_core::keys;
use tidegate_core::schema::{DataType, Field, TableSchema};

use crate::documents::{self, Creation};
use crate::{Env, Error, objects};

/// The latest version; version 0 without fields where the table does not exist yet.
pub async fn current(env: &Env, table: &str) -> Result<TableSchema, Error> {
    match latest_version(env, table).await? {
        0 => Ok(TableSchema::default()),
        version => at(env, table, version).await,
    }
}

/// The number of the latest version; 0 where the table does not exist yet.
pub(crate) async fn latest_version(env: &Env, table: &str) -> Result<u32, Error> {
    let found = objects::list(env, env.lake.as_ref(), &keys::schemas(table)).await?;
    let version = |meta: &ObjectMeta| keys::parse_schema(meta.location.as_ref()).map(|(_, version)| version);
    Ok(found.iter().filter_map(version).max().unwrap_or(0))
}

/// One version.
pub(crate) async fn at(env: &Env, table: &str, version: u32) -> Result<TableSchema, Error> {
    documents::expect(env, env.lake.as_ref(), &keys::schema(table, version)).await
}

/// Adds a version, unless another load has added one of that number. Returns the latest version then.
pub(crate) async fn advance(env: &Env, table: &str, next: TableSchema) -> Result<TableSchema, Error> {
    let key = keys::schema(table, next.version);
    match documents::create_once(env, env.lake.as_ref(), &key, &next).await? {
        Creation::Created => {
            tracing::info!(table, version = next.version, "the table's schema has a new version");
            Ok(next)
        }
        Creation::Exists(_) => current(env, table).await,
    }
}

/// Whether files written under two versions have the same physical schema, so that none must be rewritten.
pub(crate) fn same_files(a: &TableSchema, b: &TableSchema) -> bool {
    physical(&a.fields) == physical(&b.fields)
}

/// Columns as Parquet knows them: by column name and physical type, unknown ones not at all.
fn physical(fields: &[Field]) -> Vec<Field> {
    let written = |field: &Field| {
        let data_type = physical_type(&field.data_type)?;
        Some(Field { name: field.column().to_owned(), column: None, data_type, declared: false })
    };
    fields.iter().filter_map(written).collect()
}

fn physical_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Unknown => return None,
        DataType::Int53 => DataType::Int64,
        DataType::Json => DataType::String,
        DataType::Struct(fields) => match physical(fields) {
            known if known.is_empty() => return None,
            known => DataType::Struct(known),
        },
        DataType::List(item) => DataType::List(Box::new(physical_type(item)?)),
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(types: &[DataType]) -> TableSchema {
        let field = |(i, data_type): (usize, &DataType)| Field {
            name: format!("f{i}"),
            column: None,
            data_type: data_type.clone(),
            declared: false,
        };
        TableSchema { version: 1, fields: types.iter().enumerate().map(field).collect() }
    }

    #[test]
    fn only_what_parquet_sees_asks_for_a_rewrite() {
        use DataType::{Double, Int53, Int64, List, Unknown};
        for (a, b, same) in [
            (vec![Int53], vec![Int64], true),
            (vec![Int53], vec![Double], false),
            (vec![Int53], vec![Int53, Unknown], true),
            (vec![Int53], vec![Int53, List(Box::new(Unknown))], true),
            (vec![Int53], vec![Int53, List(Box::new(Int53))], false),
        ] {
            assert_eq!(same_files(&schema(&a), &schema(&b)), same, "{a:?} {b:?}");
        }
    }
}
