//! Work beside the task that waits for it, where the runtime has several threads.

use std::panic::resume_unwind;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinError;

use crate::Error;

/// Whether the runtime has several threads for its tasks.
pub(crate) fn several_threads() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// What a task came to; `unended` where the runtime ended first.
pub(crate) fn ended<T>(task: Result<T, JoinError>, unended: impl FnOnce() -> Error) -> Result<T, Error> {
    task.map_err(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => unended(),
    })
}
