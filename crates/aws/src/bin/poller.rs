//! The bootstrap of the poller's zip. Lambda names the handler: `poller`, or `emptier` for the custom resource.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_aws::settings::variable;
use tidegate_aws::shell::{self, World};
use tidegate_aws::{emptier, poller};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Secrets;
use tidegate_engine::{Clock as _, Proxies, ReqwestHttp, SystemClock};

fn main() -> Result<(), lambda_runtime::Error> {
    match variable("_HANDLER").as_deref() {
        Some("emptier") => shell::serve(empty),
        _ => shell::serve(|world, _, _| poll(world)),
    }
}

/// The pipeline file is read at each tick, so that a new one counts from the next minute on.
async fn poll(world: Arc<World>) -> Result<Value, String> {
    let World { settings, aws } = world.as_ref();
    let text = match &settings.pipeline {
        Some(address) => read(aws, address).await?,
        None => poller::EXAMPLE.to_owned(),
    };
    let pipeline = poller::pipeline(&text, settings)?;
    let secrets = Secrets::new(poller::secret_values(aws, &pipeline, variable).await?);
    let http = ReqwestHttp::of(&pipeline.source, &secrets, &Proxies::default());
    let env = world.env(http.map_err(|error| error.to_string())?, secrets)?;
    poller::minute(&env, &pipeline, settings).await
}

async fn read(aws: &tidegate_aws::call::Aws, address: &str) -> Result<String, String> {
    let place = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) =
        place.ok_or_else(|| format!("TIDEGATE_PIPELINE is `{address}`; it takes s3://bucket/key"))?;
    let body = aws.s3(http::Method::GET, bucket, key, "", &[], bytes::Bytes::new()).await;
    let body = body.map_err(|error| format!("{error}; is PipelineS3Key the key of the pipeline file?"))?;
    String::from_utf8(body.to_vec()).map_err(|_| format!("{address} is not UTF-8"))
}

async fn empty(world: Arc<World>, event: Value, deadline: Timestamp) -> Result<Value, String> {
    let World { settings, aws } = world.as_ref();
    let request: emptier::Request = serde_json::from_value(event).map_err(|error| error.to_string())?;
    let left = deadline.duration_since(SystemClock.now());
    let left = if left.is_negative() { Duration::ZERO } else { left.unsigned_abs() };
    let names = [&settings.staging, &settings.lake].map(|url| url.trim_start_matches("s3://"));
    emptier::handle(aws, &SystemClock, &names, &request, left).await.map_err(|error| error.to_string())?;
    Ok(json!({}))
}
