//! The commands, one file each.

pub(crate) mod case;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod generate;
pub(crate) mod init;
