//! What is to be uploaded, and when it is tried next.
//!
//! How an upload fares is in the manifest; only when it is tried next is in the index alone. Lost with it, it is tried at
//! once.

use std::time::{Duration, SystemTime};

use super::index::{big, read};
use super::{Catalogue, blocking, delete};
use crate::egress::OutputError;
use crate::egress::manifest::{Manifest, Upload, UploadState, unix_ms};
use crate::id::RecordingId;

pub(super) const ENQUEUE: &str = "INSERT INTO uploads (recording, queued_at, failures, next_at) \
    SELECT id, CAST($1 AS BIGINT), 0, CAST($1 AS BIGINT) FROM recordings \
    WHERE ended_at IS NOT NULL AND checked = TRUE AND bytes > 0 AND (upload IS NULL OR upload = 'pending') \
    AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.recording = recordings.id)";
pub(super) const FRESH: &str = "UPDATE uploads SET queued_at = $1, failures = 0, next_at = $1";
pub(super) const NEXT: &str = "SELECT recordings.manifest, uploads.queued_at, uploads.failures, uploads.next_at \
    FROM uploads INNER JOIN recordings ON recordings.id = uploads.recording \
    WHERE recordings.upload IS NULL OR recordings.upload = 'pending' ORDER BY uploads.next_at, uploads.recording LIMIT 1";
pub(super) const LENGTH: &str = "SELECT COUNT(*) FROM uploads";
pub(super) const POSTPONE: &str = "UPDATE uploads SET failures = $1, next_at = $2 WHERE recording = $3";
pub(super) const DEQUEUE: &str = "DELETE FROM uploads WHERE recording = $1";
pub(super) const AWAY: &str = "SELECT manifest FROM recordings WHERE here = FALSE";

/// A recording that is to be uploaded.
#[derive(Debug)]
pub(in crate::egress) struct Job {
    /// Which, without what happened in it.
    pub(in crate::egress) recording: Manifest,
    /// Since when it is tried.
    pub(in crate::egress) queued_at: u64,
    /// How often it failed since then.
    pub(in crate::egress) failures: u32,
    /// When it is tried next.
    pub(in crate::egress) next_at: u64,
}

impl Catalogue {
    /// Says that uploads are configured: from now on, what is not uploaded is not deleted to make room.
    #[must_use]
    pub fn with_uploads(self) -> Self {
        Self { uploads: true, ..self }
    }

    /// Uploads a recording again that was given up, or does not wait with the next try.
    ///
    /// # Errors
    /// When it still runs, there is nowhere to upload to, or index or manifest cannot be written.
    pub async fn upload_again(&self, id: &RecordingId) -> Result<Option<Manifest>, OutputError> {
        if !self.uploads {
            return Err(OutputError::NoTarget);
        }
        let Some(known) = self.index.get(id).await? else { return Ok(None) };
        if known.state.is_running() {
            return Err(OutputError::Running(id.clone()));
        }
        let again = |manifest: &mut Manifest| {
            if let Some(upload) = manifest.upload.as_mut().filter(|upload| upload.state != UploadState::Done) {
                upload.state = UploadState::Pending;
            }
        };
        if !is_done(&known) {
            self.dequeue(id).await?;
            self.update(id, again).await?;
            self.changed.notify_one();
        }
        self.get(id).await
    }

    /// Says that a recording is gone: its upload ends, unless it was done.
    pub(super) fn note_removal(&self, manifest: &Manifest) {
        if self.uploads && !is_done(manifest) {
            self.removed.send_modify(|removed| removed.push(manifest.id.clone()));
            self.changed.notify_one();
        }
    }

    /// Until a recording is deleted whose upload is not done.
    pub(in crate::egress) async fn removed(&self, id: &RecordingId) {
        let mut removed = self.removed.subscribe();
        // The sender is here and lives as long.
        let _ = removed.wait_for(|removed| removed.contains(id)).await;
    }

    /// No upload goes on that was begun before.
    pub(in crate::egress) fn forget_removed(&self) {
        self.removed.send_replace(Vec::new());
    }

    /// Until a recording may have become due, or was deleted.
    pub(in crate::egress) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A new server tries everything at once, and as long as if nothing had been tried. Files that a former one
    /// wanted to delete after their upload are deleted.
    pub(in crate::egress) async fn begin_uploads(&self) -> Result<(), OutputError> {
        self.begin_discards().await?;
        sqlx::query(FRESH).bind(now()).execute(&self.index.pool()).await?;
        let away: Vec<String> = sqlx::query_scalar(AWAY).fetch_all(&self.index.pool()).await?;
        for text in &away {
            self.delete_media(&read(text)?).await?;
        }
        Ok(())
    }

    /// What is due first, be it now or later.
    pub(in crate::egress) async fn next_upload(&self) -> Result<Option<Job>, OutputError> {
        sqlx::query(ENQUEUE).bind(now()).execute(&self.index.pool()).await?;
        let found: Option<(String, i64, i64, i64)> = sqlx::query_as(NEXT).fetch_optional(&self.index.pool()).await?;
        let Some((text, queued_at, failures, next_at)) = found else { return Ok(None) };
        Ok(Some(Job {
            recording: read(&text)?,
            queued_at: u64::try_from(queued_at).unwrap_or(0),
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
            next_at: u64::try_from(next_at).unwrap_or(0),
        }))
    }

    /// How many recordings wait for their upload, or are being uploaded; none where there is nowhere to upload to.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn upload_queue(&self) -> Result<u64, OutputError> {
        if !self.uploads {
            return Ok(0);
        }
        let length: i64 = sqlx::query_scalar(LENGTH).fetch_one(&self.index.pool()).await?;
        Ok(u64::try_from(length).unwrap_or(0))
    }

    /// Notes how the upload of a recording fares, and says whether it was still there.
    pub(in crate::egress) async fn note_upload(&self, id: &RecordingId, upload: Upload) -> Result<bool, OutputError> {
        self.update(id, |manifest| manifest.upload = Some(Box::new(upload))).await
    }

    /// Has a failed upload wait.
    pub(in crate::egress) async fn postpone(&self, job: &Job, wait: Duration) -> Result<(), OutputError> {
        let next_at = now().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let query = sqlx::query(POSTPONE).bind(i64::from(job.failures) + 1).bind(next_at);
        query.bind(job.recording.id.as_str()).execute(&self.index.pool()).await?;
        Ok(())
    }

    /// Takes a recording off the queue, to which it comes back while its upload is pending.
    pub(in crate::egress) async fn dequeue(&self, id: &RecordingId) -> Result<(), OutputError> {
        sqlx::query(DEQUEUE).bind(id.as_str()).execute(&self.index.pool()).await?;
        Ok(())
    }

    /// Deletes the files of a recording that is noted to be elsewhere only. Its manifest stays.
    pub(in crate::egress) async fn delete_media(&self, manifest: &Manifest) -> Result<(), OutputError> {
        let paths: Vec<_> = manifest.files.iter().map(|file| file.name.within(&self.folder)).collect();
        blocking(move || paths.iter().try_for_each(|path| delete(path))).await
    }
}

fn is_done(manifest: &Manifest) -> bool {
    manifest.upload.as_ref().is_some_and(|upload| upload.state == UploadState::Done)
}

fn now() -> i64 {
    big(unix_ms(SystemTime::now()))
}
