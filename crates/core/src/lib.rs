//! The pure heart of tidegate: everything that can be said about taking an HTTP API's data into a
//! partitioned lake without a clock, a socket, a file, the environment or an async runtime.
//!
//! ```text
//!  tidegate.toml                                     cadence   (advice: when to look again)
//!       |                                             ^   |
//!       v                                  observed   |   v  due
//!    request -> fetch -> change -> stage -------------+  tick
//!       ^ paginate |        \ unchanged: nothing staged, the visit is still an observation
//!       +----------+               |
//!                                  v   staging: pages as they came, then <seq>.batch.json (created once = the commit of the poll)
//!    ================ object-created ================
//!                                  |
//!         event -> decode -> schema -> partition -> commit -> catalog
//!                     \ misfits: quarantine/            |
//!                                                       v   lake/<table>/year=2026/month=11/day=23/hour=03/minute=15/<stream>-<seq>-0.parquet
//! ```
//!
//! Data goes down only. The modules stand in the order of the picture.

pub use jiff;

pub mod error;
pub mod expr;
pub mod import;
pub mod job;
pub mod pipeline;

pub mod cadence;
pub mod change;
pub mod cursor;
pub mod pace;
pub mod paginate;
pub mod request;
pub mod retry;
pub mod schedule;

pub mod batch;
pub mod event;
pub mod keys;

pub mod decode;
pub mod json;
pub mod load;
pub mod parquet;
pub mod partition;
pub mod schema;
pub mod time;
pub mod transform;
