//! `tidegate`: the command line. A thin shell: it reads arguments, files and the environment, calls the engine's
//! verbs, and shows what came of it. One file a command in `commands/`.

mod allocator;
mod args;
mod commands;
mod diagnostics;
mod failure;
mod lake;
mod logging;
mod manifest_file;
mod output;
mod pipeline_file;
mod reference;
mod runtime;
mod secrets;
mod signals;
mod target;
mod words;
mod world;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    allocator::share_arenas();
    failure::report_panics();
    let args = args::Args::parse();
    let shell = args.global.shell();
    logging::start(&args.global);
    match args.command.run(&shell) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.show(&shell);
            ExitCode::from(failure.exit_code())
        }
    }
}
