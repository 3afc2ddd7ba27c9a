//! `tidegate cadence simulate`: a policy run over a trace of change times.

use std::io::ErrorKind;
use std::path::Path;

use clap::Args;
use tidegate_core::cadence::baselines::BASELINES;
use tidegate_core::cadence::held_traces::HELD;
use tidegate_core::cadence::metrics::Metrics;
use tidegate_core::cadence::simulate::{Options, Policy, simulate};
use tidegate_core::cadence::traces::{STUDY, Trace};
use tidegate_core::cadence::{CadenceSpec, span};
use tidegate_core::pipeline::Span;

use crate::failure::Failure;
use crate::output::Shell;

/// Run a polling policy over a trace of change times and measure the last three quarters of it
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// A file with one change time in seconds a line, in any order, or the name of a trace of the study
    #[arg(long, value_name = "FILE")]
    trace: String,
    /// What a poll reveals: 0 changed or not, 1 the newest stamp, 2 the stamps of all new records
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    level: u8,
    /// Who polls: tide, fixed:7m, nutch, aimd, miniflux, chogm, mavsync, ttl, rfc9111, siacho
    #[arg(long, value_name = "POLICY", default_value = "tide")]
    policy: String,
    /// What one poll is worth: polls per change of a source without rhythm
    #[arg(long, value_name = "NUMBER", default_value_t = 2.0, value_parser = above_zero)]
    polls_per_change: f64,
    /// Never poll again sooner than this
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    min: Span,
    /// Never wait longer than this by choice
    #[arg(long, value_name = "SPAN", default_value = "1d")]
    max: Span,
    /// An interval that the answers declare; `ttl` takes the mean gap where there is none
    #[arg(long, value_name = "SPAN")]
    hint: Option<Span>,
    /// Seed of the probes and of named traces
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Write the figures as JSON to stdout
    #[arg(long)]
    json: bool,
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it takes a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("it takes a number above 0".to_owned()) }
}

impl Simulate {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &Shell) -> Result<(), Failure> {
        if self.min > self.max {
            return Err(Failure::config(format!("--min {} is longer than --max {}", self.min, self.max)));
        }
        let hint = self.hint.map(|hint| hint.0.as_secs_f64());
        let trace = self.read()?;
        let trace = Trace { declared: hint.or(trace.declared), ..trace };
        let policy = Policy::named(&self.policy, &trace, self.seed, self.polls_per_change);
        let policy = policy.ok_or_else(|| {
            let known = BASELINES.join(", ");
            Failure::config(format!("`{}` is no policy; one of tide, fixed:7m, {known}", self.policy))
        })?;
        let spec = CadenceSpec {
            min: Some(self.min),
            max: Some(self.max),
            polls_per_change: self.polls_per_change,
            ..CadenceSpec::default()
        };
        let options = Options { spec, hint, seed: self.seed, ..Options::default() };
        let metrics = simulate(&trace, policy, self.level, &options);
        match self.json {
            true => shell.json(&metrics),
            false => self.show(&trace, &metrics, shell),
        }
        Ok(())
    }

    fn read(&self) -> Result<Trace, Failure> {
        if !Path::new(&self.trace).exists()
            && let Some(trace) = Trace::named(&self.trace, self.seed)
        {
            return Ok(trace);
        }
        let text = std::fs::read_to_string(&self.trace).map_err(|error| {
            let file = &self.trace;
            Failure::config(match error.kind() {
                ErrorKind::NotFound => {
                    let names = [&STUDY[..], &HELD].concat().join(", ");
                    format!("there is no file {file}, and it is no trace of the study: {names}")
                }
                ErrorKind::InvalidData => {
                    format!("{file} is no trace: it is no text; write one change time a line, in seconds")
                }
                _ => format!("cannot read {file}: {error}"),
            })
        })?;
        Trace::parse(&self.trace, &text)
            .map_err(|wrong| Failure::config(format!("{} is no trace: {wrong}", self.trace)))
    }

    fn show(&self, trace: &Trace, figures: &Metrics, shell: &Shell) {
        let Metrics { changes, polls, polls_per_change, capture, gain, .. } = figures;
        shell.line(format_args!(
            "{} at level {} with {}: last 75 % of {}, {changes} changes, {polls} polls",
            trace.name,
            self.level,
            self.policy,
            span(trace.length)
        ));
        let converged = figures.convergence_changes.map_or("never".to_owned(), |changes| changes.to_string());
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let rows = [
            ("polls per change", format!("{polls_per_change:.2}")),
            ("captured", percent(*capture)),
            ("found nothing", percent(figures.waste)),
            ("delay, mean", format!("{:.1} s", figures.delay_mean)),
            ("delay, median", format!("{:.1} s", figures.delay_p50)),
            ("delay, 95 %", format!("{:.1} s", figures.delay_p95)),
            ("age, mean", format!("{:.1} s", figures.age_mean)),
            ("gain over a fixed interval", format!("{gain:.2}")),
            ("changes until converged", converged),
        ];
        for (name, figure) in rows {
            shell.line(format_args!("  {name:<27}{figure}"));
        }
    }
}
