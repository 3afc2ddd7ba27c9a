//! `tidegate aws`: the commands that set the system up in an account. `tidegate` finds this program beside itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate_aws::cli::main()
}
