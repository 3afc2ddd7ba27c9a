//! The slow path: a record that does not fit the table as it is, judged by the contract.

use super::LoadError;
use super::loader::{Loader, Sheet, Stop, VALUE};
use super::misfit::{Cause, Event, Misfit};
use super::table::Table;
use crate::json::{Kind, Reader};
use crate::pipeline::{ContractMode, LoadSpec};
use crate::schema::{DataType, Field, Merged, Rules, TableSchema, infer_fields, infer_next};

impl Loader {
    /// Widens the schema, leaves out the row or its values, or ends the load, as the contract says.
    pub(super) fn settle(&mut self, sheet: &Sheet<'_>, record: &str) -> Result<(), Stop> {
        if self.schema.version == 0 && self.spec.contract.tables != ContractMode::Evolve {
            return self.no_table(sheet, record);
        }
        if let Some(frozen) = self.notes.misfits.iter().find(|m| self.mode(&m.cause) == ContractMode::Freeze)
        {
            return Err(Stop::Load(self.frozen(sheet, frozen)));
        }
        let evolves = self.notes.misfits.iter().any(|m| self.mode(&m.cause) == ContractMode::Evolve);
        let merged = if evolves { self.merge(sheet, record)? } else { Merged::Same };
        if merged == Merged::Wider {
            self.wider = true;
            self.room = room(&self.spec, &self.schema);
            self.table = Table::new(&self.schema, self.event.as_deref(), self.spec.partition_by);
            return Ok(());
        }
        if self.wider {
            self.table.undo();
            return Ok(());
        }
        let misfits = std::mem::take(&mut self.notes.misfits);
        self.find_event(record, &misfits);
        for misfit in &misfits {
            match self.mode(&misfit.cause) {
                ContractMode::DiscardValue => {}
                _ => {
                    let too_many = merged == Merged::TooMany && misfit.cause == Cause::NewField;
                    let cause =
                        if too_many { Cause::TooMany(self.spec.max_columns) } else { misfit.cause.clone() };
                    let misfit = Misfit { cause, ..misfit.clone() };
                    self.discard(sheet, record, &misfit);
                    return Ok(());
                }
            }
        }
        self.land(sheet, record, misfits)
    }

    /// What the contract says to a misfit. A table that is just being created takes whatever comes.
    fn mode(&self, cause: &Cause) -> ContractMode {
        match cause {
            _ if self.schema.version == 0 => ContractMode::Evolve,
            Cause::NewField => self.spec.contract.columns,
            _ => self.spec.contract.data_type,
        }
    }

    fn no_table(&mut self, sheet: &Sheet<'_>, record: &str) -> Result<(), Stop> {
        if self.spec.contract.tables == ContractMode::Freeze {
            let table = &self.spec.table;
            let message = format!(
                "table {table} does not exist and contract.tables is freeze; create it with contract.tables = \"evolve\""
            );
            return Err(Stop::Load(LoadError::Frozen(message)));
        }
        self.discard(sheet, record, &Misfit::new(Cause::NoTable, String::new(), "null"));
        Ok(())
    }

    fn frozen(&self, sheet: &Sheet<'_>, misfit: &Misfit) -> LoadError {
        let part = if misfit.cause == Cause::NewField { "columns" } else { "data_type" };
        let value: String = misfit.value.chars().take(80).collect();
        LoadError::Frozen(format!(
            "table {} is frozen: record {} of batch {} has {} = {value}, but {}; declare the field under columns, or set \
             contract.{part} to evolve, discard_row or discard_value",
            self.spec.table,
            self.row,
            sheet.name,
            misfit.field,
            misfit.reason(),
        ))
    }

    /// Takes the record's fields into the schema as far as the contract lets it.
    fn merge(&mut self, sheet: &Sheet<'_>, record: &str) -> Result<Merged, Stop> {
        let new = self.schema.version == 0;
        let rules = Rules {
            add: new || self.spec.contract.columns == ContractMode::Evolve,
            widen: new || self.spec.contract.data_type == ContractMode::Evolve,
            declared: &self.spec.columns,
            event: self.event.as_deref(),
            room: self.room,
        };
        Ok(self.schema.merge(&fields(sheet, record)?, &rules))
    }

    /// An event time in a field that the table does not have was not seen while reading.
    fn find_event(&mut self, record: &str, misfits: &[Misfit]) {
        let Some(path) = self.event.as_deref().filter(|_| self.notes.event == Event::Missing) else { return };
        let parent = |m: &&Misfit| path == m.field || path.starts_with(&format!("{}.", m.field));
        if misfits.iter().any(|m| parent(&m))
            && let Some(value) = at_path(record, path)
        {
            self.notes.event = Event::of(value, &self.notes.times);
        }
    }
}

/// How many columns the table may get yet.
pub(super) fn room(spec: &LoadSpec, schema: &TableSchema) -> usize {
    usize::try_from(spec.max_columns).unwrap_or(usize::MAX).saturating_sub(schema.columns())
}

/// The fields of a record and of the constants of its page, which win.
fn fields(sheet: &Sheet<'_>, record: &str) -> Result<Vec<Field>, Stop> {
    let mut reader = Reader::new(record);
    let mut fields = match reader.peek()? {
        Kind::Object => infer_fields(&mut reader)?,
        _ => vec![Field::new(VALUE, infer_next(&mut reader)?)],
    };
    for (name, json) in &sheet.constants {
        let data_type: DataType = infer_next(&mut Reader::new(json))?;
        match fields.iter_mut().find(|field| field.name == *name) {
            Some(field) => field.data_type = data_type,
            None => fields.push(Field::new(name, data_type)),
        }
    }
    Ok(fields)
}

/// The raw value at a dotted path of a record.
fn at_path<'a>(record: &'a str, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(record, |object, name| {
        let mut reader = Reader::new(object);
        reader.begin_object().ok()?;
        let (mut first, mut found) = (true, None);
        while let Some(key) = reader.next_key(first).ok()? {
            first = false;
            let value = reader.skip().ok()?;
            if key.value() == name {
                found = Some(value);
            }
        }
        found
    })
}
