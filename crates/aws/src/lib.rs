//! tidegate on AWS. The functions are shells around the same engine as on a laptop: they read their environment, call
//! a verb, and answer in AWS's form.
//!
//! ```text
//!  schedule, each minute -> poller  -> staging bucket -> queue -> starter -> lake, catalog     (poller.rs, starter.rs)
//!                                                                  \-> Glue job -> lake        (plan.rs)
//!  stack deleted         -> emptier                                                            (emptier.rs)
//!  `tidegate aws …`      -> CloudFormation, S3, SQS, logs                                      (cli/)
//! ```

pub mod call;
pub mod catalog;
pub mod cli;
pub mod emptier;
pub mod job;
pub mod metrics;
pub mod plan;
pub mod poller;
pub mod secrets;
pub mod settings;
pub mod shell;
pub mod starter;

/// The whole system as one CloudFormation template.
pub const TEMPLATE: &str = include_str!("../../../infra/cloudformation.yaml");

/// The Glue job's script.
pub const GLUE_JOB: &str = include_str!("../../../glue/glue_job.py");
