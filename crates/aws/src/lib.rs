//! tidegate on AWS. The functions are shells around the same engine as on a laptop: they read their environment, call
//! a verb, and answer in AWS's form.
//!
//! ```text
//!  schedule, each minute -> poller  -> staging bucket -> queue -> starter -> lake, catalog     (poller.rs, starter.rs)
//!                                                                  \-> Glue job -> lake        (plan.rs)
//!  stack deleted         -> emptier                                                            (emptier.rs)
//! ```

pub mod call;
pub mod catalog;
pub mod emptier;
pub mod metrics;
pub mod secrets;
pub mod settings;
