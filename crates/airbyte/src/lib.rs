//! Airbyte's declarative manifests, run as they stand: read, checked, and translated into a [`tidegate_core`] pipeline,
//! which the one engine runs.
//!
//! ```text
//!  manifest.yaml -> references, parameters -> components --+
//!  config.json   -> specification          -> Config     --+-> translate -> Pipeline | every reason why not
//! ```
//!
//! What needs Python or is not supported is refused by name, before anything is asked of the API. Pure: no file, no
//! clock, no socket.

mod config;
mod error;
mod file;
mod manifest;
mod native;
mod parameters;
mod refs;
mod report;
mod translate;

pub use config::Config;
pub use error::{AirbyteError, Reason};
pub use file::{ConfigAt, Expanded, FileError, ManifestFile};
pub use manifest::Manifest;
pub use report::{Report, Verdict, judge};
pub use translate::{Translation, translate};
