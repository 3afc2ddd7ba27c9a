//! The verb `poll`: one stream asked once. Fetch every element, keep what changed, stage it as one batch.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::stream::{self, StreamExt as _};
use tidegate_core::batch::{self, Batch};
use tidegate_core::cadence::Shown;
use tidegate_core::jiff::Timestamp;
use tidegate_core::keys;
use tidegate_core::pipeline::{Limits, Pipeline, Stream};
use tidegate_core::request::Element;

use crate::draft::{Answered, Draft};
use crate::fetch::{Answer, Fetch};
use crate::parents;
use crate::stage::{Head, Staged};
use crate::visit::{Outcome, Visit};
use crate::{Env, Error, Gate};

/// How often a poll starts anew because another one was faster.
const RACES: u32 = 8;

/// Polls a stream once. `gate` is the one gate of its source; `head` is where the last poll of this process left off,
/// or what [`crate::head`] found.
///
/// Elements that fail do not take the others with them: what succeeded is staged, and the visit lists the failures.
/// Where every element fails the first failure is the error.
pub async fn poll(
    env: &Env,
    pipeline: &Pipeline,
    stream: &Stream,
    gate: &Gate,
    head: Option<Head>,
) -> Result<Visit, Error> {
    let visit = ask(Fetch { env, pipeline, stream, gate, tally: &Mutex::default() }, head).await;
    gate.settled().await;
    visit
}

/// As [`poll`]; the fetch's tally holds what was asked and answered even where the poll fails.
pub(crate) async fn ask(fetch: Fetch<'_>, head: Option<Head>) -> Result<Visit, Error> {
    let Fetch { env, pipeline, stream, .. } = fetch;
    let mut head = match head {
        Some(head) => head,
        None => crate::head(env, &stream.name, None).await?,
    };
    let family = parents::family(&fetch, head.checkpoint.parent_seq).await?;
    let elements = &family.elements;
    let at = env.clock.now();
    let mut round = Round::default();
    for race in 0..RACES {
        // What was fetched for a snapshot stays good when the race is lost. An incremental poll asks from where the
        // winner left off; and records are told apart from the winner's only if they were fetched after them.
        if race == 0 || stream.incremental.is_some() || !stream.primary_key.is_empty() {
            round = gather(&fetch, elements, &head, Some(head.seq + 1)).await;
            if round.failures.len() == elements.len() && !elements.is_empty() && round.answers.is_empty() {
                return Err(round.failures.swap_remove(0).1);
            }
        }
        let draft = Draft::of(stream, &family, &round.answers, !round.failures.is_empty(), &head.checkpoint);
        if draft.is_empty() {
            fetch.clear_jobs().await?;
            let head = Head { checkpoint: draft.checkpoint, ..head };
            return Ok(visit(&fetch, at, Outcome::Unchanged, Shown::default(), round, head));
        }
        let batch = draft.batch(pipeline, stream, at, head.seq + 1)?;
        match crate::stage::stage(env, &batch, &draft.bodies()).await? {
            Staged::Ours => {
                fetch.clear_jobs().await?;
                let outcome = outcome(&batch);
                let shown = Shown { modified: fetch.tally().modified, ..draft.shown(stream) };
                return Ok(visit(&fetch, at, outcome, shown, round, Head::from(batch)));
            }
            Staged::Theirs(theirs) => head = Head::from(*theirs),
        }
    }
    Err(Error::Unavailable {
        message: format!(
            "stream `{}`: other pollers were faster {RACES} times; is it polled by several at once?",
            stream.name
        ),
        retry_at: None,
    })
}

/// What the elements answered.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) answers: BTreeMap<String, Answered>,
    pub(crate) failures: Vec<(String, Error)>,
}

/// Asks for every element, as many at a time as the source allows. `seq` is the number of the batch that the pages would
/// belong to; `None` where they are not to be staged.
pub(crate) async fn gather(fetch: &Fetch<'_>, elements: &[Element], head: &Head, seq: Option<u64>) -> Round {
    // Validators hold for the request they were given for.
    let same_config = head.config_hash == batch::config_hash(fetch.pipeline, fetch.stream);
    let answers = elements.iter().enumerate().map(|(place, element)| async move {
        let state = head.checkpoint.elements.get(&element.name);
        let validators =
            state.filter(|_| same_config).map(|state| state.validators.clone()).unwrap_or_default();
        (place, fetch.element(element, state, &validators, seq).await)
    });
    let mut answers = stream::iter(answers).buffer_unordered(at_once(&fetch.pipeline.source.limits)).boxed();
    let mut round = Round::default();
    let mut failures = BTreeMap::new();
    while let Some((place, answer)) = answers.next().await {
        match answer {
            Ok(Answer::NotModified) => {}
            Ok(Answer::Pages(pages, validators, failure)) => {
                round.answers.insert(elements[place].name.clone(), (pages, validators));
                failures.extend(failure.map(|error| (place, error)));
            }
            Err(error) => {
                failures.insert(place, error);
            }
        }
    }
    let named = |(place, error): (usize, Error)| (elements[place].name.clone(), error);
    round.failures = failures.into_iter().map(named).collect();
    round
}

/// Elements under way: some more than requests may be in flight, which the gate sees to, so that none of these places
/// stays empty while the answer before it is read and stored.
fn at_once(limits: &Limits) -> usize {
    let most = usize::try_from(limits.concurrency.max(1)).unwrap_or(usize::MAX);
    most.saturating_add(most / 2)
}

fn outcome(batch: &Batch) -> Outcome {
    let repeated = |page: &batch::Page| page.repeats.iter().map(|(_, count)| count).sum::<u64>();
    Outcome::Staged {
        key: keys::batch(&batch.stream, batch.seq),
        seq: batch.seq,
        pages: batch.pages.len() as u64,
        records: batch.pages.iter().map(|page| page.records - repeated(page)).sum(),
        bytes: batch.pages.iter().map(|page| page.bytes).sum(),
    }
}

fn visit(
    fetch: &Fetch<'_>,
    at: Timestamp,
    outcome: Outcome,
    shown: Shown,
    round: Round,
    head: Head,
) -> Visit {
    let pages = round.answers.values().flat_map(|(pages, _)| pages);
    let tally = fetch.tally();
    Visit {
        stream: fetch.stream.name.clone(),
        at,
        outcome,
        requests: tally.requests,
        not_modified: tally.not_modified,
        bytes: tally.bytes,
        shown,
        remarks: pages.filter_map(|page| page.remark.clone()).collect(),
        ends: tally.ends.clone(),
        failures: round.failures,
        head,
    }
}
