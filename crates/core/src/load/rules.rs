//! What is the same for all records of a load under one schema.

use super::collect::{Route, routes};
use crate::parquet::Layout;
use crate::pipeline::{ContractMode, LoadSpec};
use crate::schema::TableSchema;
use crate::time::Times;

/// A schema, and how records become rows of it.
pub(super) struct Rules {
    pub(super) spec: LoadSpec,
    pub(super) schema: TableSchema,
    /// Whether the table does not exist yet, so that it takes whatever comes.
    pub(super) new: bool,
    /// Dotted name of the event time.
    pub(super) event: Option<String>,
    pub(super) times: Times,
    pub(super) lineage: bool,
    /// The physical schema, and the ways to its own columns.
    pub(super) layout: Layout,
    pub(super) routes: Vec<Route>,
}

impl Rules {
    pub(super) fn new(spec: &LoadSpec, schema: TableSchema, lineage: bool) -> Rules {
        let path = |path: &str| path.strip_prefix("$.").unwrap_or(path).to_owned();
        Rules {
            new: schema.version == 0,
            event: spec.event_time.as_ref().map(|rules| path(&rules.path)),
            times: spec.event_time.as_ref().map_or_else(Times::plain, Times::new),
            lineage,
            layout: Layout::new(&schema, lineage),
            routes: routes(&schema.fields),
            spec: spec.clone(),
            schema,
        }
    }

    /// Whether a field that holds nothing is worth a note, because the table may take it up.
    pub(super) fn adds(&self) -> bool {
        self.new || self.spec.contract.columns == ContractMode::Evolve
    }

    /// Whether the contract creates no table, and there is none.
    pub(super) fn tableless(&self) -> bool {
        self.new && self.spec.contract.tables != ContractMode::Evolve
    }
}
