//! What the functions' programs share: their world as Lambda gives it, the log, the loop.

use std::path::Path;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::Secrets;
use tidegate_engine::{Env, ReqwestHttp, SystemClock, open_store_over};

use crate::call::Aws;
use crate::settings::{self, Settings, store_options, variable};

/// What a function has from its start to its end: what its environment says, and one client for all of AWS.
#[derive(Debug)]
pub struct World {
    /// Settings of the function.
    pub settings: Settings,
    /// AWS.
    pub aws: Aws,
}

impl World {
    /// Reads the environment.
    pub fn open() -> Result<World, String> {
        Ok(World { settings: Settings::read(variable)?, aws: settings::aws(variable)? })
    }

    /// The engine's world, its two stores those of the settings. It opens nothing until its first request.
    pub fn env(&self, http: ReqwestHttp, secrets: Secrets) -> Result<Env, String> {
        let options = store_options(variable);
        let open = |url: &str| {
            open_store_over(self.aws.client(), url, Path::new("/"), &options)
                .map_err(|error| error.to_string())
        };
        let seed = variable("AWS_LAMBDA_LOG_STREAM_NAME").unwrap_or_default();
        Ok(Env {
            clock: Arc::new(SystemClock),
            http: Arc::new(http),
            staging: open(&self.settings.staging)?,
            lake: open(&self.settings.lake)?,
            secrets: Arc::new(secrets),
            // One container jitters unlike another.
            seed: seed.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))),
        })
    }
}

/// Serves invocations for ever: `handle` gets the world, the event, and when the invocation must have ended. A world
/// that cannot be opened is the answer to each of them.
pub fn serve<F>(handle: impl Fn(Arc<World>, Value, Timestamp) -> F) -> Result<(), lambda_runtime::Error>
where
    F: Future<Output = Result<Value, String>>,
{
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let world = World::open().map(Arc::new);
    runtime.block_on(lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let deadline =
            i64::try_from(event.context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let deadline = deadline.unwrap_or(Timestamp::MAX);
        let answer = world.clone().map(|world| handle(world, event.payload, deadline));
        async move { answer.map_err(failed)?.await.map_err(failed) }
    })))
}

/// What Lambda is told of an invocation that failed.
fn failed(reason: String) -> Diagnostic {
    Diagnostic { error_type: "Failed".to_owned(), error_message: reason }
}
