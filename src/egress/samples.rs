//! Small recordings for tests.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::file::{FileName, MediaFile, Stream};
use super::format::{Choice, Content};
use super::manifest::{Manifest, State};
use crate::id::RecordingId;
use crate::media::Codec;
use crate::media::pipeline::Ended;
use crate::mix::Encoding;

/// Writes so many seconds of sound, cut off as by a crash: there is no end of it.
pub(super) fn sound(path: &Path, seconds: u32) {
    gst::init().unwrap();
    let line = format!(
        "audiotestsrc num-buffers={} samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! opusenc \
         ! matroskamux streamable=true ! filesink location={}",
        seconds * 50,
        path.display()
    );
    let pipeline = Ended(gst::parse::launch(&line).unwrap().downcast().unwrap());
    pipeline.0.set_state(gst::State::Playing).unwrap();
    let ended = pipeline
        .0
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos, gst::MessageType::Error]);
    assert_eq!(ended.unwrap().type_(), gst::MessageType::Eos);
}

/// A recording in so many files of sound, as yet without them.
pub(super) fn recording(content: Content, state: State, files: usize) -> Manifest {
    let choice = Choice { kind: content, container: Some(super::format::Container::Mkv), ..Choice::default() };
    let mut manifest = Manifest::new(RecordingId::new(), "tea".into(), choice.resolve(Codec::Vp8).unwrap());
    let name = |number| FileName::numbered(&manifest.id, number, "mka");
    let stream = || vec![Stream::mixed(Encoding::Opus)];
    manifest.files = (0..files).map(|number| MediaFile::new(name(number), stream(), 0)).collect();
    manifest.state = state;
    manifest.ended_at = (!state.is_running()).then_some(manifest.started_at + 1);
    manifest
}

/// Makes the files of a recording, each of so many seconds.
pub(super) fn record(manifest: &Manifest, folder: &Path, seconds: u32) {
    manifest.files.iter().for_each(|file| sound(&file.name.within(folder), seconds));
}
