//! The commands, one file each.

pub(crate) mod aws;
pub(crate) mod cadence;
mod cadence_simulate;
pub(crate) mod case;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod forecast;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod load;
mod outcome;
pub(crate) mod partition;
pub(crate) mod preview;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod test;
