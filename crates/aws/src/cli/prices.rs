//! List prices, dated; each may be said otherwise.

/// When these prices were read.
pub(super) const READ: &str = "2026-11, us-east-1, US dollars, without the free tier";

/// One price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Price {
    /// What `--price` calls it.
    pub(super) name: &'static str,
    /// US dollars.
    pub(super) usd: f64,
    /// Of what.
    pub(super) per: &'static str,
}

const LIST: [Price; 17] = [
    Price { name: "lambda-gb-second-x86_64", usd: 0.000_016_666_7, per: "GB-second of a function on x86_64" },
    Price { name: "lambda-gb-second-arm64", usd: 0.000_013_333_4, per: "GB-second of a function on arm64" },
    Price { name: "lambda-request", usd: 0.000_000_2, per: "invocation" },
    Price { name: "s3-put", usd: 0.000_005, per: "PUT, POST or LIST" },
    Price { name: "s3-get", usd: 0.000_000_4, per: "GET or HEAD" },
    Price { name: "s3-gb-month", usd: 0.023, per: "GB stored for a month" },
    Price { name: "sqs-request", usd: 0.000_000_4, per: "request to a queue" },
    Price { name: "secret", usd: 0.40, per: "secret of Secrets Manager and month" },
    Price { name: "secret-request", usd: 0.000_005, per: "request for a secret" },
    Price { name: "schedule", usd: 0.000_001, per: "invocation by a schedule" },
    Price { name: "glue-dpu-hour", usd: 0.44, per: "DPU-hour of a Spark job, a minute at least" },
    Price { name: "firehose-gb", usd: 0.029, per: "GB into Firehose, each record rounded up to 5 KB" },
    Price { name: "firehose-partition-gb", usd: 0.02, per: "GB of dynamic partitioning" },
    Price { name: "firehose-object", usd: 0.000_005, per: "object that dynamic partitioning delivers" },
    Price { name: "alarm", usd: 0.10, per: "alarm and month" },
    Price { name: "metric", usd: 0.30, per: "metric and month" },
    Price { name: "log-gb", usd: 0.50, per: "GB of log" },
];

/// The prices that a forecast is made with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prices(Vec<Price>);

impl Prices {
    /// List prices, some of them replaced.
    pub(super) fn new(replaced: &[(String, f64)]) -> Prices {
        let said = |name: &str| replaced.iter().rev().find(|(said, _)| said == name).map(|(_, usd)| *usd);
        Prices(LIST.map(|price| Price { usd: said(price.name).unwrap_or(price.usd), ..price }).to_vec())
    }

    /// US dollars of a price that is on the list.
    pub(super) fn usd(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|price| price.name == name);
        found.expect("every name that a forecast uses is on the list").usd
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Price] {
        &self.0
    }
}

/// `NAME=USD` as it is said on the command line.
pub(super) fn parse(text: &str) -> Result<(String, f64), String> {
    let (name, usd) = text.split_once('=').ok_or("write it as NAME=USD")?;
    if !LIST.iter().any(|price| price.name == name) {
        let names = LIST.map(|price| price.name).join(", ");
        return Err(format!("there is no price {name}; there are {names}"));
    }
    let usd: f64 = usd.parse().map_err(|_| format!("`{usd}` is no number"))?;
    if usd.is_finite() && usd >= 0.0 {
        Ok((name.to_owned(), usd))
    } else {
        Err("a price is not negative".to_owned())
    }
}
