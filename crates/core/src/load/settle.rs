//! The slow path: a record that does not fit the table as it is, judged by the contract.

use super::LoadError;
use super::chunk::Sheet;
use super::column::Fields;
use super::decoder::{Decoder, Stop, VALUE};
use super::misfit::{Cause, Event, Misfit};
use crate::json::{self, Kind, Reader};
use crate::pipeline::ContractMode;
use crate::schema::{DataType, Field, Merged, Rules as Merge, infer_fields, infer_next};

impl Decoder {
    /// Says that the schema gets wider, leaves out the row or its values, or ends the load, as the contract says.
    pub(super) fn settle(&mut self, sheet: &Sheet, record: &str) -> Result<(), Stop> {
        if self.rules.tableless() {
            return self.no_table(sheet, record);
        }
        // A table that is just being created takes whatever comes, as far as types go; only then the contract counts.
        if !self.rules.new {
            self.thaw(sheet)?;
        }
        let evolves = self.notes.misfits.iter().any(|m| self.merge_mode(&m.cause) == ContractMode::Evolve);
        let merged = if evolves { self.merge(sheet, record)? } else { Merged::Same };
        if merged == Merged::Wider {
            return self.widen();
        }
        if self.scan {
            self.undo();
            return Ok(());
        }
        self.thaw(sheet)?;
        self.judge(sheet, record, merged)
    }

    fn widen(&mut self) -> Result<(), Stop> {
        if !self.scan {
            return Err(Stop::Wider);
        }
        self.root = Fields::new(&self.schema.fields, "", self.rules.event.as_deref());
        Ok(())
    }

    /// Ends the load if the contract freezes what the record would change.
    fn thaw(&self, sheet: &Sheet) -> Result<(), Stop> {
        match self.notes.misfits.iter().find(|m| self.mode(&m.cause) == ContractMode::Freeze) {
            Some(frozen) => Err(Stop::Load(self.frozen(sheet, frozen))),
            None => Ok(()),
        }
    }

    fn judge(&mut self, sheet: &Sheet, record: &str, merged: Merged) -> Result<(), Stop> {
        let misfits = std::mem::take(&mut self.notes.misfits);
        self.find_event(record, &misfits);
        for misfit in &misfits {
            let mode = self.mode(&misfit.cause);
            if mode == ContractMode::DiscardValue {
                continue;
            }
            let too_many = merged == Merged::TooMany && misfit.cause == Cause::NewField;
            let cause = match mode {
                ContractMode::Evolve if too_many => Cause::TooMany(self.rules.spec.max_columns),
                _ => misfit.cause.clone(),
            };
            self.discard(sheet, record, &Misfit { cause, ..misfit.clone() });
            return Ok(());
        }
        self.land(sheet, record, misfits)
    }

    /// What the contract says to a misfit.
    fn mode(&self, cause: &Cause) -> ContractMode {
        match cause {
            Cause::NewField => self.rules.spec.contract.columns,
            _ => self.rules.spec.contract.data_type,
        }
    }

    /// Whether the schema may change for a misfit.
    fn merge_mode(&self, cause: &Cause) -> ContractMode {
        if self.rules.new { ContractMode::Evolve } else { self.mode(cause) }
    }

    fn no_table(&mut self, sheet: &Sheet, record: &str) -> Result<(), Stop> {
        if self.rules.spec.contract.tables == ContractMode::Freeze {
            let table = &self.rules.spec.table;
            let message = format!(
                "table {table} does not exist and contract.tables is freeze; create it with contract.tables = \"evolve\""
            );
            return Err(Stop::Load(LoadError::Frozen(message)));
        }
        self.discard(sheet, record, &Misfit::new(Cause::NoTable, String::new(), "null"));
        Ok(())
    }

    fn frozen(&self, sheet: &Sheet, misfit: &Misfit) -> LoadError {
        let part = if misfit.cause == Cause::NewField { "columns" } else { "data_type" };
        let value: String = misfit.value.chars().take(80).collect();
        LoadError::Frozen(format!(
            "table {} is frozen: record {} of batch {} has {} = {value}, but {}; declare the field under columns, or set \
             contract.{part} to evolve, discard_row or discard_value",
            self.rules.spec.table,
            self.row,
            sheet.name,
            misfit.field,
            misfit.reason(),
        ))
    }

    /// Takes the record's fields into the schema as far as the contract lets it.
    fn merge(&mut self, sheet: &Sheet, record: &str) -> Result<Merged, Stop> {
        let (new, spec) = (self.rules.new, &self.rules.spec);
        let room = usize::try_from(spec.max_columns).unwrap_or(usize::MAX);
        let rules = Merge {
            add: new || spec.contract.columns == ContractMode::Evolve,
            widen: new || spec.contract.data_type == ContractMode::Evolve,
            declared: &spec.columns,
            event: self.rules.event.as_deref(),
            room: room.saturating_sub(self.columns),
        };
        let merged = self.schema.merge(&fields(sheet, record)?, &rules);
        if merged == Merged::Wider {
            self.columns = self.schema.columns();
        }
        Ok(merged)
    }

    /// An event time in a field that the table does not have was not seen while reading.
    fn find_event(&mut self, record: &str, misfits: &[Misfit]) {
        let Some(path) = self.rules.event.as_deref().filter(|_| self.notes.event == Event::Missing) else {
            return;
        };
        let parent = |m: &&Misfit| path == m.field || path.starts_with(&format!("{}.", m.field));
        if misfits.iter().any(|m| parent(&m))
            && let Some(value) = json::field(record, path)
        {
            self.notes.event = Event::of(value, &self.notes.times);
        }
    }
}

/// The fields of a record and of the constants of its page, which win.
fn fields(sheet: &Sheet, record: &str) -> Result<Vec<Field>, Stop> {
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
