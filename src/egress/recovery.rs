//! What a former server left unfinished is made whole, and what failed: one recording at a time, beside the calls.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::checksum;
use super::file::MediaFile;
use super::manifest::{Manifest, State};
use super::merge;
use super::repair::repair;

/// Finalises all recordings that were interrupted or failed, unless that was tried before, and notes the checksums that a
/// former server did not come to. Must be called within a Tokio runtime.
pub async fn run(catalogue: Arc<Catalogue>) {
    let ended = match catalogue.unchecked().await {
        Ok(ended) => ended,
        Err(error) => {
            tracing::error!(%error, "nobody knows which recordings were interrupted");
            return;
        }
    };
    for manifest in ended {
        let is_apart = manifest.state == State::Complete && manifest.error.is_none() && merge::is_due(&manifest);
        if needs_repair(&manifest) || is_apart {
            make_whole(&catalogue, &manifest).await;
        } else {
            checksum::note(&catalogue, &manifest).await;
        }
    }
}

/// Whether nobody has finalised its files yet, nor tried to.
fn needs_repair(manifest: &Manifest) -> bool {
    match manifest.state {
        State::Interrupted => manifest.error.is_none(),
        State::Failed => true,
        _ => false,
    }
}

/// Finalises the files of a recording that was cut off, makes one of those that are to be one, and notes what became of them.
pub(super) async fn make_whole(catalogue: &Arc<Catalogue>, manifest: &Manifest) {
    let (files, error) = match needs_repair(manifest) {
        true => repair(manifest, catalogue.folder()).await,
        false => (manifest.files.clone(), None),
    };
    match &error {
        None => tracing::info!(recording = %manifest.id, "a recording that was cut off is whole again"),
        Some(error) => {
            tracing::warn!(recording = %manifest.id, error, "a recording stays as it is: it plays up to where it was cut off");
        }
    }
    let mut whole = Manifest { files, ..manifest.clone() };
    let parts = whole.files.clone();
    if error.is_none() && merge::is_due(&whole) {
        match merge::merge(&whole, catalogue.folder()).await {
            Ok(file) => whole.files = vec![file],
            Err(reason) => {
                tracing::error!(%reason, recording = %manifest.id, "the tracks stay in files of their own")
            }
        }
    }
    let merged = whole.files.len() < parts.len();
    note(catalogue, manifest, whole.files, error).await;
    if merged {
        merge::tidy(&parts, catalogue.folder());
    }
}

/// Notes what became of the `files` of a recording.
async fn note(catalogue: &Arc<Catalogue>, manifest: &Manifest, files: Vec<MediaFile>, error: Option<String>) {
    let folder = catalogue.folder();
    let noted = catalogue.update(&manifest.id, |manifest| {
        manifest.files.clone_from(&files);
        if error.is_none() {
            manifest.measure();
        }
        // What failed did so for a reason that its owner has to know, even where nothing is lost.
        if manifest.state == State::Interrupted {
            manifest.state = if error.is_none() { State::Recovered } else { State::Interrupted };
            manifest.error = error;
        }
        manifest.weigh(folder);
    });
    match noted.await {
        Ok(true) => checksum::note(catalogue, manifest).await,
        // It was deleted meanwhile, and is not to come back.
        Ok(false) => files.iter().for_each(|file| drop(std::fs::remove_file(file.name.within(folder)))),
        Err(error) => tracing::error!(%error, "a manifest is not up to date"),
    }
}
