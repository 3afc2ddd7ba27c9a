//! What the functions' programs share: the engine's world as Lambda gives it, the log, the loop.

use std::path::Path;
use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Limits, Secrets};
use tidegate_engine::{Env, ReqwestHttp, SystemClock, open_store};

use crate::settings::{Settings, store_options, variable};

/// The engine's world, its two stores those of the settings.
pub fn env(settings: &Settings, limits: &Limits, secrets: Secrets) -> Result<Env, String> {
    let options = store_options(variable);
    let open = |url: &str| open_store(url, Path::new("/"), &options).map_err(|error| error.to_string());
    let seed = variable("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_default();
    Ok(Env {
        clock: Arc::new(SystemClock),
        http: Arc::new(ReqwestHttp::new(limits)),
        staging: open(&settings.staging)?,
        lake: open(&settings.lake)?,
        secrets: Arc::new(secrets),
        // One container jitters unlike another.
        seed: seed.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))),
    })
}

/// Serves invocations for ever: `handle` gets the event and when the invocation must have ended.
pub fn serve<F>(handle: impl Fn(Value, Timestamp) -> F) -> Result<(), lambda_runtime::Error>
where
    F: Future<Output = Result<Value, String>>,
{
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let deadline =
            i64::try_from(event.context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let answer = handle(event.payload, deadline.unwrap_or(Timestamp::MAX));
        async move { answer.await.map_err(lambda_runtime::Error::from) }
    })))
}
