//! A file that was cut off becomes an ordinary one.
//!
//! ```text
//! file, cut off ── demuxed and muxed anew, nothing is decoded ── file.new ── takes its place
//! ```
//!
//! Invariant: it is replaced only by one that is whole, at once. Whatever goes wrong, it stays as it is but for a torn end,
//! and plays up to where it was cut off.

use std::path::Path;

use gstreamer as gst;
use gstreamer_pbutils as gst_pbutils;

use super::OutputError;
use super::durable;
use super::file::{MediaFile, Stream, half_made, size_of};
use super::format::Container;
use super::manifest::Manifest;
use super::mp4;
use super::remux::{Source, remux};
use super::space::must_fit;

/// How long it may take to read the head of a file.
const READABLE_WITHIN: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// What was not made whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// Which file, and why.
    pub(super) reason: String,
    /// Whether there is too little space, and nothing wrong with the file.
    pub(super) needs_space: bool,
}

/// Makes all files of a recording whole while so much space is left as is to be `kept`, notes how long they are, and says
/// of which that failed.
pub(super) async fn repair(manifest: &Manifest, folder: &Path, kept: u64) -> (Vec<MediaFile>, Option<Failure>) {
    let mut files = manifest.files.clone();
    let mut failure = None;
    for file in &mut files {
        let path = file.name.within(folder);
        let finalised = match must_fit(folder, size_of(&path), kept) {
            Ok(()) => finalise(&path, file.streams.clone(), manifest.format.container).await,
            Err(error) => Err(error),
        };
        match finalised {
            Ok(duration) => (file.duration_ms, file.sha256) = (duration.mseconds(), None),
            Err(error) => {
                let needs_space = matches!(error, OutputError::Room { .. });
                failure = Some(Failure { reason: format!("{}: {error}", file.name.as_str()), needs_space });
            }
        }
    }
    (files, failure)
}

/// Makes `path` whole, and says how long it is.
async fn finalise(path: &Path, streams: Vec<Stream>, container: Container) -> Result<gst::ClockTime, OutputError> {
    let new = half_made(path);
    let copied = copy(path, &new, streams, container).await;
    let (path, new) = (path.to_owned(), new);
    let exchange = move || {
        let measured = copied.and_then(|()| measure(&new));
        let replaced = measured.and_then(|duration| {
            durable::replace(&new, &path).map_err(OutputError::file(&path))?;
            Ok(duration)
        });
        replaced.inspect_err(|_| drop(std::fs::remove_file(&new)))
    };
    tokio::task::spawn_blocking(exchange).await.map_err(|_| OutputError::Graph { step: "replacing a file" })?
}

async fn copy(from: &Path, to: &Path, streams: Vec<Stream>, container: Container) -> Result<(), OutputError> {
    let path = from.to_owned();
    let prepare = move || match container {
        // Torn by a loss of power, it would not play even where the repair fails.
        Container::Mp4 => mp4::trim(&path).and_then(|()| mp4::Unbounded::new(&path)).map_err(OutputError::file(&path)),
        Container::Mkv | Container::Webm => Ok(None),
    };
    let prepared = tokio::task::spawn_blocking(prepare).await;
    let _unbounded = prepared.map_err(|_| OutputError::Graph { step: "preparing a repair" })??;
    let source = Source { path: from.to_owned(), streams, title: None };
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
