//! The arguments that every command takes, and the commands.

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::commands::{
    aws, cadence, check, demo, forecast, generate, import, init, load, partition, preview, record, replay,
    run, status, test,
};
use crate::failure::Failure;
use crate::output::Shell;

/// Takes the data of any HTTP API into a partitioned, queryable data lake, at the cadence at which the data changes.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 success, 2 config, 3 source, 4 data, 5 transient, 70 internal (a bug)."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How the log is written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) log: LogForm,
}

/// The form of the log on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl Global {
    /// The terminal as these options want it.
    pub(crate) fn shell(&self) -> Shell {
        Shell::new(self.quiet, self.log)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Import(import::Import),
    Check(check::Check),
    Preview(preview::Preview),
    Record(record::Record),
    Test(test::Test),
    Run(run::Run),
    Load(load::Load),
    Replay(replay::Replay),
    Partition(partition::Partition),
    Status(status::Status),
    Cadence(cadence::Cadence),
    Forecast(forecast::Forecast),
    Demo(demo::Demo),
    Aws(aws::Aws),
    Generate(generate::Generate),
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        match self {
            Command::Init(init) => init.run(shell),
            Command::Import(import) => import.run(shell),
            Command::Check(check) => check.run(shell),
            Command::Preview(preview) => preview.run(shell),
            Command::Record(record) => record.run(shell),
            Command::Test(test) => test.run(shell),
            Command::Run(run) => run.run(shell),
            Command::Load(load) => load.run(shell),
            Command::Replay(replay) => replay.run(shell),
            Command::Partition(partition) => partition.run(shell),
            Command::Status(status) => status.run(shell),
            Command::Cadence(cadence) => cadence.run(shell),
            Command::Forecast(forecast) => forecast.run(shell),
            Command::Demo(demo) => demo.run(shell),
            Command::Aws(aws) => aws.run(),
            Command::Generate(generate) => generate.run(shell),
        }
    }
}
