//! Rates times prices.

use serde::Serialize;

use super::super::architecture::Architecture;
use super::super::prices::Prices;
use super::rate::Rate;

/// Seconds of a month.
const MONTH: f64 = 730.0 * 3600.0;
/// Memory of the poller, in GB, as the template has it.
const POLLER_GB: f64 = 0.25;
/// Memory of the starter.
const STARTER_GB: f64 = 0.5;
/// What a tick takes that finds nothing due.
const IDLE_SECONDS: f64 = 0.1;
/// A poll that is due within the minute is waited for: half a minute in the mean.
const WAIT_SECONDS: f64 = 30.0;
/// What the requests of a poll take each.
const REQUEST_SECONDS: f64 = 0.5;
/// What a load takes, and how many raw bytes it reads in a second.
const LOAD_SECONDS: f64 = 0.5;
const LOAD_BYTES_A_SECOND: f64 = 20e6;
/// Calls of S3: (PUT and LIST, GET), as a first poll and a first load make them. `tests/aws/test_runtime.py` counts them.
const TICK_CALLS: (f64, f64) = (0.0, 2.0);
const POLL_CALLS: (f64, f64) = (4.0, 0.0);
const LOAD_CALLS: (f64, f64) = (8.0, 7.0);
/// Long polls of a mapping in a month: five at a time, of 20 seconds each.
const QUEUE_POLLS: f64 = 5.0 * MONTH / 20.0;
/// Workers of a run.
const WORKERS: f64 = 2.0;
/// Minutes that a run of the job is billed: small work takes the least there is.
const RUN_MINUTES: f64 = 1.0;
const DAILY_RUN_MINUTES: f64 = 2.0;
/// Alarms and metrics of the template.
const ALARMS: f64 = 5.0;
const METRICS: f64 = 8.0;
/// Bytes that an invocation logs.
const LOG_BYTES: f64 = 600.0;
/// What Firehose counts a record as, at least.
const FIREHOSE_STEP: f64 = 5120.0;

/// A way to have it done, and its month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Design {
    /// What it is.
    pub(super) name: &'static str,
    /// Asking the API and keeping the answers.
    pub(super) polling: f64,
    /// From the answers to the lake.
    pub(super) partitioning: f64,
    /// Alarms, metrics and logs.
    pub(super) watching: f64,
}

impl Design {
    /// All of it.
    pub(super) fn together(&self) -> f64 {
        self.polling + self.partitioning + self.watching
    }
}

/// What a month brings.
struct Month {
    polls: f64,
    requests: f64,
    batches: f64,
    /// Raw bytes staged.
    bytes: f64,
    /// The same as Firehose counts them.
    firehose_bytes: f64,
}

impl Month {
    fn of(rates: &[Rate]) -> Month {
        let mut month = Month { polls: 0.0, requests: 0.0, batches: 0.0, bytes: 0.0, firehose_bytes: 0.0 };
        for rate in rates {
            let polls = MONTH / rate.every_seconds;
            let (batches, bytes) = (polls * rate.changed, rate.bytes as f64);
            month.polls += polls;
            month.requests += polls * rate.requests as f64;
            month.batches += batches;
            month.bytes += batches * bytes;
            month.firehose_bytes += batches * (bytes / FIREHOSE_STEP).ceil() * FIREHOSE_STEP;
        }
        month
    }
}

/// The month of each design, for streams with these rates and so many secrets.
pub(super) fn forecast(
    rates: &[Rate],
    secrets: usize,
    prices: &Prices,
    architecture: Architecture,
) -> Vec<Design> {
    let month = Month::of(rates);
    let second = prices.usd(match architecture {
        Architecture::X86 => "lambda-gb-second-x86_64",
        Architecture::Arm => "lambda-gb-second-arm64",
    });
    let polling = polling(&month, prices, second) + secrets as f64 * secret(prices);
    let watching = |invocations: f64| {
        ALARMS * prices.usd("alarm")
            + METRICS * prices.usd("metric")
            + invocations * LOG_BYTES / 1e9 * prices.usd("log-gb")
    };
    let ticks = MONTH / 60.0;
    let run = |minutes: f64| WORKERS * minutes / 60.0 * prices.usd("glue-dpu-hour");
    let design = |name, partitioning, watching| Design { name, polling, partitioning, watching };
    let queue = QUEUE_POLLS * prices.usd("sqs-request");
    // One run for a window of events, of which there is one a minute at most.
    let runs = month.batches.min(ticks);
    let starts = |runs: f64| queue + runs * prices.usd("lambda-request");
    vec![
        design(
            "Lambda, each batch (PartitionEngine=lambda, auto)",
            loading(&month, prices, second),
            watching(ticks + month.batches),
        ),
        design(
            "Glue, each batch (PartitionEngine=glue)",
            starts(runs) + runs * run(RUN_MINUTES),
            watching(ticks + runs),
        ),
        design("Glue, hourly", month.batches.min(730.0) * run(RUN_MINUTES), watching(ticks)),
        design("Glue, daily", month.batches.min(730.0 / 24.0) * run(DAILY_RUN_MINUTES), watching(ticks)),
        design("Firehose, dynamic partitioning", firehose(&month, prices), watching(ticks)),
    ]
}

