//! `tidegate aws cost`: what a month would cost, design by design. Works without a network.

mod forecast;
mod rate;

use std::path::PathBuf;

use clap::Args;
use comfy_table::CellAlignment;
use serde_json::json;
use tidegate_core::pipeline::{ByteSize, Pipeline, Span};

use self::forecast::{Design, forecast};
use self::rate::Rate;
use super::architecture::Architecture;
use super::failure::Failure;
use super::prices::{self, Prices};
use super::terminal::{Terminal, table};
use super::{Global, pipeline_file};

/// Forecast what a month costs, design by design, from how often this pipeline polls and its data changes
#[derive(Debug, Args)]
pub(super) struct Cost {
    /// The pipeline file
    #[arg(value_name = "FILE", default_value = "tidegate.toml")]
    file: PathBuf,
    /// Time between two polls of a stream [default: as learned, else as the file says]
    #[arg(long, value_name = "SPAN")]
    every: Option<Span>,
    /// Share of polls that find something new, from 0 to 1 [default: as learned, else 1]
    #[arg(long, value_name = "SHARE")]
    changed: Option<f64>,
    /// Raw bytes of one poll [default: as staged, else 5KB]
    #[arg(long, value_name = "SIZE")]
    bytes: Option<ByteSize>,
    /// Processor of the functions
    #[arg(long, value_enum, default_value_t)]
    architecture: Architecture,
    /// A price that is not the list's, such as `glue-dpu-hour=0.29`
    #[arg(long = "price", value_name = "NAME=USD", value_parser = prices::parse)]
    prices: Vec<(String, f64)>,
    /// Show the prices too
    #[arg(long)]
    show_prices: bool,
    /// Write the forecast as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Cost {
    /// Runs the command.
    pub(super) fn run(&self, _: &Global, terminal: &Terminal) -> Result<(), Failure> {
        if self.changed.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(Failure::config("--changed is a share from 0 to 1"));
        }
        let (_, pipeline) = pipeline_file::read(&self.file)?;
        let rates = self.rates(&pipeline)?;
        let prices = Prices::new(&self.prices);
        let designs = forecast(&rates, secrets(&pipeline), &prices, self.architecture);
        if self.json {
            let all: Vec<_> =
                prices.all().iter().map(|price| json!({ "name": price.name, "usd": price.usd })).collect();
            terminal.json(
                &json!({ "streams": rates, "designs": designs, "prices_of": prices::READ, "prices": all }),
            );
        } else {
            show(&rates, &designs, terminal);
            if self.show_prices {
                show_prices(&prices, terminal);
            }
        }
        Ok(())
    }

    fn rates(&self, pipeline: &Pipeline) -> Result<Vec<Rate>, Failure> {
        let dir = self.file.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut rates = rate::of(pipeline, dir.unwrap_or(std::path::Path::new(".")))?;
        for rate in &mut rates {
            let said = |what: &str| format!("said ({what})");
            if let Some(every) = self.every {
                rate.every_seconds = every.0.as_secs_f64().max(1.0);
                rate.source = said("--every");
            }
            rate.changed = self.changed.unwrap_or(rate.changed);
            rate.bytes = self.bytes.map_or(rate.bytes, |bytes| bytes.0);
        }
        Ok(rates)
    }
}

/// References of the pipeline to secrets that are paid for.
fn secrets(pipeline: &Pipeline) -> usize {
    pipeline.secret_references().iter().filter(|reference| reference.starts_with("aws-secret:")).count()
}

fn show(rates: &[Rate], designs: &[Design], terminal: &Terminal) {
    let mut streams = table(&["stream", "every", "of it new", "raw bytes", "requests", "rate from"]);
    for rate in rates {
        streams.add_row([
            rate.stream.clone(),
            format!("{:.0} s", rate.every_seconds),
            format!("{:.0} %", rate.changed * 100.0),
            rate.bytes.to_string(),
            rate.requests.to_string(),
            rate.source.clone(),
        ]);
    }
    terminal.line(format_args!("{streams}\n"));
    let mut months = table(&["US dollars a month", "polling", "partitioning", "watching", "together"]);
    for column in 1..5 {
        if let Some(column) = months.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for design in designs {
        let numbers = [design.polling, design.partitioning, design.watching, design.together()];
        months.add_row(std::iter::once(design.name.to_owned()).chain(numbers.map(|usd| format!("{usd:.2}"))));
    }
    terminal.line(format_args!("{months}\n"));
    terminal.line(format_args!(
        "list prices of {}; --price replaces one, --show-prices lists them",
        prices::READ
    ));
}

fn show_prices(prices: &Prices, terminal: &Terminal) {
    let mut list = table(&["price", "US dollars", "per"]);
    list.add_rows(
        prices
            .all()
            .iter()
            .map(|price| [price.name.to_owned(), format!("{:.8}", price.usd), price.per.to_owned()]),
    );
    terminal.line(format_args!("\n{list}"));
}
