//! What a case has staged, record by record as the API gave it: read without the loader, to hold the loader against it.

use object_store::ObjectStore;
use serde_json::Value;
use tidegate_core::batch::{Batch, Page};
use tidegate_core::jiff::Timestamp;
use tidegate_core::partition::PartitionKey;
use tidegate_core::pipeline::Stream;
use tidegate_core::transform::Transforms;
use tidegate_core::{cursor, decode, keys, time};

use crate::failure::Failure;
use crate::lake;

/// A batch, and the records of its pages in order.
pub(super) struct Staged {
    pub(super) batch: Batch,
    pub(super) records: Vec<Raw>,
}

/// A record of a staged page.
pub(super) struct Raw {
    /// Place of its page in the batch.
    pub(super) page: usize,
    /// Whether it is to be landed: not known already, and not filtered out.
    pub(super) wanted: bool,
    /// What it is after the stream's transformations.
    pub(super) json: Value,
    /// The partition that its time puts it into; `None` if it has no time though it should.
    pub(super) partition: Option<String>,
}

/// All batches of a stream, by number.
pub(super) async fn staged(store: &dyn ObjectStore, stream: &Stream) -> Result<Vec<Staged>, Failure> {
    let mut all = Vec::new();
    for key in lake::keys(store, &keys::batches(&stream.name)).await.map_err(unreadable)? {
        let bytes = lake::read(store, &key).await.map_err(unreadable)?;
        let batch = Batch::decode(&bytes).map_err(unreadable)?;
        let mut records = Vec::new();
        for (at, page) in batch.pages.iter().enumerate() {
            let body = lake::read(store, &page.key).await.map_err(unreadable)?;
            records.extend(of_page(&batch, at, page, &body)?);
        }
        all.push(Staged { batch, records });
    }
    Ok(all)
}

fn of_page(batch: &Batch, at: usize, page: &Page, body: &[u8]) -> Result<Vec<Raw>, Failure> {
    let plain = decode::plain(body, &page.form(), &batch.load.records).map_err(unreadable)?;
    let records = decode::records(&plain.text, plain.format, plain.records).map_err(unreadable)?;
    let transforms = batch.load.transform.as_ref().map(Transforms::new).transpose().map_err(unreadable)?;
    let raw = |(number, record): (u64, std::borrow::Cow<'_, [u8]>)| {
        let repeated = page.repeats.iter().any(|(first, count)| (*first..first + count).contains(&number));
        let text = std::str::from_utf8(&record).map_err(unreadable)?;
        // One that cannot be transformed is on its way to quarantine as it is.
        let kept =
            match transforms.as_ref().map(|transforms| transforms.apply(text, &page.values, batch.polled_at))
            {
                Some(Ok(kept)) => kept,
                None | Some(Err(_)) => Some(text.to_owned()),
            };
        let wanted = kept.is_some() && !repeated;
        let text = kept.unwrap_or_else(|| text.to_owned());
        let json = serde_json::from_str(&text).map_err(unreadable)?;
        Ok(Raw { page: at, wanted, json, partition: partition(batch, page, text.as_bytes()) })
    };
    (0..).zip(records).map(raw).collect()
}

/// Where a record belongs, by its own time or that of the poll.
fn partition(batch: &Batch, page: &Page, record: &[u8]) -> Option<String> {
    let path = |at: Timestamp| PartitionKey::of(at, batch.load.partition_by).path();
    let Some(rules) = &batch.load.event_time else { return Some(path(batch.polled_at)) };
    let name = rules.path.strip_prefix("$.").unwrap_or(&rules.path);
    let own = page.fields.get(name).cloned().or_else(|| cursor::value(record, name))?;
    time::parse(own.to_string().as_bytes(), rules).map(path)
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("cannot read back what was staged: {error}"))
}