fn calls(prices: &Prices, (puts, gets): (f64, f64)) -> f64 {
    puts * prices.usd("s3-put") + gets * prices.usd("s3-get")
}

fn polling(month: &Month, prices: &Prices, second: f64) -> f64 {
    let ticks = MONTH / 60.0;
    // A minute has one tick, however many polls it waits for.
    let waits = month.polls.min(ticks) * WAIT_SECONDS;
    let seconds = ticks * IDLE_SECONDS + waits + month.requests * REQUEST_SECONDS;
    seconds * POLLER_GB * second
        + ticks * (prices.usd("lambda-request") + prices.usd("schedule") + calls(prices, TICK_CALLS))
        + month.polls * calls(prices, POLL_CALLS)
        + month.bytes / 1e9 * prices.usd("s3-gb-month")
}

/// A secret's month: each tick asks for it.
fn secret(prices: &Prices) -> f64 {
    prices.usd("secret") + MONTH / 60.0 * prices.usd("secret-request")
}

fn loading(month: &Month, prices: &Prices, second: f64) -> f64 {
    let seconds = month.batches * LOAD_SECONDS + month.bytes / LOAD_BYTES_A_SECOND;
    let queue = (QUEUE_POLLS + 2.0 * month.batches) * prices.usd("sqs-request");
    seconds * STARTER_GB * second
        + month.batches * (prices.usd("lambda-request") + calls(prices, LOAD_CALLS))
        + queue
}

fn firehose(month: &Month, prices: &Prices) -> f64 {
    let gb = prices.usd("firehose-gb") + prices.usd("firehose-partition-gb");
    month.firehose_bytes / 1e9 * gb + month.batches * (prices.usd("firehose-object") + prices.usd("s3-put"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(every_seconds: f64) -> Vec<Rate> {
        let (stream, source) = ("weather".to_owned(), String::new());
        vec![Rate { stream, every_seconds, changed: 1.0, bytes: 1000, requests: 1, source }]
    }

    fn partitioning(designs: &[Design], word: &str) -> f64 {
        designs.iter().find(|design| design.name.contains(word)).expect("a design").partitioning
    }

    #[test]
    fn a_run_of_the_job_for_each_batch_costs_what_the_arithmetic_says() {
        let designs = forecast(&weather(420.0), 0, &Prices::new(&[]), Architecture::Arm);
        // 6,257 runs of two workers for a minute, at 44 cents an hour.
        assert!((partitioning(&designs, "=glue") - 6257.0 * 2.0 / 60.0 * 0.44).abs() < 0.5, "{designs:?}");
        assert!((partitioning(&designs, "hourly") - 730.0 * 2.0 / 60.0 * 0.44).abs() < 0.01);
        assert!(partitioning(&designs, "Lambda") < 1.0 && partitioning(&designs, "Firehose") < 0.2);
    }

    #[test]
    fn a_price_that_is_said_counts_and_a_slower_rate_is_cheaper() {
        let cheap = Prices::new(&[("glue-dpu-hour".to_owned(), 0.0)]);
        let of = |prices: &Prices, every| {
            partitioning(&forecast(&weather(every), 0, prices, Architecture::X86), "daily")
        };
        assert_eq!(of(&cheap, 420.0), 0.0);
        let list = Prices::new(&[]);
        let polling = |secrets| forecast(&weather(420.0), secrets, &list, Architecture::X86)[0].polling;
        assert!((polling(2) - polling(0) - 2.0 * (0.40 + 43_800.0 * 0.05 / 10_000.0)).abs() < 1e-9);
        assert!(of(&list, 2_628_000.0) < of(&list, 420.0));
    }
}
