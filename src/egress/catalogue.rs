//! The recordings there are.
//!
//! The manifests in the folder are the truth: whoever removes one by hand, with its media, removes the recording. The index
//! of them is made good when the catalogue is opened, and finds what is asked for. It also stands in for a manifest that is
//! lost, and for the end of a recording that could not be written.
//!
//! Invariant: one change at a time, and each first to the manifest, then to the index.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gstreamer as gst;
use tokio::sync::{Mutex, Notify, watch};

mod discards;
mod filter;
mod index;
mod opening;
mod queue;

pub use filter::{Filter, Page};

use self::index::Index;
pub(super) use self::queue::Job;
use super::OutputError;
use super::file::half_made;
use super::manifest::{Manifest, manifest_path, unix_ms, unreadable_path};
use super::space::must_be_writable;
use super::thumbnail;
use crate::id::RecordingId;

/// The index, beside the manifests.
const INDEX: &str = "catalogue.sqlite";

/// The folder of recordings, and its index.
#[derive(Debug)]
pub struct Catalogue {
    folder: PathBuf,
    index: Index,
    changes: Mutex<()>,
    thumbnails: Mutex<()>,
    /// Whether recordings are uploaded.
    uploads: bool,
    /// Something has ended, and its checksums are known.
    changed: Notify,
    /// How much space is left free by what writes files anew.
    kept: u64,
    /// What ended and is not whole: somebody else has to look after it.
    unfinished: watch::Sender<Vec<RecordingId>>,
    /// What was deleted before its upload was done, lately.
    removed: watch::Sender<Vec<RecordingId>>,
}

impl Catalogue {
    /// Opens the folder, making it if need be. Recordings that a former server left unfinished become interrupted, so
    /// open it before any recording starts. A disk that is full is no hindrance: what cannot be written is written later.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written to, or the index not be used.
    pub async fn open(folder: &Path) -> Result<Self, OutputError> {
        Ok(Self {
            folder: folder.to_owned(),
            index: opening::open(folder).await?,
            changes: Mutex::new(()),
            thumbnails: Mutex::new(()),
            uploads: false,
            changed: Notify::new(),
            kept: 0,
            unfinished: watch::Sender::new(Vec::new()),
            removed: watch::Sender::new(Vec::new()),
        })
    }

    /// Says how much space merges and repairs have to leave free, in bytes.
    #[must_use]
    pub fn keeping(self, bytes: u64) -> Self {
        Self { kept: bytes, ..self }
    }

    /// How much space merges and repairs have to leave free, in bytes.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether recordings can be written and found.
    ///
    /// # Errors
    /// When the folder is gone or cannot be written to, or the index does not answer.
    pub async fn must_work(&self) -> Result<(), OutputError> {
        let folder = self.folder.clone();
        blocking(move || must_be_writable(&folder)).await?;
        self.index.answers().await
    }

