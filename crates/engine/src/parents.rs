//! The elements of a stream: its own list, or one for each record that its parent has staged.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tidegate_core::batch::Batch;
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{Parent, Stream, TransformSpec, Values};
use tidegate_core::request::{self, Element, Parents, RequestError};
use tidegate_core::transform::Transforms;
use tidegate_core::{decode, keys};

use crate::draft::{added, asked_for};
use crate::poll::gather;
use crate::state::StreamState;
use crate::{Env, Error, Head, fetch::Fetch};

/// What a stream is asked for.
#[derive(Default)]
pub(crate) struct Family {
    pub(crate) elements: Vec<Element>,
    /// Number of the parent's batch up to which its records were seen; `None` for a stream without a parent.
    pub(crate) parent_seq: Option<u64>,
    /// Whether elements of earlier polls are still there though they are not in this one.
    pub(crate) partial: bool,
}

/// The elements of a stream. The children of an incremental parent are asked for once for each of its records that is
/// newer than batch `since`; those of any other parent for all records that it has now.
pub(crate) async fn family(fetch: &Fetch<'_>, since: Option<u64>) -> Result<Family, Error> {
    let stream = fetch.stream;
    let Some(parent) = &stream.parent else {
        let elements = request::elements(stream).map_err(config)?;
        return Ok(Family { elements, ..Family::default() });
    };
    let all = parent.all || !stream.more_parents.is_empty();
    let (mut elements, seq, partial) = children(fetch, parent, since.filter(|_| !all), all).await?;
    for parent in &stream.more_parents {
        let (others, ..) = children(fetch, parent, None, true).await?;
        elements = request::combined(&elements, &others);
    }
    let elements = request::combined(&elements, &request::elements(stream).map_err(config)?);
    Ok(Family { elements, parent_seq: Some(seq), partial })
}

/// One element for each record of a parent; the number of the parent's last batch; whether older records were left out.
async fn children(
    fetch: &Fetch<'_>,
    parent: &Parent,
    since: Option<u64>,
    all: bool,
) -> Result<(Vec<Element>, u64, bool), Error> {
    let Fetch { env, pipeline, stream, .. } = *fetch;
    let Some(above) = pipeline.stream(&parent.stream) else {
        return Err(Error::Config(format!(
            "stream `{}`: no stream is called `{}`",
            stream.name, parent.stream
        )));
    };
    let hint = StreamState::read(env, &above.name).await?.head;
    let last = crate::stage::last(env, &above.name, Some(hint).filter(|seq| *seq > 0)).await?;
    let mut parents = Parents::new(stream, parent);
    let partial = above.incremental.is_some() && !all;
    let seq = last.as_ref().map_or(0, |batch| batch.seq);
    match last {
        None => Box::pin(fetched(&Fetch { stream: above, ..*fetch }, parent, &mut parents)).await?,
        Some(last) => {
            let from = if partial { since.unwrap_or(0) } else { 0 };
            staged(env, above, last, from, &mut parents).await?;
        }
    }
    Ok((parents.found(), seq, partial))
}

/// The parent has staged nothing yet: it is fetched here, once, and staged by its own poll.
async fn fetched(fetch: &Fetch<'_>, parent: &Parent, parents: &mut Parents<'_>) -> Result<(), Error> {
    let above = fetch.stream;
    tracing::info!(parent = parent.stream, "nothing is staged yet: fetching it for its children");
    let base = fetch.pipeline.source.public_base(fetch.env.clock.now());
    let family = family(fetch, None).await?;
    let mut round = gather(fetch, &family.elements, &Head::default(), None).await;
    if !round.failures.is_empty() {
        return Err(round.failures.swap_remove(0).1);
    }
    let transforms = transforms(TransformSpec::of(above, &fetch.pipeline.source).as_ref())?;
    for element in &family.elements {
        let Some((pages, _)) = round.answers.get(&element.name) else { continue };
        for page in pages {
            let (values, fields) = added(above, element, page, &base)?;
            let plain = page.plain(&above.records, decode::MOST_BYTES)?;
            let records = decode::records(&plain.text, plain.format, plain.records);
            let records = records.map_err(|error| Error::Source(error.to_string()))?;
            note(parents, &transforms, (&element.name, &fields, &values), records, base.now)?;
        }
    }
    Ok(())
}

/// The records in the parent's batches above `from` up to the `last`, where it is incremental; else those of each
/// element's last change.
async fn staged(
    env: &Env,
    above: &Stream,
    mut last: Batch,
    from: u64,
    parents: &mut Parents<'_>,
) -> Result<(), Error> {
    let mut wanted: BTreeSet<String> = std::mem::take(&mut last.checkpoint).elements.into_keys().collect();
    let head = last.seq;
    let mut last = Some(last);
    let mut batches = Vec::new();
    for seq in (from + 1..=head).rev() {
        if above.incremental.is_none() && wanted.is_empty() {
            break;
        }
        let mut batch = match last.take() {
            Some(last) => last,
            None => crate::decode::batch(env, &keys::batch(&above.name, seq)).await?,
        };
        if above.incremental.is_none() {
            // An element's last change holds all its pages; what came before is over.
            batch.pages.retain(|page| wanted.contains(&page.element));
            batch.pages.iter().for_each(|page| {
                wanted.remove(&page.element);
            });
        }
        batches.push(batch);
    }
    for batch in batches.iter().rev() {
        take(env, batch, parents).await?;
    }
    Ok(())
}

async fn take(env: &Env, batch: &Batch, parents: &mut Parents<'_>) -> Result<(), Error> {
    let transforms = transforms(batch.load.transform.as_ref())?;
    for page in &batch.pages {
        let body = crate::decode::body(env, page).await?;
        let damaged =
            |error: decode::DecodeError| Error::Damaged { key: page.key.clone(), reason: error.to_string() };
        let plain = decode::plain(&body, &page.form(), &batch.load.records).map_err(damaged)?;
        let records = decode::records(&plain.text, plain.format, plain.records).map_err(damaged)?;
        let from = (page.element.as_str(), &page.fields, &page.values);
        note(parents, &transforms, from, records, batch.polled_at)?;
    }
    Ok(())
}

/// Takes in the records of a page: the name of its element, what is added to its records, and what it was asked for.
fn note(
    parents: &mut Parents<'_>,
    transforms: &Transforms,
    (element, fields, values): (&str, &Values, &Values),
    records: Vec<Cow<'_, [u8]>>,
    polled_at: Timestamp,
) -> Result<(), Error> {
    let named: Values = fields.iter().chain(values).map(|(n, v)| (n.clone(), v.clone())).collect();
    let records = transforms.all(records, &named, polled_at);
    parents.page(element, &asked_for(values), fields, &records).map_err(source)
}

/// What is done to the parent's records before they become rows, and its children.
fn transforms(spec: Option<&TransformSpec>) -> Result<Transforms, Error> {
    let ready = spec.map(Transforms::new).transpose();
    Ok(ready.map_err(|error| Error::Config(error.to_string()))?.unwrap_or_default())
}

fn config(error: RequestError) -> Error {
    Error::Config(error.to_string())
}

fn source(error: RequestError) -> Error {
    Error::Source(error.to_string())
}
