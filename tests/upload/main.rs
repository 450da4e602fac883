//! Uploads, judged by what a store has in the end: one that fails in every way, and folders.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod bucket;
mod call;
mod folder;
mod s3;
mod server;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plenum::config;
use plenum::egress::catalogue::Catalogue;
use plenum::egress::manifest::{Manifest, UploadState};
use plenum::egress::upload::Uploader;
use plenum::id::RecordingId;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Store;
use tokio::task::JoinHandle;

/// Longer than any upload here takes with all its tries.
const PATIENCE: Duration = Duration::from_secs(40);
/// Nobody may see it.
const SECRET: &str = "00730018446744073709551616";
/// More than two parts, and less than one.
const SIZES: [usize; 2] = [11 << 20, 1000];

/// A recording that ended and is known by its checksums, as a server leaves it.
fn recording(folder: &Path) -> (RecordingId, Vec<(String, Vec<u8>)>) {
    let id = RecordingId::new();
    let files: Vec<(String, Vec<u8>)> = (1..)
        .zip(SIZES)
        .map(|(number, size)| {
            let mut bytes = rand::random::<[u8; 251]>().repeat(size.div_ceil(251));
            bytes.truncate(size);
            (format!("{id}-{number}.mka"), bytes)
        })
        .collect();
    let entries: Vec<Value> = files
        .iter()
        .map(|(name, bytes)| {
            std::fs::write(folder.join(name), bytes).unwrap();
            let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"name": name, "streams": [], "startMs": 0, "durationMs": 1, "bytes": bytes.len(), "sha256": sha256})
        })
        .collect();
    let manifest = json!({
        "id": id, "room": "tea", "kind": "audio", "container": "mkv", "audioCodec": "aac", "state": "complete",
        "startedAt": 1, "endedAt": 2, "durationMs": 1, "bytes": SIZES.iter().sum::<usize>(), "files": entries,
        "participants": [],
    });
    std::fs::write(folder.join(format!("{id}.json")), manifest.to_string()).unwrap();
    (id, files)
}

fn into_bucket(store: &Store) -> config::Upload {
    config::Upload {
        url: "s3://films/of/rooms".into(),
        endpoint: format!("http://{}", store.address),
        access_key_id: "plenum".into(),
        secret_access_key: SECRET.into(),
        allow_http: true,
        retry_seconds: 1,
        patience_seconds: 1,
        ..config::Upload::default()
    }
}

/// A catalogue whose recordings are uploaded until this is dropped.
struct Uploading {
    catalogue: Arc<Catalogue>,
    task: JoinHandle<()>,
}

impl Uploading {
    async fn start(folder: &Path, config: &config::Upload) -> Self {
        let catalogue = Arc::new(Catalogue::open(folder).await.unwrap().with_uploads());
        let uploader = Uploader::new(config, folder).unwrap().unwrap();
        Self { task: tokio::spawn(uploader.run(Arc::clone(&catalogue))), catalogue }
    }

    async fn get(&self, id: &RecordingId) -> Manifest {
        self.catalogue.get(id).await.unwrap().unwrap()
    }

    /// Asks until the manifest is as `wanted`: no event tells.
    async fn wait_for(&self, id: &RecordingId, wanted: impl Fn(&Manifest) -> bool) -> Manifest {
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                turns.tick().await;
                let manifest = self.get(id).await;
                if wanted(&manifest) {
                    return manifest;
                }
            }
        });
        match waited.await {
            Ok(manifest) => manifest,
            Err(_) => panic!("still {:?}", self.get(id).await.upload),
        }
    }

    /// Waits until it is uploaded.
    async fn is_done(&self, id: &RecordingId) -> plenum::egress::manifest::Upload {
        *self.wait_for(id, is(UploadState::Done)).await.upload.unwrap()
    }

    async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn is(state: UploadState) -> impl Fn(&Manifest) -> bool {
    move |manifest| manifest.upload.as_ref().is_some_and(|upload| upload.state == state)
}

fn failed_once(manifest: &Manifest) -> bool {
    manifest.upload.as_ref().is_some_and(|upload| upload.error.is_some())
}

/// The store has the recording, whole and with its manifest, and nothing else.
fn judge(store: &Store, id: &RecordingId, files: &[(String, Vec<u8>)]) {
    let objects = store.objects();
    let root = format!("films/of/rooms/{id}");
    for (name, bytes) in files {
        assert!(objects[&format!("{root}/{name}")] == bytes[..], "{name} is another one");
    }
    let manifest: Manifest = serde_json::from_slice(&objects[&format!("{root}/{id}.json")]).unwrap();
    assert!(is(UploadState::Done)(&manifest), "{manifest:?}");
    assert_eq!(objects.len(), files.len() + 1, "{:?}", objects.keys());
    assert_eq!(store.unfinished(), 0, "no parts are left to pay for");
    let last = store.seen().into_iter().rfind(|request| request.starts_with("PUT")).unwrap();
    assert!(last.ends_with(".json"), "{last} came after the manifest");
}

fn are_here(folder: &Path, files: &[(String, Vec<u8>)]) -> bool {
    files.iter().all(|(name, bytes)| std::fs::read(folder.join(name)).is_ok_and(|here| here == *bytes))
}
