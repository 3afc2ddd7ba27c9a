//! The verb `poll`: one stream asked once. Fetch every element, keep what changed, stage it as one batch.

use std::collections::BTreeMap;

use tidegate_core::batch::{self, Batch};
use tidegate_core::cadence::Shown;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Pipeline, Stream};
use tidegate_core::request::{self, Element};
use tidegate_core::{cursor, keys};

use crate::draft::{Answered, Draft};
use crate::fetch::{Answer, Fetch, Tally};
use crate::stage::{self, Head, Staged};
use crate::visit::{Outcome, Visit};
use crate::{Env, Error, Gate};

/// How often a poll starts anew because another one was faster.
const RACES: u32 = 8;

/// Polls a stream once. `gate` is the one gate of its source; `head` is where the last poll of this process left off,
/// or what [`stage::head`] found.
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
    ask(Fetch { env, pipeline, stream, gate, tally: &mut Tally::default() }, head).await
}

/// As [`poll`]; the fetch's tally holds what was asked and answered even where the poll fails.
pub(crate) async fn ask(mut fetch: Fetch<'_>, head: Option<Head>) -> Result<Visit, Error> {
    let Fetch { env, pipeline, stream, .. } = fetch;
    let elements = request::elements(stream).map_err(|error| Error::Config(error.to_string()))?;
    let mut head = match head {
        Some(head) => head,
        None => stage::head(env, &stream.name, None).await?,
    };
    let at = env.clock.now();
    let mut round = Round::default();
    for race in 0..RACES {
        // What was fetched for a snapshot stays good when the race is lost. An incremental poll asks from where the
        // winner left off; and records are told apart from the winner's only if they were fetched after them.
        if race == 0 || stream.incremental.is_some() || !stream.primary_key.is_empty() {
            round = gather(&mut fetch, &elements, &head).await;
            if round.failures.len() == elements.len() && !elements.is_empty() {
                return Err(round.failures.swap_remove(0).1);
            }
        }
        let draft = Draft::of(&elements, &round.answers, &head.checkpoint);
        if draft.is_empty() {
            let head = Head { checkpoint: draft.checkpoint, ..head };
            return Ok(visit(fetch, at, Outcome::Unchanged, Shown::default(), round, head));
        }
        let batch = draft.batch(pipeline, stream, at, head.seq + 1)?;
        match stage::stage(env, &batch, &draft.bodies()).await? {
            Staged::Ours => {
                let outcome = outcome(&batch);
                let shown = Shown { modified: fetch.tally.modified, ..draft.shown(stream) };
                return Ok(visit(fetch, at, outcome, shown, round, Head::from(batch)));
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
struct Round {
    answers: BTreeMap<String, Answered>,
    failures: Vec<(String, Error)>,
}

async fn gather(fetch: &mut Fetch<'_>, elements: &[Element], head: &Head) -> Round {
    let mut round = Round::default();
    // Validators hold for the request they were given for.
    let same_config = head.config_hash == batch::config_hash(fetch.pipeline, fetch.stream);
    for element in elements {
        let state = head.checkpoint.elements.get(&element.name);
        let validators =
            state.filter(|_| same_config).map(|state| state.validators.clone()).unwrap_or_default();
        let mut values = element.values.clone();
        if let Some(incremental) = &fetch.stream.incremental {
            let start = cursor::start_value(incremental, state.and_then(|state| state.cursor.as_ref()));
            values.insert("incremental".to_owned(), serde_json::json!({ "start_value": start }));
        }
        match fetch.element(&values, &validators).await {
            Ok(Answer::NotModified) => {}
            Ok(Answer::Pages(pages, validators)) => {
                round.answers.insert(element.name.clone(), (pages, validators));
            }
            Err(error) => round.failures.push((element.name.clone(), error)),
        }
    }
    round
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

fn visit(fetch: Fetch<'_>, at: Timestamp, outcome: Outcome, shown: Shown, round: Round, head: Head) -> Visit {
    let pages = round.answers.values().flat_map(|(pages, _)| pages);
    Visit {
        stream: fetch.stream.name.clone(),
        at,
        outcome,
        requests: fetch.tally.requests,
        not_modified: fetch.tally.not_modified,
        bytes: fetch.tally.bytes,
        shown,
        remarks: pages.filter_map(|page| page.remark.clone()).collect(),
        failures: round.failures,
        head,
    }
}
