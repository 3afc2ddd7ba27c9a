//! Sources of every dialect: a model API that speaks and misbehaves as told, and polls of it. Whatever the dialect, the
//! size of the pages, the requests in flight and the faults, the records that arrive are those that are served.

mod airbyte;
#[path = "../api/mod.rs"]
mod api;
mod auth;
mod errors;
mod expressions;
mod formats;
mod incremental;
mod jobs;
mod limits;
mod model;
mod outage;
mod paging;
mod parents;
