//! Runs of the Glue job. One run goes at a time and others wait for it, so a burst of events must not become a burst of
//! runs: a run that is to load whatever is missing looks for it when it begins, and one that still waits will therefore
//! see all that is staged by now.

use serde_json::{Value, json};

use crate::call::{Aws, CallError};
use crate::settings::Settings;

/// Batches that a run is told by name, at most; beyond that it looks for them itself.
const NAMED: usize = 100;

/// What a run is to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// These batches.
    Batches(&'a [String]),
    /// Whatever is staged and not loaded when the run begins.
    Missing,
}

/// Starts a run, unless one waits that will do the same. The job claims batches as a load here would, so a run that is
/// started twice or fails doubles and loses nothing. The error says what happens next.
pub async fn start(aws: &Aws, settings: &Settings, order: Order<'_>) -> Result<(), String> {
    let mut arguments = json!({ "--staging": settings.staging, "--lake": settings.lake });
    match order {
        Order::Batches(batches) if batches.len() <= NAMED => {
            arguments["--batches"] = batches.join(",").into()
        }
        _ if waits(aws, settings).await.map_err(|error| error.to_string())? => {
            tracing::info!("a run of the Glue job waits already; it will load these batches too");
            return Ok(());
        }
        _ => {}
    }
    let body = json!({ "JobName": settings.job, "Arguments": arguments });
    match aws.json("glue", "AWSGlue.StartJobRun", &body).await {
        Ok(answer) => {
            let run = answer["JobRunId"].as_str().unwrap_or_default();
            tracing::info!(run, "started the Glue job");
            Ok(())
        }
        Err(error) if error.code() == Some("ConcurrentRunsExceededException") => {
            Err("other runs of the Glue job are going and none may wait; the message comes again".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a run that loads whatever is missing waits for its turn.
async fn waits(aws: &Aws, settings: &Settings) -> Result<bool, CallError> {
    let body = json!({ "JobName": settings.job, "MaxResults": 50 });
    let answer = aws.json("glue", "AWSGlue.GetJobRuns", &body).await?;
    Ok(answer["JobRuns"].as_array().is_some_and(|runs| runs.iter().any(waits_for_all)))
}

fn waits_for_all(run: &Value) -> bool {
    run["JobRunState"] == "WAITING" && run["Arguments"].get("--batches").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_waits_and_has_no_list_will_do_the_same() {
        for (state, arguments, will) in [
            ("WAITING", json!({ "--lake": "s3://lake" }), true),
            ("WAITING", json!({ "--batches": "batches/s/000000000001.batch.json" }), false),
            ("RUNNING", json!({}), false),
            ("FAILED", json!({}), false),
        ] {
            let run = json!({ "JobRunState": state, "Arguments": arguments });
            assert_eq!(waits_for_all(&run), will, "{run}");
        }
    }
}
