//! The memory of a poll does not grow with its pages: once it holds more than some, further ones are put into staging as
//! they come, under the names that they would get at its end. If nothing turns out to be new they are garbage, as the
//! pages of a poll that died; a poll that finds the same again finds them there.

use bytes::Bytes;
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

impl Fetch<'_> {
    /// Takes the page into account, and puts it into staging where too much is held already. `seq` is the number of the
    /// batch that it would belong to; `None` where it is not to be staged.
    pub(crate) async fn relieve(&self, page: Option<&mut Page>, seq: Option<u64>) -> Result<(), Error> {
        let (Some(page), Some(seq)) = (page, seq) else { return Ok(()) };
        let held = self.tally().held + page.bytes;
        if held <= HELD {
            self.tally().held = held;
            return Ok(());
        }
        self.store(page, seq).await
    }

    /// Puts the pages of an element that has changed into staging where many are held: while others are still asked for.
    pub(crate) async fn settle(&self, pages: &mut [Page], seq: Option<u64>) -> Result<(), Error> {
        let Some(seq) = seq else { return Ok(()) };
        for page in pages.iter_mut().filter(|page| page.stored.is_none()) {
            self.tally().kept += 1;
            if self.tally().kept > KEPT {
                self.store(page, seq).await?;
            }
        }
        Ok(())
    }

    async fn store(&self, page: &mut Page, seq: u64) -> Result<(), Error> {
        let stored = Stored::of(page, &self.stream.name, seq);
        objects::keep(self.env, self.env.staging.as_ref(), &stored.key, &page.body).await?;
        page.body = Bytes::new();
        page.stored = Some(stored);
        Ok(())
    }
}
