//! Whether a store has what it should have.

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use crate::egress::checksum::hexadecimal;

/// What a file is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// Its size.
    pub(super) bytes: u64,
    /// Its SHA-256.
    pub(super) sha256: String,
}

impl Expected {
    /// What these bytes are known by.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hexadecimal(Sha256::new_with_prefix(bytes)) }
    }
}

/// Compares what is stored under `key`: its size, and what is in it, if it is to be `read`. Gives what the store says of it.
pub(super) async fn is_stored(
    store: &Arc<dyn ObjectStore>,
    key: &Key,
    expected: &Expected,
    read: bool,
) -> Result<ObjectMeta, String> {
    let found = store.head(key).await.map_err(|error| super::brief(&error))?;
    if found.size != expected.bytes {
        return Err(format!("the store has {} of {} bytes: it is sent again", found.size, expected.bytes));
    }
    if !read {
        return Ok(found);
    }
    let mut digest = Sha256::new();
    let mut stream = store.get(key).await.map_err(|error| super::brief(&error))?.into_stream();
    while let Some(bytes) = stream.try_next().await.map_err(|error| super::brief(&error))? {
        digest.update(&bytes);
    }
    if hexadecimal(digest) == expected.sha256 {
        Ok(found)
    } else {
        Err("what the store has differs from what was sent: it is sent again".to_owned())
    }
}
