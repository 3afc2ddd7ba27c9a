//! `tidegate aws`: sets the system up in an account, looks after it and takes it down. One file a command.
//!
//! ```text
//!  package -> deploy -> status, logs -> redrive -> destroy        cost: before any of them
//! ```

mod architecture;
mod bucket;
mod change_set;
mod code;
mod cost;
mod deploy;
mod destroy;
mod failure;
mod login;
mod logs;
mod package;
mod parameters;
mod pipeline_file;
mod prices;
mod profile;
mod redrive;
mod reference;
mod stack;
mod status;
mod terminal;
mod watch;

use std::process::ExitCode;

use clap::{Args as ClapArgs, Parser, Subcommand};

use failure::Failure;
use terminal::Terminal;

/// The whole system in your AWS account, as one CloudFormation stack.
#[derive(Debug, Parser)]
#[command(name = "tidegate aws", bin_name = "tidegate aws", version, arg_required_else_help = true)]
#[command(
    after_help = "Credentials, region and endpoint are taken as every AWS tool takes them: AWS_PROFILE, AWS_REGION, \
AWS_ENDPOINT_URL, ~/.aws. Exit codes: 0 success, 2 config, 3 source, 4 data, 5 transient, 70 internal (a bug)."
)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, ClapArgs)]
struct Global {
    /// Name of the stack
    #[arg(long, global = true, value_name = "NAME", default_value = "tidegate")]
    stack: String,
    /// Profile of ~/.aws to use [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Region [default: AWS_REGION, then the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Package(package::Package),
    Template(Template),
    Deploy(Box<deploy::Deploy>),
    Status(status::Status),
    Logs(logs::Logs),
    Redrive(redrive::Redrive),
    Destroy(destroy::Destroy),
    Cost(cost::Cost),
    Reference(reference::Reference),
}

/// Print the CloudFormation template
#[derive(Debug, ClapArgs)]
struct Template;

/// Runs the program on its arguments.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let terminal = Terminal::new(args.global.quiet);
    match run(&args, &terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.fail(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    let global = &args.global;
    match &args.command {
        Command::Package(package) => package.run(terminal),
        Command::Template(Template) => {
            terminal.text(crate::TEMPLATE);
            Ok(())
        }
        Command::Cost(cost) => cost.run(global, terminal),
        Command::Reference(reference) => reference.run(terminal),
        Command::Deploy(deploy) => block_on(deploy.run(global, terminal)),
        Command::Status(status) => block_on(status.run(global, terminal)),
        Command::Logs(logs) => block_on(logs.run(global, terminal)),
        Command::Redrive(redrive) => block_on(redrive.run(global, terminal)),
        Command::Destroy(destroy) => block_on(destroy.run(global, terminal)),
    }
}

/// Runs a future to its end; one thread is enough to wait for AWS.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::internal(format!("cannot start the runtime: {error}")))?.block_on(future)
}