    /// Those recordings that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Page, OutputError> {
        let mut found = self.index.find(filter, filter.limit.saturating_add(1)).await?;
        found.iter_mut().for_each(|manifest| self.bring_up_to_date(manifest));
        Ok(Page::new(found, filter.limit))
    }

    /// One recording, without what happened in it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn get(&self, id: &RecordingId) -> Result<Option<Manifest>, OutputError> {
        let mut found = self.index.get(id).await?;
        found.iter_mut().for_each(|manifest| self.bring_up_to_date(manifest));
        Ok(found)
    }

    /// The whole manifest of one recording, with all that happened.
    ///
    /// # Errors
    /// When index or manifest cannot be read.
    pub async fn manifest(&self, id: &RecordingId) -> Result<Option<Manifest>, OutputError> {
        let Some(known) = self.index.get(id).await? else { return Ok(None) };
        let path = manifest_path(&self.folder, &known.id);
        let found = blocking(move || Manifest::read(&path)).await?;
        // That it has ended could not be written: the disk is full.
        let is_behind = found.state.is_running() && !known.state.is_running();
        let ended = |found: Manifest| Manifest { events: found.events, events_lost: found.events_lost, ..known };
        Ok(Some(if is_behind { ended(found) } else { found }))
    }

    /// The file of that name of one recording, or its first, if there is one.
    ///
    /// # Errors
    /// When the index cannot be read, or its files are elsewhere only.
    pub async fn media(&self, id: &RecordingId, name: Option<&str>) -> Result<Option<PathBuf>, OutputError> {
        let found = self.index.get(id).await?;
        if let Some(manifest) = &found {
            manifest.must_be_here()?;
        }
        let path = found.and_then(|manifest| manifest.file(name).map(|file| file.name.within(&self.folder)));
        Ok(path.filter(|path| path.is_file()))
    }

    /// A small picture of a recording, as JPEG; nothing if there is no recording.
    ///
    /// # Errors
    /// When nothing is to be seen in it, it still runs, or is elsewhere only.
    pub async fn thumbnail(&self, id: &RecordingId) -> Result<Option<Vec<u8>>, OutputError> {
        let Some(manifest) = self.index.get(id).await? else { return Ok(None) };
        if manifest.state.is_running() {
            return Err(OutputError::Running(id.clone()));
        }
        // One at a time, so that nobody decodes at the cost of the calls.
        let _one = self.thumbnails.lock().await;
        let shown = manifest.files.iter().find(|file| file.has_pictures());
        let shown = shown.ok_or(OutputError::Picture { step: "looking for a file with pictures" })?;
        let media = shown.name.within(&self.folder);
        let duration = gst::ClockTime::from_mseconds(shown.duration_ms);
        let path = thumbnail::path(&self.folder, id);
        let kept = path.clone();
        if !path.is_file() {
            manifest.must_be_here()?;
        }
        let made = blocking(move || {
            if let Ok(known) = std::fs::read(&path) {
                return Ok(Some(known));
            }
            let made = thumbnail::make(&media, duration)?;
            let new = half_made(&path);
            // On a full disk it is made again the next time.
            if std::fs::write(&new, &made).and_then(|()| std::fs::rename(&new, &path)).is_err() {
                let _ = std::fs::remove_file(&new);
            }
            Ok(Some(made))
        })
        .await;
        let _no_other = self.changes.lock().await;
        if self.index.get(id).await?.is_none() {
            // It was deleted meanwhile.
            delete(&kept)?;
        }
        made
    }

    /// Notes how a recording fares now.
    ///
    /// # Errors
    /// When manifest or index cannot be written.
    pub(super) async fn save(&self, manifest: &Manifest) -> Result<(), OutputError> {
        let _one = self.changes.lock().await;
        self.write(manifest).await
    }

    /// As [`Catalogue::save`] of what was saved before, unless it was deleted meanwhile. Says whether it was still there.
    pub(super) async fn save_again(&self, manifest: &Manifest) -> Result<bool, OutputError> {
        let _one = self.changes.lock().await;
        if self.index.get(&manifest.id).await?.is_none() {
            return Ok(false);
        }
        self.write(manifest).await?;
        Ok(true)
    }

    /// Changes what is known of a recording, and says whether it was still there to be changed.
    pub(super) async fn update(
        &self,
        id: &RecordingId,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<bool, OutputError> {
        let _one = self.changes.lock().await;
        let Some(mut manifest) = self.manifest(id).await? else { return Ok(false) };
        change(&mut manifest);
        self.write(&manifest).await?;
        Ok(true)
    }

    /// Deletes a recording with its file, and says what it was; nothing if there is none. If its upload is done, the copy
    /// stays where it is; if not, what is stored so far goes too.
    ///
    /// # Errors
    /// When it still runs, or a file cannot be deleted; it can be tried again.
    pub async fn remove(&self, id: &RecordingId) -> Result<Option<Manifest>, OutputError> {
        let _one = self.changes.lock().await;
        let Some(manifest) = self.index.get(id).await? else { return Ok(None) };
        if manifest.state.is_running() {
            return Err(OutputError::Running(id.clone()));
        }
        // The manifest goes last: until then the recording is known, and can be deleted again.
        let media = manifest.files.iter().map(|file| file.name.within(&self.folder));
        let known = [thumbnail::path(&self.folder, id), unreadable_path(&self.folder, id)].into_iter().chain(media);
        let paths: Vec<_> = known.chain([manifest_path(&self.folder, id)]).collect();
        blocking(move || paths.iter().try_for_each(|path| delete(path))).await?;
        self.index.remove(id, self.uploads).await?;
        self.note_removal(&manifest);
        Ok(Some(manifest))
    }

    /// What ended first, or first `after` another, and may be deleted: not the last copy of what is to be uploaded. If
    /// `here`, only of what has files here.
    pub(super) async fn oldest(&self, here: bool, after: Option<&Manifest>) -> Result<Option<Manifest>, OutputError> {
        self.index.oldest(here, self.uploads, after).await
    }

    /// What has ended and has no checksum, or is not whole.
    pub(super) async fn unfinished(&self) -> Result<Vec<RecordingId>, OutputError> {
        self.index.unfinished().await
    }

    /// Says that a recording has ended and is not whole. Nobody else may change its files from now on.
    pub(super) fn hand_over(&self, id: &RecordingId) {
        self.unfinished.send_modify(|unfinished| unfinished.push(id.clone()));
    }

    /// Until something is handed over.
    pub(super) async fn handed_over(&self) -> Vec<RecordingId> {
        // The sender is here and lives as long.
        let _ = self.unfinished.subscribe().wait_for(|unfinished| !unfinished.is_empty()).await;
        self.unfinished.send_replace(Vec::new())
    }

    /// Whether recordings are uploaded.
    pub(super) fn uploads(&self) -> bool {
        self.uploads
    }

    /// Whether the files of a recording may become others: not once their upload may have begun.
    pub(super) fn may_change(&self, manifest: &Manifest) -> bool {
        manifest.upload.is_none() && !(self.uploads && manifest.is_checked())
    }

    async fn write(&self, manifest: &Manifest) -> Result<(), OutputError> {
        let (written, folder) = (manifest.clone(), self.folder.clone());
        blocking(move || written.write(&folder)).await?;
        self.index.save(manifest).await?;
        if !manifest.state.is_running() && manifest.is_checked() {
            self.changed.notify_one();
        }
        Ok(())
    }

    fn bring_up_to_date(&self, manifest: &mut Manifest) {
        if manifest.state.is_running() {
            manifest.weigh(&self.folder);
            manifest.duration_ms = manifest.elapsed_ms(unix_ms(SystemTime::now()));
        }
    }
}

fn delete(path: &Path) -> Result<(), OutputError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(OutputError::file(path)(error)),
        _ => Ok(()),
    }
}

/// Files are read and written off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OutputError> + Send + 'static,
) -> Result<T, OutputError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| OutputError::Graph { step: "reading or writing a manifest" })?
}

#[cfg(test)]
mod tests;
