//! What a former server left unfinished becomes an ordinary file.
//!
//! ```text
//! file, cut off ── demuxed and muxed anew, nothing is decoded ── file.new ── takes its place
//! ```
//!
//! Invariant: the file that was cut off is replaced only by one that is whole, at once. Whatever goes wrong, it stays as
//! it is but for a torn end, and plays up to where it was cut off. One at a time, in a task of its own: the server serves meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_pbutils as gst_pbutils;

use super::OutputError;
use super::catalogue::Catalogue;
use super::checksum;
use super::file::{MediaFile, size_of};
use super::format::Container;
use super::manifest::{Manifest, State};
use super::mp4;
use crate::media::bus::BusEventKind;
use crate::media::pipeline::Pipeline;

/// How long a repair may take: so much, and for each byte as long as a slow disk needs.
const PATIENCE: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 2_000_000;
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
            match finalise(&path, manifest.format.container).await {
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
        note(&catalogue, &manifest, files, error).await;
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
async fn finalise(path: &Path, container: Container) -> Result<gst::ClockTime, OutputError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let bytes = size_of(path);
    let copied = copy(path, &new, bytes, container).await;
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

async fn copy(from: &Path, to: &Path, bytes: u64, container: Container) -> Result<(), OutputError> {
    let (from, to): (PathBuf, PathBuf) = (from.to_owned(), to.to_owned());
    // State changes block.
    let build = tokio::task::spawn_blocking(move || {
        let unbounded = match container {
            // Torn by a loss of power, it would not play even where the repair fails.
            Container::Mp4 => {
                mp4::trim(&from).and_then(|()| mp4::Unbounded::new(&from)).map_err(OutputError::file(&from))?
            }
            Container::Mkv | Container::Webm => None,
        };
        let (pipeline, events) = Pipeline::new("recovery");
        fill(pipeline.gst(), &from, &to, container).map_err(|_| OutputError::Graph { step: "building a recovery" })?;
        pipeline.play()?;
        Ok::<_, OutputError>((unbounded, pipeline, events))
    });
    let (_unbounded, _pipeline, mut events) =
        build.await.map_err(|_| OutputError::Graph { step: "starting a repair" })??;
    let patience = PATIENCE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
    match tokio::time::timeout(patience, events.recv()).await {
        Ok(Some(event)) => match event.kind {
            BusEventKind::Eos => Ok(()),
            BusEventKind::Error(reason) => Err(OutputError::Unrepairable(reason)),
        },
        Ok(None) => Err(OutputError::Unrepairable("the pipeline vanished".to_owned())),
        Err(_) => Err(OutputError::Unrepairable(format!("it took longer than {patience:?}"))),
    }
}

/// `from`, demuxed and parsed, into a muxer and `to`.
fn fill(pipeline: &gst::Pipeline, from: &Path, to: &Path, container: Container) -> Result<(), gst::glib::BoolError> {
    let source = gst::ElementFactory::make("filesrc").property("location", from).build()?;
    let parse = gst::ElementFactory::make("parsebin").build()?;
    let mux = gst::ElementFactory::make(container.muxer()).build()?;
    let sink = gst::ElementFactory::make("filesink").property("location", to).property("async", false).build()?;
    pipeline.add_many([&source, &parse, &mux, &sink])?;
    source.link(&parse)?;
    mux.link(&sink)?;
    // All streams appear before any of them flows, so that the muxer knows them when it begins.
    let (pipeline, mux) = (pipeline.downgrade(), mux.downgrade());
    parse.connect_pad_added(move |parse, pad| {
        let (Some(pipeline), Some(mux)) = (pipeline.upgrade(), mux.upgrade()) else { return };
        if let Err(error) = join(&pipeline, pad, &mux) {
            gst::element_error!(parse, gst::StreamError::Mux, ("a stream does not fit: {error}"));
        }
    });
    Ok(())
}

/// Leads a stream into the muxer; the queue, since streams come in turns of up to a second.
fn join(pipeline: &gst::Pipeline, pad: &gst::Pad, mux: &gst::Element) -> Result<(), gst::glib::BoolError> {
    let queue = gst::ElementFactory::make("queue").property("max-size-buffers", 0u32);
    let queue = queue.property("max-size-time", 10 * gst::ClockTime::SECOND).build()?;
    pipeline.add(&queue)?;
    let entry = queue.static_pad("sink").ok_or_else(|| gst::glib::bool_error!("a queue has no sink"))?;
    pad.link(&entry).map_err(|error| gst::glib::bool_error!("{error}"))?;
    queue.link(mux)?;
    queue.sync_state_with_parent()
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
