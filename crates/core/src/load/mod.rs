//! The load: batches to data files. Pure: the engine fetches pages and writes what comes out.

mod block;
mod chunk;
mod collect;
mod column;
mod commit;
mod decoder;
mod fill;
mod gather;
mod key;
mod loader;
mod manifest;
mod misfit;
mod pack;
mod pool;
mod presence;
mod rules;
mod settle;
mod table;
#[cfg(test)]
mod tests;

pub use loader::{Loader, Options, Outcome};
pub use manifest::{Claim, DataFile, LoadManifest, Plan, Retyped, Rewrite};
pub use table::File;

/// Why a load cannot go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// A page cannot be taken apart; the whole page goes nowhere until it is mended or replayed with other settings.
    #[error("page {page}: {source}")]
    Page {
        /// Key of the page.
        page: String,
        /// What is wrong with it.
        source: crate::decode::DecodeError,
    },
    /// A contract in `freeze` was broken.
    #[error("{0}")]
    Frozen(String),
    /// The Parquet library refused.
    #[error("cannot write Parquet: {0}")]
    Parquet(String),
}

impl LoadError {
    /// What the reader does next.
    pub fn kind(&self) -> crate::error::Kind {
        match self {
            LoadError::Page { .. } | LoadError::Frozen(_) => crate::error::Kind::Data,
            LoadError::Parquet(_) => crate::error::Kind::Internal,
        }
    }
}
