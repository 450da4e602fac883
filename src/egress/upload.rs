//! Finished recordings are copied elsewhere: to storage that speaks S3, or into a folder.
//!
//! ```text
//! ended, checksums noted ── queue in the catalogue ── one at a time ── files, then the manifest ── compared ── done
//!                               └──────── failed: after a while ────────┘                           └ deleted here
//! ```
//!
//! Invariants: a file is deleted here only after the store was seen to have it, and if that is wanted. The manifest
//! comes last, so whoever finds one there finds all its files. What is begun and not done is done by the next server.
//! What is deleted here before it is done is deleted there too.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

mod compare;
mod send;
mod target;

use self::compare::Expected;
use self::send::Source;
use self::target::Target;
use super::OutputError;
use super::backoff;
use super::catalogue::{Catalogue, Job};
use super::manifest::{Manifest, Upload, UploadState, manifest_path, unix_ms};
use crate::config;
use crate::metrics::label::Upload as Outcome;
use crate::metrics::metrics;

/// How slow a store may be: what takes longer is begun anew.
const SLOWEST_BYTES_PER_SECOND: u64 = 100_000;
const HOUR_MS: u64 = 60 * 60 * 1000;
/// What a store says may be a page of HTML.
const LONGEST_REASON: usize = 400;

/// Uploads recordings.
#[derive(Debug)]
pub struct Uploader {
    target: Target,
    delete_local: bool,
    first_wait: Duration,
    give_up_ms: u64,
    patience: Duration,
}

impl Uploader {
    /// An uploader as `config` wants it, if it wants one, of what is in the folder `recordings`.
    ///
    /// # Errors
    /// When the target cannot be used at all. That nobody answers there shows later.
    pub fn new(config: &config::Upload, recordings: &Path) -> Result<Option<Self>, OutputError> {
        if !config.is_wanted() {
            return Ok(None);
        }
        Ok(Some(Self {
            target: Target::new(config, recordings)?,
            delete_local: config.delete_local,
            first_wait: Duration::from_secs(config.retry_seconds),
            give_up_ms: config.give_up_hours.saturating_mul(HOUR_MS),
            patience: Duration::from_secs(config.patience_seconds),
        }))
    }

