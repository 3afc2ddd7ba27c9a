//! What a run took in and wrote: the document that ends it, and what it means for the runs after it.

use std::collections::HashMap;
use std::path::Path;

use arrow_schema::{DataType as Arrow, Fields};
use serde::{Deserialize, Serialize};
use tidegate_core::load::DataFile;
use tidegate_core::pipeline::{EventTime, LoadSpec, PartitionBy};
use tidegate_core::schema::TableSchema;

use super::Job;
use super::inputs::Input;
use super::work::Done;
use crate::Error;

/// The document of one ended run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of this document's form.
    pub(super) version: u32,
    pub(super) run: String,
    pub(super) inputs: Vec<Source>,
    pub(super) event_time: Option<EventTime>,
    pub(super) partition_by: PartitionBy,
    pub(super) schema: TableSchema,
    /// Keys are paths below the directory.
    pub(super) files: Vec<DataFile>,
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) passes: u32,
}

/// An input as it was.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) stamp: String,
}

impl From<Input> for Source {
    fn from(Input { name, bytes, stamp, path: _ }: Input) -> Source {
        Source { name, bytes, stamp }
    }
}

impl Manifest {
    const VERSION: u32 = 1;

    pub(super) fn new(run: &str, inputs: Vec<Input>, job: &Job, done: Done) -> Manifest {
        Manifest {
            version: Manifest::VERSION,
            run: run.to_owned(),
            inputs: inputs.into_iter().map(Source::from).collect(),
            event_time: job.spec.event_time.clone(),
            partition_by: job.spec.partition_by,
            schema: done.schema,
            files: done.files,
            rows: done.rows,
            rejected: done.rejected,
            passes: done.passes,
        }
    }
}

/// One directory has one layout.
pub(super) fn check_layout(before: &[Manifest], spec: &LoadSpec, out: &Path) -> Result<(), Error> {
    let word = |by: PartitionBy| format!("{by:?}").to_lowercase();
    let Some(other) = before.iter().find(|one| one.partition_by != spec.partition_by) else { return Ok(()) };
    let (theirs, ours) = (word(other.partition_by), word(spec.partition_by));
    Err(Error::Config(format!(
        "{} is partitioned by {theirs}, not by {ours}; add --by {theirs}, or name another --out",
        out.display()
    )))
}

/// The inputs that no run has taken in yet.
pub(super) fn fresh(before: &[Manifest], inputs: Vec<Input>, out: &Path) -> Result<Vec<Input>, Error> {
    let known: HashMap<(&str, &str), &Source> = before
        .iter()
        .flat_map(|manifest| &manifest.inputs)
        .map(|source| ((source.name.as_str(), told_apart(&source.name, &source.stamp)), source))
        .collect();
    let mut fresh = Vec::with_capacity(inputs.len());
    for input in inputs {
        match known.get(&(input.name.as_str(), told_apart(&input.name, &input.stamp))) {
            None => fresh.push(input),
            Some(same) if (same.bytes, &same.stamp) == (input.bytes, &input.stamp) => {}
            Some(_) => {
                return Err(Error::Config(format!(
                    "{} has changed since its rows went into {}; partition it into another --out, so that no row is \
                     there twice",
                    input.name,
                    out.display()
                )));
            }
        }
    }
    Ok(fresh)
}

/// Standard input has no name, so that its content tells it apart.
fn told_apart<'a>(name: &str, stamp: &'a str) -> &'a str {
    if name == "-" { stamp } else { "" }
}

/// A column that files of earlier runs have keeps its type.
pub(super) fn check_types(
    before: Option<&TableSchema>,
    after: &TableSchema,
    out: &Path,
) -> Result<(), Error> {
    let Some(before) = before else { return Ok(()) };
    match changed("", before.arrow().fields(), after.arrow().fields()) {
        None => Ok(()),
        Some((column, old, new)) => Err(Error::Config(format!(
            "column {column} would become {new}, but the files in {} have {old}; partition old and new files together \
             into another --out, or declare the type: --column {column}=…",
            out.display()
        ))),
    }
}

fn changed(parent: &str, old: &Fields, new: &Fields) -> Option<(String, Arrow, Arrow)> {
    old.iter().find_map(|field| {
        let name = format!("{parent}{}", field.name());
        let (_, same) = new.find(field.name())?;
        differs(&name, field.data_type(), same.data_type())
    })
}

fn differs(name: &str, old: &Arrow, new: &Arrow) -> Option<(String, Arrow, Arrow)> {
    match (old, new) {
        (Arrow::Struct(old), Arrow::Struct(new)) => changed(&format!("{name}."), old, new),
        (Arrow::List(old), Arrow::List(new)) => differs(name, old.data_type(), new.data_type()),
        (old, new) => (old != new).then(|| (name.to_owned(), old.clone(), new.clone())),
    }
}
