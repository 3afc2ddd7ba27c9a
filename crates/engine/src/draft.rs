//! What of a poll is new: its pages compared with the last batch's checkpoint. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;
use tidegate_core::batch::{self, Batch, Checkpoint, ElementState};
use tidegate_core::cadence::Shown;
use tidegate_core::change::{self, Fingerprint, Validators};
use tidegate_core::cursor;
use tidegate_core::expr::{Base, Scope};
use tidegate_core::jiff::Timestamp;
use tidegate_core::pipeline::{LoadSpec, Pipeline, Stream, Template, Values};
use tidegate_core::request::{self, Element};
use tidegate_core::transform::Transforms;

use crate::Error;
use crate::page::Page;
use crate::parents::Family;
use crate::spill::Stored;

/// The pages of one element and, where there is one alone, its validators.
pub(crate) type Answered = (Vec<Page>, Validators);

/// The batch that a poll would stage.
pub(crate) struct Draft<'a> {
    changed: Vec<Changed<'a>>,
    /// Whether the stream has a key.
    by_key: bool,
    pub(crate) checkpoint: Checkpoint,
}

struct Changed<'a> {
    element: &'a Element,
    pages: &'a [Page],
    /// Of each page the runs of records that the poll before had brought.
    repeats: Vec<Vec<(u64, u64)>>,
}

impl<'a> Draft<'a> {
    /// Compares what the elements answered with a checkpoint. Elements that did not answer keep their state, and so do
    /// those of earlier polls where this one asked for a part only.
    pub(crate) fn of(
        stream: &Stream,
        family: &'a Family,
        answers: &'a BTreeMap<String, Answered>,
        failed: bool,
        before: &Checkpoint,
    ) -> Draft<'a> {
        let kept = if family.partial { before.elements.clone() } else { BTreeMap::new() };
        // The children of a record that failed are asked for again.
        let parent_seq = if failed { before.parent_seq } else { family.parent_seq };
        let by_key = !stream.primary_key.is_empty();
        let checkpoint = Checkpoint { elements: kept, parent_seq };
        let mut draft = Draft { changed: Vec::new(), by_key, checkpoint };
        for element in &family.elements {
            let old = before.elements.get(&element.name);
            let state = match answers.get(&element.name) {
                Some(answered) => Some(draft.compare(element, answered, old.cloned().unwrap_or_default())),
                None => old.cloned(),
            };
            draft.checkpoint.elements.extend(state.map(|state| (element.name.clone(), state)));
        }
        draft
    }

    /// Takes the element in if it changed; returns its state.
    fn compare(&mut self, element: &'a Element, answered: &'a Answered, old: ElementState) -> ElementState {
        let (pages, validators) = answered;
        let fingerprint = Fingerprint::of_pages(pages.iter().map(|page| &page.content.digest));
        let repeats = repeats(self.by_key, pages, &old.seen);
        let known = pages.iter().zip(&repeats).all(|(page, runs)| {
            page.content.told_apart
                && runs.iter().map(|(_, count)| count).sum::<u64>() == page.content.records
        });
        if fingerprint == old.fingerprint || known {
            return ElementState { validators: validators.clone(), fingerprint, ..old };
        }
        let cursor = pages.iter().map(|page| page.marks.cursor.clone()).fold(old.cursor.clone(), cursor::max);
        let seen = pages.iter().flat_map(Page::wanted).map(str::to_owned).collect();
        self.changed.push(Changed { element, pages, repeats });
        ElementState { validators: validators.clone(), fingerprint, seen, cursor }
    }

    /// Whether nothing is new.
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// The times of the new records, where records are told apart, else of all.
    pub(crate) fn shown(&self, stream: &Stream) -> Shown {
        let mut shown = Shown::default();
        let apart = self.changed.iter().all(Changed::told_apart);
        for changed in &self.changed {
            for (page, repeats) in changed.pages.iter().zip(&changed.repeats) {
                let repeated =
                    |place: u64| repeats.iter().any(|(first, n)| (*first..first + n).contains(&place));
                let new = page.marks.times.iter().filter(|(place, _)| !apart || !repeated(*place));
                shown.times.extend(new.map(|(_, time)| *time));
            }
        }
        // Of several elements without keys nobody can say which has told a time before.
        let overlap = || self.changed.iter().all(Changed::overlaps);
        let continuous = apart && (stream.incremental.is_some() || overlap());
        shown.apart = (apart || self.checkpoint.elements.len() > 1).then_some(continuous);
        shown
    }

    /// The bodies of the pages, in the order of the batch; `None` of one that is stored already.
    pub(crate) fn bodies(&self) -> Vec<Option<bytes::Bytes>> {
        self.changed
            .iter()
            .flat_map(|changed| changed.pages)
            .map(|page| page.stored.is_none().then(|| page.body.clone()))
            .collect()
    }

    /// The batch document of number `seq`.
    pub(crate) fn batch(
        &self,
        pipeline: &Pipeline,
        stream: &Stream,
        polled_at: Timestamp,
        seq: u64,
    ) -> Result<Batch, Error> {
        let mut pages = Vec::new();
        let base = pipeline.source.public_base(polled_at);
        let load = LoadSpec::of(stream, &pipeline.source);
        let transforms = transforms(&load, stream)?;
        let names: BTreeSet<&str> = transforms.names().collect();
        let children = pipeline.streams.iter().flat_map(Stream::parents);
        let is_above = children
            .into_iter()
            .any(|parent| parent.stream == stream.name && parent.partition_field.is_some());
        for changed in &self.changed {
            for (number, (page, repeats)) in changed.pages.iter().zip(&changed.repeats).enumerate() {
                let (values, fields) = added(stream, changed.element, page, &base)?;
                let mut kept = if is_above { asked_for(&changed.element.values) } else { Values::new() };
                let named = |(name, _): &(&String, &Value)| names.contains(name.as_str());
                kept.extend(values.iter().filter(named).map(|(name, value)| (name.clone(), value.clone())));
                let place = || Stored::of(page, &stream.name, seq);
                let Stored { key, sha256 } = page.stored.clone().unwrap_or_else(place);
                pages.push(batch::Page {
                    key,
                    element: changed.element.name.clone(),
                    number: u32::try_from(number).unwrap_or(u32::MAX),
                    request: page.request.clone(),
                    status: page.status,
                    fetched_at: page.fetched_at,
                    bytes: page.bytes,
                    sha256,
                    format: page.format,
                    charset: page.charset.clone(),
                    archive: page.archive.clone(),
                    records: page.content.records,
                    repeats: repeats.clone(),
                    fields,
                    values: kept,
                });
            }
        }
        Ok(Batch {
            version: Batch::VERSION,
            pipeline: pipeline.name.clone(),
            stream: stream.name.clone(),
            seq,
            polled_at,
            config_hash: batch::config_hash(pipeline, stream),
            load,
            pages,
            checkpoint: self.checkpoint.clone(),
        })
    }
}

