//! From a store's address to the store.

#[cfg(target_os = "linux")]
mod alike;
#[cfg(target_os = "linux")]
mod desk;
#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod local;
mod place;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::client::{HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use crate::Error;
use place::Place;

/// Opens `file:…` (relative paths are taken from `base`), `s3://bucket/prefix` or `memory://name`. `options` are S3
/// settings by their usual names (`aws_endpoint_url`, `aws_access_key_id`, …) as the shell read them, and `fsync`
/// (`true` where absent) for directories. Names that no store knows are passed over. Of one name, `memory://` is one
/// store within the process. A directory that is not there is made: who only looks asks first.
pub fn open_store(
    url: &str,
    base: &Path,
    options: &[(String, String)],
) -> Result<Arc<dyn ObjectStore>, Error> {
    open(url, base, options, AmazonS3Builder::new())
}

/// The same, a bucket over a client that is there already: its roots are read and its connections kept once for all.
pub fn open_store_over(
    client: &HttpClient,
    url: &str,
    base: &Path,
    options: &[(String, String)],
) -> Result<Arc<dyn ObjectStore>, Error> {
    open(url, base, options, AmazonS3Builder::new().with_http_connector(Over(client.clone())))
}

/// Connects with the client that it is given.
#[derive(Debug)]
struct Over(HttpClient);

impl HttpConnector for Over {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

fn open(
    url: &str,
    base: &Path,
    options: &[(String, String)],
    builder: AmazonS3Builder,
) -> Result<Arc<dyn ObjectStore>, Error> {
    match Place::parse(url, base)? {
        Place::Directory(path) => open_directory(&path, options),
        Place::S3 { bucket, prefix } => Ok(below(open_bucket(url, &bucket, options, builder)?, prefix)),
        Place::Memory { name, prefix } => Ok(below(open_memory(name), prefix)),
    }
}

/// Checks that staging and lake are two places, neither inside the other: a lake inside staging would be taken for
/// raw data, and the reverse for a table.
pub fn check_apart(staging: &str, lake: &str, base: &Path) -> Result<(), Error> {
    let (a, b) = (Place::parse(staging, base)?, Place::parse(lake, base)?);
    if a.holds(&b) || b.holds(&a) {
        return Err(Error::Config(format!(
            "staging ({staging}) and lake ({lake}) are the same place or one lies inside the other; \
             give each a directory or prefix of its own"
        )));
    }
    Ok(())
}

/// Whether a store's directory is there. A bucket is found out by asking it; memory always is.
pub fn store_is_there(url: &str, base: &Path) -> Result<bool, Error> {
    Ok(match Place::parse(url, base)? {
        Place::Directory(path) => path.exists(),
        Place::S3 { .. } | Place::Memory { .. } => true,
    })
}

fn below(store: impl ObjectStore, prefix: Key) -> Arc<dyn ObjectStore> {
    if prefix.as_ref().is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) }
}

fn open_memory(name: String) -> Arc<InMemory> {
    static STORES: LazyLock<Mutex<BTreeMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);
    STORES.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().clone()
}

fn open_directory(path: &Path, options: &[(String, String)]) -> Result<Arc<dyn ObjectStore>, Error> {
    let refused = |reason: String| {
        Error::Config(format!(
            "cannot use the directory {}: {reason}; create it, make it writable, or name another one",
            path.display()
        ))
    };
    std::fs::create_dir_all(path).map_err(|e| refused(e.to_string()))?;
    let fsync = !options.iter().any(|(name, value)| name == "fsync" && value == "false");
    let store = || LocalFileSystem::new_with_prefix(path).map_err(|e| refused(e.to_string()));
    #[cfg(target_os = "linux")]
    if fsync {
        return Ok(Arc::new(group::Directory::new(path, store()?, store()?)));
    }
    Ok(Arc::new(store()?.with_fsync(fsync).with_automatic_cleanup(false)))
}

fn open_bucket(
    url: &str,
    bucket: &str,
    options: &[(String, String)],
    builder: AmazonS3Builder,
) -> Result<impl ObjectStore + use<>, Error> {
    // The first caller installs it for the process; whoever comes later finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder =
        builder.with_bucket_name(bucket).with_conditional_put(S3ConditionalPut::ETagMatch).with_retry(
            RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() },
        );
    for (name, value) in options {
        let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() else { continue };
        let is_endpoint = matches!(key, AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint);
        if is_endpoint && value.starts_with("http://") {
            builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp), "true");
        }
        if key != AmazonS3ConfigKey::Bucket {
            builder = builder.with_config(key, value);
        }
    }
    builder.build().map_err(|e| {
        Error::Config(format!("cannot use {url}: {e}; check the bucket's name and the aws_… settings"))
    })
}

#[cfg(test)]
mod tests;
