//! What a former server left unfinished becomes an ordinary file.
//!
//! ```text
//! file, cut off ── demuxed and muxed anew, nothing is decoded ── file.new ── takes its place
//! ```
//!
//! Invariant: the file that was cut off is replaced only by one that is whole, at once. Whatever goes wrong, it stays as
//! it is but for a torn end, and plays up to where it was cut off. One at a time, in a task of its own: the server serves meanwhile.

use std::path::Path;
use std::sync::Arc;

use gstreamer as gst;
use gstreamer_pbutils as gst_pbutils;

use super::OutputError;
use super::catalogue::Catalogue;
use super::checksum;
use super::file::MediaFile;
use super::format::Container;
use super::manifest::{Manifest, State};
use super::merge;
use super::mp4;
use super::remux::{Source, remux};
use crate::media::Kind;

/// How long it may take to read the head of a file.
const READABLE_WITHIN: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// Finalises all recordings that are marked as interrupted and were not tried before, and notes the checksums that a
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
        if manifest.state != State::Interrupted || manifest.error.is_some() {
            checksum::note(&catalogue, &manifest).await;
            continue;
        }
        let mut files = manifest.files.clone();
        let mut error = None;
        for file in &mut files {
            let path = file.name.within(catalogue.folder());
            match finalise(&path, merge::kinds(file), manifest.format.container).await {
                Ok(duration) => file.duration_ms = duration.mseconds(),
                Err(reason) => error = Some(format!("{}: {reason}", file.name.as_str())),
            }
        }
        match &error {
            None => tracing::info!(recording = %manifest.id, "an interrupted recording is whole again"),
            Some(error) => {
                tracing::warn!(recording = %manifest.id, error, "an interrupted recording stays as it is: it plays up to where it was cut off");
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
        note(&catalogue, &manifest, whole.files, error).await;
        if merged {
            merge::tidy(&parts, catalogue.folder());
        }
    }
}

/// Notes what became of the `files` of a recording.
async fn note(catalogue: &Arc<Catalogue>, manifest: &Manifest, files: Vec<MediaFile>, error: Option<String>) {
    let folder = catalogue.folder();
    let noted = catalogue.update(&manifest.id, |manifest| {
        if error.is_none() {
            manifest.state = State::Recovered;
        }
        manifest.error = error;
        manifest.files.clone_from(&files);
        if manifest.state == State::Recovered {
            manifest.measure();
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

/// Makes `path` whole, and says how long it is.
async fn finalise(path: &Path, kinds: Vec<Kind>, container: Container) -> Result<gst::ClockTime, OutputError> {
    let new = merge::half_made(path);
    let copied = copy(path, &new, kinds, container).await;
    let (path, new) = (path.to_owned(), new);
    let exchange = move || match copied.and_then(|()| measure(&new)) {
        Ok(duration) => {
            let file = std::fs::File::open(&new).map_err(OutputError::file(&new))?;
            // Its place is taken only by what is on the disk.
            file.sync_all().map_err(OutputError::file(&new))?;
            std::fs::rename(&new, &path).map_err(OutputError::file(&path))?;
            Ok(duration)
        }
        Err(error) => {
            let _ = std::fs::remove_file(&new);
            Err(error)
        }
    };
    tokio::task::spawn_blocking(exchange).await.map_err(|_| OutputError::Graph { step: "replacing a file" })?
}

async fn copy(from: &Path, to: &Path, kinds: Vec<Kind>, container: Container) -> Result<(), OutputError> {
    let path = from.to_owned();
    let prepare = move || match container {
        // Torn by a loss of power, it would not play even where the repair fails.
        Container::Mp4 => mp4::trim(&path).and_then(|()| mp4::Unbounded::new(&path)).map_err(OutputError::file(&path)),
        Container::Mkv | Container::Webm => Ok(None),
    };
    let prepared = tokio::task::spawn_blocking(prepare).await;
    let _unbounded = prepared.map_err(|_| OutputError::Graph { step: "preparing a repair" })??;
    let source = Source { path: from.to_owned(), kinds, title: None };
    remux(vec![source], to.to_owned(), container).await
}

/// Reads a file as a player does, and says how long it is. Blocks.
fn measure(path: &Path) -> Result<gst::ClockTime, OutputError> {
    let wrong = |reason: String| OutputError::Unrepairable(reason);
    let path = std::path::absolute(path).map_err(OutputError::file(path))?;
    let address = gst::glib::filename_to_uri(path, None).map_err(|error| wrong(error.to_string()))?;
    let discoverer = gst_pbutils::Discoverer::new(READABLE_WITHIN).map_err(|error| wrong(error.to_string()))?;
    let found = discoverer.discover_uri(&address).map_err(|error| wrong(error.to_string()))?;
    found.duration().filter(|span| !span.is_zero()).ok_or_else(|| wrong("nothing in it is whole".to_owned()))
}
