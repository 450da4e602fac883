//! Where recordings go, and how one file gets there.
//!
//! Invariant: [`Target::put`] succeeds only after what is stored was compared with what it should be.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
};

use super::compare::{Expected, is_stored};
use super::send::{self, Source};
use crate::config;
use crate::egress::OutputError;
use crate::id::RecordingId;

/// A store for recordings.
#[derive(Debug)]
pub(super) struct Target {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// What is before the prefix in the address that people get.
    root: String,
    verify: bool,
    patience: Duration,
    /// What was compared since the start, as the store knows it: a try after another reads only what is new.
    compared: HashMap<Key, ObjectMeta>,
}

impl Target {
    /// The store that `config` names; `recordings` is what it must not be.
    pub(super) fn new(config: &config::Upload, recordings: &Path) -> Result<Self, OutputError> {
        let unfit = |reason: String| OutputError::Upload { name: "upload.url".to_owned(), reason };
        let patience = Duration::from_secs(config.patience_seconds);
        let (store, prefix, root): (Arc<dyn ObjectStore>, _, _) = match config.url.strip_prefix("file://") {
            Some(path) => {
                let folder = Path::new(path);
                std::fs::create_dir_all(folder).map_err(OutputError::file(folder))?;
                let real = |path: &Path| path.canonicalize().map_err(OutputError::file(path));
                if real(folder)? == real(recordings)? {
                    // Each file would be its own copy, and the last one the first to go.
                    return Err(unfit(format!("{path} is the folder of recordings itself: choose another one")));
                }
                // On the disk and not only on its way there, since the local copy may be deleted next.
                let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unfit(error.to_string()))?;
                (Arc::new(store.with_fsync(true)), "", format!("file://{}", path.trim_end_matches('/')))
            }
            None => {
                let rest = config.url.strip_prefix("s3://").unwrap_or_default();
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let store = bucket_of(config, bucket, patience).map_err(|error| unfit(error.to_string()))?;
                (Arc::new(store), prefix, format!("s3://{bucket}"))
            }
        };
        let prefix = Key::parse(prefix.trim_end_matches('/')).map_err(|error| unfit(error.to_string()))?;
        Ok(Self { store, prefix, root, verify: config.verify, patience, compared: HashMap::new() })
    }

    /// The folder of a recording, as people are told.
    pub(super) fn location(&self, id: &RecordingId) -> String {
        format!("{}/{}/", self.root, self.folder(id))
    }

    /// Has `source` stored as `name` of a recording, unless that is there already.
    pub(super) async fn put(
        &mut self,
        id: &RecordingId,
        name: &str,
        source: Source<'_>,
        expected: &Expected,
    ) -> Result<(), OutputError> {
        let key = self.folder(id).join(name);
        let failed = |reason| OutputError::Upload { name: name.to_owned(), reason };
        if let Some(compared) = self.compared.get(&key)
            && compared.size == expected.bytes
            && self.store.head(&key).await.is_ok_and(|now| now == *compared)
        {
            return Ok(());
        }
        // A former server may have come so far. Without reading back, nobody knows what it left.
        let found = if self.verify { is_stored(&self.store, &key, expected, true).await.ok() } else { None };
        let stored = match found {
            Some(stored) => stored,
            None => {
                send::send(&self.store, &key, source, expected, self.patience).await.map_err(failed)?;
                is_stored(&self.store, &key, expected, self.verify).await.map_err(failed)?
            }
        };
        self.compared.insert(key, stored);
        Ok(())
    }

    /// Deletes what is stored of a recording under these names, if anything is.
    pub(super) async fn discard(&mut self, id: &RecordingId, names: &[String]) -> Result<(), OutputError> {
        self.forget(id);
        for name in names {
            match self.store.delete(&self.folder(id).join(name.as_str())).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(OutputError::Upload { name: name.clone(), reason: super::brief(&error) }),
            }
        }
        Ok(())
    }

    /// A recording is not tried again.
    pub(super) fn forget(&mut self, id: &RecordingId) {
        let folder = self.folder(id);
        self.compared.retain(|key, _| !key.prefix_matches(&folder));
    }

    fn folder(&self, id: &RecordingId) -> Key {
        self.prefix.clone().join(id.as_str())
    }
}

fn bucket_of(
    config: &config::Upload,
    bucket: &str,
    patience: Duration,
) -> Result<impl ObjectStore, object_store::Error> {
    // How long a whole request takes depends on the size of a file, so only silence is limited here.
    let client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(patience)
        .with_read_timeout(patience)
        .with_allow_http(config.allow_http);
    // One more try at once, for a connection that was closed while idle; for all else the queue has its own time.
    let pause = Duration::from_millis(100);
    let backoff = BackoffConfig { init_backoff: pause, max_backoff: pause, base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: 1, retry_timeout: patience };
    // Without a name here, as every program for S3 finds one: in the environment, or by the role of the machine.
    let builder = if config.access_key_id.is_empty() {
        AmazonS3Builder::from_env()
    } else {
        AmazonS3Builder::new()
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(config.secret_access_key.reveal())
    };
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_checksum_algorithm(Checksum::SHA256)
        // Not every store knows how to delete several at once.
        .with_disable_bulk_delete(true)
        .with_client_options(client)
        .with_retry(retry);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(config.endpoint.trim_end_matches('/')).with_allow_http(config.allow_http);
    }
    builder.build()
}
