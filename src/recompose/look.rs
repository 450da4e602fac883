//! A look into a file before it is used: whether it can be read, and when its first picture comes.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::RecomposeError;
use super::input::demux;
use crate::media::Kind;
use crate::media::pipeline::Ended;

/// How long it may take to read the head of a file.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// When the first picture of the file at `path` shows, from its beginning; nothing if there is none. Blocks.
pub(super) fn first_picture(path: &Path) -> Result<Option<gst::ClockTime>, RecomposeError> {
    let fail = |_| RecomposeError::Graph { step: "looking into a file" };
    let unreadable = |reason: String| RecomposeError::Unreadable { path: path.to_owned(), reason };
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(1).build();
    let bin = gst::Bin::new();
    bin.add(&sink).map_err(fail)?;
    let entry = sink.static_pad("sink").ok_or(RecomposeError::Graph { step: "looking into a file" })?;
    demux(&bin, path, Kind::Video, entry).map_err(fail)?;
    let pipeline = Ended(gst::Pipeline::new());
    pipeline.0.add(&bin).map_err(fail)?;
    let reason = || {
        let bus = pipeline.0.bus()?;
        let message = bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        }
    };
    let wrong = |what: &str| unreadable(reason().unwrap_or_else(|| what.to_owned()));
    pipeline.0.set_state(gst::State::Paused).map_err(|_| wrong("it cannot be opened"))?;
    match pipeline.0.state(PATIENCE) {
        (Err(_), ..) => return Err(wrong("it is no media file")),
        (Ok(gst::StateChangeSuccess::Async), ..) => return Err(wrong("it took too long")),
        _ => {}
    }
    match sink.try_pull_preroll(gst::ClockTime::ZERO) {
        Some(sample) => Ok(sample.buffer().and_then(|buffer| buffer.pts())),
        // It ends before it has a picture.
        None => reason().map_or(Ok(None), |reason| Err(unreadable(reason))),
    }
}
