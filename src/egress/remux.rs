//! Files, muxed anew into one: nothing is decoded.
//!
//! ```text
//! file ─ demuxer and parser ─┬ queue ┐
//! file ─ demuxer and parser ─┴ queue ┴ muxer ─ new file
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::OutputError;
use super::file::Stream;
use super::format::Container;
use crate::media::Kind;
use crate::media::bus::BusEventKind;
use crate::media::pipeline::Pipeline;
use crate::media::readers::Readers;
use crate::mix::Encoding;

/// How long it may take: so much, and for each byte as long as a slow disk needs.
const PATIENCE: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: u64 = 2_000_000;

/// A file to be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// What its streams are.
    pub(super) streams: Vec<Stream>,
    /// What its streams are called in the new file.
    pub(super) title: Option<String>,
}

/// Writes the streams of all `sources`, in their order, into the new file `to`.
pub(super) async fn remux(sources: Vec<Source>, to: PathBuf, container: Container) -> Result<(), OutputError> {
    let bytes: u64 = sources.iter().map(|source| super::file::size_of(&source.path)).sum();
    // State changes block.
    let build = tokio::task::spawn_blocking(move || {
        let (pipeline, events) = Pipeline::new("remux");
        let fail = |_| OutputError::Graph { step: "building a remux" };
        let readers = fill(pipeline.gst(), &sources, &to, container).map_err(fail)?;
        pipeline.play()?;
        readers.begin().map_err(fail)?;
        Ok::<_, OutputError>((pipeline, events))
    });
    let (_pipeline, mut events) = build.await.map_err(|_| OutputError::Graph { step: "starting a remux" })??;
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

fn fill(
    pipeline: &gst::Pipeline,
    sources: &[Source],
    to: &Path,
    container: Container,
) -> Result<Readers, gst::glib::BoolError> {
    let make = gst::ElementFactory::make;
    let mut readers = Vec::new();
    let mux = make(container.muxer()).build()?;
    let sink = make("filesink").property("location", to).property("async", false).build()?;
    pipeline.add_many([&mux, &sink])?;
    mux.link(&sink)?;
    for source in sources {
        let file = make("filesrc").property("location", &source.path).build()?;
        let parse = make("parsebin").build()?;
        pipeline.add_many([&file, &parse])?;
        file.link(&parse)?;
        // The muxer knows all its streams, and their order, before any of them flows.
        let mut entries = Vec::new();
        for stream in &source.streams {
            entries.push((stream.codec.kind(), entry(pipeline, &mux, stream, source.title.as_deref())?));
        }
        parse.connect_pad_added(move |parse, pad| {
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            let is_of = |kind: Kind| caps.structure(0).is_some_and(|known| known.name().starts_with(kind.as_str()));
            let free = entries.iter().find(|(kind, entry)| is_of(*kind) && !entry.is_linked());
            let linked = free.map(|(_, entry)| pad.link(entry));
            if !matches!(linked, Some(Ok(_))) {
                gst::element_error!(parse, gst::StreamError::Mux, ("a stream does not fit: {caps}"));
            }
        });
        readers.extend([parse, file]);
    }
    Ok(Readers::hold(readers))
}

/// The way of a stream into the muxer; the queue, since streams come in turns of up to a second.
fn entry(
    pipeline: &gst::Pipeline,
    mux: &gst::Element,
    stream: &Stream,
    title: Option<&str>,
) -> Result<gst::Pad, gst::glib::BoolError> {
    let missing = || gst::glib::bool_error!("an element lacks a pad");
    let queue = gst::ElementFactory::make("queue").property("max-size-buffers", 0u32).property("max-size-bytes", 0u32);
    let queue = queue.property("max-size-time", 10 * gst::ClockTime::SECOND).build()?;
    pipeline.add(&queue)?;
    let end = mux.request_pad_simple(&format!("{}_%u", stream.codec.kind())).ok_or_else(missing)?;
    let last = if may_change(stream) { in_band(pipeline, &queue)? } else { queue.clone() };
    let out = last.static_pad("src").ok_or_else(missing)?;
    out.link(&end).map_err(|error| gst::glib::bool_error!("{error}"))?;
    if let Some(title) = title {
        call(&out, title);
    }
    queue.static_pad("sink").ok_or_else(missing)
}

/// Whether its pictures change their size in the middle: a participant's do, and the name tile has one of its own. Other
/// codecs say in each keyframe how large it is.
fn may_change(stream: &Stream) -> bool {
    stream.codec == Encoding::H264 && stream.participant.is_some()
}

/// Leaves the parameter sets where the pictures are, as they were written: those of a file's head hold for all of it, and a
/// muxer refuses others.
fn in_band(pipeline: &gst::Pipeline, before: &gst::Element) -> Result<gst::Element, gst::glib::BoolError> {
    let make = gst::ElementFactory::make;
    let parse = make("h264parse").property("config-interval", -1).build()?;
    let wanted = "video/x-h264,stream-format=avc3,alignment=au";
    let caps = make("capsfilter").property_from_str("caps", wanted).build()?;
    pipeline.add_many([&parse, &caps])?;
    gst::Element::link_many([before, &parse, &caps])?;
    Ok(caps)
}

/// Gives the stream of `pad` a name. The muxer writes it into the head as it is, and again as a tag, in quotes where it is
/// not of letters and digits alone.
fn call(pad: &gst::Pad, title: &str) {
    let mut tags = gst::TagList::new();
    tags.make_mut().add::<gst::tags::Title>(&title, gst::TagMergeMode::Replace);
    // Before the first of what it names.
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        pad.push_event(gst::event::Tag::new(tags.clone()));
        gst::PadProbeReturn::Remove
    });
}
