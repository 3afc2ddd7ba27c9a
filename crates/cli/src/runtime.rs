//! The async runtime, built only by the commands that need one.

use std::future::Future;

use crate::failure::Failure;

/// Threads that wait for files. Each has a heap of its own, so that many of them would be much memory.
const FILE_THREADS: usize = 3;

/// Runs a future to its end on a two-worker runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(FILE_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start the runtime: {error}")))?
        .block_on(future)
}