impl Changed<'_> {
    fn told_apart(&self) -> bool {
        self.pages.iter().all(|page| page.content.told_apart)
    }

    /// Whether records of the poll before came along, so that none between can be missing.
    fn overlaps(&self) -> bool {
        self.repeats.iter().any(|repeats| !repeats.is_empty())
    }
}

/// Of each page the runs of records that are not to be loaded: not wanted, brought by the poll before, or brought by
/// this one already: with a key anywhere in it, else by an earlier walk, whose border may be the same.
fn repeats(by_key: bool, pages: &[Page], seen: &[String]) -> Vec<Vec<(u64, u64)>> {
    let mut met: HashSet<&str> = seen.iter().map(String::as_str).collect();
    let mut last_walk = 0;
    let mut all = Vec::with_capacity(pages.len());
    for (index, page) in pages.iter().enumerate() {
        if page.walk > last_walk && !by_key {
            let earlier = pages[..index].iter().filter(|other| (last_walk..page.walk).contains(&other.walk));
            met.extend(earlier.flat_map(Page::wanted));
            last_walk = page.walk;
        }
        let flags = (0..page.content.hashes.len()).map(|at| {
            let hash = page.content.hashes[at].as_str();
            page.is_outside(at) || met.contains(hash) || (by_key && !met.insert(hash))
        });
        all.push(change::runs(flags));
    }
    all
}

/// What is done to the records.
fn transforms(load: &LoadSpec, stream: &Stream) -> Result<Transforms, Error> {
    let ready = load.transform.as_ref().map(Transforms::new).transpose();
    Ok(ready
        .map_err(|error| Error::Config(format!("stream `{}`, transform: {error}", stream.name)))?
        .unwrap_or_default())
}

/// What an element is asked for, as its children may name it: its values without the parent's record.
pub(crate) fn asked_for(values: &Values) -> Values {
    let own = ["parent", "incremental", "stream_slice", "stream_partition", "stream_interval"];
    let kept = values.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What expressions may name of a page's element, and the values that the stream adds to each record of the page.
pub(crate) fn added(
    stream: &Stream,
    element: &Element,
    page: &Page,
    base: &Base,
) -> Result<(Values, Values), Error> {
    let mut values = element.values.clone();
    values.extend(page.window.iter().map(|window| ("incremental".to_owned(), window.clone())));
    let values = request::with_slice(stream, &values, base.dialect).into_owned();
    let fields = fields(stream, &base.scope().with_all(&values))?;
    Ok((values, fields))
}

fn fields(stream: &Stream, scope: &Scope<'_>) -> Result<Values, Error> {
    let render = |(name, value)| match Template::render(value, scope) {
        Ok(value) => Ok((String::clone(name), value)),
        Err(error) => Err(Error::Config(format!("stream `{}`, fields.{name}: {error}", stream.name))),
    };
    stream.fields.iter().map(render).collect()
}
