//! An object store out of order: calls that fail before they do anything, acknowledgements that are lost after
//! everything was done, lists that break off, and waits. What it holds is always what a sound store would hold.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tidegate_core::keys;

use crate::process::{Fate, Process};

/// One process's sight of a store.
#[derive(Clone)]
pub(crate) struct FaultyStore {
    pub(crate) name: &'static str,
    pub(crate) inner: Arc<InMemory>,
    pub(crate) process: Arc<Process>,
}

/// What happens to one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    Works,
    FailsBefore,
    FailsAfter,
    DiesAfter,
}

impl FaultyStore {
    async fn plan(&self, action: &str, key: &str) -> Plan {
        let fate = self.process.operation().await;
        self.delay().await;
        let plan = match fate {
            Fate::DiesAfter => Plan::DiesAfter,
            Fate::Lives if !self.process.world.fault(self.process.world.settings.store_faults) => Plan::Works,
            Fate::Lives if self.process.world.fault(0.5) => Plan::FailsAfter,
            Fate::Lives => Plan::FailsBefore,
        };
        let said = match plan {
            Plan::Works => "",
            Plan::FailsBefore => " (503)",
            Plan::FailsAfter => " (acknowledgement lost)",
            Plan::DiesAfter => " (and dies)",
        };
        self.process.note(&format!("{action} {}/{key}{said}", self.name));
        plan
    }

    async fn delay(&self) {
        let world = &self.process.world;
        let milliseconds = {
            let mut state = world.state();
            match state.calm {
                true => 1,
                false => {
                    let longest = *state.chance.pick(&[3, 3, 3, 3, 200, 3_000]);
                    state.chance.below(longest)
                }
            }
        };
        if milliseconds > 1_000 {
            world.count("store slow");
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    /// Carries out a call as planned.
    async fn perform<T, F>(&self, action: &'static str, key: &str, call: F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
        T: Send,
    {
        match self.plan(action, key).await {
            Plan::Works => call.await,
            Plan::FailsBefore => {
                self.process.world.count("store failed before the effect");
                Err(out_of_order())
            }
            Plan::FailsAfter => {
                call.await?;
                self.process.world.count("store acknowledgement lost");
                Err(out_of_order())
            }
            Plan::DiesAfter => {
                let _ = call.await;
                self.process.die().await
            }
        }
    }

    async fn put_and_tell(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let created_once = matches!(options.mode, PutMode::Create);
        let result = self.inner.put_opts(key, payload, options).await;
        let world = &self.process.world;
        if result.is_ok() && self.name == "staging" && key.as_ref().ends_with(keys::BATCH_SUFFIX) {
            assert!(created_once, "{key} must be created, never overwritten");
            let mut state = world.state();
            let crate::world::State { queue, chance, .. } = &mut *state;
            let copies = queue.publish(key.as_ref(), world.elapsed(), world.settings.duplicates, chance);
            drop(state);
            if copies > 1 {
                world.count("event duplicated");
            }
        }
        if matches!(result, Err(object_store::Error::AlreadyExists { .. })) {
            world.count("create lost to another");
        }
        result
    }
}

fn out_of_order() -> object_store::Error {
    object_store::Error::Generic { store: "simulated", source: "503 Slow Down".into() }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.perform("put", key.as_ref(), self.put_and_tell(key, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.perform("put parts", key.as_ref(), self.inner.put_multipart_opts(key, options)).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.perform("get", key.as_ref(), self.inner.get_opts(key, options)).await
    }

    async fn get_ranges(&self, key: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.perform("get ranges", key.as_ref(), self.inner.get_ranges(key, ranges)).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        keys.and_then(move |key| {
            let store = store.clone();
            async move {
                let one = stream::once(std::future::ready(Ok(key.clone()))).boxed();
                let delete = store.inner.delete_stream(one).try_collect::<Vec<_>>();
                store.perform("delete", key.as_ref(), delete).await.map(|_| key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let prefix = prefix.cloned().unwrap_or_default();
        let listed = async move {
            let all = store.inner.list(Some(&prefix)).try_collect::<Vec<_>>();
            let mut all = store.perform("list", prefix.as_ref(), all).await?;
            all.sort_by(|a, b| a.location.cmp(&b.location));
            Ok::<_, object_store::Error>(stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let shown = prefix.map(ToString::to_string).unwrap_or_default();
        self.perform("list", &shown, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.perform("copy", to.as_ref(), self.inner.copy_opts(from, to, options)).await
    }
}
