//! The batches of a load, in order: those that are known to be its own, and those that are still being claimed while the
//! pages of the first are read.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use tidegate_core::batch::Batch;

use crate::Error;

/// The batches.
pub(crate) struct Intake<'a> {
    /// Those that may be among them.
    candidates: &'a [Batch],
    known: Vec<&'a Batch>,
    coming: BoxStream<'a, Result<&'a Batch, Error>>,
}

impl<'a> Intake<'a> {
    /// All are its own.
    pub(crate) fn of(batches: &'a [Batch]) -> Intake<'a> {
        Intake { candidates: batches, known: batches.iter().collect(), coming: stream::empty().boxed() }
    }

    /// Those of the candidates that come turn out to be its own.
    pub(crate) fn coming(
        candidates: &'a [Batch],
        coming: impl Stream<Item = Result<&'a Batch, Error>> + Send + 'a,
    ) -> Intake<'a> {
        Intake { candidates, known: Vec::new(), coming: coming.boxed() }
    }

    /// The first; `None` if there is none.
    pub(crate) async fn first(&mut self) -> Result<Option<&'a Batch>, Error> {
        if self.known.is_empty() {
            self.known.extend(self.coming.try_next().await?);
        }
        Ok(self.known.first().copied())
    }

    /// All of them. May be asked for again.
    pub(crate) fn each(&mut self) -> impl Stream<Item = Result<&'a Batch, Error>> + Send {
        let known = stream::iter(self.known.clone()).map(Ok);
        known.chain(self.coming.by_ref().inspect_ok(|batch| self.known.push(batch)))
    }

    /// Those that have come so far: all of them, once [`Intake::each`] has been read to its end.
    pub(crate) fn known(&self) -> &[&'a Batch] {
        &self.known
    }

    /// Bytes of each page that may be among them.
    pub(crate) fn page_bytes(&self) -> impl Iterator<Item = u64> {
        self.candidates.iter().flat_map(|batch| &batch.pages).map(|page| page.bytes)
    }
}
