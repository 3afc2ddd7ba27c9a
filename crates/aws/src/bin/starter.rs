//! The bootstrap of the starter's zip.

use std::sync::Arc;

use serde_json::Value;
use tidegate_aws::shell::{self, World};
use tidegate_aws::starter::Starter;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Secrets;
use tidegate_engine::ReqwestHttp;

fn main() -> Result<(), lambda_runtime::Error> {
    shell::serve(start)
}

async fn start(world: Arc<World>, event: Value, deadline: Timestamp) -> Result<Value, String> {
    let env = world.env(ReqwestHttp::default(), Secrets::default())?;
    let starter = Starter { env, aws: world.aws.clone(), settings: world.settings.clone() };
    match event.get("recover") {
        Some(_) => starter.recover().await,
        None => starter.handle(&event, deadline).await,
    }
}
