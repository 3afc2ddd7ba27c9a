//! Files of other tools, and descriptions of APIs, as pipeline files: the writing of the file, and the readers.

pub mod dlt;
mod draft;

pub use draft::{Draft, Table};

use serde::Serialize;

/// Something in the original that cannot be taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Where it stands: `resources[1].processing_steps[0].filter`.
    pub path: String,
    /// Why it cannot be taken over, and what to do.
    pub message: String,
}

/// Something that was left out or means something else here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where it stands in the original.
    pub path: String,
    /// What became of it.
    pub message: String,
}
