//! How often a stream is polled and how often that brings something new.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::ObjectStore;
use object_store::path::Path as Key;
use serde::Serialize;
use tidegate_core::cadence::{State, forecast};
use tidegate_core::keys;
use tidegate_core::pipeline::{Limits, Pipeline, Secrets, Stream};
use tidegate_engine::{Env, ReqwestHttp, StreamState, SystemClock, documents, open_store, store_is_there};

use super::super::block_on;
use super::super::failure::Failure;

/// Raw bytes of a poll that nobody has seen yet.
const UNSEEN: u64 = 5_000;
/// Polls from which on the share of changes is believed.
const ENOUGH: u64 = 10;

/// What a stream does in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Rate {
    /// Name of the stream.
    pub(super) stream: String,
    /// Seconds between two polls.
    pub(super) every_seconds: f64,
    /// Share of polls that find something new.
    pub(super) changed: f64,
    /// Raw bytes of one poll.
    pub(super) bytes: u64,
    /// Requests of one poll.
    pub(super) requests: usize,
    /// Where the rate comes from.
    pub(super) source: String,
}

/// The streams' rates: as learned where staging is a directory that holds their state, else as the file says.
pub(super) fn of(pipeline: &Pipeline, base: &Path) -> Result<Vec<Rate>, Failure> {
    // A bucket is not asked: a forecast works without a network.
    if pipeline.staging.starts_with("s3://") || !store_is_there(&pipeline.staging, base)? {
        return Ok(pipeline.streams.iter().map(of_file).collect());
    }
    let open = |url: &str| Ok::<_, Failure>(open_store(url, base, &[])?);
    let env = Env {
        clock: Arc::new(SystemClock),
        http: Arc::new(ReqwestHttp::new(&Limits::default())),
        staging: open(&pipeline.staging)?,
        lake: open("memory://tidegate-cost")?,
        secrets: Arc::new(Secrets::default()),
        seed: 0,
    };
    block_on(async {
        let mut rates = Vec::new();
        for stream in &pipeline.streams {
            let state: Option<StreamState> =
                documents::read(&env, env.staging.as_ref(), &keys::state(&stream.name)).await?;
            let mut rate = of_file(stream);
            if let Some(state) = state {
                learn(&mut rate, stream, &state);
                rate.bytes = bytes(env.staging.as_ref(), &stream.name).await?.unwrap_or(rate.bytes);
            }
            rates.push(rate);
        }
        Ok(rates)
    })
}

fn of_file(stream: &Stream) -> Rate {
    Rate {
        stream: stream.name.clone(),
        every_seconds: every_seconds(&State::default(), stream),
        changed: 1.0,
        bytes: UNSEEN,
        requests: stream.for_each.values().map(Vec::len).product(),
        source: "the file".to_owned(),
    }
}

fn every_seconds(learned: &State, stream: &Stream) -> f64 {
    (86_400.0 / forecast(learned, &stream.cadence, 1.0).polls_per_day).max(1.0)
}

fn learn(rate: &mut Rate, stream: &Stream, state: &StreamState) {
    rate.every_seconds = every_seconds(&state.learned, stream);
    let polls = state.changed + state.unchanged;
    if polls >= ENOUGH {
        rate.changed = state.changed as f64 / polls as f64;
        rate.source = format!("{polls} polls");
    }
}

/// Mean size of the staged polls of a stream; `None` where there is none.
async fn bytes(staging: &dyn ObjectStore, stream: &str) -> Result<Option<u64>, Failure> {
    let unlisted = |error: object_store::Error| Failure::config(format!("cannot list staging: {error}"));
    let sum = |prefix: String| {
        staging.list(Some(&Key::from(prefix))).try_fold((0u64, 0u64), |(count, bytes), object| async move {
            Ok((count + 1, bytes + object.size))
        })
    };
    let (_, bytes) = sum(format!("pages/{stream}")).await.map_err(unlisted)?;
    let (batches, _) = sum(keys::batches(stream)).await.map_err(unlisted)?;
    Ok(bytes.checked_div(batches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(cadence: &str) -> Pipeline {
        let text = format!(
            "name = \"a\"\n[source]\nbase_url = \"https://x\"\n[[streams]]\nname = \"s\"\npath = \"/\"\n\
             cadence = {cadence}\n"
        );
        tidegate_core::pipeline::read(&text, &[]).expect("a pipeline")
    }

    #[test]
    fn the_file_s_cadence_is_the_rate_until_something_was_learned() {
        let nowhere = Path::new("/nowhere");
        let of = |cadence: &str| of(&pipeline(cadence), nowhere).expect("rates").remove(0);
        assert_eq!(of("\"7m\"").every_seconds, 420.0);
        assert_eq!(of("{ cron = \"0 3 * * *\" }").every_seconds, 86_400.0);
        assert_eq!(of("\"7m\"").requests, 1);
        let mut rate = of("\"learn\"");
        let mut state = StreamState { changed: 5, unchanged: 15, ..StreamState::default() };
        state.learned.expect_interval(86_400.0);
        learn(&mut rate, &pipeline("\"learn\"").streams[0], &state);
        assert!((43_200.0..=86_400.0).contains(&rate.every_seconds), "{rate:?}");
        assert_eq!((rate.changed, rate.source.as_str()), (0.25, "20 polls"));
    }
}
