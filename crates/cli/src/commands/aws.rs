//! `tidegate aws`: handed on to the program `tidegate-aws`, so that a build for one machine holds nothing of AWS.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::failure::Failure;

/// Deploy and look after the whole system on AWS; runs the program `tidegate-aws`
#[derive(Debug, Args)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Aws {
    /// Its arguments; `tidegate aws --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

impl Aws {
    /// Runs the program with these arguments and ends as it ends.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let program = beside().unwrap_or_else(|| PathBuf::from("tidegate-aws"));
        let status = Command::new(&program).args(&self.arguments).status();
        match status {
            // A program that a signal ended has no code.
            Ok(status) if !status.success() => std::process::exit(status.code().unwrap_or(130)),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::config(
                "`tidegate aws` needs the program tidegate-aws, which is neither beside tidegate nor on the PATH; \
                 install it (`cargo install --path crates/aws` in a checkout)",
            )),
            Err(error) => Err(Failure::config(format!("cannot start {}: {error}", program.display()))),
        }
    }
}

/// The program beside this one, if it is there.
fn beside() -> Option<PathBuf> {
    let name = format!("tidegate-aws{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}
