//! The memory of a poll does not grow with its pages: once it holds more than some, further ones are put into staging as
//! they come, under the names that they would get at its end. If nothing turns out to be new they are garbage, as the
//! pages of a poll that died; a poll that finds the same again finds them there, and looks before it writes.

use std::future::Future;
use std::pin::{Pin, pin};

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tidegate_core::{change, keys};

use crate::fetch::Fetch;
use crate::page::Page;
use crate::{Error, objects};

/// Bytes of pages that a poll keeps until its end.
const HELD: u64 = 8 << 20;

/// Pages of elements that have changed, of which a poll keeps that many until its end.
const KEPT: u32 = 64;

/// Where a page lies in staging.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) key: String,
    /// SHA-256 (hex) of its bytes.
    pub(crate) sha256: String,
}

impl Stored {
    /// Where a page of batch `seq` belongs.
    pub(crate) fn of(page: &Page, stream: &str, seq: u64) -> Stored {
        let sha256 = change::hex(&change::sha256(&page.body));
        Stored { key: keys::page(stream, seq, &sha256, page.format.extension()), sha256 }
    }
}

/// Pages stored at the same time by one element.
const AT_ONCE: usize = 8;

type Storing<'a> = Pin<Box<dyn Future<Output = Result<(usize, Stored), Error>> + Send + 'a>>;

/// Pages of one element on their way into staging, while the walk goes on.
pub(crate) struct Shelving<'a> {
    fetch: &'a Fetch<'a>,
    /// Number of the batch that they would belong to; `None` where they are not to be staged.
    seq: Option<u64>,
    under_way: FuturesUnordered<Storing<'a>>,
}

impl<'a> Shelving<'a> {
    pub(crate) fn new(fetch: &'a Fetch<'a>, seq: Option<u64>) -> Shelving<'a> {
        Shelving { fetch, seq, under_way: FuturesUnordered::new() }
    }

    /// Takes the last page into account, and has it stored where too much is held already.
    pub(crate) fn relieve(&mut self, pages: &[Page]) {
        let (Some(page), Some(seq)) = (pages.last(), self.seq) else { return };
        let held = self.fetch.tally().held + page.bytes;
        if held <= HELD {
            self.fetch.tally().held = held;
        } else {
            self.store(page, pages.len() - 1, seq);
        }
    }

    fn store(&mut self, page: &Page, index: usize, seq: u64) {
        let (fetch, stored, body) =
            (self.fetch, Stored::of(page, &self.fetch.stream.name, seq), page.body.clone());
        self.under_way.push(Box::pin(async move {
            // Where the last one was there, a poll before has found the same, and likely all of it.
            let look = !fetch.tally().writes;
            let staging = fetch.env.staging.as_ref();
            let was_there = objects::keep(fetch.env, staging, &stored.key, &body, look).await?;
            fetch.tally().writes = !was_there;
            Ok((index, stored))
        }));
    }

    /// What is waited for, pages being stored meanwhile; and then until there is room for another page.
    pub(crate) async fn beside<T>(
        &mut self,
        waited: impl Future<Output = T>,
        pages: &mut [Page],
    ) -> Result<T, Error> {
        let mut waited = pin!(waited);
        let value = loop {
            if self.under_way.is_empty() {
                break waited.await;
            }
            match select(self.under_way.next(), waited.as_mut()).await {
                Either::Left((stored, _)) => stored.map_or(Ok(()), |stored| shelve(stored, pages))?,
                Either::Right((value, _)) => break value,
            }
        };
        self.down_to(AT_ONCE - 1, pages).await?;
        Ok(value)
    }

    /// Waits until all are stored.
    pub(crate) async fn all(&mut self, pages: &mut [Page]) -> Result<(), Error> {
        self.down_to(0, pages).await
    }

    async fn down_to(&mut self, most: usize, pages: &mut [Page]) -> Result<(), Error> {
        while self.under_way.len() > most
            && let Some(stored) = self.under_way.next().await
        {
            shelve(stored, pages)?;
        }
        Ok(())
    }
}

/// Notes where a page lies, which need not be held any more.
fn shelve(stored: Result<(usize, Stored), Error>, pages: &mut [Page]) -> Result<(), Error> {
    let (index, stored) = stored?;
    if let Some(page) = pages.get_mut(index) {
        page.body = Bytes::new();
        page.stored = Some(stored);
    }
    Ok(())
}

impl Fetch<'_> {
    /// Takes the last page into account, and puts it into staging where too much is held already. `seq` is the number of
    /// the batch that it would belong to; `None` where it is not to be staged.
    pub(crate) async fn relieve(&self, pages: &mut [Page], seq: Option<u64>) -> Result<(), Error> {
        let mut shelving = Shelving::new(self, seq);
        shelving.relieve(pages);
        shelving.all(pages).await
    }

    /// Puts the pages of an element that has changed into staging where many are held: while others are still asked for.
    pub(crate) async fn settle(&self, pages: &mut [Page], seq: Option<u64>) -> Result<(), Error> {
        let Some(seq) = seq else { return Ok(()) };
        let mut shelving = Shelving::new(self, Some(seq));
        for index in 0..pages.len() {
            if pages[index].stored.is_some() {
                continue;
            }
            self.tally().kept += 1;
            if self.tally().kept > KEPT {
                shelving.store(&pages[index], index, seq);
                shelving.down_to(AT_ONCE - 1, pages).await?;
            }
        }
        shelving.all(pages).await
    }
}
