//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::output::Shell;

/// Exit code of a process that a second signal ended.
const INTERRUPTED: i32 = 130;

/// Resolves at the first signal. To be called within the runtime.
pub(crate) fn stop(shell: &Shell) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let failed = |error: std::io::Error| Failure::internal(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (tell, told) = oneshot::channel();
    let shell = shell.clone();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        shell.say("finishing the step under way; Ctrl-C again ends at once");
        let _ = tell.send(());
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        std::process::exit(INTERRUPTED);
    });
    Ok(async move {
        // An error means that the listener is gone with the runtime.
        let _ = told.await;
    })
}