    /// Uploads what has ended, one recording at a time so that calls keep the network. Never ends by itself; can be
    /// ended at any time.
    pub async fn run(mut self, catalogue: Arc<Catalogue>) {
        if let Err(error) = catalogue.begin_uploads().await {
            tracing::error!(%error, "some files that were uploaded are not deleted: the next start tries again");
        }
        loop {
            let wait = self.turn(&catalogue).await.unwrap_or_else(|error| {
                tracing::error!(%error, "nobody knows what is to be uploaded: it is tried again");
                backoff::LONGEST
            });
            tokio::select! {
                () = catalogue.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Uploads what is due first, or says how long that takes.
    async fn turn(&mut self, catalogue: &Catalogue) -> Result<Duration, OutputError> {
        catalogue.forget_removed();
        let rest = self.discard_what_is_due(catalogue).await?;
        let Some(job) = catalogue.next_upload().await? else { return Ok(rest) };
        if let Some(early) = until(job.next_at) {
            return Ok(early.min(rest));
        }
        match self.upload(catalogue, &job.recording).await {
            Ok(()) => {
                metrics().stores.uploads.get_or_create(&Outcome::Done).inc();
                self.target.forget(&job.recording.id);
                catalogue.dequeue(&job.recording.id).await?;
            }
            Err(error) => self.failed(catalogue, &job, &error).await?,
        }
        Ok(Duration::ZERO)
    }

    /// Uploads one recording.
    async fn upload(&mut self, catalogue: &Catalogue, recording: &Manifest) -> Result<(), OutputError> {
        let id = &recording.id;
        // Sent, and read back before and after.
        let patience =
            self.patience + Duration::from_secs(recording.bytes.saturating_mul(3) / SLOWEST_BYTES_PER_SECOND);
        let began = tokio::time::Instant::now();
        let stored = tokio::select! {
            stored = tokio::time::timeout(patience, self.store(catalogue, recording)) => {
                stored.map_err(|_| OutputError::Upload {
                    name: id.to_string(),
                    reason: format!("it was not done after {patience:?}: is the network this slow?"),
                })??
            }
            () = catalogue.removed(id) => None,
        };
        let Some(upload) = stored else { return Ok(()) };
        let (location, deleted) = (upload.location.clone(), upload.local_deleted);
        if deleted && recording.files.iter().any(super::file::MediaFile::has_pictures) {
            // Made now or never. It is no reason to keep the files.
            let _ = catalogue.thumbnail(id).await;
        }
        if !catalogue.note_upload(id, upload).await? {
            return Ok(());
        }
        tracing::info!(recording = %id, location, bytes = recording.bytes, took = ?began.elapsed(), deleted, "a recording was uploaded");
        if deleted && let Err(error) = catalogue.delete_media(recording).await {
            tracing::error!(recording = %id, %error, "a recording was uploaded and is still here: the next start deletes it");
        }
        Ok(())
    }

    /// Has everything stored, and says what is to be noted; nothing if the recording was deleted meanwhile.
    async fn store(&mut self, catalogue: &Catalogue, recording: &Manifest) -> Result<Option<Upload>, OutputError> {
        let id = &recording.id;
        for file in &recording.files {
            let sha256 = file.sha256.clone().ok_or_else(|| OutputError::Upload {
                name: file.name.as_str().to_owned(),
                reason: "it has no checksum: the next start notes it".to_owned(),
            })?;
            let path = file.name.within(catalogue.folder());
            let expected = Expected { bytes: file.bytes, sha256 };
            self.target.put(id, file.name.as_str(), Source::File(&path), &expected).await?;
        }
        let Some(mut whole) = catalogue.manifest(id).await? else { return Ok(None) };
        let upload = Upload {
            state: UploadState::Done,
            location: self.target.location(id),
            uploaded_at: Some(unix_ms(SystemTime::now())),
            local_deleted: self.delete_local,
            error: None,
        };
        whole.upload = Some(Box::new(Upload { local_deleted: false, ..upload.clone() }));
        let path = manifest_path(Path::new(""), id);
        let text = serde_json::to_vec_pretty(&whole).map_err(std::io::Error::from).map_err(OutputError::file(&path))?;
        let expected = Expected::of(&text);
        self.target.put(id, &path.to_string_lossy(), Source::Bytes(Bytes::from(text)), &expected).await?;
        Ok(Some(upload))
    }

    /// Deletes from the store what was deleted here, and says when to look again. A store that fails once is not asked for
    /// the rest at once.
    async fn discard_what_is_due(&mut self, catalogue: &Catalogue) -> Result<Duration, OutputError> {
        while let Some(discard) = catalogue.next_discard().await? {
            if let Some(early) = until(discard.next_at) {
                return Ok(early);
            }
            match &discard.recording {
                Some(recording) if !self.discard(recording).await => {
                    let wait = backoff::wait(self.first_wait, discard.failures.saturating_add(1), rand::random());
                    catalogue.postpone_discard(&discard, wait).await?;
                    return Ok(wait);
                }
                _ => catalogue.discarded(&discard).await?,
            }
        }
        Ok(backoff::LONGEST)
    }

    /// Deletes what is stored of a recording that was deleted before its upload was done, and says whether nothing is left.
    async fn discard(&mut self, recording: &Manifest) -> bool {
        let manifest = manifest_path(Path::new(""), &recording.id).to_string_lossy().into_owned();
        let names = recording.files.iter().map(|file| file.name.as_str().to_owned()).chain([manifest]);
        let names: Vec<_> = names.collect();
        let patience = self.patience;
        let gone = tokio::time::timeout(patience, self.target.discard(&recording.id, &names)).await;
        let reason = match gone {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("there was no answer within {patience:?}"),
        };
        let location = self.target.location(&recording.id);
        tracing::warn!(recording = %recording.id, location, reason, "a recording was deleted before it was uploaded, and what is stored of it is not yet: it is tried again");
        false
    }

    /// Has a failed upload wait, or gives it up.
    async fn failed(&mut self, catalogue: &Catalogue, job: &Job, error: &OutputError) -> Result<(), OutputError> {
        let id = &job.recording.id;
        let tried_ms = unix_ms(SystemTime::now()).saturating_sub(job.queued_at);
        let gives_up = tried_ms >= self.give_up_ms;
        let (state, outcome) = match gives_up {
            true => (UploadState::Failed, Outcome::GivenUp),
            false => (UploadState::Pending, Outcome::Failed),
        };
        metrics().stores.uploads.get_or_create(&outcome).inc();
        let upload = Upload {
            state,
            location: self.target.location(id),
            uploaded_at: None,
            local_deleted: false,
            error: Some(error.to_string()),
        };
        let wait = backoff::wait(self.first_wait, job.failures.saturating_add(1), rand::random());
        // First when, so that a disk that is full does not make it try without a pause.
        catalogue.postpone(job, wait).await?;
        catalogue.note_upload(id, upload).await?;
        if state == UploadState::Failed {
            self.target.forget(id);
            tracing::error!(recording = %id, %error, "an upload was given up: POST /api/v1/recordings/{id}/upload tries again");
            return catalogue.dequeue(id).await;
        }
        tracing::warn!(recording = %id, %error, again_in = ?wait, "an upload failed");
        Ok(())
    }
}

/// How long it is until a moment that has not come yet.
fn until(at: u64) -> Option<Duration> {
    let early = at.saturating_sub(unix_ms(SystemTime::now()));
    // A clock that was set meanwhile costs no more than the longest wait.
    (early > 0).then(|| Duration::from_millis(early).min(backoff::LONGEST))
}

/// What a store said, and why; without what is too long to read.
fn brief(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    // A page, or XML that may quote what it was sent, a token among it.
    if let Some((told, body)) = text.split_once('<') {
        let within = |name: &str| {
            let (_, from) = body.split_once(&format!("<{name}>"))?;
            from.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
        };
        let words = [within("Code"), within("Message")].into_iter().flatten().collect::<Vec<_>>().join(": ");
        text = format!("{told}{words}");
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    if let Some(cause) =
        causes.last().map(ToString::to_string).filter(|cause| !cause.contains('<') && !text.contains(cause.as_str()))
    {
        text = format!("{text}: {cause}");
    }
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_store_says_only_the_reason_is_kept() {
        let said = |text: &str| brief(&object_store::Error::Generic { store: "S3", source: text.to_owned().into() });
        let xml = "403 Forbidden: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>It differs.\
            </Message><CanonicalRequest>x-amz-security-token:tellnobody</CanonicalRequest></Error>";
        assert_eq!(said(xml), "Generic S3 error: 403 Forbidden: SignatureDoesNotMatch: It differs.");
        assert_eq!(said("502 Bad Gateway: <html>a page</html>"), "Generic S3 error: 502 Bad Gateway: ");
        assert!(said(&"ö".repeat(9000)).chars().count() == LONGEST_REASON + 1);
    }
}
