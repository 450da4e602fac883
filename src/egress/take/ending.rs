//! The end of a recording: what was written is on the disk, in as many files as it should be, and noted.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::Take;
use crate::egress::file::MediaFile;
use crate::egress::manifest::{Manifest, State, unix_ms};
use crate::egress::mixdown::Mixdown;
use crate::egress::{checksum, durable, merge};

/// How often, and for how long, a last manifest is written again that could not be written: on a full disk, say.
const WRITE_AGAIN: Duration = Duration::from_secs(2);
const WRITE_TRIES: u32 = 1800;
/// How long what was written last may take to be on the disk.
const KEEP: Duration = Duration::from_secs(10);

impl Take {
    /// `ending` is why it ended by itself, if it did, or why it failed.
    pub(super) async fn close(mut self, ending: Result<Option<String>, String>, report: &watch::Sender<Manifest>) {
        self.manifest.state = if ending.is_ok() { State::Complete } else { State::Failed };
        if let Ok(Some(reason)) | Err(reason) = &ending {
            tracing::error!(recording = %self.manifest.id, state = ?self.manifest.state, reason, "a recording ended by itself");
        }
        if ending.is_err() {
            if let Some(individual) = self.individual.take() {
                individual.abandon().await;
            }
            if let Some(mixdown) = &mut self.mixdown {
                mixdown.abandon().await;
            }
        }
        self.manifest.error = ending.unwrap_or_else(Some);
        self.end_pause();
        self.manifest.ended_at = Some(unix_ms(SystemTime::now()));
        if let Some(file) = self.mixdown.as_ref().map(Mixdown::file) {
            self.put(file);
        }
        self.manifest.measure();
        self.manifest.weigh(self.catalogue.folder());
        self.leave_out_empty();
        self.keep().await;
        let merged = self.merge().await;
        let mut written = self.write().await;
        report.send_replace(self.manifest.brief());
        // Whoever makes space finds that the recording has ended.
        for _ in 0..WRITE_TRIES {
            if written {
                break;
            }
            tokio::time::sleep(WRITE_AGAIN).await;
            written = self.write().await;
        }
        if written {
            merge::tidy(&merged, self.catalogue.folder());
        }
        let failed = self.manifest.state == State::Failed;
        if !self.deleted && (failed || !checksum::note(&self.catalogue, &self.manifest).await) {
            self.catalogue.hand_over(&self.manifest.id);
        }
    }

    /// What failed before anything was in it is no file: each try on a full disk leaves one.
    fn leave_out_empty(&mut self) {
        let is_empty = |file: &mut MediaFile| file.error.is_some() && file.bytes == 0;
        let empty: Vec<_> = self.manifest.files.extract_if(.., is_empty).collect();
        merge::delete(&empty, self.catalogue.folder());
    }

    /// Brings what was written to the disk: until then nobody is told that it is whole.
    async fn keep(&mut self) {
        let folder = self.catalogue.folder().to_owned();
        let files: Vec<_> = self.manifest.files.iter().map(|file| file.name.within(&folder)).collect();
        let kept = tokio::task::spawn_blocking(move || durable::keep(&files, &folder));
        let reason = match tokio::time::timeout(KEEP, kept).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the disk takes longer than {KEEP:?}"),
        };
        tracing::error!(recording = %self.manifest.id, reason, "what was recorded may not be on the disk");
        self.manifest.error.get_or_insert_with(|| format!("a loss of power may cost it: {reason}"));
    }

    /// Makes one file of the tracks of a multitrack recording that is complete, and gives those that it was made of. Where
    /// that fails there are several.
    async fn merge(&mut self) -> Vec<MediaFile> {
        if !merge::is_due(&self.manifest) || self.manifest.state != State::Complete {
            return Vec::new();
        }
        // Should the server end meanwhile, all files are there and known.
        self.write().await;
        let folder = self.catalogue.folder().to_owned();
        match merge::merge(&self.manifest, &folder, self.catalogue.kept()).await {
            Ok(whole) => {
                let merged = std::mem::replace(&mut self.manifest.files, vec![whole]);
                self.manifest.weigh(&folder);
                merged
            }
            Err(error) => {
                tracing::error!(%error, recording = %self.manifest.id, "the tracks stay in files of their own");
                self.manifest.error = Some(merge::apart(&error));
                Vec::new()
            }
        }
    }

    /// Whether the manifest is up to date on the disk.
    pub(in crate::egress) async fn write(&mut self) -> bool {
        let saved = match self.ended {
            true => self.catalogue.save_again(&self.manifest).await,
            false => self.catalogue.save(&self.manifest).await.map(|()| true),
        };
        match saved {
            Ok(true) => self.ended = !self.manifest.state.is_running(),
            Ok(false) => {
                // What was made of it meanwhile goes, too.
                self.deleted = true;
                merge::delete(&self.manifest.files, self.catalogue.folder());
            }
            Err(error) => {
                tracing::error!(%error, "a manifest is not up to date");
                return false;
            }
        }
        true
    }
}
