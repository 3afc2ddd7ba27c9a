//! How often a stream is polled and how often that brings something new.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::ObjectStore;
use object_store::path::Path as Key;
use serde::Serialize;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Limits, Pipeline, Secrets, Stream};
use tidegate_core::{keys, schedule};
use tidegate_engine::{Clock as _, Env, ReqwestHttp, StreamState, SystemClock, documents, open_store};

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
    let now = SystemClock.now();
    let staging = pipeline.staging.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if !staging.is_some_and(|path| base.join(path).is_dir()) {
        return Ok(pipeline.streams.iter().map(|stream| of_file(stream, now)).collect());
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
            let mut rate = of_file(stream, now);
            if let Some(state) = state {
                learn(&mut rate, &state);
                rate.bytes = bytes(env.staging.as_ref(), &stream.name).await?.unwrap_or(rate.bytes);
            }
            rates.push(rate);
        }
        Ok(rates)
    })
}

fn of_file(stream: &Stream, now: Timestamp) -> Rate {
    let next = schedule::next(&stream.cadence, Some(now), now, None);
    // The next but one: a cron's next time may be close by chance.
    let after = schedule::next(&stream.cadence, Some(next), next, None);
    Rate {
        stream: stream.name.clone(),
        every_seconds: after.duration_since(next).as_secs_f64().max(1.0),
        changed: 1.0,
        bytes: UNSEEN,
        requests: stream.for_each.values().map(Vec::len).product(),
        source: "the file".to_owned(),
    }
}

fn learn(rate: &mut Rate, state: &StreamState) {
    if let (Some(last), Some(next), 0) = (state.last_poll, state.next_due, state.failures_in_a_row)
        && next > last
    {
        rate.every_seconds = next.duration_since(last).as_secs_f64().max(1.0);
        rate.source = "its last poll".to_owned();
    }
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
        let mut rate = of("\"7m\"");
        let at = |second| Timestamp::from_second(second).ok();
        let state = StreamState {
            last_poll: at(1000),
            next_due: at(1900),
            changed: 5,
            unchanged: 15,
            ..StreamState::default()
        };
        learn(&mut rate, &state);
        assert_eq!((rate.every_seconds, rate.changed, rate.source.as_str()), (900.0, 0.25, "20 polls"));
    }
}
