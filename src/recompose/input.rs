//! One stream of a file, on the clock of the recording.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::RecomposeError;
use crate::elements::fitter::Fitter;
use crate::media::Kind;
use crate::media::description::{Descriptions, Values};
use crate::media::readers::Readers;
use crate::mix::Encoding;

/// How the names of all inputs begin.
const NAME: &str = "input-";

/// One stream of a file, made raw: it leaves by the pad `out` of the bin.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) bin: gst::Bin,
    /// What makes pictures fit.
    pub(super) fitter: Option<Fitter>,
    readers: Readers,
}

impl Input {
    /// Lets it begin, once the film runs.
    pub(super) fn begin(&self) -> Result<(), RecomposeError> {
        self.readers.begin().map_err(|_| RecomposeError::Graph { step: "opening a file" })
    }
}

/// The stream of `codec` in the file at `path`, which begins at `begin`. It waits for [`Input::begin`].
pub(super) fn decoded(
    index: usize,
    path: &Path,
    codec: Encoding,
    begin: gst::ClockTime,
    descriptions: &Descriptions,
) -> Result<Input, RecomposeError> {
    let fail = |_| RecomposeError::Graph { step: "building an input" };
    let missing = || RecomposeError::Graph { step: "looking for a decoder's pads" };
    let decode = descriptions.build(decoder(codec), &Values::default())?;
    let entry = decode.static_pad("in").ok_or_else(missing)?;
    let bin = gst::Bin::with_name(&format!("{NAME}{index}-{}", codec.kind()));
    bin.add(&decode).map_err(fail)?;
    let readers = Readers::hold(demux(&bin, path, codec.kind(), entry).map_err(fail)?.to_vec());
    let mut out = decode.static_pad("out").ok_or_else(missing)?;
    let fitter = (codec.kind() == Kind::Video).then(Fitter::default);
    if let Some(fitter) = &fitter {
        bin.add(fitter).map_err(fail)?;
        decode.link_pads(Some("out"), fitter, Some("sink")).map_err(fail)?;
        out = fitter.static_pad("src").ok_or_else(missing)?;
    }
    let out = gst::GhostPad::builder_with_target(&out).map_err(fail)?.name("out").build();
    place(out.upcast_ref(), begin);
    bin.add_pad(&out).map_err(fail)?;
    Ok(Input { bin, fitter, readers })
}

/// Which of the recording's files an input of this name reads.
pub(super) fn index_of(name: &str) -> Option<usize> {
    name.strip_prefix(NAME)?.split('-').next()?.parse().ok()
}

/// Fills `bin` with what reads the first stream of `kind` in a file, into `entry`; returns it, from the end on.
pub(super) fn demux(
    bin: &gst::Bin,
    path: &Path,
    kind: Kind,
    entry: gst::Pad,
) -> Result<[gst::Element; 2], gst::glib::BoolError> {
    let is_mp4 = path.extension().is_some_and(|end| end == "mp4");
    let file = gst::ElementFactory::make("filesrc").property("location", path).build()?;
    let demuxer = gst::ElementFactory::make(if is_mp4 { "qtdemux" } else { "matroskademux" }).build()?;
    bin.add_many([&file, &demuxer])?;
    file.link(&demuxer)?;
    let wanted = entry.clone();
    demuxer.connect_pad_added(move |demuxer, pad| {
        if !pad.name().starts_with(kind.as_str()) || wanted.is_linked() {
            return;
        }
        if let Err(error) = pad.link(&wanted) {
            gst::element_error!(demuxer, gst::StreamError::WrongType, ("its {kind} is of another codec: {error}"));
        }
    });
    demuxer.connect_no_more_pads(move |demuxer| {
        if !entry.is_linked() {
            gst::element_error!(demuxer, gst::StreamError::WrongType, ("there is no {kind} in it"));
        }
    });
    Ok([demuxer, file])
}

/// Has everything that leaves `out` be at its time in the file, `begin` later.
fn place(out: &gst::Pad, begin: gst::ClockTime) {
    out.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && event.type_() == gst::EventType::Segment
        {
            // Not a pad offset: a demuxer may let its segment begin with the first of what it has.
            let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
            segment.set_base(begin);
            info.data = Some(gst::PadProbeData::Event(gst::event::Segment::new(&segment)));
        }
        gst::PadProbeReturn::Ok
    });
}

fn decoder(codec: Encoding) -> &'static str {
    match codec {
        Encoding::H264 => "decode/h264.launch",
        Encoding::Vp8 => "decode/vp8.launch",
        // Individual recordings have no other sound.
        Encoding::Opus | Encoding::Aac => "decode/opus.launch",
    }
}
