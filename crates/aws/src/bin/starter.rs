//! The bootstrap of the starter's zip.

use serde_json::Value;
use tidegate_aws::settings::{self, Settings, variable};
use tidegate_aws::shell;
use tidegate_aws::starter::Starter;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Limits, Secrets};

fn main() -> Result<(), lambda_runtime::Error> {
    shell::serve(start)
}

async fn start(event: Value, deadline: Timestamp) -> Result<Value, String> {
    let settings = Settings::read(variable)?;
    let aws = settings::aws(variable)?;
    let env = shell::env(&settings, &Limits::default(), Secrets::default())?;
    let starter = Starter { env, aws, settings };
    match event.get("recover") {
        Some(_) => starter.recover().await,
        None => starter.handle(&event, deadline).await,
    }
}
