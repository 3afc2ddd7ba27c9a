//! The async runtime, built only by the commands that need one.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// Threads that wait for files. Each has a heap of its own, so that many of them would be much memory.
const FILE_THREADS: usize = 3;

/// Runs a future to its end on a two-worker runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    runtime()?.block_on(future)
}

/// As [`block_on`], the future being a task of the runtime: what it waits for wakes it on the thread where it came,
/// while the thread that blocks would have to be woken for each.
pub(crate) fn block_on_task<T: Send + 'static>(
    future: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let runtime = runtime()?;
    runtime.block_on(runtime.spawn(future)).unwrap_or_else(|ended| match ended.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(ended) => Err(Failure::internal(ended.to_string())),
    })
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(FILE_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start the runtime: {error}")))
}
