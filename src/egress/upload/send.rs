//! One file on its way into a store, a part at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::brief;
use super::compare::Expected;
use crate::egress::checksum::hexadecimal;

/// A part: so much is held in memory, and has to arrive before the store counts as gone. S3 wants 5 MiB at least.
pub(super) const PART: u64 = 5 << 20;
/// S3 takes 10 000; a file that is larger has larger parts.
const MOST_PARTS: u64 = 9_000;

/// Where bytes come from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// Memory.
    Bytes(Bytes),
}

/// How large a part of a file of that size is.
fn part_of(bytes: u64) -> u64 {
    PART.max(bytes.div_ceil(MOST_PARTS))
}

/// Stores `source` under `key`, if it is what it should be.
pub(super) async fn send(
    store: &Arc<dyn ObjectStore>,
    key: &Key,
    source: Source<'_>,
    expected: &Expected,
    patience: Duration,
) -> Result<(), String> {
    let mut parts = match source {
        Source::Bytes(bytes) => return store.put(key, bytes.into()).await.map(drop).map_err(|error| brief(&error)),
        Source::File(path) => Parts::open(path, part_of(expected.bytes)).await?,
    };
    let first = parts.next().await?;
    // Smaller than a part: whatever is too much would be in it.
    if expected.bytes < parts.size {
        parts.judge(expected)?;
        return store.put(key, first.into()).await.map(drop).map_err(|error| brief(&error));
    }
    let upload = store.put_multipart(key).await.map_err(|error| brief(&error))?;
    let mut whole = Whole { upload: Some(upload), patience };
    let sent = async {
        let mut part = first;
        while !part.is_empty() {
            whole.put(part).await?;
            part = parts.next().await?;
        }
        parts.judge(expected)?;
        whole.complete().await
    };
    let sent = sent.await;
    whole.end().await;
    sent
}

/// What is made of parts. Unless it is completed, those that came are dropped, since they cost money.
struct Whole {
    /// Nothing once it has ended.
    upload: Option<Box<dyn MultipartUpload>>,
    patience: Duration,
}

impl Whole {
    async fn put(&mut self, part: Bytes) -> Result<(), String> {
        match &mut self.upload {
            Some(upload) => upload.put_part(part.into()).await.map_err(|error| brief(&error)),
            None => Ok(()),
        }
    }

    async fn complete(&mut self) -> Result<(), String> {
        if let Some(upload) = &mut self.upload {
            upload.complete().await.map_err(|error| brief(&error))?;
        }
        self.upload = None;
        Ok(())
    }

    /// Drops the parts of what is not complete. A store that is gone cannot be told.
    async fn end(mut self) {
        if let Some(mut upload) = self.upload.take() {
            let _ = tokio::time::timeout(self.patience, upload.abort()).await;
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // Nobody waits for it any longer: it took too long, or its recording was deleted.
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            let patience = self.patience;
            runtime.spawn(async move { tokio::time::timeout(patience, upload.abort()).await });
        }
    }
}

/// A file, read part by part.
struct Parts {
    file: File,
    size: u64,
    read: u64,
    digest: Sha256,
}

impl Parts {
    async fn open(path: &Path, size: u64) -> Result<Self, String> {
        let file = File::open(path).await.map_err(|error| format!("{error}: is {} still there?", path.display()))?;
        Ok(Self { file, size, read: 0, digest: Sha256::new() })
    }

    /// The next part; empty after the last.
    async fn next(&mut self) -> Result<Bytes, String> {
        let mut part = BytesMut::new();
        let mut rest = (&mut self.file).take(self.size);
        while rest.read_buf(&mut part).await.map_err(|error| format!("it cannot be read: {error}"))? > 0 {}
        self.read += part.len() as u64;
        self.digest.update(&part);
        Ok(part.freeze())
    }

    /// Whether what was read so far is the whole file as it was noted.
    fn judge(&self, expected: &Expected) -> Result<(), String> {
        if self.read == expected.bytes && hexadecimal(self.digest.clone()) == expected.sha256 {
            return Ok(());
        }
        Err("the local file is no longer what its checksum says: look at the disk, or delete the recording".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_as_many_and_as_large_as_s3_takes(bytes in 0u64..=5 << 40) {
            let part = part_of(bytes);
            prop_assert!((5 << 20..=5 << 30).contains(&part));
            prop_assert!(bytes.div_ceil(part) <= 10_000);
        }
    }

    #[tokio::test]
    async fn a_file_that_changed_is_not_stored() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let file = tempfile::NamedTempFile::new().unwrap();
        let key = Key::from("film");
        for size in [100, PART as usize, PART as usize + 1, 2 * PART as usize + 7] {
            let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let expected = Expected::of(&content);
            for wrong in [[&content[..], b"x"].concat(), content[1..].to_vec(), vec![7; size]] {
                std::fs::write(file.path(), wrong).unwrap();
                let sent = send(&store, &key, Source::File(file.path()), &expected, PATIENCE).await;
                assert!(sent.is_err_and(|reason| reason.contains("no longer")), "{size}");
                assert!(store.head(&key).await.is_err(), "{size}: nothing is stored");
            }
            std::fs::write(file.path(), &content).unwrap();
            send(&store, &key, Source::File(file.path()), &expected, PATIENCE).await.unwrap();
            assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap(), content, "{size}");
            store.delete(&key).await.unwrap();
        }
    }

    const PATIENCE: Duration = Duration::from_secs(5);
}
