//! A store that dies or stands still at its n-th call, and lets others go first at each.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Notify;

/// When the process dies, and how it is scheduled. Shared by its stores.
#[derive(Debug, Default)]
pub struct Fate {
    pub calls: AtomicU64,
    /// The call at which it dies; never where 0.
    pub dies_at: u64,
    /// Whether that call still reaches the store.
    pub after: bool,
    /// The call at which it stands still until it is woken; never where 0.
    pub pauses_at: u64,
    /// Told when it stands still.
    pub paused: Notify,
    /// Wakes it.
    pub woken: Notify,
    /// Seed of how many turns each call waits.
    pub seed: u64,
}

impl Fate {
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A store under a fate.
#[derive(Debug)]
pub struct Mortal {
    pub inner: Arc<dyn ObjectStore>,
    pub fate: Arc<Fate>,
}

impl fmt::Display for Mortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mortal({})", self.inner)
    }
}

fn dead() -> Error {
    // Not a transient error: a dead process retries nothing.
    Error::NotSupported { source: "the process is dead".into() }
}

impl Mortal {
    /// Counts a call. `Err` if the process is dead by now; `true` if it dies once the call is done.
    async fn call(&self) -> Result<bool> {
        let n = self.fate.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fate.seed > 0 {
            let mixed =
                (n ^ self.fate.seed.rotate_left(17)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            for _ in 0..mixed.wrapping_mul(self.fate.seed | 1) % 7 {
                tokio::task::yield_now().await;
            }
        }
        if n == self.fate.pauses_at {
            self.fate.paused.notify_one();
            self.fate.woken.notified().await;
        }
        match self.fate.dies_at {
            0 => Ok(false),
            at if n < at => Ok(false),
            at if n == at && self.fate.after => Ok(true),
            _ => Err(dead()),
        }
    }

    fn done<T>(dies: bool, result: Result<T>) -> Result<T> {
        if dies { Err(dead()) } else { result }
    }
}

#[async_trait]
impl ObjectStore for Mortal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let dies = self.call().await?;
        Self::done(dies, self.inner.put_opts(location, payload, options).await)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let dies = self.call().await?;
        Self::done(dies, self.inner.get_opts(location, options).await)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, fate) = (Arc::clone(&self.inner), Arc::clone(&self.fate));
        locations
            .then(move |location| {
                let one = Mortal { inner: Arc::clone(&inner), fate: Arc::clone(&fate) };
                async move {
                    let location = location?;
                    let dies = one.call().await?;
                    let path = location.clone();
                    let mut deleted = one.inner.delete_stream(futures::stream::iter([Ok(path)]).boxed());
                    let result = deleted.next().await.unwrap_or(Ok(location));
                    Self::done(dies, result)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let one = Mortal { inner: Arc::clone(&self.inner), fate: Arc::clone(&self.fate) };
        let prefix = prefix.cloned();
        futures::stream::once(async move {
            match one.call().await {
                Ok(false) => one.inner.list(prefix.as_ref()),
                Ok(true) | Err(_) => futures::stream::iter([Err(dead())]).boxed(),
            }
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let dies = self.call().await?;
        Self::done(dies, self.inner.list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
