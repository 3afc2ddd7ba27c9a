//! `tidegate cadence simulate`: a policy run over a trace of change times.

use std::path::Path;

use clap::Args;
use tidegate_core::cadence::CadenceSpec;
use tidegate_core::cadence::baselines::BASELINES;
use tidegate_core::cadence::simulate::{Options, Policy, simulate};
use tidegate_core::cadence::traces::{STUDY, Trace};
use tidegate_core::pipeline::Span;

use crate::failure::Failure;
use crate::output::Shell;

/// Run a polling policy over a trace of change times and measure it
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// A file with one change time in seconds a line, or the name of a trace of the study
    #[arg(long, value_name = "FILE")]
    trace: String,
    /// What a poll reveals: 0 changed or not, 1 the newest stamp, 2 the stamps of all new records
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    level: u8,
    /// Who polls: tide, fixed:7m, nutch, aimd, miniflux, chogm, mavsync, ttl …
    #[arg(long, value_name = "POLICY", default_value = "tide")]
    policy: String,
    /// What one poll is worth
    #[arg(long, value_name = "NUMBER", default_value_t = 2.0)]
    polls_per_change: f64,
    /// Never poll again sooner than this
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    min: Span,
    /// Seed of the probes and of named traces
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Write the figures as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Simulate {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        let trace = self.read()?;
        let policy = Policy::named(&self.policy, &trace, self.seed, self.polls_per_change);
        let policy = policy.ok_or_else(|| {
            Failure::config(format!(
                "`{}` is no policy; one of tide, fixed:7m, {}",
                self.policy,
                BASELINES.join(", ")
            ))
        })?;
        let spec = CadenceSpec {
            min: Some(self.min),
            polls_per_change: self.polls_per_change,
            ..CadenceSpec::default()
        };
        let options = Options { spec, seed: self.seed, ..Options::default() };
        let metrics = simulate(&trace, policy, self.level, &options);
        match self.json {
            true => shell.json(&metrics),
            false => shell.line(format_args!("{metrics:#?}")),
        }
        Ok(())
    }

    fn read(&self) -> Result<Trace, Failure> {
        if !Path::new(&self.trace).exists()
            && let Some(trace) = Trace::named(&self.trace, self.seed)
        {
            return Ok(trace);
        }
        let names = STUDY.join(", ");
        let text = std::fs::read_to_string(&self.trace).map_err(|error| {
            Failure::config(format!("cannot read {}: {error}; or name one of {names}", self.trace))
        })?;
        Trace::parse(&self.trace, &text).ok_or_else(|| {
            Failure::config(format!("{} is no trace; write one change time in seconds a line", self.trace))
        })
    }
}
