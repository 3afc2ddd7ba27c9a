//! The engine's world on this machine: the stores of the pipeline file, the real clock, the real client.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use tidegate_core::pipeline::{Auth, Secrets};
use tidegate_engine::{Clock, Env, Gate, ReqwestHttp, SystemClock, check_apart, open_store, store_is_there};

use crate::failure::Failure;
use crate::pipeline_file::PipelineFile;
use crate::secrets;

/// What the world is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To ask the API: every secret must be there.
    Ask,
    /// To work on what is staged, without the API. What is to be staged must be there.
    Load,
    /// To look: nothing is written, not even a directory.
    Look,
    /// To ask the API and keep everything in memory.
    Try,
}

/// Opens the world of a pipeline file.
pub(crate) fn open(file: &PipelineFile, purpose: Purpose) -> Result<Env, Failure> {
    let pipeline = &file.pipeline;
    check_apart(&pipeline.staging, &pipeline.lake, file.dir())?;
    if purpose == Purpose::Load && !store_is_there(&pipeline.staging, file.dir())? {
        let at = &pipeline.staging;
        return Err(Failure::config(format!(
            "there is nothing at staging = \"{at}\": `tidegate run` has not staged anything there yet, or the address is mistyped"
        )));
    }
    let store = |url: &str, place: &str| match purpose {
        Purpose::Try => memory(place),
        Purpose::Look => existing(url, file.dir()).unwrap_or_else(|| memory(place)),
        Purpose::Ask | Purpose::Load => Ok(open_store(url, file.dir(), &secrets::store_options())?),
    };
    let secrets = match purpose {
        Purpose::Ask | Purpose::Try => secrets::read(file)?,
        Purpose::Load | Purpose::Look => Secrets::default(),
    };
    let http = match purpose {
        Purpose::Ask | Purpose::Try => ReqwestHttp::of(&pipeline.source, &secrets, &secrets::proxies())?,
        Purpose::Load | Purpose::Look => ReqwestHttp::new(&pipeline.source.limits),
    };
    let clock = SystemClock;
    // Differs from process to process, which is all that jitter needs.
    let seed =
        u64::from(std::process::id()) ^ u64::from(clock.now().subsec_nanosecond().unsigned_abs()) << 32;
    Ok(Env {
        staging: store(&pipeline.staging, "staging")?,
        lake: store(&pipeline.lake, "lake")?,
        clock: Arc::new(clock),
        http: Arc::new(http),
        secrets: Arc::new(secrets),
        seed,
    })
}

/// The gate of a trial that keeps nothing, except for a refresh token that changes with its use: the old one is void from
/// then on, so the new one goes where the next run looks for it.
pub(crate) fn trial_gate(file: &PipelineFile) -> Result<Gate, Failure> {
    let gate = Gate::new(&file.pipeline.source.limits);
    let pipeline = &file.pipeline;
    let mut all = pipeline.streams.iter().map(|stream| stream.auth(&pipeline.source));
    if !all.any(|auth| matches!(auth, Auth::Oauth2RefreshToken(_))) {
        return Ok(gate);
    }
    let staging = open_store(&pipeline.staging, file.dir(), &secrets::store_options())?;
    Ok(gate.keeping_tokens_in(staging))
}

/// The store at an address if it is there; a directory that is not is not made. `None` where there is none.
pub(crate) fn existing(url: &str, base: &Path) -> Option<Result<Arc<dyn ObjectStore>, Failure>> {
    match store_is_there(url, base) {
        Ok(false) => None,
        Ok(true) => Some(open_store(url, base, &secrets::store_options()).map_err(Failure::from)),
        Err(error) => Some(Err(error.into())),
    }
}

fn memory(place: &str) -> Result<Arc<dyn ObjectStore>, Failure> {
    Ok(open_store(&format!("memory://tidegate-{place}"), Path::new("."), &[])?)
}
