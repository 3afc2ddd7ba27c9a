//! Names of columns. Query engines fold case and take partition columns from the path, so a field's own name is not
//! always free.

use std::collections::HashSet;

use super::{Field, LINEAGE};

/// Names of the partition columns: taken, whatever the grain.
pub(crate) const PARTITION: [&str; 5] = ["year", "month", "day", "hour", "minute"];

/// Names that are taken among the fields of one struct, case folded.
pub(super) struct Names(HashSet<String>);

impl Names {
    /// The names of these fields' columns; `top` if they are the table's own.
    pub(super) fn of(fields: &[Field], top: bool) -> Names {
        let mut taken: HashSet<String> = fields.iter().map(|field| field.column().to_lowercase()).collect();
        if top {
            taken.extend(PARTITION.iter().map(|name| (*name).to_owned()));
            taken.extend(LINEAGE.iter().map(|(name, _)| (*name).to_owned()));
        }
        taken.insert(String::new());
        Names(taken)
    }

    /// Takes a name for a field; `Some` where it is not the field's own.
    pub(super) fn column(&mut self, name: &str) -> Option<String> {
        if self.0.insert(name.to_lowercase()) {
            return None;
        }
        (2u32..).map(|n| format!("{name}_{n}")).find(|column| self.0.insert(column.to_lowercase()))
    }
}
