//! What was deleted here before its upload was done, until the store has nothing of it any more.
//!
//! It is in the index alone: nothing else is left of such a recording.

use std::time::{Duration, SystemTime};

use super::Catalogue;
use super::index::{big, read};
use crate::egress::OutputError;
use crate::egress::manifest::{Manifest, unix_ms};
use crate::id::RecordingId;

/// Notes it together with the end of its row. What was never queued was never sent, unless `$2` says that it may have been.
pub(super) const BURY: &str = "INSERT INTO discards (recording, manifest, failures, next_at) \
    SELECT id, manifest, 0, 0 FROM recordings WHERE id = $1 AND (upload IS NULL OR upload <> 'done') \
    AND ($2 = TRUE OR upload IS NOT NULL OR EXISTS (SELECT 1 FROM uploads WHERE uploads.recording = recordings.id)) \
    ON CONFLICT (recording) DO NOTHING";
pub(super) const BRING: &str = "INSERT INTO discards (recording, manifest, failures, next_at) VALUES ($1, $2, 0, 0) \
    ON CONFLICT (recording) DO NOTHING";
pub(super) const BURIED: &str = "SELECT manifest FROM discards";
pub(super) const NEXT: &str =
    "SELECT recording, manifest, failures, next_at FROM discards ORDER BY next_at, recording LIMIT 1";
pub(super) const FRESH: &str = "UPDATE discards SET failures = 0, next_at = 0";
pub(super) const POSTPONE: &str = "UPDATE discards SET failures = $1, next_at = $2 WHERE recording = $3";
pub(super) const FORGET: &str = "DELETE FROM discards WHERE recording = $1";

/// A recording whose files are to be deleted from the store.
#[derive(Debug)]
pub(in crate::egress) struct Discard {
    /// Which.
    id: RecordingId,
    /// What it was, if that can be read.
    pub(in crate::egress) recording: Option<Manifest>,
    /// How often that failed.
    pub(in crate::egress) failures: u32,
    /// When it is tried next.
    pub(in crate::egress) next_at: u64,
}

impl Catalogue {
    /// A new server tries everything at once.
    pub(super) async fn begin_discards(&self) -> Result<(), OutputError> {
        sqlx::query(FRESH).execute(&self.index.pool()).await?;
        Ok(())
    }

    /// What is to be deleted from the store first, be it now or later.
    pub(in crate::egress) async fn next_discard(&self) -> Result<Option<Discard>, OutputError> {
        let found: Option<(String, String, i64, i64)> = sqlx::query_as(NEXT).fetch_optional(&self.index.pool()).await?;
        Ok(found.map(|(id, manifest, failures, next_at)| Discard {
            id: RecordingId::from_remote(&id),
            recording: read(&manifest).ok(),
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            next_at: u64::try_from(next_at).unwrap_or(0),
        }))
    }

    /// Has it wait, since it failed.
    pub(in crate::egress) async fn postpone_discard(
        &self,
        discard: &Discard,
        wait: Duration,
    ) -> Result<(), OutputError> {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let next_at = big(unix_ms(SystemTime::now()).saturating_add(wait));
        let query = sqlx::query(POSTPONE).bind(i64::from(discard.failures) + 1).bind(next_at);
        query.bind(discard.id.as_str()).execute(&self.index.pool()).await?;
        Ok(())
    }

    /// The store has nothing of it any more.
    pub(in crate::egress) async fn discarded(&self, discard: &Discard) -> Result<(), OutputError> {
        sqlx::query(FORGET).bind(discard.id.as_str()).execute(&self.index.pool()).await?;
        Ok(())
    }
}
