//! A small picture of a recording: made when somebody asks for it, kept beside the file.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::OutputError;
use crate::id::RecordingId;
use crate::media::pipeline::Ended;
use crate::media::readers::Readers;

/// Its width in pixels; the height follows.
const WIDTH: i32 = 320;
/// How much of the recording has passed in it, as a divisor, but not less than so much where there is twice that: in the
/// beginning nobody is to be seen yet.
const INTO: u64 = 10;
const NOT_BEFORE: gst::ClockTime = gst::ClockTime::from_seconds(3);
/// How long each step may take.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Where the picture of a recording is.
pub(super) fn path(folder: &Path, id: &RecordingId) -> PathBuf {
    folder.join(format!("{id}.jpg"))
}

/// Makes a picture, as JPEG, of a file that plays for `duration`. Blocks.
///
/// # Errors
/// When there is no picture to be had from the file.
pub(super) fn make(media: &Path, duration: gst::ClockTime) -> Result<Vec<u8>, OutputError> {
    let no = |step| move |_| OutputError::Picture { step };
    let (pipeline, sink, readers) = build(media).map_err(|_| OutputError::Graph { step: "building a thumbnail" })?;
    let pipeline = Ended(pipeline);
    pipeline.0.set_state(gst::State::Paused).map_err(no("opening it"))?;
    readers.begin().map_err(|_| OutputError::Picture { step: "reading it" })?;
    settle(&pipeline.0).map_err(no("decoding it"))?;
    // Where it cannot be sought, the beginning has to do.
    let at = (duration / INTO).max(NOT_BEFORE.min(duration / 2));
    if pipeline.0.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, at).is_ok() {
        settle(&pipeline.0).map_err(no("seeking in it"))?;
    }
    let missing = || OutputError::Picture { step: "looking for a picture" };
    let sample = sink.try_pull_preroll(PATIENCE).ok_or_else(missing)?;
    let data = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or_else(missing)?;
    Ok(data.to_vec())
}

fn settle(pipeline: &gst::Pipeline) -> Result<(), gst::StateChangeError> {
    match pipeline.state(PATIENCE) {
        (Ok(gst::StateChangeSuccess::Async) | Err(_), ..) => Err(gst::StateChangeError),
        (Ok(_), ..) => Ok(()),
    }
}

fn build(media: &Path) -> Result<(gst::Pipeline, gst_app::AppSink, Readers), gst::glib::BoolError> {
    let make = gst::ElementFactory::make;
    let source = make("filesrc").property("location", media).build()?;
    let decode = make("decodebin").build()?;
    let convert = make("videoconvert").build()?;
    let scale = make("videoscale").build()?;
    let size =
        gst::Caps::builder("video/x-raw").field("width", WIDTH).field("pixel-aspect-ratio", gst::Fraction::new(1, 1));
    let size = make("capsfilter").property("caps", size.build()).build()?;
    let encode = make("jpegenc").build()?;
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(1).build();
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &decode, &convert, &scale, &size, &encode, sink.upcast_ref()])?;
    source.link(&decode)?;
    gst::Element::link_many([&convert, &scale, &size, &encode, sink.upcast_ref()])?;
    let entry = convert.static_pad("sink").ok_or_else(|| gst::glib::bool_error!("a converter has no sink"))?;
    decode.connect_pad_added(move |_, pad| {
        if !entry.is_linked() {
            // Of another stream, if it does not fit.
            let _ = pad.link(&entry);
        }
    });
    Ok((pipeline, sink, Readers::hold(vec![decode, source])))
}
