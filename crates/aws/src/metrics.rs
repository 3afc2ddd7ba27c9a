//! Metrics as CloudWatch reads them out of a log line (embedded metric format): no call, no permission, no library.

use serde_json::{Map, Value, json};
use tidegate_core::jiff::Timestamp;

/// One number of now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, such as `StagedBatches`.
    pub name: &'static str,
    /// CloudWatch's unit: `Count`, `Seconds`, `None`.
    pub unit: &'static str,
    /// How much.
    pub value: f64,
}

/// The log line that carries `metrics` of a stack.
pub fn line(stack: &str, at: Timestamp, metrics: &[Metric]) -> String {
    let definitions: Vec<Value> =
        metrics.iter().map(|metric| json!({ "Name": metric.name, "Unit": metric.unit })).collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": "tidegate", "Dimensions": [["Stack"]], "Metrics": definitions }],
        }),
    );
    root.insert("Stack".to_owned(), stack.into());
    for metric in metrics {
        root.insert(metric.name.to_owned(), metric.value.into());
    }
    Value::Object(root).to_string()
}

/// Hands a line to CloudWatch, which reads the standard output of a function.
pub fn emit(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_each_metric_and_holds_its_value() {
        let metrics = [Metric { name: "StagedBatches", unit: "Count", value: 2.0 }];
        let line: Value =
            serde_json::from_str(&line("s", Timestamp::UNIX_EPOCH, &metrics)).expect("one JSON document");
        assert_eq!(line["StagedBatches"], 2.0);
        assert_eq!(line["Stack"], "s");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "StagedBatches");
    }
}
